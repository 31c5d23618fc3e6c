"""How the sensor behaves when one thing grows: each axis is measured point by point.

A point is a sensor started anew, loaded for some seconds beside which its memory is watched. What is loaded is
bounded in time (`--seconds`) and in octets (`--budget`).
"""

import contextlib
import json
import os
import resource
import subprocess
from dataclasses import dataclass

import ceiling
import scale_report
import setup
from node import Home, Node, NodeError, Settings, Watch

KIB, MIB = 1 << 10, 1 << 20
CONNECTIONS = 50
# Large messages: so many at a time, as many as the budget of a run lets be sent more than once.
SIZE_CONNECTIONS = 16
PER_CONNECTION = 100
OCTETS = 4 * KIB
PREPARED_MIB = 512
WARM_UP_SECONDS = 1
GRACE_SECONDS = 120
# Of a process that holds connections or serves them, beside those.
DESCRIPTORS_BESIDE = 256


@dataclass
class Axis:
    """What grows: its points, the least and the most that may be asked for, how one is measured, and which
    columns should not mind, from which point on."""

    title: str
    unit: str
    points: list
    bounds: tuple
    measure: object
    flat: dict


def connections(lab, point):
    """So many clients send at the same time."""
    require_descriptors(point)
    with Home(lab.dir) as home, lab.node(home, Settings(prepared_mib=PREPARED_MIB)) as node:
        lab.load(node, connections=point, seconds=WARM_UP_SECONDS)
        return lab.load(node, connections=point)


def idle(lab, point):
    """So many clients are connected and silent while others send."""
    require_descriptors(point)
    with Home(lab.dir) as home, lab.node(home, Settings(prepared_mib=PREPARED_MIB)) as node:
        # One client is enough to have the allocator give back what the start took. More would leave memory behind,
        # and the idle ones would look cheap.
        lab.load(node, connections=1, seconds=WARM_UP_SECONDS)
        before = node.pss()
        with held(node, point) as ended:
            each = (node.pss() - before) / point if point else 0
            lab.load(node, seconds=WARM_UP_SECONDS)
            row = lab.load(node)
        if ended:
            row["errors"]["idle-ended"] = sum(ended)
        return {**row, "kib_each": each / KIB}


