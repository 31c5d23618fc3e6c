"""Instructions for each accepted message, held to the measure in the tree.

The counts and the allowed drift are in crates/bench/benches/accepted.toml and nowhere else; what is counted is
in accepted.rs beside it. A count that fell beyond the drift fails too: until it is blessed it would hide the
next one that rises.
"""

import json
import os
import shutil
import string
import subprocess
import tomllib

import setup

MEASURE = setup.ROOT / "crates" / "bench" / "benches" / "accepted.toml"
# As in accepted.rs.
MESSAGES = 100
TEMPLATE = string.Template("""\
# Instructions for each accepted message, by part of the way in (accepted.rs says which). `scripts/bench guard`
# fails where a count is off by more than the drift; `scripts/bench guard --bless` writes this file.

# The allowed drift, as a share.
drift = $drift

# What counted: other versions, and processors without the same vector instructions, count otherwise.
counted_with = "$counted_with"

[instructions]
$instructions
""")
DRIFT = 0.02


def check(options, out):
    """Counts, compares or blesses; returns the exit code."""
    if not options.no_install:
        install()
    if not setup.find("valgrind"):
        print("valgrind is not installed: nothing was counted")
        return 1
    counted = count(out)
    measure = tomllib.loads(MEASURE.read_text(encoding="utf-8")) if MEASURE.exists() else {}
    text, is_held = compare(counted, measure)
    (out / "table.md").write_text(text, encoding="utf-8")
    print("\n" + text)
    if options.bless:
        bless(counted, measure.get("drift", DRIFT))
        print(f"blessed: {MEASURE.relative_to(setup.ROOT)} has these counts now")
    return 0 if is_held or options.bless else 1


def install():
    if not setup.find("valgrind") and os.geteuid() == 0 and setup.find("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], env=environment, check=False)
        command = ["apt-get", "install", "-qy", "--no-install-recommends", "--no-remove", "valgrind"]
        subprocess.run(command, env=environment, check=False)
    wanted = locked_version("gungraun")
    if setup.said("gungraun-runner", "--version").split()[-1] != wanted:
        subprocess.run(["cargo", "install", "--locked", "--version", wanted, "gungraun-runner"], check=True)


def locked_version(package):
    """The runner must be of the version of the library."""
    with open(setup.ROOT / "Cargo.lock", "rb") as lock:
        packages = tomllib.load(lock)["package"]
    return next(found["version"] for found in packages if found["name"] == package)


def count(out):
    """Instructions for each message, by part."""
    results = out / "gungraun"
    command = ["cargo", "bench", "--locked", "-p", "sensor-bench", "--bench", "accepted", "--"]
    environment = {**os.environ, "GUNGRAUN_HOME": str(results)}
    subprocess.run([*command, "--save-summary=json"], cwd=setup.ROOT, env=environment, check=True)
    counts = {}
    for path in results.rglob("summary.json"):
        summary = json.loads(path.read_text(encoding="utf-8"))
        counts[summary["function_name"]] = instructions(summary) // MESSAGES
    shutil.rmtree(results)
    return dict(sorted(counts.items()))


def instructions(summary):
    """Ir of callgrind: instructions that were executed."""
    (profile,) = summary["profiles"]
    return profile["data"]["total"]["metrics"]["Ir"]["values"]["new"]


def bless(counted, drift):
    valgrind, rustc = setup.said("valgrind", "--version"), setup.said("rustc", "--version")
    lines = "\n".join(f"{part} = {count}" for part, count in counted.items())
    text = TEMPLATE.substitute(drift=drift, counted_with=f"{valgrind}, {rustc}", instructions=lines)
    MEASURE.write_text(text, encoding="utf-8")


def compare(counted, measure):
    """A table, and whether each count is within the drift and each part was counted."""
    drift, known = measure.get("drift", DRIFT), measure.get("instructions", {})
    lines = ["| part | instructions a message | measure | off by | |", "|---|---|---|---|---|"]
    is_held = bool(counted)
    for part in sorted({*counted, *known}):
        verdict, off = judge(counted.get(part), known.get(part), drift)
        is_held = is_held and verdict == "held"
        lines.append(f"| {part} | {shown(counted.get(part))} | {shown(known.get(part))} | {off} | {verdict} |")
    lines += ["", f"Allowed: {drift:.0%} (crates/bench/benches/accepted.toml)."]
    return "\n".join(lines) + "\n", is_held


def judge(now, before, drift):
    if now is None:
        return "**not counted**", "-"
    if before is None:
        return "**no measure yet**: --bless", "-"
    off = now / before - 1
    if abs(off) <= drift:
        return "held", f"{off:+.2%}"
    return ("**more**" if off > 0 else "**less**: --bless"), f"{off:+.2%}"


def shown(count):
    return "-" if count is None else f"{count:,}"
