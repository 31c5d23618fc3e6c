//! Where the log goes: a file that is moved away, the journal.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::{BINARY, Home};
use crate::harness::wait_for;

/// The ids of `accepted` lines; every line must be whole.
fn accepted(log: &str) -> Vec<String> {
    let id = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        (line["message"] == "accepted").then(|| line["id"].as_str().unwrap().to_owned())
    };
    log.lines().filter_map(id).collect()
}

#[test]
fn a_log_that_is_moved_away_loses_no_line() {
    const ROUNDS: usize = 5;
    const MESSAGES: usize = 20;
    let home = Home::new("[log]\nfile = \"LOG\"\n");
    let file = home.path().join("sensor.log");
    home.reconfigure("LOG", file.to_str().unwrap());
    let sensor = home.start();
    let mut client = Client::hello(sensor.address);
    let mut sent = Vec::new();
    for round in 0..ROUNDS {
        for _ in 0..MESSAGES {
            sent.push(queued_id(&client.data("", "bob@example.test", b"Subject: a\r\n\r\n")));
        }
        // What is logged between these two goes to the file under its new name.
        fs::rename(&file, home.path().join(format!("sensor.log.{round}"))).unwrap();
        sent.push(queued_id(&client.data("", "bob@example.test", b"Subject: b\r\n\r\n")));
        sensor.signal("HUP");
        wait_for("the new log", || file.exists().then_some(()));
    }
    assert!(sensor.end().success());
    let mut logged = String::new();
    for round in 0..ROUNDS {
        let old = fs::read_to_string(home.path().join(format!("sensor.log.{round}"))).unwrap();
        assert!(old.ends_with('\n'), "a line was cut");
        logged += &old;
    }
    logged += &fs::read_to_string(&file).unwrap();
    assert_eq!(accepted(&logged), sent);
    assert!(logged.contains("\"stopped\""));
    assert_eq!(home.log(), "", "standard error is silent while there is a file");
}

#[test]
fn a_log_that_cannot_be_opened_anew_is_written_on() {
    let home = Home::new("[log]\nfile = \"LOG\"\n");
    let folder = home.path().join("logs");
    fs::create_dir(&folder).unwrap();
    home.reconfigure("LOG", folder.join("sensor.log").to_str().unwrap());
    let sensor = home.start();
    let moved = home.path().join("moved");
    fs::rename(&folder, &moved).unwrap();
    sensor.signal("HUP");
    wait_for("the error in the old file", || {
        let log = fs::read_to_string(moved.join("sensor.log")).unwrap();
        log.contains("the log file cannot be opened anew").then_some(())
    });
    let id = queued_id(&Client::hello(sensor.address).data("", "bob@example.test", b"Subject: a\r\n\r\n"));
    assert!(sensor.end().success());
    assert!(fs::read_to_string(moved.join("sensor.log")).unwrap().contains(&id));
}

#[test]
fn a_log_file_that_cannot_be_had_is_an_error_at_the_start() {
    let home = Home::new("[log]\nfile = \"/proc/nowhere/sensor.log\"\n");
    let output = home.command(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot open the log file /proc/nowhere/sensor.log"), "{said}");
}

#[test]
fn the_journal_is_known_by_its_inode() {
    for (format, is_journal, begins) in [
        ("auto", true, "<6> INFO accepted "),
        ("human", true, "<6> INFO accepted "),
        ("json", true, "<6>{\"timestamp\":"),
        // The variable is inherited by whoever is started with another standard error.
        ("auto", false, "{\"timestamp\":"),
    ] {
        let home = Home::new(&format!("[log]\nformat = \"{format}\"\n"));
        let log = fs::File::create(home.path().join("log")).unwrap().metadata().unwrap();
        let inode = if is_journal { log.ino() } else { log.ino() + 1 };
        let mut command = Command::new(BINARY);
        command.env("JOURNAL_STREAM", format!("{}:{inode}", log.dev()));
        let sensor = home.start_under(command);
        let id =
            queued_id(&Client::hello(sensor.address).data("", "bob@example.test", b"Subject: a\r\n\r\n"));
        assert!(sensor.end().success());
        let log = home.log();
        let line = log.lines().find(|line| line.contains(&id)).expect(&log);
        assert!(line.starts_with(begins), "{format}: {line}");
    }
}
