"""From raw runs to a table and a plot."""

import json
import statistics
import string
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import peers
import setup
from workloads import ALL

DURABLE_YARDSTICKS = ("bare-growing", "bare-recycled")
# Cores busy with neither the peer nor the load generator, or taken by the host: above this a run is disturbed.
DISTURBED_CORES = 0.25


def write(out, workloads, wanted, left_out, machine):
    """Writes table.md and the plot, prints the table; returns the exit code."""
    rows = [json.loads(line) for line in (out / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    done = [row for row in rows if "result" in row]
    parts = ["".join(f"- {what}: {value}\n" for what, value in machine)]
    for workload in workloads:
        parts.append(f"### {workload}: {ALL[workload].title}\n\n" + table(done, workload, wanted, left_out[workload]))
    parts.append(NOTES)
    text = "\n".join(parts)
    (out / "table.md").write_text(text, encoding="utf-8")
    print("\n" + text)
    plot(out, done, workloads, wanted)
    print(f"results: {out}")
    return exit_code(done, wanted, left_out)


def table(rows, workload, wanted, left_out):
    """One row a peer, medians over the runs; then who is left out, and why."""
    kind = KINDS[ALL[workload].kind]
    by_peer = {name: runs for name in wanted if (runs := runs_of(rows, name, workload))}
    figures = {name: median(runs, kind.figure) for name, runs in by_peer.items()}
    bare = kind.best((figures[name] for name in DURABLE_YARDSTICKS if name in figures), default=None)
    heads = ["peer", "a 250 means", *kind.columns, "of bare durable", "of Postfix", "errors"]
    lines = [heads, ["---"] * len(heads)] if by_peer else []
    for name, runs in by_peer.items():
        cells = [cell(runs) for cell in kind.columns.values()]
        ratios = [ratio(figures[name], bare), ratio(figures[name], figures.get("postfix"))]
        lines.append([name, peers.ALL[name].promise, *cells, *ratios, faults(runs)])
    table_lines = "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
    return table_lines + "".join(f"\n{name} is left out: {why}.\n" for name, why in left_out.items())


def runs_of(rows, name, workload):
    return [row for row in rows if (row["peer"], row["workload"]) == (name, workload)]


@dataclass(frozen=True)
class Kind:
    """How workloads of one kind are shown: the figure that is compared, and all columns by their heads."""

    figure: Callable
    unit: str
    digits: int
    # Which of two figures is the better one.
    best: Callable
    columns: dict


def at(*path):
    """The value at this path of a run."""

    def value(run):
        for key in path:
            run = run[key]
        return run

    return value


def spread(value, digits=0):
    """A column with the median and the extremes of the runs."""

    def cell(runs):
        values = [value(run) for run in runs]
        return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"

    return cell


def middle(*values, digits=0):
    """A column with the medians of one or more values."""
    return lambda runs: " / ".join(f"{median(runs, value):,.{digits}f}" for value in values)


def disturbed(runs):
    return f"{sum(map(is_disturbed, runs))} of {len(runs)}"


RATE = at("result", "messages_per_s")
MEGABYTES = at("result", "megabytes_per_s")
KIB_EACH = at("result", "pss_kib_each")
KEPT = at("kept_per_s")
LATENCY = middle(at("result", "final_reply_ms", "p50"), at("result", "final_reply_ms", "p99"), digits=1)
CPU = middle(at("result", "server", "cpu_s_per_1000"), digits=3)
WORKED_OFF = middle(at("result", "server", "settled_messages_per_s"))

LOAD_COLUMNS = {
    "msgs/s (min-max)": spread(RATE),
    "p50 / p99 ms": LATENCY,
    "server CPU s per 1,000": CPU,
    "worked off, msgs/s": WORKED_OFF,
    "disturbed runs": disturbed,
}
IDLE_COLUMNS = {
    "held": middle(at("result", "held")),
    "KiB of PSS each (min-max)": spread(KIB_EACH, digits=1),
    "PSS before / after, KiB": middle(at("result", "before", "pss_kib"), at("result", "after", "pss_kib")),
    "processes": middle(at("result", "after", "processes")),
    "server CPU ms each": middle(at("result", "cpu_ms_each"), digits=2),
    "opened in s": middle(at("result", "open_seconds"), digits=1),
}
KEPT_COLUMNS = {
    "kept, msgs/s (min-max)": spread(KEPT),
    "all kept after s": middle(at("seconds"), digits=1),
    "accepted, msgs/s": middle(RATE),
    "p50 / p99 ms": LATENCY,
    "server CPU s per 1,000 kept": middle(at("cpu_s_per_1000"), digits=3),
    "disturbed runs": disturbed,
}
KINDS = {
    "load": Kind(RATE, "msgs/s", 0, max, LOAD_COLUMNS),
    "sized": Kind(MEGABYTES, "MB/s", 1, max, {"MB/s (min-max)": spread(MEGABYTES, digits=1), **LOAD_COLUMNS}),
    "idle": Kind(KIB_EACH, "KiB each", 1, min, IDLE_COLUMNS),
    "kept": Kind(KEPT, "msgs/s kept", 0, max, KEPT_COLUMNS),
}

NOTES = (
    "Medians of the runs, each with a peer started anew. p50 and p99: last octet of a message to its final reply. "
    "CPU: of the peer's processes until they are idle again. Of bare durable: against the better of the two, in "
    "MB/s or KiB where these are shown first. Worked off: accepted messages over the time until the peer is idle "
    f"again. A run is disturbed when more than {DISTURBED_CORES} cores were busy with something else or taken by "
    "the host of the machine. What each row is: docs/performance.md.\n"
)


def faults(runs):
    """Errors of the runs by kind, with what was accepted and not kept."""
    errors = sum((Counter(run["result"]["errors"]) for run in runs), Counter())
    for run in runs:
        errors["not-kept"] += max(0, run.get("accepted", 0) - run.get("kept", 0)) if "kept" in run else 0
        errors["not-emptied"] += not run.get("is_empty", True)
        # Still busy at the end: the figures of what was worked off are too good.
        server = run["result"].get("server")
        errors["not-idle"] += bool(server) and "is_empty" not in run and not server["settled"]["idle"]
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(errors.items()) if count) or "0"


def median(runs, value):
    return statistics.median(map(value, runs))


def ratio(own, other):
    return f"{own / other:.2f}" if other else "-"


def is_disturbed(run):
    return run["result"]["other_cores"] + run["result"]["stolen_cores"] > DISTURBED_CORES


def exit_code(rows, wanted, left_out):
    """A comparison in which the sensor itself failed, or has no row that it could have, is no comparison."""
    ours = [name for name in wanted if name.startswith("mailsensor")]
    faulty = [name for name in ours if faults([row for row in rows if row["peer"] == name]) != "0"]
    pairs = ((name, workload) for workload, reasons in left_out.items() for name in reasons if name in ours)
    missing = [name for name, workload in pairs if not peers.unable(name, workload)]
    return 1 if faulty or missing else 0


def plot(out, rows, workloads, wanted):
    """Bars of what is compared, one panel a workload, with the spread of the runs."""
    gnuplot = setup.find("gnuplot")
    if not gnuplot:
        print("no plot: gnuplot is not installed")
        return
    panels = [panel(out, rows, workload, wanted) for workload in workloads]
    panels = [text for text in panels if text]
    if not panels:
        return
    template = (Path(__file__).resolve().parent / "plot.gp.in").read_text(encoding="utf-8")
    script = string.Template(template).substitute(panels="\n".join(panels), count=len(panels))
    subprocess.run([gnuplot], input=script, text=True, cwd=out, check=False)


def panel(out, rows, workload, wanted):
    """The commands of one panel, its figures in a file; nothing where there are none."""
    kind = KINDS[ALL[workload].kind]
    found = {name: list(map(kind.figure, runs)) for name in wanted if (runs := runs_of(rows, name, workload))}
    # On a logarithmic scale there is no 0.
    bars = {name: figures for name, figures in found.items() if min(figures) > 0}
    if not bars:
        return None
    lines = [f'"{name}" {statistics.median(f)} {min(f)} {max(f)}' for name, f in bars.items()]
    (out / f"plot-{workload}.dat").write_text("\n".join(lines) + "\n", encoding="utf-8")
    title = f"{workload}: {ALL[workload].title}"
    return f'set title "{title}"\nset ylabel "{kind.unit} (log)"\nplot "plot-{workload}.dat" @BARS'
