//! The door of the real binary: who is turned away and in which words, what is off, what is too much, and what
//! an administrator is told.

mod crowd;
mod operator;
mod set_aside;
mod settings;

use std::io::ErrorKind;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::harness::client::{Client, queued_id, stuffed};
use crate::harness::sensor::{BINARY, Home};

const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nworld\r\n";

/// A sensor with these lines in `[smtp]`.
fn home_with(smtp: &str) -> Home {
    let home = Home::new("");
    let state = home.state();
    home.configure(&format!(
        "state_dir = {state:?}\n[smtp]\n{smtp}\n[[smtp.listener]]\nname = \"relay\"\naddress = \"127.0.0.1:0\"\n"
    ));
    home
}

#[test]
fn a_client_that_is_not_allowed_may_only_quit() {
    let home = home_with("clients = [\"192.0.2.0/24\", \"!127.0.0.0/8\"]");
    let sensor = home.start();
    let mut client = Client::connected(sensor.address);
    let greeting = client.expect("554 ");
    assert!(greeting.contains("(rule clients[2])"), "{greeting}");
    client.command("EHLO client.example.com", "503 ");
    client.command("MAIL FROM:<ada@example.com>", "503 ");
    client.command("QUIT", "221 ");
    assert!(client.rest().is_empty());
    assert!(sensor.end().success());
    assert_eq!(home.counts().accepted, 0);
}

#[test]
fn a_message_that_is_too_large_is_refused_where_it_shows() {
    let home = home_with("message_size_limit = \"1 KiB\"");
    let sensor = home.start();
    let mut client = Client::connected(sensor.address);
    client.expect("220");
    let hello = client.command("EHLO client.example.com", "250");
    assert!(hello.contains("SIZE 1024"), "{hello}");
    let refused = client.command("MAIL FROM:<ada@example.com> SIZE=1025", "552 5.3.4");
    assert!(refused.contains("(rule message_size_limit)"), "{refused}");
    // A client that lies, or does not say: refused when the body grows too large, and still in step.
    let large = [b"Subject: large\r\n\r\n".to_vec(), b"0123456789abcdef\r\n".repeat(100)].concat();
    client.command("MAIL FROM:<ada@example.com> SIZE=1024", "250");
    client.command("RCPT TO:<bob@example.test>", "250");
    client.command("DATA", "354");
    client.send(&stuffed(&large));
    client.expect("552 5.3.4");
    client.command("MAIL FROM:<ada@example.com>", "250");
    client.command("RCPT TO:<bob@example.test>", "250");
    client.send(format!("BDAT {} LAST\r\n", large.len()).as_bytes());
    client.send(&large);
    client.expect("552 5.3.4");
    let exact = [b"x".repeat(1_022), b"\r\n".to_vec()].concat();
    let id = queued_id(&client.data("ada@example.com", "bob@example.test", &exact));
    home.wait_drained();
    assert!(sensor.end().success());
    assert_eq!(home.archived_messages().into_iter().collect::<Vec<_>>(), [(id, exact)]);
}

#[test]
fn recipients_that_are_not_covered_are_refused_by_rule_and_the_others_get_their_mail() {
    let home = home_with("destination_domains = [\"example.test\", \"!lab.example.test\"]");
    let sensor = home.start();
    let mut client = Client::hello(sensor.address);
    client.command("MAIL FROM:<ada@example.com>", "250");
    for (recipient, rule) in [
        ("bob@example.org", "destination_domains.default"),
        ("bob@LAB.example.test.", "destination_domains[2]"),
        ("bob@deep.lab.example.test", "destination_domains[2]"),
    ] {
        let refused = client.command(&format!("RCPT TO:<{recipient}>"), "550 5.7.1");
        assert!(refused.contains(&format!("(rule {rule})")), "{recipient}: {refused}");
    }
    client.command("DATA", "554 5.5.1");
    client.command("RCPT TO:<bob@mail.example.test>", "250");
    client.command("RCPT TO:<postmaster>", "250");
    client.command("DATA", "354");
    client.send(&stuffed(MESSAGE));
    let id = queued_id(&client.expect("250"));
    home.wait_kept(1);
    let record: serde_json::Value = serde_json::from_slice(&home.output(&["message", "show", &id])).unwrap();
    let recipients = record["envelope"]["recipients"].as_array().unwrap();
    assert_eq!(recipients.len(), 2, "{record}");
}

#[test]
fn a_sensor_that_is_off_listens_nowhere_and_goes_down_well() {
    let home = home_with("enabled = false");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    home.reconfigure("127.0.0.1:0", &address.to_string());
    // The address is another's: a sensor that bound it would fail.
    let mut child = Command::new(BINARY)
        .arg("--config")
        .arg(home.config())
        .arg("run")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let lines: Vec<String> = said
        .map(Result::unwrap)
        .inspect(|line| assert!(!line.starts_with("listens on"), "{line}"))
        .take_while(|line| line != "ready")
        .collect();
    assert!(lines.iter().any(|line| line == "listens nowhere: smtp.enabled is false"), "{lines:?}");
    let ended = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(ended.success() && child.wait().unwrap().success());
    drop(taken);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn tls_that_is_required_comes_before_mail() {
    let home = Home::new("security = \"required\"");
    let sensor = home.start();
    let mut client = Client::hello(sensor.address);
    client.command("MAIL FROM:<ada@example.com>", "530 5.7.0");
    client.command("NOOP", "250");
    assert!(home.state().join("tls").is_dir());
}
