"""From raw runs to a table and a plot."""

import json
import statistics
import string
import subprocess
from collections import Counter
from pathlib import Path

import peers
import setup

DURABLE_YARDSTICKS = ("bare-growing", "bare-recycled")
# Cores busy with neither the peer nor the load generator, or taken by the host: above this a run is disturbed.
DISTURBED_CORES = 0.25
HEAD = (
    "| peer | a 250 means | msgs/s (min-max) | p50 / p99 ms | server CPU s per 1,000 | of bare durable | of Postfix "
    "| worked off, msgs/s | disturbed runs | errors |\n"
    "|---|---|---|---|---|---|---|---|---|---|\n"
)


def write(out, titles, wanted, skipped, machine):
    """Writes table.md and the plot, prints the table; returns the exit code."""
    rows = [json.loads(line) for line in (out / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    done = [row for row in rows if "result" in row]
    parts = ["".join(f"- {what}: {value}\n" for what, value in machine)]
    for workload, title in titles.items():
        parts.append(f"### {workload}: {title}\n\n" + table(done, workload, wanted, skipped))
    parts.append(notes(wanted, skipped))
    text = "\n".join(parts)
    (out / "table.md").write_text(text, encoding="utf-8")
    print("\n" + text)
    plot(out, done, titles, wanted)
    print(f"results: {out}")
    return exit_code(done, wanted, skipped)


def table(rows, workload, wanted, skipped):
    """One row a peer, medians over the runs."""
    by_peer = {name: [row for row in rows if (row["peer"], row["workload"]) == (name, workload)] for name in wanted}
    rates = {name: median(runs, rate) for name, runs in by_peer.items() if runs}
    bare = max((rates[name] for name in DURABLE_YARDSTICKS if name in rates), default=None)
    lines = []
    for name, runs in by_peer.items():
        if runs:
            lines.append(line(name, runs, ratio(rates[name], bare), ratio(rates[name], rates.get("postfix"))))
        if name in skipped:
            lines.append(f"| {name} | skipped: {skipped[name]} |" + " |" * 8)
    return HEAD + "\n".join(lines) + "\n"


def line(name, runs, of_bare, of_postfix):
    rates = [rate(run) for run in runs]
    cells = [
        name,
        peers.ALL[name].promise,
        f"{statistics.median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})",
        f"{median(runs, quantile('p50')):.1f} / {median(runs, quantile('p99')):.1f}",
        f"{median(runs, lambda run: run['result']['server']['cpu_s_per_1000']):.3f}",
        of_bare,
        of_postfix,
        f"{median(runs, lambda run: run['result']['server']['settled_messages_per_s']):,.0f}",
        f"{sum(map(is_disturbed, runs))} of {len(runs)}",
        faults(runs),
    ]
    return "| " + " | ".join(cells) + " |"


def faults(runs):
    """Errors of the runs by kind, with what was accepted and not kept."""
    errors = sum((Counter(run["result"]["errors"]) for run in runs), Counter())
    errors["not-kept"] += sum(max(0, run["accepted"] - run["kept"]) for run in runs if "kept" in run)
    # Still busy at the end: the figures of what was worked off are too good.
    errors["not-idle"] += sum(not run["result"]["server"]["settled"]["idle"] for run in runs)
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(errors.items()) if count) or "0"


def notes(wanted, skipped):
    return (
        f"Skipped: {len(skipped)} of {len(wanted)} peers. "
        "Medians of the runs, each with a peer started anew. p50 and p99: last octet of a message to its final "
        "reply. CPU: of the peer's processes until they are idle again. Of bare durable: against the better of the "
        "two. Worked off: accepted messages over the time until the peer is idle again. A run is disturbed when "
        f"more than {DISTURBED_CORES} cores were busy with something else or taken by the host of the machine.\n"
    )


def rate(run):
    return run["result"]["messages_per_s"]


def quantile(name):
    return lambda run: run["result"]["final_reply_ms"][name]


def median(runs, value):
    return statistics.median(map(value, runs))


def ratio(own, other):
    return f"{own / other:.2f}" if other else "-"


def is_disturbed(run):
    return run["result"]["other_cores"] + run["result"]["stolen_cores"] > DISTURBED_CORES


def exit_code(rows, wanted, skipped):
    """A comparison in which the sensor itself failed is no comparison."""
    ours = [name for name in wanted if name.startswith("mailsensor")]
    faulty = [name for name in ours if faults([row for row in rows if row["peer"] == name]) != "0"]
    missing = [name for name in ours if name in skipped]
    return 1 if faulty or missing else 0


def plot(out, rows, titles, wanted):
    """Bars of messages a second, one group a workload, with the spread of the runs."""
    gnuplot = setup.find("gnuplot")
    if not gnuplot:
        print("no plot: gnuplot is not installed")
        return
    for workload in titles:
        found = {name: [rate(row) for row in rows if (row["peer"], row["workload"]) == (name, workload)] for name in wanted}
        lines = [f'"{name}" {statistics.median(r)} {min(r)} {max(r)}' for name, r in found.items() if r]
        (out / f"plot-{workload}.dat").write_text("\n".join(lines) + "\n", encoding="utf-8")
    template = (Path(__file__).resolve().parent / "plot.gp.in").read_text(encoding="utf-8")
    panels = "\n".join(f'set title "{title}"\nplot "plot-{name}.dat" @BARS' for name, title in titles.items())
    script = string.Template(template).substitute(panels=panels, count=len(titles))
    subprocess.run([gnuplot], input=script, text=True, cwd=out, check=False)
