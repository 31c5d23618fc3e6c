"""One sensor with a configuration of its own: started, watched, ended.

Used by scripts/bench scale. The pipeline is paused unless said otherwise, so that acceptance is measured and
what was accepted stays in the spool.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import setup

START_SECONDS = 300
STOP_SECONDS = 60
# How often memory is looked at while a load runs.
SAMPLE_SECONDS = 0.1
# A spool that has not grown for so long has made all its spare segments.
SETTLED_SECONDS = 1
# More than any load here opens, so that no limit of the sensor is what is measured.
CONNECTIONS_MAX = 200_000
# Of the disk, beside what is measured.
ROOM_BESIDE = 2 << 30


class NodeError(Exception):
    """The sensor could not be started or loaded: the text says why."""


class Home:
    """The directory of a sensor, gone at the end of a `with` block."""

    def __init__(self, directory):
        self.scratch = tempfile.TemporaryDirectory(prefix="bench-scale-", dir=directory)
        self.path = Path(self.scratch.name)
        self.spool = self.path / "state" / "spool"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.scratch.cleanup()

    def require_room(self, octets):
        """Says no before a disk is filled that others need too."""
        free = shutil.disk_usage(self.path).free
        if free < octets + ROOM_BESIDE:
            raise NodeError(f"{octets >> 20:,} MiB are written, and {free >> 20:,} MiB of disk are free")

    def spool_octets(self):
        return sum(segment.stat().st_blocks * 512 for segment in self.spool.glob("*.seg"))

    def forget_cached(self):
        """Has the page cache give up the spool, as after a start of the machine."""
        for segment in self.spool.glob("*.seg"):
            descriptor = os.open(segment, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


class Settings:
    """What of the configuration differs from measurement to measurement."""

    def __init__(self, domains=(), clients=(), prepared_mib=0):
        self.domains = ["example.org", *domains]
        self.clients = ["127.0.0.0/8", *clients]
        self.prepared_mib = prepared_mib

    def text(self, home, port):
        return "\n".join([
            f'state_dir = "{home.path}/state"',
            "[smtp]",
            f"destination_domains = {toml_list(self.domains)}",
            f"clients = {toml_list(self.clients)}",
            "[smtp.limits]",
            f"connections = {CONNECTIONS_MAX}",
            f"connections_per_client = {CONNECTIONS_MAX}",
            "[[smtp.listener]]",
            'name = "bench"',
            f'address = "127.0.0.1:{port}"',
            "[spool]",
            f'prepared_size = "{self.prepared_mib} MiB"',
            "[pipeline]",
            "paused = true",
            "[control]",
            'address = "none"',
            "",
        ])  # fmt: skip


def toml_list(entries):
    return "[" + ", ".join(f'"{entry}"' for entry in entries) + "]"


class Node:
    """A running sensor, ended at the end of a `with` block. `ready_seconds`: from its start to its greeting."""

    def __init__(self, sensor, home, settings, log):
        self.sensor, self.home, self.settings, self.log = sensor, home, settings, log
        self.port = free_port()
        self.process = None
        self.ready_seconds = None
        self.seen_octets = None

    def __enter__(self):
        config = self.home.path / "mailsensor.toml"
        config.write_text(self.settings.text(self.home, self.port), encoding="utf-8")
        begin = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.sensor, "run", "--config", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self.wait(begin, self.greets, 0.005, "did not greet")
            self.ready_seconds = time.monotonic() - begin
            # It takes mail before the spares are filled, and would be measured while it fills.
            self.wait(begin, self.is_prepared, SETTLED_SECONDS, "has no spare segments")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def wait(self, begin, is_so, step, otherwise):
        while not is_so():
            if self.process.poll() is not None:
                raise NodeError(f"the sensor ended by itself with code {self.process.returncode}: {self.log}")
            if time.monotonic() - begin > START_SECONDS:
                raise NodeError(f"the sensor {otherwise} within {START_SECONDS} s")
            time.sleep(step)

    def greets(self):
        with socket.socket() as probe:
            probe.settimeout(1)
            try:
                probe.connect(("127.0.0.1", self.port))
                return probe.recv(3) == b"220"
            except OSError:
                return False

    def is_prepared(self):
        before, self.seen_octets = self.seen_octets, self.home.spool_octets()
        return before == self.seen_octets >= self.settings.prepared_mib << 20

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def pss(self):
        """Memory in octets: what is its own, and its share of what others map too."""
        return kib_of(f"/proc/{self.process.pid}/smaps_rollup", "Pss") * 1024

    def peak_rss(self):
        """The most it ever had, as the kernel counts; the pages of its program file are in it."""
        return kib_of(f"/proc/{self.process.pid}/status", "VmHWM") * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kib_of(path, key):
    return int((setup.first_match(path, key) or "0 kB").split()[0])


class Watch:
    """The highest PSS of a node within a `with` block."""

    def __init__(self, node):
        self.node, self.peak = node, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def look(self):
        while not self.over.is_set():
            self.peak = max(self.peak, self.node.pss())
            self.over.wait(SAMPLE_SECONDS)
