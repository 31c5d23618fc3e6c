//! A running sensor that looks: judged, told, owed, tried again, given up, and cut short.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::clamd::{Clamd, eicar};
use crate::harness::client::{Client, queued_id};
use crate::harness::containers::mail;
use crate::harness::sensor::{Home, Sensor};
use crate::harness::wait_for;

const RULES: &str = "[[rule]]\nname = \"malware\"\nfinding.severity_min = \"high\"\nverdict = \"hostile\"\n\
                     disposition = \"quarantine\"\ntags = [\"malware\"]\n";

pub(super) fn send(sensor: &Sensor, octets: &[u8]) -> String {
    let mut client = Client::hello(sensor.address);
    queued_id(&client.data("ada@example.com", "bob@example.com", octets))
}

/// The looks into the only message that is kept, when there are so many.
#[track_caller]
pub(super) fn looks(home: &Home, count: usize) -> Vec<Value> {
    let id = home.wait_kept(1).remove(0);
    wait_for(&format!("{count} looks"), || {
        let shown: Value = serde_json::from_slice(&home.output(&["message", "show", &id])).unwrap();
        let looks = shown["looks"].as_array().cloned().unwrap_or_default();
        (looks.len() >= count).then_some(looks)
    })
}

fn unscanned(home: &Home) -> Vec<Value> {
    let listed = String::from_utf8(home.output(&["unscanned", "ls", "--json"])).unwrap();
    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn eicar_mail() -> Vec<u8> {
    mail("See the file.", "application/octet-stream", "eicar.com", eicar().as_bytes())
}

#[test]
fn kept_mail_is_judged_and_told() {
    let Some(clamd) = Clamd::start("kept_mail_is_judged_and_told") else { return };
    let home = Home::new("");
    let events = home.path().join("events.jsonl");
    let socket = clamd.socket();
    let toml = fs::read_to_string(home.config()).unwrap();
    home.configure(&format!(
        "{toml}\n[[scanner]]\nkind = \"clamd\"\nname = \"av\"\naddress = {socket:?}\n{RULES}\n\
         [[sink]]\nkind = \"jsonl\"\npath = {events:?}\n"
    ));
    let sensor = home.start();
    send(&sensor, &eicar_mail());
    let look = looks(&home, 1).remove(0);
    assert_eq!(look["judgement"]["verdict"], "hostile", "{look:#}");
    assert_eq!(look["judgement"]["disposition"], "quarantine");
    assert_eq!(look["judgement"]["tags"][0], "malware");
    assert_eq!(look["coverage"][0]["scanner"], "av");
    let told = wait_for("an event", || fs::read_to_string(&events).ok().filter(|text| text.ends_with('\n')));
    let event: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(event["mailsensor"]["mail_id"], home.kept()[0].as_str());
    assert_eq!(event["mailsensor"]["verdict"], "hostile");
    assert_eq!(told.lines().count(), 1);
    let status: Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
    assert_eq!(status["looks"]["verdicts"]["hostile"], 1);
    assert_eq!(status["looks"]["scanners"][0]["outcomes"]["hit"], 1);
    assert_eq!(status["looks"]["unscanned"], 0);
    assert!(sensor.end().success());
}

/// The scanner dies, mail is kept and owed; it comes back, and what it owes is covered on demand.
#[test]
fn what_a_scanner_owes_is_listed_and_tried_again() {
    let Some(mut clamd) = Clamd::start("what_a_scanner_owes_is_listed_and_tried_again") else { return };
    let socket = clamd.socket();
    let home =
        Home::new(&format!("[[scanner]]\nkind = \"clamd\"\nname = \"av\"\naddress = {socket:?}\n{RULES}"));
    clamd.stop();
    let sensor = home.start();
    send(&sensor, &eicar_mail());
    let look = looks(&home, 1).remove(0);
    assert_eq!(look["judgement"]["verdict"], "undetermined", "nobody looked: {look:#}");
    let owed = wait_for("an entry", || Some(unscanned(&home)).filter(|owed| owed.len() == 1));
    assert_eq!((&owed[0]["scanners"][0], &owed[0]["revision"]), (&"av".into(), &1.into()));
    let status = String::from_utf8(home.output(&["status"])).unwrap();
    assert!(
        status.contains("unscanned 1") && status.contains("warning: 1 messages were not seen"),
        "{status}"
    );
    assert!(
        status.contains("scanner av: ") && status.contains(", still to see 1, the oldest for "),
        "{status}"
    );
    let status: Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
    let scanner = &status["looks"]["scanners"][0];
    assert_eq!(
        (&scanner["unscanned"], scanner["oldest_unscanned"].is_string()),
        (&1.into(), true),
        "{scanner}"
    );
    assert!(String::from_utf8_lossy(&home.output(&["unscanned", "ls"])).contains("  av  waits "));
    // It is remembered by the next life of the program.
    assert!(sensor.end().success());
    let sensor = home.start();
    assert_eq!(unscanned(&home).len(), 1);
    clamd.go_on();
    home.output(&["unscanned", "retry", "--all"]);
    let looks = looks(&home, 2);
    assert_eq!(looks[1]["revision"], 2);
    assert_eq!(looks[1]["judgement"]["verdict"], "hostile", "{:#}", looks[1]);
    assert_eq!(looks[0]["judgement"]["verdict"], "undetermined", "the first look stays as it was");
    wait_for("nothing unscanned", || unscanned(&home).is_empty().then_some(()));
    assert!(sensor.end().success());
}

#[test]
fn what_is_owed_can_be_given_up() {
    let home = Home::new("[[scanner]]\nkind = \"clamd\"\naddress = \"/nonexistent/clamd\"\n");
    let sensor = home.start();
    send(&sensor, &eicar_mail());
    looks(&home, 1);
    let owed = wait_for("an entry", || Some(unscanned(&home)).filter(|owed| owed.len() == 1));
    let id = owed[0]["id"].as_str().unwrap();
    let other = "0192d3f0-5a1c-7000-8001-3f2a9c4be1d0";
    let refused = home.command(&["unscanned", "drop", other]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing is owed of it"), "{refused:?}");
    assert_eq!(refused.status.code(), Some(1));
    home.output(&["unscanned", "drop", id]);
    let looks = looks(&home, 2);
    assert_eq!(looks[1]["coverage"][0]["gaps"][0]["why"], "given up by the operator");
    wait_for("nothing unscanned", || unscanned(&home).is_empty().then_some(()));
    assert!(sensor.end().success());
}

/// A program that looks, and says when it has begun; it goes on when it may.
fn slow_scanner(folder: &Path) -> String {
    let program = folder.join("look.sh");
    let begun = folder.join("begun");
    let go = folder.join("go");
    let script = format!(
        "#!/bin/sh\necho x >> {begun:?}\nwhile [ ! -e {go:?} ]; do sleep 0.05; done\necho '{{\"findings\": []}}'\n"
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    format!("[[scanner]]\nkind = \"exec\"\nname = \"slow\"\ncommand = [{program:?}]\ndeadline = \"50s\"\n")
}

#[test]
fn a_look_that_a_kill_cuts_short_is_made_once() {
    let home = Home::new("");
    let (begun, go) = (home.path().join("begun"), home.path().join("go"));
    let toml = fs::read_to_string(home.config()).unwrap();
    home.configure(&format!("{toml}\n{}", slow_scanner(home.path())));
    let sensor = home.start();
    send(&sensor, &eicar_mail());
    wait_for("the scanner", || begun.exists().then_some(()));
    sensor.kill();
    let sensor = home.start();
    wait_for("the scanner again", || {
        Some(fs::read_to_string(&begun).unwrap_or_default()).filter(|text| text.lines().count() >= 2)
    });
    fs::write(&go, "").unwrap();
    let found = looks(&home, 1);
    assert_eq!(found[0]["revision"], 1);
    assert_eq!(found[0]["coverage"][0]["scanner"], "slow");
    wait_for("no job", || {
        let status: Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
        (status["looks"]["jobs"] == 0).then_some(())
    });
    assert_eq!(looks(&home, 1).len(), 1, "one look, whatever began it");
    assert!(sensor.end().success());
}

/// Whatever ends a sensor ends its worker processes.
#[test]
fn workers_die_with_their_sensor() {
    let home = Home::new("");
    for end in [Sensor::kill, |sensor: Sensor| assert!(sensor.end().success())] {
        let sensor = home.start();
        send(&sensor, &eicar_mail());
        let workers =
            wait_for("a worker", || Some(workers_of(&sensor)).filter(|workers| !workers.is_empty()));
        end(sensor);
        wait_for("the workers' end", || workers.iter().all(|worker| !is_worker(worker)).then_some(()));
    }
}

/// The processes that a sensor started to take messages apart, in `/proc`.
fn workers_of(sensor: &Sensor) -> Vec<PathBuf> {
    let parent = format!("PPid:\t{}\n", sensor.pid());
    let is_child = |process: &PathBuf| {
        fs::read_to_string(process.join("status")).is_ok_and(|status| status.contains(&parent))
    };
    let processes = fs::read_dir("/proc").unwrap().map(|process| process.unwrap().path());
    processes.filter(is_child).filter(|process| is_worker(process)).collect()
}

/// Whether a process is a worker, and not another one that has its number by now, or a dead one.
fn is_worker(process: &Path) -> bool {
    fs::read(process.join("cmdline"))
        .is_ok_and(|line| line.split(|octet| *octet == 0).any(|word| word == b"worker"))
}

/// A scanner that hangs holds neither acceptance nor keeping.
#[test]
fn a_scanner_that_hangs_slows_nobody() {
    let home = Home::new("");
    let toml = fs::read_to_string(home.config()).unwrap();
    home.configure(&format!("{toml}\n{}", slow_scanner(home.path())));
    let sensor = home.start();
    for _ in 0..40 {
        send(&sensor, &eicar_mail());
    }
    assert_eq!(home.wait_kept(40).len(), 40);
    let status: Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
    assert_eq!(status["looks"]["jobs"], 40);
    fs::write(home.path().join("go"), "").unwrap();
    wait_for("all looks", || {
        let status: Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
        (status["looks"]["jobs"] == 0).then_some(())
    });
    assert!(sensor.end().success());
}

#[test]
fn a_rescan_adds_a_look_and_changes_none() {
    let home = Home::new("[[scanner]]\nkind = \"attachment\"\nflags = []\nextensions = [\"exe\"]\n");
    let sensor = home.start();
    send(&sensor, &mail("Run it", "application/octet-stream", "a.com", b"MZ"));
    let first = looks(&home, 1);
    home.reconfigure("\"exe\"", "\"com\"");
    home.output(&["reload"]);
    let id = home.kept().remove(0);
    home.output(&["message", "rescan", &id]);
    let both = looks(&home, 2);
    assert_eq!(both[0], first[0]);
    assert_eq!(first[0]["coverage"][0]["hit"], false);
    assert_eq!(both[1]["coverage"][0]["hit"], true, "{:#}", both[1]);
    assert!(sensor.end().success());
}

#[test]
fn scanners_are_tried_and_advice_is_given() {
    let Some(clamd) = Clamd::start("scanners_are_tried_and_advice_is_given") else { return };
    let socket = clamd.socket();
    let good = format!("[[scanner]]\nkind = \"clamd\"\nname = \"av\"\naddress = {socket:?}\n");
    let home = Home::new(&good);
    let tried = String::from_utf8(home.output(&["scanners", "test"])).unwrap();
    assert!(tried.starts_with("av (clamd): works: found Own.Eicar"), "{tried}");
    let home = Home::new(&format!(
        "{good}[[scanner]]\nkind = \"clamd\"\nname = \"gone\"\naddress = \"/nonexistent/x\"\n"
    ));
    let output = home.command(&["scanners", "test"]);
    let tried = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{tried}");
    assert!(tried.contains("gone (clamd): did not look: cannot connect"), "{tried}");
    assert!(tried.contains("Is clamd running"), "{tried}");
    assert_eq!(home.command(&["scanners", "test", "av"]).status.code(), Some(0));
    assert_eq!(home.command(&["scanners", "test", "other"]).status.code(), Some(1));
}

/// A reload takes settings and files of rules whole or not at all.
#[test]
fn a_reload_reads_lists_anew_and_keeps_the_old_where_one_is_bad() {
    let home = Home::new("");
    let list = home.path().join("known.txt");
    fs::write(&list, "# nothing yet\n").unwrap();
    let toml = fs::read_to_string(home.config()).unwrap();
    home.configure(&format!("{toml}\n[[scanner]]\nkind = \"hash\"\nlists = [{list:?}]\n"));
    let sensor = home.start();
    let hits = |count: u64| {
        send(&sensor, &mail("See the file.", "application/octet-stream", "a.bin", b"known"));
        wait_for("a look", || {
            let status: Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
            let outcomes = &status["looks"]["scanners"][0]["outcomes"];
            let (hit, clean) =
                (outcomes["hit"].as_u64().unwrap_or(0), outcomes["clean"].as_u64().unwrap_or(0));
            (hit + clean == count).then_some(hit)
        })
    };
    assert_eq!(hits(1), 0);
    let digest = sha256sum(b"known");
    fs::write(&list, format!("{digest}  a file that is known\n")).unwrap();
    home.output(&["reload"]);
    assert_eq!(hits(2), 1);
    fs::write(&list, "no digest\n").unwrap();
    let refused = home.command(&["reload"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("scanner[1].lists") && said.contains("known.txt"), "{said}");
    assert_eq!(hits(3), 2, "the list of before is at work");
    let checked = home.command(&["check"]);
    assert_eq!(checked.status.code(), Some(78), "{}", String::from_utf8_lossy(&checked.stdout));
    assert!(sensor.end().success());
}

/// By a program of the host, so that it is not our own word for it.
fn sha256sum(octets: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), octets).unwrap();
    let output = std::process::Command::new("sha256sum").arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}
