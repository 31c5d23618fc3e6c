"""What must be there before anything is measured: binaries, packages, a description of the machine."""

import os
import platform
import resource
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "target" / "bench"
# Debian keeps servers where only root's PATH looks.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
PACKAGES = {"postfix": "postfix", "gnuplot": "gnuplot-nox"}
POLICY = Path("/usr/sbin/policy-rc.d")
SCANNERS = {"clamd": "clamav-daemon", "rspamd": "rspamd"}
# It conflicts with Postfix, so it is unpacked beside the results, not installed.
EXIM_PACKAGES = ("exim4-daemon-light", "exim4-base")
EXIM_UNPACKED = RESULTS / "exim"
# Exim does not start where this user, whom the package makes, is unknown.
EXIM_USER = "Debian-exim"
# Beside the connections: logs, spool files, libraries, the runtime.
OTHER_DESCRIPTORS = 500

# The binary that is measured, where another one is named than the release build of this tree.
_named_sensor = None


def build(sensor, features=None):
    """Release builds: of the instruments, with a feature or without, and of the sensor if it is measured."""
    packages = ["-p", "sensor-bench"] + (["-p", "mailsensor"] if sensor else [])
    packages += ["--features", f"sensor-bench/{features}"] if features else []
    subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=ROOT, check=True)


def release_binary(name):
    """Where cargo put a release binary; CARGO_TARGET_DIR may be relative to the directory cargo ran in."""
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release" / name


def name_sensor(path):
    """Measures this binary of mailsensor and builds none."""
    global _named_sensor
    _named_sensor = Path(path).resolve()


def sensor():
    return _named_sensor or release_binary("mailsensor")


def exim():
    """The path of Exim, installed or unpacked, or None."""
    return find("exim4") or shutil.which("exim4", path=EXIM_UNPACKED / "usr" / "sbin")


def find(program):
    """The path of a program, or None."""
    return shutil.which(program, path=PATH)


def install_missing(programs=PACKAGES):
    """By apt, as root. What cannot be installed is skipped later and shown as skipped."""
    missing = [package for program, package in programs.items() if not find(program)]
    unpacked = EXIM_PACKAGES if programs is PACKAGES and not exim() else ()
    if not missing and not unpacked:
        return
    if os.geteuid() != 0 or not find("apt-get"):
        print(f"not installed, and this is not root on Debian: {' '.join([*missing, *unpacked])}")
        return
    subprocess.run(["apt-get", "update", "-q"], check=False)
    with services_off():
        for package in missing:
            install(package)
    if unpacked:
        unpack_exim()


@contextmanager
def services_off():
    """Keeps a package from starting its own daemon (Debian policy 9.3.3): each is started here, as it is to be."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def install(package):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if package == "postfix":
        # Without a configuration of its own the system's Postfix does not start.
        answer = "postfix postfix/main_mailer_type select No configuration\n"
        subprocess.run(["debconf-set-selections"], input=answer, text=True, check=False)
    # --no-remove: another mail server that is installed here stays, and Postfix is skipped.
    command = ["apt-get", "install", "-qy", "--no-install-recommends", "--no-remove", package]
    if subprocess.run(command, env=environment, check=False).returncode != 0:
        print(f"apt-get could not install {package}")


def unpack_exim():
    EXIM_UNPACKED.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", "-q", *EXIM_PACKAGES], cwd=EXIM_UNPACKED, check=True)
        for archive in EXIM_UNPACKED.glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, EXIM_UNPACKED], check=True)
        user = ["--system", "--group", "--no-create-home", "--home", "/nonexistent", "--quiet", "--allow-bad-names"]
        subprocess.run(["adduser", *user, EXIM_USER], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Exim could not be unpacked: {error}")
        shutil.rmtree(EXIM_UNPACKED, ignore_errors=True)


def raise_descriptors(connections):
    """Lets this process, and whom it starts, open enough files; returns why not, or None."""
    needed = connections + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return None
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(needed, hard)))
    except (OSError, ValueError):
        return (
            f"{needed:,} open files a process are needed and {hard:,} allowed: "
            f"as root, `ulimit -Hn {needed}` first, or `prlimit --nofile={needed} scripts/bench ingest ...`"
        )
    return None


def too_little_room(directory, mib):
    """Why this much cannot be written below the directory, or None."""
    free = shutil.disk_usage(directory).free >> 20
    return None if free >= mib else f"{mib:,} MiB are needed below {directory} and {free:,} free: `--dir` another disk"


def load_core():
    """The core that the load generator gets for itself, or None on a machine with one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[-1] if len(cores) > 1 else None


def describe(directory):
    """The machine and the versions, as (what, value) pairs."""
    cpu = first_match("/proc/cpuinfo", "model name") or platform.machine()
    memory = int((first_match("/proc/meminfo", "MemTotal") or "0 kB").split()[0])
    return [
        ("CPU", f"{cpu}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", f"{memory / 2**20:.0f} GiB"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("system", first_match("/etc/os-release", "PRETTY_NAME", "=") or "unknown"),
        ("file system", said("findmnt", "-no", "FSTYPE,SOURCE,OPTIONS", "-T", str(directory))),
        ("commit", said("git", "-C", str(ROOT), "describe", "--always", "--dirty")),
        ("rustc", said("rustc", "--version")),
        ("mailsensor", said(str(sensor()), "--version")),
        ("Exim", said(exim() or "exim4", "-C", "/dev/null", "-bV")),
        ("Postfix", said("postconf", "-d", "-h", "mail_version")),
    ]


def first_match(path, key, separator=":"):
    """The value of the first `key separator value` line of a file."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    pairs = (line.partition(separator) for line in lines)
    return next((value.strip().strip('"') for name, _, value in pairs if name.strip() == key), None)


def said(program, *arguments):
    """The first line that a program prints; 'none' where it is missing or fails."""
    path = find(program)
    if not path:
        return "none"
    done = subprocess.run([path, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    return " ".join(lines[0].split()) if done.returncode == 0 and lines else "none"
