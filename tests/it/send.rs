//! `mailsensor send`: what becomes of a test message, and what is said about it.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use crate::harness::own_address;
use crate::harness::sensor::{Home, Sensor};

/// Runs `send` against the sensor.
fn sent(home: &Home, sensor: &Sensor, more: &[&str]) -> (Option<i32>, String) {
    let server = sensor.address.to_string();
    let mut arguments = vec!["send", "--server", &server];
    arguments.extend(more);
    told(home.command(&arguments))
}

fn told(Output { status, stdout, stderr }: Output) -> (Option<i32>, String) {
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[track_caller]
fn id_of(said: &str) -> &str {
    said.lines().find_map(|line| line.strip_prefix("read it back: mailsensor message show ")).expect(said)
}

#[test]
fn a_message_arrives_as_the_file_has_it() {
    let home = Home::new("");
    let sensor = home.start();
    let file = home.path().join("message");
    for (text, stored) in [
        ("Subject: a\n\n.leading dot\n..\n", "Subject: a\r\n\r\n.leading dot\r\n..\r\n"),
        ("Subject: a\r\n\r\ntext\r\n\r\n", "Subject: a\r\n\r\ntext\r\n\r\n"),
        ("Subject: a\n\nno end of line, \u{e9}", "Subject: a\r\n\r\nno end of line, \u{e9}\r\n"),
    ] {
        fs::write(&file, text).unwrap();
        for tls in [None, Some("--tls")] {
            let mut more = vec!["--to", "bob@example.test", file.to_str().unwrap()];
            more.extend(tls);
            let (status, said) = sent(&home, &sensor, &more);
            assert_eq!(status, Some(0), "{said}");
            assert_eq!(said.contains("shows the certificate with SHA-256 "), tls.is_some(), "{said}");
            assert_eq!(home.message(id_of(&said)), stored.as_bytes());
        }
    }
    assert!(sensor.end().success());
}

#[test]
fn whoever_is_refused_is_told_what_to_do() {
    let smtp = |more: &str| format!("[smtp]\n{more}\n");
    let domains = smtp("destination_domains = [\"example.com\"]");
    for (toml, more, status, expected) in [
        (domains.clone(), ["--to", "bob@example.test"].as_slice(), 1, "to RCPT: 550 5.7.1"),
        (domains, &["--to", "bob@example.test"], 1, "smtp.destination_domains"),
        (smtp("clients = [\"192.0.2.1\"]"), &["--to", "bob@example.test"], 1, "in its greeting: 554"),
        (smtp("clients = [\"192.0.2.1\"]"), &["--to", "bob@example.test"], 1, "smtp.clients"),
        (smtp("message_size_limit = \"64 B\""), &["--to", "bob@example.test"], 1, "smtp.message_size_limit"),
        (smtp("tls.security = \"required\""), &["--to", "bob@example.test"], 1, "add --tls"),
        (smtp("tls.security = \"none\""), &["--to", "bob@example.test", "--tls"], 1, "leave out --tls"),
        (
            "[spool]\nreserve_inodes = 1099511627776\n".into(),
            &["--to", "bob@example.test"],
            75,
            "spool.reserve",
        ),
    ] {
        let home = Home::new(&toml);
        let sensor = home.start();
        let (ended, said) = sent(&home, &sensor, more);
        assert_eq!(ended, Some(status), "{toml}: {said}");
        assert!(said.contains(expected), "{toml}: no {expected} in {said}");
        assert!(sensor.end().success());
    }
}

#[test]
fn the_first_listener_is_the_default() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::on(&free.local_addr().unwrap().to_string(), "");
    drop(free);
    let (status, said) = told(home.command(&["send", "--to", "bob@example.test"]));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("is the sensor started"), "{said}");
    let home = Home::new("");
    let (status, said) = told(home.command(&["send", "--to", "bob@example.test"]));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("--server"), "{said}");
}

#[test]
fn a_listener_that_takes_a_test_is_chosen_and_spoken_to_as_it_wants() {
    let certificates = make_certificates();
    let ca = certificates.path().join("ca.pem");
    let behind = "proxy = [\"127.0.0.0/8\"]";
    let insists = format!("security = \"implicit\"\nclient_certificates = \"require\"\nclient_ca = {ca:?}");
    for (first, second, more, status, expected) in [
        ("", "", vec![], 0, "took it"),
        ("security = \"implicit\"", "", vec![], 0, "shows the certificate"),
        ("security = \"required\"", "", vec![], 0, "shows the certificate"),
        ("", "security = \"implicit\"", vec!["--tls=implicit"], 0, "shows the certificate"),
        (behind, "", vec![], 0, "took it"),
        (behind, "security = \"implicit\"", vec![], 0, "shows the certificate"),
        (&insists, "", vec![], 0, "took it"),
        (&insists, behind, vec![], 1, "no listener takes a test from this host"),
        ("security = \"none\"", "security = \"none\"", vec!["--tls"], 1, "or has no such TLS"),
    ] {
        let home = Home::new("");
        let [one, two] = free_addresses();
        let state = home.state();
        home.configure(&format!(
            "state_dir = {state:?}\n[[smtp.listener]]\nname = \"first\"\naddress = \"{one}\"\n{first}\n\
             [[smtp.listener]]\nname = \"second\"\naddress = \"{two}\"\n{second}\n"
        ));
        let sensor = home.start();
        let mut arguments = vec!["send", "--to", "bob@example.test"];
        arguments.extend(more);
        let (ended, said) = told(home.command(&arguments));
        assert_eq!(ended, Some(status), "{first} {second}: {said}");
        assert!(said.contains(expected), "{first} {second}: no {expected} in {said}");
        assert!(sensor.end().success());
    }
}

/// Two addresses of this process's own that nobody listens on.
fn free_addresses() -> [String; 2] {
    let sockets = [(); 2].map(|()| TcpListener::bind((own_address(), 0)).unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().to_string())
}

/// A folder with `ca.pem`, an authority's certificate.
fn make_certificates() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let authority = rcgen::generate_simple_self_signed(["ca.example.com".to_owned()]).unwrap();
    fs::write(folder.path().join("ca.pem"), authority.cert.pem()).unwrap();
    folder
}
