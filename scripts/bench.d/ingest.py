"""Acceptance over SMTP: each peer in turn, again and again, then the table."""

import json
import os
import subprocess
from pathlib import Path

import peers
import report
import setup

WORKLOADS = {
    "a": ("4 KiB, 1 a connection", ["--octets", "4KiB", "--per-connection", "1"]),
    "b": ("4 KiB, 100 a connection", ["--octets", "4KiB", "--per-connection", "100"]),
}
CONNECTIONS = 50
# Processes, caches and files are in place after this long.
WARM_UP_SECONDS = 1
# What was accepted may take this long to be worked off before a peer is ended.
SETTLE_SECONDS = 60


def measure(options, wanted, out):
    """Runs everything, writes the results into `out`; returns the exit code."""
    skipped = {name: why for name in wanted if (why := peers.ALL[name].missing())}
    with open(out / "runs.jsonl", "w", encoding="utf-8") as raw:
        for workload in options.workload:
            for run in range(1, options.runs + 1):
                for name in wanted:
                    if name not in skipped:
                        row = one_run(name, workload, options, out, skipped)
                        record(raw, {"workload": workload, "run": run, "peer": name, **row})
    titles = {name: WORKLOADS[name][0] + f", {CONNECTIONS} connections" for name in options.workload}
    return report.write(out, titles, wanted, skipped, setup.describe(options.dir))


def one_run(name, workload, options, out, skipped):
    """Starts a peer, warms it up, loads it; a peer that does not start is not tried again."""
    try:
        with peers.Running(name, options.dir, out / f"{name}.log") as running:
            warm_up = load(running, workload, WARM_UP_SECONDS)
            # Nobody pays for what a predecessor left to be written.
            os.sync()
            result = load(running, workload, options.seconds)
            accepted = warm_up["accepted"] + result["accepted"]
            return {"result": result, **kept(name, running.home, accepted)}
    except peers.PeerError as error:
        skipped[name] = str(error)
        return {"skipped": str(error)}


def load(running, workload, seconds):
    """One run of the load generator, on a core of its own where there is one."""
    command = [
        setup.release_binary("sensor-bench"), "load",
        "--addr", f"127.0.0.1:{running.port}",
        "--server-pid", str(running.process.pid),
        "--connections", str(CONNECTIONS),
        "--seconds", str(seconds),
        "--settle", str(SETTLE_SECONDS),
        *WORKLOADS[workload][1],
    ]  # fmt: skip
    core = setup.load_core()
    pin = ["taskset", "-c", str(core)] if core is not None and setup.find("taskset") else []
    done = subprocess.run([*pin, *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise peers.PeerError(f"could not be loaded: {done.stderr.strip()}")
    return json.loads(done.stdout)


def kept(name, home, accepted):
    """What was kept of what was accepted, counted in the archive."""
    if name != "mailsensor-keep":
        return {}
    return {"accepted": accepted, "kept": sum(1 for _ in Path(home).rglob("*.eml"))}


def record(raw, row):
    raw.write(json.dumps(row) + "\n")
    raw.flush()
    result = row.get("result")
    said = f"{result['messages_per_s']:,.0f} msgs/s" if result else f"skipped: {row['skipped']}"
    print(f"{row['workload']} run {row['run']}: {row['peer']}: {said}", flush=True)
