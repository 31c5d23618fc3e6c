"""From the points of each axis to tables, plots and verdicts."""

import statistics
import string
import subprocess
from pathlib import Path

import setup

# The best point may be so many times better than the worst for an axis to be called flat.
FLAT = 1.25
RECOVERY_ENTRIES, RECOVERY_SECONDS = 1_000_000, 10
# Cores busy with neither the sensor nor the load generator, or taken by the host: above this a run is disturbed.
DISTURBED_CORES = 0.25
MIB = 1 << 20
COLUMNS = {
    "messages_per_s": ("msgs/s", 1, ",.0f"),
    "megabytes_per_s": ("MB/s", 1, ",.0f"),
    "cpu_ms": ("CPU ms a message", 1, ".3f"),
    "cpu_ms_per_mb": ("CPU ms a MB", 1, ".2f"),
    "p99_ms": ("p99 ms", 1, ",.1f"),
    "pss": ("memory MiB", MIB, ",.1f"),
    "kib_each": ("KiB an idle one", 1, ".1f"),
    "ready_warm_s": ("ready s", 1, ".2f"),
    "ready_cold_s": ("ready s, cold", 1, ".2f"),
    "spool_octets": ("spool MiB", MIB, ",.0f"),
    "pss_ready": ("memory MiB when ready", MIB, ",.1f"),
    "rss_start": ("memory MiB at most till then", MIB, ",.1f"),
    "ceiling": ("formula MiB", MIB, ",.0f"),
    "rss": ("resident MiB at most", MIB, ",.1f"),
}
PLOTTED = ["messages_per_s", "cpu_ms", "p99_ms", "pss"]
NOTES = (
    "Medians of the runs, each point with a sensor started anew, its pipeline paused. CPU: user and system, until "
    "the sensor is idle again. p99: last octet of a message to its final reply. Memory: PSS, the highest of a look "
    f"each 0.1 s. Flat: the best point is at most {FLAT} times the worst. Disturbed: more than {DISTURBED_CORES} "
    "cores were busy with something else or taken by the host of the machine.\n"
)


def said(row):
    """One line for whoever waits."""
    if "skipped" in row:
        return f"skipped: {row['skipped']}"
    errors = f", errors {row['errors']}" if row["errors"] else ""
    return f"{row['messages_per_s']:,.0f} msgs/s, p99 {row['p99_ms']:,.1f} ms, {row['pss'] / MIB:,.1f} MiB{errors}"


def write(out, rows, axes, machine):
    """Writes table.md and the plots, prints the tables; returns the exit code."""
    parts = ["".join(f"- {what}: {value}\n" for what, value in machine)]
    for name in dict.fromkeys(row["axis"] for row in rows):
        of_axis = [row for row in rows if row["axis"] == name]
        parts.append(ceiling(of_axis) if name == "ceiling" else section(name, axes[name], of_axis))
    text = "\n".join([*parts, NOTES])
    (out / "table.md").write_text(text, encoding="utf-8")
    print("\n" + text)
    for name in dict.fromkeys(row["axis"] for row in rows):
        if name != "ceiling":
            plot(out, name, axes[name], points_of([row for row in rows if row["axis"] == name]))
    print(f"results: {out}")
    return 1 if any(row.get("errors") for row in rows) else 0


def section(name, axis, rows):
    points = points_of(rows)
    lines = [f"### {name}: {axis.title}", "", table(axis.unit, points, rows)]
    lines += [f"- {verdict(column, begin, points)}" for column, begin in axis.flat.items()]
    lines += [f"- memory: {growth(points)}"] if len(points) > 1 else []
    lines += [f"- {recovery(points)}"] if name == "depth" else []
    return "\n".join(lines) + "\n"


def points_of(rows):
    """The median of each column at each point that could be measured."""
    points = {}
    for point in sorted({row["point"] for row in rows if "skipped" not in row}):
        runs = [row for row in rows if row["point"] == point and "skipped" not in row]
        points[point] = {key: statistics.median(run[key] for run in runs) for key in COLUMNS if key in runs[0]}
    return points


