"""The rows of `scripts/bench scan`: all who can look into mail, in turns, on the same mail; then the table."""

import itertools
import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import daemons
import scan_report
import setup

# What each row is, in the order of the table.
ROWS = {
    "explode": "taken apart with all digests, one thread",
    "mail-parser": "the peer: decoded, nothing digested, one thread",
    "explode+yara": "taken apart, then 500 generated rules over every part, one thread",
    "worker+yara": "the same in one confined worker process, parts handed back: what a sensor does",
    "clamd": "ClamAV's daemon, 501 signatures of its own, the message by INSTREAM",
    "rspamd": "rspamd, its own rules without network, the message by /checkv2",
    "base64-64M": "one message of 64 MiB, a file in base64",
}
YARA = ("explode+yara", "worker+yara")
LARGE = "base64-64M"
RULES = 500
# One lap of all mail may take this long, as may the one before it.
LAP_SECONDS = 1_800


def features(rows):
    """What sensor-bench is built with; YARA takes minutes, and is built where it is asked for."""
    return "yara" if any(row in YARA for row in rows) else "scan"


def measure(options, out):
    """Runs everything, writes the results into `out`; returns the exit code."""
    corpora = {"generated": None, **({"found": options.mail} if options.mail else {})}
    rules = out / "rules"
    instrument("rules", "--dir", rules, "--seed", options.seed, "--count", RULES)
    left_out = {}
    with ExitStack() as stack, open(out / "runs.jsonl", "w", encoding="utf-8") as raw:
        running = {}
        for name in options.row:
            if name in daemons.ALL:
                start(name, running, left_out, stack, rules, out)
        for (corpus, mail), run, name in itertools.product(corpora.items(), range(1, options.runs + 1), options.row):
            if name not in left_out and not (name == LARGE and mail):
                result = one_run(name, options, mail, rules, running.get(name))
                record(raw, {"corpus": corpus, "run": run, "row": name, **result})
    return scan_report.write(out, options, corpora, left_out)


def start(name, running, left_out, stack, rules, out):
    """Once for all runs: a daemon takes long to start, and nothing while nobody asks it."""
    try:
        running[name] = stack.enter_context(daemons.ALL[name](rules, out / f"{name}.log"))
    except daemons.DaemonError as error:
        left_out[name] = str(error)
        print(f"{name} is left out: {error}")


def one_run(name, options, mail, rules, daemon):
    arguments = ["--seed", options.seed, "--messages", options.messages, "--seconds", options.seconds]
    arguments += ["--mail", mail] if mail else []
    arguments += ["--rules", rules] if name in YARA else []
    arguments += ["--address", daemon.address, "--server-pid", daemon.process.pid] if daemon else []
    try:
        return {"result": json.loads(instrument("scan", name, *arguments))}
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return {"failed": (error.stderr or str(error)).strip()}


def instrument(*arguments):
    """What the instrument prints. Its own limit: the lap before, the time that was asked for, and the lap in it."""
    command = [setup.release_binary("sensor-bench"), *map(str, arguments)]
    # Rules of nobody else, no proxy: what is measured depends on nothing but its arguments.
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "TMPDIR")}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, timeout=2 * LAP_SECONDS
    )
    return done.stdout


def record(raw, row):
    raw.write(json.dumps(row) + "\n")
    raw.flush()
    said = scan_report.in_a_line(row) if "result" in row else f"failed: {row['failed']}"
    print(f"{row['corpus']} run {row['run']}: {row['row']}: {said}", flush=True)


def mail_of_environment():
    """The directory of MAIL_CORPUS, or None; its files are read where they are."""
    path = os.environ.get("MAIL_CORPUS")
    return Path(path).resolve() if path else None
