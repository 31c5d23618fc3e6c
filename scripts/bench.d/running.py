"""One peer while it runs: started on a free port in a directory of its own, ended by its process id."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import peers
import setup

START_SECONDS = 60
# A disk that fills a log more slowly than this is not measured.
FILL_MIB_PER_S_MIN = 50
STOP_SECONDS = 30


class Running:
    """A started peer, ended and cleaned up at the end of a `with` block."""

    def __init__(self, name, setting, directory, log):
        self.peer = peers.ALL[name]
        self.setting = setting
        # Servers that give up root must be able to pass through.
        self.scratch = tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=directory)
        self.home = Path(self.scratch.name)
        self.home.chmod(0o711)
        self.log = log
        self.port = free_port()
        self.process = None

    def __enter__(self):
        try:
            self.start()
            self.wait_until("listen", self.listens)
            self.wait_until("get ready", lambda: self.peer.is_ready(self.home, self.setting))
        except (OSError, subprocess.CalledProcessError) as error:
            self.__exit__()
            raise peers.PeerError(f"did not start: {error}") from error
        except BaseException:
            # Ctrl-C too: no `with` block has been entered yet that would end the peer.
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Who presses Ctrl-C twice gets no orphans either.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if self.process:
                self.end()
            self.scratch.cleanup()
        finally:
            signal.signal(signal.SIGINT, before)

    def start(self):
        certificate = [setup.release_binary("sensor-bench"), "certificate", "--dir", self.home]
        subprocess.run(certificate, check=True)
        command = self.peer.command(self.home, self.port, self.setting)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until(self, what, is_so):
        longest = START_SECONDS + self.setting.prepared_mib / FILL_MIB_PER_S_MIN
        deadline = time.monotonic() + longest
        while not is_so():
            if ended := self.ended():
                raise peers.PeerError(f"ended by itself with code {ended.si_status}, see {self.log}")
            if time.monotonic() > deadline:
                raise peers.PeerError(f"did not {what} within {longest:.0f} s, see {self.log}")
            time.sleep(0.05)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        """SIGTERM to what has to hear it; SIGKILL to what is left of its session afterwards."""
        for pid in self.leaders():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and not self.ended():
            time.sleep(0.02)
        # It is not waited for yet, so its id, which is that of its session, can be nobody else's.
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ended(self):
        """How the process ended, without waiting for it; None while it runs."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def cpu_seconds(self):
        """What the process itself has used so far in all its threads (proc(5): utime and stime)."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii", errors="replace")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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