def size(lab, point):
    """Messages of so many octets."""
    with Home(lab.dir) as home:
        home.require_room(2 * lab.budget)
        prepared = max(PREPARED_MIB, lab.budget // MIB)
        with lab.node(home, Settings(prepared_mib=prepared)) as node:
            messages = max(1, lab.budget // point)
            return lab.load(node, connections=SIZE_CONNECTIONS, octets=point, messages=messages)


def depth(lab, point, home):
    """So many messages wait in the spool. Its start on them is what recovery costs."""
    # Frame and envelope come on top of a message.
    home.require_room(point * 2 * OCTETS - home.spool_octets())
    fill = [setup.release_binary("sensor-bench"), "backlog", "--dir", home.spool]
    run([*fill, "--entries", str(point), "--octets", f"{OCTETS}B"])
    starts = {}
    for cache in ("warm", "cold"):
        if cache == "cold":
            home.forget_cached()
        with lab.node(home, Settings()) as node:
            starts[f"ready_{cache}_s"] = node.ready_seconds
            starts["pss_ready"], starts["rss_start"] = node.pss(), node.peak_rss()
    starts["spool_octets"] = home.spool_octets()
    with lab.node(home, Settings(prepared_mib=PREPARED_MIB)) as node:
        lab.load(node, seconds=WARM_UP_SECONDS)
        return {**lab.load(node), **starts}


def rules(lab, point):
    """So many entries in the list of domains, and as many in that of clients."""
    domains = [f"d{number}.example.net" for number in range(point)]
    clients = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(point)]
    settings = Settings(domains, clients, prepared_mib=PREPARED_MIB)
    with Home(lab.dir) as home, lab.node(home, settings) as node:
        ready = node.ready_seconds
        lab.load(node, seconds=WARM_UP_SECONDS)
        return {**lab.load(node), "ready_warm_s": ready}


RATE, CPU, P99 = "messages_per_s", "cpu_ms", "p99_ms"
ALL_FLAT = {RATE: 0, CPU: 0, P99: 0}
AXES = {
    "connections": Axis(
        "Clients that send",
        "connections",
        [1, 10, 100, 1_000, 10_000],
        (1, 100_000),
        connections,
        # Fewer wait for a sync together: what one costs is shared by less.
        {RATE: 100, CPU: 100},
    ),
    "idle": Axis(
        "Clients that are silent, beside 50 that send",
        "idle connections",
        [0, 1_000, 10_000, 100_000],
        (0, 190_000),
        idle,
        ALL_FLAT,
    ),
    "size": Axis(
        "Size of a message",
        "octets",
        [KIB, 16 * KIB, 256 * KIB, MIB, 10 * MIB, 100 * MIB],
        (KIB, 100 * MIB),
        size,
        # In smaller ones it is the message that costs, not its octets.
        {"megabytes_per_s": 256 * KIB, "cpu_ms_per_mb": 256 * KIB, "pss": 256 * KIB},
    ),
    "depth": Axis(
        "Messages that wait",
        "entries",
        [0, 1_000, 10_000, 100_000, 1_000_000],
        (0, 10_000_000),
        depth,
        ALL_FLAT,
    ),
    "rules": Axis(
        "Rules in each list",
        "entries",
        [0, 100, 1_000, 10_000, 100_000],
        (0, 1_000_000),
        rules,
        ALL_FLAT,
    ),
}


def bounds(name):
    """The least and the most that a point may be."""
    return ceiling.BOUNDS if name == "ceiling" else AXES[name].bounds


class Lab:
    """What all measurements of one invocation share."""

    def __init__(self, options, out):
        self.dir, self.seconds, self.budget = options.dir, options.seconds, options.budget * MIB
        self.ceiling_octets = options.ceiling_octets
        self.sensor = options.sensor or setup.release_binary("mailsensor")
        self.log = out / "mailsensor.log"

    def node(self, home, settings):
        return Node(self.sensor, home, settings, self.log)

    def load(self, node, connections=CONNECTIONS, octets=OCTETS, seconds=None, messages=None, grace=GRACE_SECONDS):
        """Loads a node for some seconds; gives what came of it and the memory it took."""
        seconds = seconds or self.seconds
        messages = messages or max(1, self.budget // octets)
        os.sync()
        with Watch(node) as watch:
            result = generate(node, connections, octets, (seconds, grace), messages)
        server = result["server"]
        return {
            "messages_per_s": result["messages_per_s"],
            "megabytes_per_s": result["megabytes_per_s"],
            "cpu_ms": server["cpu_s_per_1000"],
            "cpu_ms_per_mb": server["cpu_s_per_1000"] * 1e6 / octets,
            "p99_ms": result["final_reply_ms"]["p99"],
            "pss": watch.peak,
            "accepted": result["accepted"],
            "errors": result["errors"],
            "disturbance": result["other_cores"] + result["stolen_cores"],
        }


def generate(node, connections, octets, times, messages):
    """One run of the load generator, on a core of its own where there is one. What is begun within the first of
    the two times may take the second."""
    seconds, grace = times
    core = setup.load_core()
    pin = ["taskset", "-c", str(core)] if core is not None and setup.find("taskset") else []
    return json.loads(run([
        *pin, setup.release_binary("sensor-bench"), "load",
        "--addr", f"127.0.0.1:{node.port}",
        "--server-pid", str(node.process.pid),
        "--connections", str(connections),
        "--sources", str(max(50, connections // 100)),
        "--per-connection", str(PER_CONNECTION),
        "--octets", f"{octets}B",
        "--messages", str(messages),
        "--seconds", str(seconds),
        "--grace", str(grace),
    ]))  # fmt: skip


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NodeError(f"{command[-1]}: {done.stderr.strip()}")
    return done.stdout


def require_descriptors(wanted):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + DESCRIPTORS_BESIDE
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise NodeError(f"the sensor needs {needed:,} descriptors, and the hard limit (ulimit -Hn) is {hard:,}")


@contextlib.contextmanager
def held(node, wanted):
    """Connections that say nothing, held by two processes; gives a list that tells how many had ended."""
    ended, holders = [], []
    try:
        for first, count in ((0, wanted - wanted // 2), (wanted // 2 + 1, wanted // 2)):
            if count:
                holders.append(hold(node, first, count))
        yield ended
        for holder in holders:
            told, _ = holder.communicate(timeout=60)
            if (lost := json.loads(told)["ended"]) > 0:
                ended.append(lost)
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def hold(node, first, count):
    command = [setup.release_binary("sensor-bench"), "hold", "--addr", f"127.0.0.1:{node.port}"]
    command += ["--first", str(first), "--connections", str(count)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    opened = json.loads(holder.stdout.readline() or '{"held": 0, "errors": "the holder ended"}')
    if opened["held"] != count:
        holder.kill()
        holder.wait()
        raise NodeError(f"{opened['held']:,} of {count:,} connections could be held: {opened['errors']}")
    return holder


def measure(options, out):
    """Runs what was asked for, writes the results into `out`; returns the exit code."""
    lab = Lab(options, out)
    rows = []
    with open(out / "runs.jsonl", "w", encoding="utf-8") as raw, contextlib.ExitStack() as homes:
        for name in options.axis:
            points = options.points or (ceiling.POINTS if name == "ceiling" else AXES[name].points)
            for number in range(1, options.runs + 1):
                # The same spool, deeper from point to point: filled but once in each run.
                home = homes.enter_context(Home(lab.dir)) if name == "depth" else None
                for point in points:
                    row = {"axis": name, "run": number, "point": point, **measured(lab, name, point, home)}
                    rows.append(row)
                    raw.write(json.dumps(row) + "\n")
                    raw.flush()
                    print(f"{name} {point:,} run {number}: {scale_report.said(row)}", flush=True)
                homes.close()
    return scale_report.write(out, rows, AXES, setup.describe(options.dir))


def measured(lab, name, point, home):
    """What came of a point; one that cannot be measured here says why."""
    try:
        if name == "ceiling":
            return ceiling.measure(lab, point)
        measure_point = AXES[name].measure
        return measure_point(lab, point, home) if home else measure_point(lab, point)
    except (NodeError, OSError) as error:
        return {"skipped": str(error)}
