//! What the service manager is told, heard on its socket.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::harness::PATIENCE;
use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::{BINARY, Home};

/// The service manager's side.
struct Manager(UnixDatagram);

impl Manager {
    /// The next message that is no sign of life.
    #[track_caller]
    fn told(&self) -> Vec<String> {
        loop {
            let told = self.heard();
            if told != ["WATCHDOG=1"] {
                return told;
            }
        }
    }

    #[track_caller]
    fn heard(&self) -> Vec<String> {
        let mut message = vec![0; 4096];
        let octets = self.0.recv(&mut message).expect("the sensor is silent");
        message.truncate(octets);
        String::from_utf8(message).unwrap().lines().map(str::to_owned).collect()
    }
}

/// The number behind `name`.
#[track_caller]
fn number(told: &[String], name: &str) -> u64 {
    let value = told.iter().find_map(|line| line.strip_prefix(name));
    value.unwrap_or_else(|| panic!("no {name} in {told:?}")).parse().unwrap()
}

#[test]
fn readiness_reload_life_and_end_are_told() {
    let home = Home::new("[drain]\ndeadline = \"20s\"\n");
    let path = home.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    manager.0.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new(BINARY);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "50000");
    let sensor = home.start_under(command);
    let status = format!("STATUS=listens on {} (relay)", sensor.address);
    assert_eq!(manager.told(), ["READY=1", &status]);
    for _ in 0..3 {
        assert_eq!(manager.heard(), ["WATCHDOG=1"]);
    }
    sensor.signal("HUP");
    let reloading = manager.told();
    assert_eq!(reloading[0], "RELOADING=1");
    assert!(number(&reloading, "MONOTONIC_USEC=") > 0);
    assert_eq!(manager.told(), [&*status]);
    assert_eq!(manager.told(), ["READY=1"]);
    for (command, now) in [("disable", "STATUS=listens nowhere: smtp.enabled is false"), ("enable", &status)]
    {
        home.output(&[command]);
        assert_eq!(manager.told(), [now]);
    }
    sensor.signal("TERM");
    let stopping = manager.told();
    assert_eq!(stopping[0], "STOPPING=1");
    // The deadline, 1 s for sessions that are cut, 10 s for files in work, 5 s for the control plane.
    assert_eq!(number(&stopping, "EXTEND_TIMEOUT_USEC="), 36_000_000);
    assert!(sensor.wait_ended().success());
}

#[test]
fn a_watchdog_of_another_process_is_not_served() {
    let home = Home::new("");
    let path = home.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    manager.0.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new(BINARY);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    let sensor = home.start_under(command);
    assert_eq!(manager.heard()[0], "READY=1");
    queued_id(&Client::hello(sensor.address).data("", "bob@example.test", b"Subject: a\r\n\r\n"));
    sensor.signal("TERM");
    assert_eq!(manager.heard()[0], "STOPPING=1");
    assert!(sensor.wait_ended().success());
}

#[test]
fn a_manager_that_does_not_listen_costs_no_mail() {
    let home = Home::new("");
    let mut command = Command::new(BINARY);
    command.env("NOTIFY_SOCKET", home.path().join("nobody")).env("WATCHDOG_USEC", "1000000");
    let sensor = home.start_under(command);
    queued_id(&Client::hello(sensor.address).data("", "bob@example.test", b"Subject: a\r\n\r\n"));
    assert!(sensor.end().success());
    assert!(home.log().contains("the service manager cannot be told"));
}
