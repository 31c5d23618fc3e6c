"""The most memory that the sensor takes, as a formula of its configuration, and a run against it.

docs/performance.md explains each term and where in the code it is bounded.
"""

from node import Home, Settings

KIB, MIB = 1 << 10, 1 << 20
# Senders at a time.
POINTS = [200]
BOUNDS = (1, 10_000)

# Program, stacks, log lines that wait, what the allocator keeps.
BASE = 24 * MIB
SPOOL_MEMORY = 64 * MIB
# The group that is being written: half a MiB and one frame, in a buffer that doubled.
GROUP = 2 * MIB
CONNECTION = 5 * KIB
# Of one that has sent what is not worked off: read buffer, half a command, replies that wait.
BUSY = 76 * KIB
RECIPIENT = KIB
# The slowest storage that all may come to their end on: each octet is written twice.
OCTETS_PER_SECOND_MIN = 16 * MIB
# What the list of a body's pieces takes for one: 12 octets, in a list that doubled.
PIECE = 24
# The smallest piece, where memory is short.
PIECE_OCTETS = 4 * KIB
ENTRY = 90


def octets(senders, message_octets, entries):
    """The ceiling for senders without TLS, each with one recipient, while the pipeline is paused."""
    pieces = message_octets // PIECE_OCTETS
    sender = CONNECTION + BUSY + RECIPIENT + PIECE * pieces
    return BASE + SPOOL_MEMORY + GROUP + senders * sender + entries * ENTRY


def measure(lab, senders):
    """Senders of large messages, all at once, each with one message; the memory they take beside the formula."""
    with Home(lab.dir) as home:
        home.require_room(senders * lab.ceiling_octets * 5 // 4)
        with lab.node(home, Settings()) as node:
            row = send_all(lab, node, senders)
    if row["pss"] > row["ceiling"]:
        row["errors"]["above-ceiling"] = 1
    # One that was refused proves nothing about the memory of 200.
    if row["accepted"] < senders:
        row["errors"]["not-accepted"] = senders - row["accepted"]
    return row


def send_all(lab, node, senders):
    grace = 120 + senders * lab.ceiling_octets // OCTETS_PER_SECOND_MIN
    row = lab.load(node, connections=senders, octets=lab.ceiling_octets, messages=senders, grace=grace)
    limit = octets(senders, lab.ceiling_octets, senders)
    return {**row, "octets": lab.ceiling_octets, "ceiling": limit, "rss": node.peak_rss()}
