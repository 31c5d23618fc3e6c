//! The unit files: systemd takes them, they fit the program, and the program fits their walls.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::{BINARY, Home};
use crate::harness::tracer::Traced;
use crate::harness::{program, skip};

fn tree(path: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// All values of a directive, in order.
fn values(unit: &str, name: &str) -> Vec<String> {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
    unit.lines().filter_map(value).collect()
}

fn seconds(unit: &str, name: &str) -> u64 {
    values(unit, name)[0].trim_end_matches('s').parse().unwrap()
}

/// The units in a folder, with the binary under test as their program.
fn installed(folder: &Path) {
    let service = tree("deploy/systemd/mailsensor.service").replace("/usr/bin/mailsensor", BINARY);
    fs::write(folder.join("mailsensor.service"), service).unwrap();
    fs::write(folder.join("mailsensor.socket"), tree("deploy/systemd/mailsensor.socket")).unwrap();
}

/// None where systemd-analyze is not installed: counted as a skip of `test`.
fn analyze(test: &str, folder: &Path, arguments: &[&str]) -> Option<Output> {
    let Some(analyze) = program("systemd-analyze") else {
        skip(test, "systemd-analyze is not installed");
        return None;
    };
    Some(Command::new(analyze).current_dir(folder).args(arguments).output().unwrap())
}

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().unwrap();
    installed(folder.path());
    let units = ["verify", "--man=no", "./mailsensor.service", "./mailsensor.socket"];
    let Some(output) = analyze("systemd-analyze verify", folder.path(), &units) else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_exposure_is_what_the_manual_says() {
    const MOST: f64 = 1.8;
    let folder = tempfile::tempdir().unwrap();
    installed(folder.path());
    let arguments = ["security", "--offline=true", "--no-pager", "./mailsensor.service"];
    let Some(output) = analyze("systemd-analyze security", folder.path(), &arguments) else { return };
    let said = String::from_utf8_lossy(&output.stdout);
    let level = said.split_once("mailsensor.service: ").expect(&said).1;
    let score = level.split(' ').next().unwrap();
    assert!(score.parse::<f64>().unwrap() <= MOST, "{said}");
    let version = analyze("systemd-analyze security", folder.path(), &["--version"]).unwrap();
    // Each version counts a little differently.
    if version.stdout.starts_with(b"systemd 252 ") {
        let manual = tree("docs/operating.md");
        assert!(manual.contains(&format!("exposure level {score} (systemd 252)")), "it is {score} now");
    }
}

#[test]
fn the_unit_fits_the_defaults_of_the_program() {
    let unit = tree("deploy/systemd/mailsensor.service");
    let defaults = tree("conf/mailsensor.toml");
    assert!(defaults.contains("#deadline = \"30s\"") && defaults.contains("#connections = 10000"));
    assert!(seconds(&unit, "TimeoutStopSec") > 30 + 10, "a drain takes longer than systemd waits");
    assert!(values(&unit, "LimitNOFILE")[0].parse::<u32>().unwrap() >= 10_000 + 256);
    assert_eq!(values(&unit, "RestartPreventExitStatus"), ["78"]);
    let socket = tree("deploy/systemd/mailsensor.socket");
    assert_eq!(values(&socket, "Accept"), ["no"]);
    assert_eq!(values(&socket, "Service"), ["mailsensor.service"]);
}

/// The system calls of a filter as systemd writes it: groups, and `~` for what is taken away.
fn filtered(test: &str, filters: &[String]) -> Option<BTreeSet<String>> {
    let mut allowed = BTreeSet::new();
    for filter in filters {
        let (takes_away, names) = match filter.strip_prefix('~') {
            Some(names) => (true, names),
            None => (false, filter.as_str()),
        };
        for name in names.split(' ') {
            for call in expanded(test, name)? {
                let _ = if takes_away { allowed.remove(&call) } else { allowed.insert(call) };
            }
        }
    }
    Some(allowed)
}

fn expanded(test: &str, name: &str) -> Option<BTreeSet<String>> {
    if !name.starts_with('@') {
        return Some([name.to_owned()].into());
    }
    let output = analyze(test, Path::new("/"), &["syscall-filter", "--no-pager", name])?;
    let mut calls = BTreeSet::new();
    for line in String::from_utf8(output.stdout).unwrap().lines().skip(1) {
        let member = line.trim();
        if !member.is_empty() && !member.starts_with('#') {
            calls.extend(expanded(test, member)?);
        }
    }
    Some(calls)
}

#[test]
fn the_program_needs_nothing_that_the_unit_forbids() {
    const TEST: &str = "the unit's walls";
    let unit = tree("deploy/systemd/mailsensor.service");
    let Some(allowed) = filtered(TEST, &values(&unit, "SystemCallFilter")) else { return };
    let home = Home::new("");
    let Some(traced) = Traced::start(TEST, &home, &["-s", "0"]) else { return };
    let id =
        queued_id(&Client::hello(traced.sensor.address).data("", "bob@example.test", b"Subject: a\r\n\r\n"));
    let server = traced.sensor.address.to_string();
    home.output(&["send", "--to", "bob@example.test", "--tls", "--server", &server]);
    home.wait_kept(2);
    traced.sensor.signal("HUP");
    let output = traced.output();
    assert!(traced.sensor.end().success());
    assert!(home.kept().contains(&id));
    let families = values(&unit, "RestrictAddressFamilies")[0].clone();
    let calls = Traced::calls(&output);
    assert!(calls.len() > 100, "{} calls traced", calls.len());
    for call in calls {
        let (name, arguments) = call.text.split_once('(').unwrap();
        assert!(allowed.contains(name), "SystemCallFilter= forbids {}", call.text);
        // MemoryDenyWriteExecute=
        assert!(!arguments.contains("PROT_WRITE|PROT_EXEC"), "{}", call.text);
        assert!(name != "mprotect" || !arguments.contains("PROT_EXEC"), "{}", call.text);
        if name == "socket" {
            let family = arguments.split(',').next().unwrap();
            assert!(families.split(' ').any(|allowed| allowed == family), "forbidden: {}", call.text);
        }
    }
}
