"""Daemons that look into mail: Debian's, each with a configuration and directories of its own, ended by its id."""

import os
import shutil
import signal
import socket
import string
import subprocess
import tempfile
import time
from pathlib import Path

import setup
from running import STOP_SECONDS, free_port

TEMPLATES = Path(__file__).resolve().parent
# rspamd compiles its rules first.
START_SECONDS = 180
# A daemon that used less than this much CPU in a second is idle: rspamd compiles on behind its first answer.
IDLE_SECONDS_OF_CPU = 0.03
# Modules of rspamd that ask others: DNS, Redis, HTTP, its own storages.
ASKING_OTHERS = (
    "antivirus arc asn bimi dkim dkim_signing dmarc external_services fuzzy_check greylist hfilter history_redis "
    "mx_check neural once_received ratelimit rbl replies reputation rspamd_update spf surbl url_redirector whitelist"
).split()
# Its workers beside the one that is asked.
OTHER_WORKERS = ("controller", "proxy", "fuzzy")


class DaemonError(Exception):
    """It could not be started: the text says why."""


class Daemon:
    """A daemon from the begin of a `with` block to its end."""

    name = None

    def __init__(self, rules, log):
        self.rules = rules
        self.log = log
        self.scratch = None
        self.home = None
        self.address = None
        self.process = None

    def __enter__(self):
        if not setup.find(self.name):
            raise DaemonError(f"{self.name} is not installed")
        self.scratch = tempfile.TemporaryDirectory(prefix=f"bench-{self.name}-")
        self.home = Path(self.scratch.name)
        self.home.chmod(0o755)
        try:
            self.start()
            self.wait_until(self.is_there)
            self.wait_until(self.is_idle)
        except BaseException:
            # Ctrl-C too: the `with` block that would end it has not been entered.
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if self.process:
                self.end()
            self.scratch.cleanup()
        finally:
            signal.signal(signal.SIGINT, before)

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [setup.find(self.name), *self.arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until(self, is_so):
        deadline = time.monotonic() + START_SECONDS
        while not is_so():
            if self.ended():
                raise DaemonError(f"it ended by itself, see {self.log}")
            if time.monotonic() > deadline:
                raise DaemonError(f"it did not get ready within {START_SECONDS} s, see {self.log}")
            time.sleep(0.1)

    def is_idle(self):
        before = self.cpu_seconds()
        time.sleep(1)
        return self.cpu_seconds() - before < IDLE_SECONDS_OF_CPU

    def cpu_seconds(self):
        """Of all processes of its session (proc(5): session, utime, stime)."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            except OSError:
                # It ended meanwhile.
                continue
            ticks += int(fields[11]) + int(fields[12]) if int(fields[3]) == self.process.pid else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self):
        """SIGTERM, by which it ends its children; SIGKILL to what is left of its session afterwards."""
        self.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and not self.ended():
            time.sleep(0.02)
        # It is not waited for yet, so its id, which is that of its session, can be nobody else's.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self):
        """How it ended, without waiting for it; None while it runs."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def arguments(self):
        raise NotImplementedError

    def is_there(self):
        raise NotImplementedError


class Clamd(Daemon):
    """With the generated signatures and no others: real databases have millions, and cost more."""

    name = "clamd"

    def arguments(self):
        self.address = self.home / "socket"
        (self.home / "db").mkdir()
        shutil.copy(self.rules / "own.ndb", self.home / "db")
        user = "User root" if os.geteuid() == 0 else ""
        fill("clamd.conf.in", self.home / "clamd.conf", home=self.home, user=user)
        return ["--config-file", self.home / "clamd.conf"]

    def is_there(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.address)) == 0


class Rspamd(Daemon):
    """With the rules that Debian installs, as far as they ask nobody."""

    name = "rspamd"

    def arguments(self):
        if not Path("/etc/rspamd/rspamd.conf").exists():
            raise DaemonError("its configuration is not in /etc/rspamd")
        port = free_port()
        self.address = f"http://127.0.0.1:{port}/checkv2"
        self.port = port
        for name in ("db", "run", "log", "local/local.d"):
            (self.home / name).mkdir(parents=True)
        self.set("options", TEMPLATES.joinpath("rspamd-options.inc.in").read_text(encoding="utf-8"))
        self.set("logging", 'type = "console"; level = "warning";')
        self.set("worker-normal", f'bind_socket = "127.0.0.1:{port}"; count = 1;')
        for worker in OTHER_WORKERS:
            self.set(f"worker-{worker}", "enabled = false; count = -1;")
        for module in ASKING_OTHERS:
            self.set(module, "enabled = false;", kind="conf")
        self.set("phishing", "phishtank_enabled = false;", kind="conf")
        places = {"LOCAL_CONFDIR": "local", "DBDIR": "db", "RUNDIR": "run", "LOGDIR": "log"}
        variables = [f"--var={name}={self.home / place}" for name, place in places.items()]
        return ["--no-fork", "--insecure", "--config", "/etc/rspamd/rspamd.conf", *variables]

    def set(self, name, text, kind="inc"):
        text = string.Template(text).substitute(home=self.home)
        (self.home / "local" / "local.d" / f"{name}.{kind}").write_text(text + "\n", encoding="utf-8")

    def is_there(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


ALL = {"clamd": Clamd, "rspamd": Rspamd}


def fill(template, target, **values):
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    target.write_text(string.Template(text).substitute(values), encoding="utf-8")
