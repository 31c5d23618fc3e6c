//! Sockets that are handed in (sd_listen_fds(3)), by a launcher that does as systemd does.

use std::net::TcpStream;
use std::process::Command;

use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::{BINARY, Home, Sensor};
use crate::harness::{program, skip};

/// Opens a socket for each name, says where, and becomes the sensor with them as descriptors 3, 4 ...
const LAUNCHER: &str = r#"
import fcntl, os, socket, sys
kind, names = sys.argv[1:3]
held = []
for _ in range(max(1, names.count(":") + 1)):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
    one.bind(("127.0.0.1", 0))
    if kind == "listening":
        one.listen()
    held.append(fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 100))
    print("listens on 127.0.0.1:%d (held)" % one.getsockname()[1], flush=True)
for number, descriptor in enumerate(held):
    os.dup2(descriptor, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(held)), LISTEN_FDNAMES=names)
os.execv(sys.argv[3], sys.argv[3:])
"#;

/// A configuration whose own address no host has: only a socket that is handed in can be served.
const ELSEWHERE: &str = "192.0.2.1:25";

fn launcher(test: &str, kind: &str, names: &str) -> Option<Command> {
    if program("python3").is_none() {
        skip(test, "python3 is not installed");
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", LAUNCHER, kind, names]).arg(BINARY);
    Some(command)
}

fn started(test: &str, home: &Home) -> Option<Sensor> {
    Some(home.start_under(launcher(test, "listening", "relay")?))
}

#[test]
fn mail_comes_in_by_a_socket_that_was_handed_in() {
    let home = Home::on(ELSEWHERE, "");
    let Some(sensor) = started("mail by a handed-in socket", &home) else { return };
    let message = b"Subject: handed in\r\n\r\nby another\r\n";
    let id = queued_id(&Client::hello(sensor.address).data("", "bob@example.test", message));
    assert_eq!(home.message(&id), message);
    assert!(sensor.end().success());
}

#[test]
fn a_sensor_that_is_off_answers_on_a_socket_that_is_not_its_own() {
    let home = Home::on(ELSEWHERE, "[smtp]\nenabled = false\n");
    let Some(sensor) = started("421 on a handed-in socket", &home) else { return };
    let mut client = Client::connected(sensor.address);
    client.expect("421 4.3.2");
    assert!(client.rest().is_empty());
    let address = sensor.address;
    assert!(sensor.end().success());
    assert!(TcpStream::connect(address).is_err(), "nobody else holds the socket");
}

#[test]
fn a_socket_that_nobody_waits_for_is_a_clear_error() {
    for (kind, names, expected) in [
        ("listening", "journal", vec!["journal", "there is relay"]),
        ("listening", "relay:journal", vec!["journal", "there is relay"]),
        ("listening", "relay:relay", vec!["relay"]),
        ("listening", "", vec!["FileDescriptorName="]),
        ("datagram", "relay", vec!["relay", "tcp"]),
        ("bound", "relay", vec!["relay", "Accept=no"]),
    ] {
        let home = Home::on(ELSEWHERE, "");
        let Some(mut command) = launcher("wrong handed-in sockets", kind, names) else { return };
        let output = command.arg("--config").arg(home.config()).arg("run").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{kind} {names}: {said}");
        for part in expected {
            assert!(said.contains(part), "{kind} {names}: no {part} in {said}");
        }
    }
}

#[test]
fn sockets_of_another_process_are_left_alone() {
    let home = Home::new("");
    let mut command = Command::new(BINARY);
    command.env("LISTEN_PID", "1").env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "nobody");
    let sensor = home.start_under(command);
    Client::hello(sensor.address).command("QUIT", "221");
    assert!(sensor.end().success());
}
