"""From the runs of `scripts/bench scan` to a table."""

import json
import statistics

import scan
import setup

PEER = "mail-parser"
# Cores busy with something else, or taken by the host: above this a run is disturbed.
DISTURBED_CORES = 0.25
# Of the machine's description: who takes no part.
ABSENT = ("mailsensor", "Exim", "Postfix")
DAEMONS = {"clamd": ("clamd", "--version"), "rspamd": ("rspamd", "--version")}

NOTES = (
    "Medians of the runs, with the extremes in parentheses. One message after the other; a lap is all mail, and the "
    "first lap, in which everything gets warm, is not timed. MB: 10^6 octets of messages as they came. p99: of one "
    f"message. Of {PEER}: the ratio of the rates of each run, then median and extremes. CPU: of the instrument, its "
    f"worker and the daemon. A run is disturbed when more than {DISTURBED_CORES} cores were busy with something else "
    "or taken by the host. What each row is: docs/performance.md.\n"
)


def write(out, options, corpora, left_out):
    """Writes table.md and prints it; returns the exit code."""
    runs = [json.loads(line) for line in (out / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    done = [run for run in runs if "result" in run]
    machine = setup.describe(out) + [(name, setup.said(*command)) for name, command in DAEMONS.items()]
    parts = ["".join(f"- {what}: {value}\n" for what, value in machine if what not in ABSENT)]
    for corpus in corpora:
        parts.append(corpus_table([run for run in done if run["corpus"] == corpus], corpus, options))
    parts.append(large_table([run for run in done if run["row"] == scan.LARGE]))
    parts += [f"{name} is left out: {why}.\n" for name, why in left_out.items()]
    parts += [f"{run['row']} failed in run {run['run']}: {run['failed']}\n" for run in runs if "failed" in run]
    text = "\n".join(part for part in [*parts, NOTES] if part)
    (out / "table.md").write_text(text, encoding="utf-8")
    print("\n" + text)
    print(f"results: {out}")
    return exit_code(runs)


def corpus_table(runs, corpus, options):
    by_row = {name: of for name in options.row if name != scan.LARGE and (of := runs_of(runs, name))}
    if not by_row:
        return ""
    first = next(iter(by_row.values()))[0]["result"]
    seed = f", seed {options.seed}" if corpus == "generated" else ""
    title = f"### {corpus} mail: {first['messages']:,} messages, {first['octets'] / 1e6:,.1f} MB{seed}\n\n"
    heads = ["row", "msgs/s", "MB/s", "p99 ms", "CPU s per 1,000", f"of {PEER}", "disturbed runs", "errors"]
    lines = [heads, ["---"] * len(heads)]
    for name, of in by_row.items():
        rates = [spread(figures(of, "messages_per_s"), 0), spread(figures(of, "megabytes_per_s"), 1)]
        p99 = statistics.median(run["result"]["message_ms"]["p99"] for run in of)
        cpu = statistics.median(figures(of, "cpu_s_per_1000"))
        ratio = ratios(of, by_row.get(PEER, []))
        lines.append([name, *rates, f"{p99:,.2f}", f"{cpu:.3f}", ratio, disturbed(of), errors(of)])
    return title + lined(lines)


def large_table(runs):
    """What one large file costs, and what it could cost at best."""
    if not runs:
        return ""
    results = [run["result"] for run in runs]
    ours, peer, bound = (
        [result[f"{name}_megabytes_per_s"] for result in results] for name in ("explode", "mail_parser", "bound")
    )
    quotients = [own / other for own, other in zip(ours, peer)]
    shares = [own / most for own, most in zip(ours, bound)]
    lines = [["what", "GB/s of what it reads", "ms", "MB/s of the message"], ["---"] * 4]
    for steps in zip(*(result["steps"] for result in results)):
        rates = spread([step["gigabytes_per_s"] for step in steps], 2)
        took = statistics.median(step["seconds"] for step in steps) * 1_000
        lines.append([f"{steps[0]['what']} alone ({steps[0]['octets'] / 1e6:,.0f} MB)", rates, f"{took:,.1f}", "-"])
    megabytes = results[0]["octets"][0] / 1e6
    for what, rates in (("their sum: the bound", bound), ("explode", ours), ("mail-parser", peer)):
        took = megabytes / statistics.median(rates) * 1_000
        lines.append([what, "-", f"{took:,.1f}", spread(rates, 0)])
    said = f"\nexplode: {spread(quotients, 2)} of {PEER}, {spread(shares, 2)} of the bound. Errors: {errors(runs)}.\n"
    return f"### {scan.LARGE}: {scan.ROWS[scan.LARGE]}\n\n" + lined(lines) + said


def lined(lines):
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def runs_of(runs, name):
    return [run for run in runs if run["row"] == name]


def figures(runs, key):
    return [run["result"][key] for run in runs]


def spread(values, digits):
    middle = f"{statistics.median(values):,.{digits}f}"
    return f"{middle} ({min(values):,.{digits}f}-{max(values):,.{digits}f})" if len(values) > 1 else middle


def ratios(own, peer):
    """Each run against the peer's of the same number: they were measured within seconds of one another."""
    rates = {run["run"]: run["result"]["messages_per_s"] for run in peer}
    found = [run["result"]["messages_per_s"] / rates[run["run"]] for run in own if run["run"] in rates]
    if not found:
        return "-"
    return spread(found, 2 if max(found) >= 0.1 else 4)


def disturbed(runs):
    return f"{sum(is_disturbed(run['result']) for run in runs)} of {len(runs)}"


def is_disturbed(result):
    return result["other_cores"] + result["stolen_cores"] > DISTURBED_CORES


def errors(runs):
    """All of them by kind; those of the large message have no counts."""
    counts = {}
    for run in runs:
        found = run["result"]["errors"]
        for error, count in found.items() if isinstance(found, dict) else ((error, 1) for error in found):
            counts[error] = counts.get(error, 0) + count
    return ", ".join(f"{error}: {count:,}" for error, count in sorted(counts.items())) or "0"


def in_a_line(run):
    result = run["result"]
    if run["row"] == scan.LARGE:
        ours, bound = result["explode_megabytes_per_s"], result["bound_megabytes_per_s"]
        return f"{ours:,.0f} MB/s of at most {bound:,.0f}, {PEER} {result['mail_parser_megabytes_per_s']:,.0f}"
    return f"{result['messages_per_s']:,.0f} msgs/s, {result['megabytes_per_s']:,.1f} MB/s"


def exit_code(runs):
    """A row that had errors, or could not be measured though its daemon is there, is no row."""
    return 1 if any("failed" in run or run["result"]["errors"] for run in runs) else 0
