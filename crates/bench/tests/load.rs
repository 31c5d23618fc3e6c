//! The load generator against the bare server and against servers that misbehave, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::thread;

use clap::Parser;
use sensor_bench::bare::Promise;
use sensor_bench::load::{self, LoadError};

mod servers;

use servers::{bare_server, certificate};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: load::Options,
}

/// Options as typed on the command line; few enough messages to end long before the seconds are up.
fn options(typed: &str) -> load::Options {
    let bounded = "load --seconds 60 --connections 3 --messages 20 --settle 0 ".to_owned() + typed;
    Arguments::parse_from(bounded.split_whitespace()).options
}

/// A server that says `lines` one after the other, each answering a line of the client, then closes.
fn scripted_server(lines: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut input = BufReader::new(stream.try_clone().unwrap());
            for line in lines {
                let mut ignored = String::new();
                stream.write_all(line.as_bytes()).unwrap();
                if line.starts_with("354") {
                    while ignored != ".\r\n" {
                        ignored.clear();
                        input.read_line(&mut ignored).unwrap();
                    }
                } else {
                    input.read_line(&mut ignored).unwrap();
                }
            }
        }
    });
    address
}

fn message_ids(file: &Path) -> usize {
    let kept = std::fs::read(file).unwrap();
    memchr::memmem::find_iter(&kept, b"Message-ID: <").count()
}

#[test]
fn what_is_counted_as_accepted_is_in_the_file() {
    let certificate = certificate();
    for (promise, typed, in_file) in [
        (Promise::Growing, "", 20),
        (Promise::Growing, "--per-connection 4", 20),
        (Promise::Growing, "--per-connection 100 --pipelining", 20),
        (Promise::Growing, "--per-connection 7 --chunking", 20),
        (Promise::Recycled, "--per-connection 7 --pipelining --chunking --structure attachment", 20),
        (Promise::Recycled, "--octets 100KiB --structure base64", 20),
        (Promise::Growing, "--starttls --per-connection 4", 20),
        (Promise::Recycled, "--starttls --per-connection 7 --pipelining --chunking --octets 100KiB", 20),
        (Promise::Growing, "--octets 40KiB --chunking --pipelining --sources 0", 20),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log");
        let addr = bare_server(promise, Some(file.clone()), Some(certificate.path()));
        let report = load::run(&options(&format!("--addr {addr} {typed}"))).unwrap();
        assert_eq!((report.accepted, &report.errors), (20, &BTreeMap::new()), "{typed}");
        assert_eq!(message_ids(&file), in_file, "{typed}");
        assert!(report.final_reply_ms.p50 <= report.transaction_ms.max, "{typed}");
    }
}

#[test]
fn the_octets_of_messages_are_counted_without_doubled_dots() {
    let addr = bare_server(Promise::Discard, None, None);
    let report = load::run(&options(&format!("--addr {addr} --octets 10000"))).unwrap();
    let octets = report.megabytes_per_s * 1e6 * report.seconds;
    assert_eq!(octets.round(), 200_000.0);
}

#[test]
fn failures_are_counted_by_stage_and_code() {
    for (lines, failure) in [
        (&["554 go away\r\n"][..], "greeting-554"),
        (&["220 a\r\n", "502 b\r\n"], "ehlo-502"),
        (&["220 a\r\n", "250 b\r\n", "454 c\r\n"], "starttls-454"),
        (&["220 a\r\n", "250 b\r\n", "220 c\r\n250 d\r\n"], "plaintext-behind-starttls"),
        (&["220 a\r\n", "250-b\r\n250 c\r\n", "421 d\r\n"], "mail-421"),
        (&["220 a\r\n", "250 b\r\n", "250 c\r\n", "550 d\r\n"], "rcpt-550"),
        (&["220 a\r\n", "250 b\r\n", "250 c\r\n", "250 d\r\n", "451 e\r\n"], "data-451"),
        (&["220 a\r\n", "250 b\r\n", "250 c\r\n", "250 d\r\n", "354 e\r\n", "452 f\r\n"], "final-452"),
        (&["220 a\r\n", "250 b\r\n", "250 c\r\n"], "closed"),
        (&["hello\r\n"], "no-reply"),
    ] {
        let addr = scripted_server(lines);
        let mut options = options(&format!("--addr {addr}"));
        options.messages = 2;
        options.target.starttls = failure.contains("tls");
        let report = load::run(&options).unwrap();
        assert_eq!((report.accepted, report.errors), (0, BTreeMap::from([(failure.to_owned(), 2)])));
    }
}

#[test]
fn a_server_that_goes_away_instead_of_a_handshake_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut input = BufReader::new(stream.try_clone().unwrap());
            for line in ["220 a\r\n", "250 b\r\n"] {
                stream.write_all(line.as_bytes()).unwrap();
                input.read_line(&mut String::new()).unwrap();
            }
            stream.write_all(b"220 c\r\n").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            // All is read, so that the client sees an end and not a reset.
            std::io::copy(&mut input, &mut std::io::sink()).unwrap();
        }
    });
    let mut options = options(&format!("--addr {addr} --starttls"));
    options.messages = 2;
    let report = load::run(&options).unwrap();
    assert_eq!(report.errors, BTreeMap::from([("tls-UnexpectedEof".to_owned(), 2)]));
}

#[test]
fn a_server_that_does_not_listen_or_never_answers_is_an_error_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut options = options(&format!("--addr {addr}"));
    (options.seconds, options.grace) = (1.0, 0.1);
    let report = load::run(&options).unwrap();
    assert_eq!((report.accepted, report.errors), (0, BTreeMap::from([("time-up".to_owned(), 3)])));
    drop(listener);
    options.messages = 2;
    let report = load::run(&options).unwrap();
    assert_eq!(report.errors, BTreeMap::from([("connect-ConnectionRefused".to_owned(), 2)]));
}

#[test]
fn the_server_is_metered_when_its_process_is_given() {
    let addr = bare_server(Promise::Discard, None, None);
    let own = std::process::id();
    let report = load::run(&options(&format!("--addr {addr} --server-pid {own}"))).unwrap();
    assert!(report.server.is_some_and(|server| server.processes >= 1));
    let gone = load::run(&options(&format!("--addr {addr} --server-pid {}", u32::MAX)));
    assert!(matches!(gone, Err(LoadError::NoServer(u32::MAX))));
}

#[test]
fn an_address_elsewhere_is_refused_before_anything_is_sent() {
    for addr in ["192.0.2.7:25", "[2001:db8::7]:25", "0.0.0.0:25"] {
        assert!(Arguments::try_parse_from(["load", "--addr", addr]).is_err(), "{addr}");
    }
}
