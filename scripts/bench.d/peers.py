"""The servers that are measured, and how each is started on a port with a directory of its own.

A peer is a class with `promise` (what its 250 stands for), `cannot` (what it is unable to do, with the reason),
`missing()` (why it cannot run here, or None), `command(home, port, setting)` (what to start; it stays in the
foreground) and `is_ready(home, setting)`, for what has to happen beyond listening. In `home` there are cert.pem
and key.pem. What costs a peer something is set up only where the workload needs it: TLS, processes, connections.
"""

import os
import shutil
import string
import subprocess
from dataclasses import dataclass
from pathlib import Path

import setup
import workloads

TEMPLATES = Path(__file__).resolve().parent
# Beyond the connections that are measured: the probe whether it listens, and those that are closing.
SPARE_CONNECTIONS = 100
KEEPS_NOTHING = "keeps nothing apart from its queue"


class PeerError(Exception):
    """The peer could not be started or measured: the text says why."""


@dataclass(frozen=True)
class Setting:
    """What a workload asks of whoever runs it."""

    connections: int
    tls: bool
    prepared_mib: int


class Peer:
    """What most have in common."""

    cannot = {workloads.KEEPING: KEEPS_NOTHING}

    def missing(self):
        return None

    def is_ready(self, _home, _setting):
        return True


class Sensor(Peer):
    """mailsensor itself."""

    def __init__(self, paused):
        self.paused = paused
        self.promise = "durable" if paused else "durable, and kept soon after"
        self.cannot = (
            {workloads.KEEPING: "paused: it keeps nothing"}
            if paused
            else {workloads.IDLE: "as mailsensor: without mail there is nothing to keep"}
        )

    def missing(self):
        return None if setup.sensor().exists() else "not built"

    def command(self, home, port, setting):
        config = home / "mailsensor.toml"
        # The default, unless there are more.
        connections = max(10_000, setting.connections + SPARE_CONNECTIONS)
        values = {"paused": str(self.paused).lower(), "prepared": setting.prepared_mib, "connections": connections}
        fill("mailsensor.toml.in", config, home=home, port=port, **values)
        return [setup.sensor(), "run", "--config", config]

    def is_ready(self, home, setting):
        """Whether the spare segments are filled: it takes mail before, and would be measured while it fills."""
        segments = list((home / "state" / "spool").glob("*.seg"))
        return sum(segment.stat().st_blocks * 512 for segment in segments) > setting.prepared_mib << 20


class Postfix(Peer):
    """Accepts into its queue (durable), then delivers to `discard:`."""

    promise = "durable, and delivered to nowhere soon after"
    cannot = {
        workloads.KEEPING: "delivers to nowhere: nothing is kept",
        workloads.MANY: "one process of some 1.6 MiB a connection",
    }

    def missing(self):
        if not setup.find("postfix"):
            return "postfix is not installed"
        return None if os.geteuid() == 0 else "Postfix starts as root only"

    def command(self, home, port, setting):
        for name in ("conf", "spool", "data"):
            (home / name).mkdir()
        shutil.chown(home / "data", "postfix")
        tls = f"\nsmtpd_tls_security_level = may\nsmtpd_tls_chain_files = {home}/key.pem, {home}/cert.pem\n"
        processes = max(200, setting.connections + SPARE_CONNECTIONS)
        values = {"processes": processes, "tls": tls if setting.tls else ""}
        fill("postfix-main.cf.in", home / "conf" / "main.cf", home=home, **values)
        fill("postfix-master.cf.in", home / "conf" / "master.cf", port=port, processes=processes)
        return [setup.find("postfix"), "-c", home / "conf", "start-fg"]


class Exim(Peer):
    """Accepts into its queue (durable) and delivers nothing."""

    promise = "durable in its queue, delivered by nobody"

    def missing(self):
        if not setup.exim():
            return "Exim is not installed and could not be unpacked"
        return None if os.geteuid() == 0 else "Exim starts as root only"

    def command(self, home, port, setting):
        (home / "spool" / "log").mkdir(parents=True)
        for path in (home / "spool", home / "spool" / "log", home / "key.pem"):
            shutil.chown(path, setup.EXIM_USER, setup.EXIM_USER)
        values = {
            "exim": setup.exim(),
            "user": setup.EXIM_USER,
            "tls_hosts": "*" if setting.tls else "",
        }
        fill("exim.conf.in", home / "exim.conf", home=home, port=port, **values)
        return [setup.exim(), "-C", home / "exim.conf", "-bdf"]


class SmtpSink(Peer):
    """Postfix's own test server, which throws away what it gets."""

    promise = "nothing"
    cannot = {**Peer.cannot, workloads.STARTTLS: "it has no STARTTLS", workloads.CHUNKING: "it has no BDAT"}

    def missing(self):
        return None if setup.find("smtp-sink") else "smtp-sink is not installed"

    def command(self, _home, port, setting):
        # As root it insists on the name of a user to become. It holds 256 connections unless told otherwise.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        held = ["-m", str(setting.connections + SPARE_CONNECTIONS)]
        return [setup.find("smtp-sink"), *user, *held, f"127.0.0.1:{port}", "4096"]


class Bare(Peer):
    """The bare server of this project: crates/bench/src/bare.rs says what it does."""

    def __init__(self, kind):
        self.kind = kind
        self.promise = "nothing" if kind == "discard" else f"durable, {kind} file, and nothing else"

    def command(self, home, port, setting):
        listen = ["--addr", f"127.0.0.1:{port}", *(["--tls", home] if setting.tls else [])]
        store = ["--promise", self.kind, "--file", home / "log", "--capacity", f"{setting.prepared_mib}MiB"]
        return [setup.release_binary("sensor-bench"), "bare", *listen, *store]


ALL = {
    "mailsensor": Sensor(paused=True),
    "mailsensor-keeping": Sensor(paused=False),
    "postfix": Postfix(),
    "exim": Exim(),
    "smtp-sink": SmtpSink(),
    "bare-discard": Bare("discard"),
    "bare-growing": Bare("growing"),
    "bare-recycled": Bare("recycled"),
}


def unable(name, workload):
    """Why this peer can never do this workload, or None."""
    cannot = ALL[name].cannot
    return next((cannot[need] for need in sorted(workloads.ALL[workload].needs) if need in cannot), None)


def fill(template, target, **values):
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    target.write_text(string.Template(text).substitute(values), encoding="utf-8")