def table(unit, points, rows):
    keys = [key for key in COLUMNS if any(key in values for values in points.values())]
    head = [unit, *(COLUMNS[key][0] for key in keys), "disturbed runs", "errors"]
    lines = [line(head), "|" + "---|" * len(head)]
    for point in sorted({row["point"] for row in rows}):
        runs = [row for row in rows if row["point"] == point]
        skipped = next((row["skipped"] for row in runs if "skipped" in row), None)
        if skipped:
            lines.append(line([f"{point:,}", f"skipped: {skipped}"] + [""] * (len(head) - 2)))
        if point in points:
            values = points[point]
            cells = [shown(key, values[key]) if key in values else "-" for key in keys]
            lines.append(line([f"{point:,}", *cells, disturbed(runs), errors(runs)]))
    return "\n".join(lines) + "\n"


def line(cells):
    return "| " + " | ".join(cells) + " |"


def shown(key, value):
    _, unit, form = COLUMNS[key]
    return f"{value / unit:{form}}"


def disturbed(runs):
    done = [run for run in runs if "skipped" not in run]
    return f"{sum(run['disturbance'] > DISTURBED_CORES for run in done)} of {len(done)}"


def errors(runs):
    counted = {}
    for run in runs:
        for kind, count in run.get("errors", {}).items():
            counted[kind] = counted.get(kind, 0) + count
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(counted.items())) or "0"


def verdict(key, begin, points):
    """Whether a column minds what grows, from the point `begin` on."""
    values = {point: column[key] for point, column in points.items() if point >= begin and column.get(key)}
    name = COLUMNS[key][0] + (f" from {begin:,} on" if begin else "")
    if len(values) < 2:
        return f"{name}: one point says nothing"
    low, high = min(values, key=values.get), max(values, key=values.get)
    factor = values[high] / values[low]
    if factor <= FLAT:
        return f"{name}: flat within {factor:.2f}"
    return f"{name}: **not flat**, factor {factor:.2f}: {shown(key, values[low])} at {low:,}, {shown(key, values[high])} at {high:,}"


def growth(points):
    """Memory for one more of what grows, from the first point to the last."""
    first, last = min(points), max(points)
    octets = (points[last]["pss"] - points[first]["pss"]) / (last - first)
    ends = " to ".join(f"{points[point]['pss'] / MIB:.1f} MiB at {point:,}" for point in (first, last))
    return f"from {ends}: {octets:,.0f} octets for each"


def recovery(points):
    deepest = max(points)
    seconds = max(points[deepest]["ready_warm_s"], points[deepest]["ready_cold_s"])
    if deepest < RECOVERY_ENTRIES:
        return f"recovery of {deepest:,} entries: {seconds:.1f} s (the reach is for {RECOVERY_ENTRIES:,})"
    reached = "reached" if seconds < RECOVERY_SECONDS else "**not reached**"
    return f"recovery of {deepest:,} entries: {seconds:.1f} s; under {RECOVERY_SECONDS} s: {reached}"


def ceiling(rows):
    points = points_of(rows)
    lines = ["### ceiling: Memory below its formula", "", table("senders at once", points, rows)]
    for point in points:
        runs = [row for row in rows if row["point"] == point and "skipped" not in row]
        size = runs[0]["octets"] / MIB
        lines.append(f"- {point:,} senders of {size:,.0f} MiB at once: {held_in(runs)}")
    return "\n".join(lines) + "\n"


def held_in(runs):
    """One run above the formula is enough, and one in which not all came to their end proves nothing."""
    if any(run["pss"] > run["ceiling"] for run in runs):
        return "**above** the formula"
    if any(run["errors"] for run in runs):
        return "below the formula, but **not all were accepted**"
    return "below the formula, all accepted"


def plot(out, name, axis, points):
    """The four columns that matter against what grows."""
    gnuplot = setup.find("gnuplot")
    if not gnuplot or len(points) < 2:
        print(f"no plot of {name}: " + ("one point" if gnuplot else "gnuplot is not installed"))
        return
    lines = [" ".join(str(values.get(key, 0)) for key in ("point", *PLOTTED)) for values in at_points(points)]
    (out / f"scale-{name}.dat").write_text("\n".join(lines) + "\n", encoding="utf-8")
    template = (Path(__file__).resolve().parent / "scale.gp.in").read_text(encoding="utf-8")
    script = string.Template(template).substitute(name=name, title=axis.title, unit=axis.unit)
    subprocess.run([gnuplot], input=script, text=True, cwd=out, check=False)


def at_points(points):
    """Rows for the plot; a logarithmic axis has no 0."""
    for point, values in sorted(points.items()):
        yield {**values, "point": max(point, 0.5), "pss": values["pss"] / MIB}
