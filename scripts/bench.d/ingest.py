"""The rows of `scripts/bench ingest`: each peer in turn, again and again, then the table."""

import http.client
import itertools
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import peers
import report
import setup
from running import Running
from workloads import ALL, STARTTLS

# Processes, caches and files are in place after this long.
WARM_UP_SECONDS = 1
# What was accepted may take this long to be worked off before a peer is ended.
SETTLE_SECONDS = 60
# In the row that waits for the archive it may take this long.
KEEP_SECONDS = 300
# How often the sensor is asked how much it has kept.
LOOK_SECONDS = 0.1
# How long opening idle connections may take.
OPEN_SECONDS = 180
# What a peer takes on disk, as a multiple of what is filled ahead: that, and once more what comes beside it.
ROOM = 2


def measure(options, wanted, out):
    """Runs everything, writes the results into `out`; returns the exit code."""
    left_out = {name: leave_out(name, wanted, options) for name in options.workload}
    with open(out / "runs.jsonl", "w", encoding="utf-8") as raw:
        for workload, run, name in itertools.product(options.workload, range(1, options.runs + 1), wanted):
            if name in left_out[workload]:
                continue
            start = time.monotonic()
            row = one_run(name, workload, options, out, left_out[workload])
            took = {"wall_seconds": round(time.monotonic() - start, 1)}
            record(raw, {"workload": workload, "run": run, "peer": name, **took, **row})
    return report.write(out, options.workload, wanted, left_out, setup.describe(options.dir))


def leave_out(workload, wanted, options):
    """The peers that have no row for this workload, each with the reason."""
    asked = ALL[workload]
    too_little_room = setup.too_little_room(options.dir, ROOM * prepared_mib(asked, options))
    host_unable = setup.raise_descriptors(asked.connections) or too_little_room
    if host_unable:
        print(f"{workload}: {host_unable}")
    reasons = {name: peers.ALL[name].missing() or peers.unable(name, workload) or host_unable for name in wanted}
    return {name: reason for name, reason in reasons.items() if reason}


def prepared_mib(asked, options):
    return asked.prepared_mib(options.seconds + WARM_UP_SECONDS)


def one_run(name, workload, options, out, left_out):
    """Starts a peer and measures it; one that does not start is not tried again with this workload."""
    asked = ALL[workload]
    setting = peers.Setting(asked.connections, STARTTLS in asked.needs, prepared_mib(asked, options))
    try:
        with Running(name, setting, options.dir, out / f"{name}.log") as running:
            return MEASURES[asked.kind](running, asked, options.seconds, name)
    except peers.PeerError as error:
        left_out[name] = str(error)
        return {"skipped": str(error)}


def load(running, workload, seconds, name):
    """Messages a second, after a warm-up."""
    warm_up = send(running, workload, WARM_UP_SECONDS)
    # Nobody pays for what a predecessor left to be written.
    os.sync()
    result = send(running, workload, seconds)
    if name != "mailsensor-keeping":
        return {"result": result}
    accepted = warm_up["accepted"] + result["accepted"]
    with Watch(running) as watch:
        watch.wait_until_kept(accepted, time.monotonic() + SETTLE_SECONDS)
    return {"result": result, "accepted": accepted, "kept": files_kept(running)}


def idle(running, workload, _seconds, _name):
    """Memory of connections that do nothing. A warm-up would leave buffers behind and make them look cheap."""
    arguments = ["--connections", str(workload.connections), "--seconds", str(OPEN_SECONDS), *workload.arguments]
    return {"result": instrument(running, "idle", arguments)}


def keep(running, workload, seconds, _name):
    """Messages kept a second, from the first one sent until the last one is in the archive."""
    warm_up = send(running, workload, WARM_UP_SECONDS)["accepted"]
    wait_for_archive(running, warm_up)
    os.sync()
    cpu, start = running.cpu_seconds(), time.monotonic()
    with Watch(running) as watch:
        result = send(running, workload, seconds, settle=0)
        accepted = warm_up + result["accepted"]
        emptied = watch.wait_until_kept(accepted, start + seconds + KEEP_SECONDS)
    cpu, took = running.cpu_seconds() - cpu, (emptied or time.monotonic()) - start
    kept = files_kept(running)
    figures = {"kept_per_s": (kept - warm_up) / took, "cpu_s_per_1000": cpu * 1_000 / max(1, kept - warm_up)}
    whole = {"accepted": accepted, "kept": kept, "is_empty": emptied is not None, "seconds": took}
    return {"result": result, **whole, **figures}


def wait_for_archive(running, messages):
    with Watch(running) as watch:
        if watch.wait_until_kept(messages, time.monotonic() + KEEP_SECONDS) is None:
            raise peers.PeerError(f"did not keep the warm-up within {KEEP_SECONDS} s")


MEASURES = {"load": load, "sized": load, "idle": idle, "kept": keep}


class Watch:
    """Looks again and again how much a sensor has kept, beside whatever else goes on."""

    def __init__(self, running):
        self.socket = running.home / "state" / "control.sock"
        # When that many were kept: one pair a look.
        self.looks = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look_on, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def look_on(self):
        while not self.stop.wait(LOOK_SECONDS):
            try:
                self.looks.append((time.monotonic(), conservation(self.socket)["kept"]))
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                # One look less: where no answer ever comes, nothing was seen to be kept, and the row says so.
                continue

    def wait_until_kept(self, messages, deadline):
        """When so many were first seen to be kept; None when they were not in time."""
        while True:
            for when, kept in list(self.looks):
                if kept >= messages:
                    return when
            if time.monotonic() > deadline or not self.thread.is_alive():
                return None
            time.sleep(LOOK_SECONDS)


def conservation(path):
    """Where a sensor's mail is (docs/api.md)."""
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(5)
        connection.sock.connect(str(path))
        connection.request("GET", "/v1/status")
        return json.load(connection.getresponse())["conservation"]
    finally:
        connection.close()


def send(running, workload, seconds, settle=SETTLE_SECONDS):
    connections = ["--connections", str(workload.connections)]
    bounds = ["--seconds", str(seconds), "--settle", str(settle)]
    result = instrument(running, "load", [*connections, *bounds, *workload.arguments])
    if result["server"] is None:
        raise peers.PeerError("ended by itself while it was measured")
    return result


def instrument(running, which, arguments):
    """One run of an instrument, on a core of its own where there is one."""
    target = ["--addr", f"127.0.0.1:{running.port}", "--server-pid", str(running.process.pid)]
    core = setup.load_core()
    pin = ["taskset", "-c", str(core)] if core is not None and setup.find("taskset") else []
    command = [*pin, setup.release_binary("sensor-bench"), which, *target, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise peers.PeerError(f"could not be measured: {done.stderr.strip()}")
    return json.loads(done.stdout)


def files_kept(running):
    """What is in the archive, whatever the sensor says of it."""
    return sum(1 for _ in Path(running.home).rglob("*.eml"))


def record(raw, row):
    raw.write(json.dumps(row) + "\n")
    raw.flush()
    if "result" in row:
        kind = report.KINDS[ALL[row["workload"]].kind]
        said = f"{kind.figure(row):,.{kind.digits}f} {kind.unit}"
    else:
        said = f"skipped: {row['skipped']}"
    print(f"{row['workload']} run {row['run']}: {row['peer']}: {said}", flush=True)
