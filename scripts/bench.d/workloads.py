"""The workloads: what is sent, and what a peer must be able to do for it."""

from dataclasses import dataclass

# What a workload may ask of a peer. A peer that cannot do it says why in its `cannot`.
CHUNKING = "BDAT"
STARTTLS = "STARTTLS"
IDLE = "idle connections"
MANY = "10,000 connections"
KEEPING = "keeping"

# The logs of durable servers are at least so long.
PREPARED_MIB_MIN = 512


@dataclass(frozen=True)
class Workload:
    """One row of figures for each peer. `kind` decides how it is measured and which columns it has."""

    title: str
    kind: str  # load, sized, idle, kept
    arguments: tuple
    connections: int = 50
    needs: frozenset = frozenset()
    # What the fastest peer is believed to write, so that durable logs are filled ahead for it.
    mib_per_s: int = 100

    def prepared_mib(self, seconds):
        """What durable servers fill ahead: they are measured as they run for weeks, their log written before."""
        return max(PREPARED_MIB_MIN, int(self.mib_per_s * seconds))


def load(title, per_connection, *more, **rest):
    arguments = ("--octets", "4KiB", "--per-connection", str(per_connection), *more)
    return Workload(f"4 KiB, {title}, 50 connections", "load", arguments, **rest)


def sized(title, octets, per_connection, connections, mib_per_s):
    arguments = ("--octets", octets, "--per-connection", str(per_connection))
    title = f"{title}, {per_connection} a connection, {connections} connections"
    return Workload(title, "sized", arguments, connections, mib_per_s=mib_per_s)


def idle(connections, *more):
    needs = {IDLE} | ({MANY} if connections >= 10_000 else set()) | ({STARTTLS} if more else set())
    title = f"{connections:,} idle connections" + (" in TLS" if more else "")
    return Workload(title, "idle", more, connections, frozenset(needs))


ALL = {
    "a": load("1 a connection", 1),
    "b": load("100 a connection", 100),
    "bp": load("100 a connection, PIPELINING", 100, "--pipelining", mib_per_s=150),
    "bc": load(
        "100 a connection, PIPELINING and one BDAT LAST a message", 100, "--pipelining", "--chunking",
        needs=frozenset({CHUNKING}), mib_per_s=200,
    ),
    "c": sized("64 KiB", "64KiB", 20, 50, mib_per_s=700),
    "d": sized("10 MiB", "10MiB", 5, 8, mib_per_s=1_200),
    "e": load("100 a connection, STARTTLS", 100, "--starttls", needs=frozenset({STARTTLS})),
    "i1": idle(1_000),
    "i1e": idle(1_000, "--starttls"),
    "i10": idle(10_000),
    "i10e": idle(10_000, "--starttls"),
    # The number bounds what the archive has to hold: two files a message.
    "k": Workload(
        "4 KiB, 100 a connection, 50 connections, until all is kept", "kept",
        ("--octets", "4KiB", "--per-connection", "100", "--messages", "200000"), needs=frozenset({KEEPING}),
    ),
}  # fmt: skip
