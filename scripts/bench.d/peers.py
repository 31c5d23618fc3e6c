"""The servers that are measured: how each is started on a port with a directory of its own, and ended.

A peer is a class with `promise` (what its 250 stands for), `missing()` (why it cannot run here, or None),
`command(home, port)` (what to start; it stays in the foreground) and, where listening is not enough,
`is_ready(home)`.
"""

import os
import signal
import socket
import string
import subprocess
import tempfile
import time
from pathlib import Path

import setup

START_SECONDS = 60
STOP_SECONDS = 30
TEMPLATES = Path(__file__).resolve().parent


class PeerError(Exception):
    """The peer could not be started: the text says why."""


# What durable servers may fill ahead: the file of `bare-recycled`, the spare segments of mailsensor. Both are
# measured as they run for weeks, when every octet of their log has been written before.
PREPARED_MIB = 512


class Sensor:
    """mailsensor itself."""

    def __init__(self, paused):
        self.paused = paused
        self.promise = "durable" if paused else "durable, and kept soon after"

    def missing(self):
        return None if setup.release_binary("mailsensor").exists() else "not built"

    def command(self, home, port):
        config = home / "mailsensor.toml"
        paused = str(self.paused).lower()
        fill("mailsensor.toml.in", config, home=home, port=port, paused=paused, prepared=PREPARED_MIB)
        return [setup.release_binary("mailsensor"), "run", "--config", config]

    def is_ready(self, home):
        """Whether the spare segments are filled: it takes mail before, and would be measured while it fills."""
        segments = list((home / "state" / "spool").glob("*.seg"))
        return sum(segment.stat().st_blocks * 512 for segment in segments) > PREPARED_MIB << 20


class Postfix:
    """Accepts into its queue (durable), then delivers to `discard:`."""

    promise = "durable, and delivered to nowhere soon after"

    def missing(self):
        if not setup.find("postfix"):
            return "postfix is not installed"
        return None if os.geteuid() == 0 else "Postfix starts as root only"

    def command(self, home, port):
        for name in ("conf", "spool", "data"):
            (home / name).mkdir()
        subprocess.run(["chown", "postfix", home / "data"], check=True)
        fill("postfix-main.cf.in", home / "conf" / "main.cf", home=home)
        fill("postfix-master.cf.in", home / "conf" / "master.cf", port=port)
        return [setup.find("postfix"), "-c", home / "conf", "start-fg"]


class SmtpSink:
    """Postfix's own test server, which throws away what it gets."""

    promise = "nothing"

    def missing(self):
        return None if setup.find("smtp-sink") else "smtp-sink is not installed"

    def command(self, _home, port):
        # As root it insists on the name of a user to become.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        return [setup.find("smtp-sink"), *user, f"127.0.0.1:{port}", "4096"]


class Bare:
    """The bare server of this project: crates/bench/src/bare.rs says what it does."""

    def __init__(self, kind):
        self.kind = kind
        self.promise = "nothing" if kind == "discard" else f"durable, {kind} file, and nothing else"

    def missing(self):
        return None

    def command(self, home, port):
        listen = ["--addr", f"127.0.0.1:{port}"]
        store = ["--promise", self.kind, "--file", home / "log", "--capacity", f"{PREPARED_MIB}MiB"]
        return [setup.release_binary("sensor-bench"), "bare", *listen, *store]


ALL = {
    "mailsensor": Sensor(paused=True),
    "mailsensor-keep": Sensor(paused=False),
    "postfix": Postfix(),
    "smtp-sink": SmtpSink(),
    "bare-discard": Bare("discard"),
    "bare-growing": Bare("growing"),
    "bare-recycled": Bare("recycled"),
}


class Running:
    """A started peer, ended and cleaned up at the end of a `with` block."""

    def __init__(self, name, directory, log):
        self.peer = ALL[name]
        # Servers that give up root must be able to pass through.
        self.scratch = tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=directory)
        self.home = Path(self.scratch.name)
        self.home.chmod(0o711)
        self.log = log
        self.port = free_port()
        self.process = None

    def __enter__(self):
        try:
            command = self.peer.command(self.home, self.port)
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            self.wait_until_it_listens()
            self.wait_until_it_is_ready()
        except (OSError, subprocess.CalledProcessError) as error:
            self.__exit__()
            raise PeerError(f"did not start: {error}") from error
        except PeerError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.end()
        self.scratch.cleanup()

    def wait_until_it_listens(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise PeerError(f"ended by itself with code {self.process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise PeerError(f"did not listen within {START_SECONDS} s")

    def wait_until_it_is_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while hasattr(self.peer, "is_ready") and not self.peer.is_ready(self.home):
            if time.monotonic() > deadline:
                raise PeerError(f"was not ready within {START_SECONDS} s")
            time.sleep(0.2)

    def end(self):
        """SIGTERM to what has to hear it; SIGKILL to its whole session when it does not listen."""
        for pid in self.leaders():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def leaders(self):
        """The process itself; for Postfix its master, whose parent is a script that only waits."""
        try:
            return [int((self.home / "spool" / "pid" / "master.pid").read_text(encoding="ascii"))]
        except (OSError, ValueError):
            return [self.process.pid]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fill(template, target, **values):
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    target.write_text(string.Template(text).substitute(values), encoding="utf-8")
