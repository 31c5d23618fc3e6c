//! Full disks: mail is refused for now, what was acknowledged is there, and room is all it takes to go on.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::harness::client::Client;
use crate::harness::load::{Fate, Sent, account, send, send_until_taken};
use crate::harness::sensor::{Home, Sensor};
use crate::harness::tmpfs::Tmpfs;
use crate::harness::wait_for;

const MIB: u64 = 1 << 20;
const FULL: &str = "nothing more is taken: senders are told to come back";
const ROOM: &str = "there is room again: the spool takes what comes";

fn message(number: usize) -> Vec<u8> {
    let line = format!("line of message {number} {}\r\n", "x".repeat(60));
    format!("Subject: {number}\r\n\r\n{}", line.repeat(400)).into_bytes()
}

/// Sends messages until one is refused, or all are taken.
fn fill(sensor: &Sensor, numbers: Range<usize>) -> Vec<Sent> {
    let mut client = Client::hello(sensor.address);
    let mut sent = Vec::new();
    for number in numbers {
        sent.push(send(&mut client, message(number)));
        if !is_taken(&sent) {
            break;
        }
    }
    sent
}

fn is_taken(sent: &[Sent]) -> bool {
    matches!(sent.last().map(|last| &last.fate), Some(Fate::Acknowledged(_)))
}

#[track_caller]
fn refusal(sent: &[Sent]) -> &str {
    match sent.last().map(|last| &last.fate) {
        Some(Fate::Refused(reply)) => reply,
        fate => panic!("nothing was refused, the last of {} is {fate:?}", sent.len()),
    }
}

#[test]
fn a_full_spool_refuses_for_now_drains_without_new_space_and_recovers() {
    let name = "a_full_spool_refuses_for_now_drains_without_new_space_and_recovers";
    let home = Home::new("");
    let Some(disk) = Tmpfs::mount(name, &home.state(), 4 * MIB) else { return };
    let (state, archive) = (home.state(), home.path().join("archive"));
    // The reserve is a part of a whole one, and smaller than the files of the spool of jobs beside it.
    let configure = |paused: bool, reserve: &str| {
        home.configure(&format!(
            "state_dir = {state:?}\nscan.enabled = false\n[[smtp.listener]]\nname = \"relay\"\naddress = \"127.0.0.1:0\"\n\
             [spool]\nsegment_size = \"256 KiB\"\nreserve = {reserve:?}\nreserve_inodes = 0\n\
             [pipeline]\npaused = {paused}\n[archive]\ndirectory = {archive:?}\n"
        ));
    };
    configure(true, "512 KiB");
    let sensor = home.start();
    let mut sent = fill(&sensor, 0..1_000);
    let reply = refusal(&sent);
    assert!(reply.starts_with("452 4.3.1"), "{reply}");
    let lines = wait_for("the line that tells", || Some(home.logged(FULL)).filter(|lines| !lines.is_empty()));
    assert_eq!(lines.len(), 1, "one line however often it is asked: {lines:?}");
    assert_eq!(lines[0]["level"], "WARN");
    assert!(account(&sent, &home.spooled_messages()) >= 50, "only {} were taken", sent.len());
    // Reading is not writing: a full spool is killed and found again.
    sensor.kill();
    // Nothing of what the reserve spared is left, for the sensor nor for anybody else.
    disk.fill();
    configure(false, "128 KiB");
    let sensor = home.start();
    home.wait_drained();
    sent.push(send_until_taken(sensor.address, &message(2_000)));
    home.wait_drained();
    assert!(sensor.end().success());
    assert!(!home.logged(ROOM).is_empty(), "{}", home.log());
    let kept: BTreeMap<_, _> = read_archive(&archive);
    let acknowledged = account(&sent, &kept);
    let counts = home.counts();
    assert_eq!((counts.accepted, counts.kept), (acknowledged as u64, acknowledged as u64), "{counts:?}");
}

fn read_archive(folder: &std::path::Path) -> BTreeMap<String, Vec<u8>> {
    let files = crate::harness::files_below(folder);
    let messages = files.iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "eml"));
    let stem = |path: &std::path::Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    messages.map(|path| (stem(path), std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_disk_that_others_fill_refuses_for_now_and_leaves_no_ghost() {
    let name = "a_disk_that_others_fill_refuses_for_now_and_leaves_no_ghost";
    let home = Home::new(
        "[spool]\nsegment_size = \"256 KiB\"\nreserve = \"0 B\"\nreserve_inodes = 0\n[pipeline]\npaused = true\n",
    );
    let Some(disk) = Tmpfs::mount(name, &home.state(), 4 * MIB) else { return };
    let sensor = home.start();
    let mut sent = fill(&sensor, 0..10);
    disk.fill();
    sent.extend(fill(&sensor, 10..1_000));
    let reply = refusal(&sent);
    assert!(reply.starts_with("452 4.3.1") || reply.starts_with("451 4.3.0"), "{reply}");
    account(&sent, &home.spooled_messages());
    let refused = home.command(&["disable"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("to close the door nevertheless"), "{told}");
    std::fs::remove_file(home.state().join("ballast")).unwrap();
    sent.push(send_until_taken(sensor.address, &message(2_000)));
    sensor.kill();
    let sensor = home.start();
    account(&sent, &home.spooled_messages());
    assert!(sensor.end().success());
}

#[test]
fn mail_waits_in_the_spool_while_the_archive_is_full() {
    let name = "mail_waits_in_the_spool_while_the_archive_is_full";
    let home = Home::new("[spool]\nreserve = \"0 B\"\n[pipeline]\ngroup = 16\n");
    let Some(disk) = Tmpfs::mount(name, &home.state().join("archive"), MIB) else { return };
    let sensor = home.start();
    let sent = fill(&sensor, 0..200);
    assert!(is_taken(&sent), "{:?}", sent.last().map(|last| &last.fate));
    wait_for("the full archive to be noticed", || {
        home.logged("mail cannot be kept; it waits in the spool").pop().map(drop)
    });
    let is_warned = || {
        let status: serde_json::Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
        status["warnings"].to_string().contains("the archive cannot be written")
    };
    assert!(is_warned());
    let waiting = home.spooled();
    assert!(!waiting.is_empty());
    for entry in &waiting {
        assert_ne!(entry["standing"]["state"], "set_aside", "{entry}");
    }
    disk.resize(16 * MIB);
    home.wait_drained();
    assert!(!is_warned());
    assert!(sensor.end().success());
    account(&sent, &home.archived_messages());
    let counts = home.counts();
    assert_eq!((counts.kept, counts.set_aside), (200, 0), "{counts:?}");
}
