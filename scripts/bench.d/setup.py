"""What must be there before anything is measured: binaries, packages, a description of the machine."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Debian keeps servers where only root's PATH looks.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
PACKAGES = {"postfix": "postfix", "gnuplot": "gnuplot-nox"}


def build(sensor):
    """Release builds: of the instruments, and of the sensor if it is measured."""
    packages = ["-p", "sensor-bench"] + (["-p", "mailsensor"] if sensor else [])
    subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=ROOT, check=True)


def release_binary(name):
    """Where cargo put a release binary; CARGO_TARGET_DIR may be relative to the directory cargo ran in."""
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release" / name


def find(program):
    """The path of a program, or None."""
    return shutil.which(program, path=PATH)


def install_missing():
    """By apt, as root. What cannot be installed is skipped later and shown as skipped."""
    missing = [package for program, package in PACKAGES.items() if not find(program)]
    if not missing:
        return
    if os.geteuid() != 0 or not find("apt-get"):
        print(f"not installed, and this is not root on Debian: {' '.join(missing)}")
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if "postfix" in missing:
        # Without a configuration of its own the system's Postfix does not start.
        answer = "postfix postfix/main_mailer_type select No configuration\n"
        subprocess.run(["debconf-set-selections"], input=answer, text=True, check=False)
    subprocess.run(["apt-get", "update", "-q"], env=environment, check=False)
    for package in missing:
        # --no-remove: another mail server that is installed here stays, and Postfix is skipped.
        command = ["apt-get", "install", "-qy", "--no-install-recommends", "--no-remove", package]
        if subprocess.run(command, env=environment, check=False).returncode != 0:
            print(f"apt-get could not install {package}")


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
