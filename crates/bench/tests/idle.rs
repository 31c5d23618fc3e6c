//! Idle connections against the bare server and against servers that do not hold them, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use clap::Parser;
use sensor_bench::bare::Promise;
use sensor_bench::idle::{self, IdleError, Report};

mod servers;

use servers::{bare_server, certificate};

#[derive(Parser)]
#[command(args_override_self = true)]
struct Arguments {
    #[command(flatten)]
    options: idle::Options,
}

/// Ten connections, unless `typed` says another number; the server is this process.
fn hold(typed: &str) -> Result<Report, IdleError> {
    let own = std::process::id();
    let line = format!("idle --hold 0.2 --server-pid {own} --connections 10 {typed}");
    idle::run(&Arguments::parse_from(line.split_whitespace()).options)
}

/// A server that greets, answers EHLO and then does `then` with the connection.
fn server(then: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"220 a\r\n").unwrap();
            BufReader::new(&stream).read_line(&mut String::new()).unwrap();
            stream.write_all(b"250 b\r\n").unwrap();
            then(stream);
        }
    });
    address
}

fn counted(name: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(name.to_owned(), count)])
}

#[test]
fn a_connection_that_the_server_closes_or_speaks_on_is_not_held() {
    let closing = server(drop);
    let speaking = server(|mut stream| {
        stream.write_all(b"421 c\r\n").unwrap();
        // Not closed: what was said alone must count.
        std::mem::forget(stream);
    });
    for addr in [closing, speaking] {
        let report = hold(&format!("--addr {addr}")).unwrap();
        assert_eq!((report.held, report.errors), (0, counted("not-held", 10)));
        assert_eq!((report.pss_kib_each, report.cpu_ms_each), (0.0, 0.0));
    }
}

#[test]
fn what_cannot_be_opened_is_counted_by_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let report = hold(&format!("--addr {addr} --seconds 0.1")).unwrap();
    assert_eq!((report.held, report.errors), (0, counted("time-up", 10)));
    drop(listener);
    let report = hold(&format!("--addr {addr}")).unwrap();
    assert_eq!(report.errors, counted("connect-ConnectionRefused", 10));
    let without_tls = bare_server(Promise::Discard, None, None);
    let report = hold(&format!("--addr {without_tls} --starttls")).unwrap();
    assert_eq!(report.errors, counted("starttls-502", 10));
}

#[test]
fn a_server_that_does_not_run_is_an_error() {
    let addr = bare_server(Promise::Discard, None, None);
    let mut options = Arguments::parse_from(["idle", "--server-pid", "0", "--addr", &addr]).options;
    options.server_pid = u32::MAX;
    assert!(matches!(idle::run(&options), Err(IdleError::NoServer(u32::MAX))));
    options.seconds = -1.0;
    assert!(matches!(idle::run(&options), Err(IdleError::Seconds)));
}

#[test]
fn idle_connections_are_held_with_and_without_tls() {
    let certificate = certificate();
    let addr = bare_server(Promise::Discard, None, Some(certificate.path()));
    for typed in ["", "--starttls", "--connections 200 --sources 0"] {
        let report = hold(&format!("--addr {addr} {typed}")).unwrap();
        assert_eq!((report.held, &report.errors), (report.wanted, &BTreeMap::new()), "{typed}");
        assert!(report.before.pss_kib > 0 && report.after.processes >= 1, "{report:?}");
        assert!(report.connect_ms.max > 0.0, "{report:?}");
    }
}
