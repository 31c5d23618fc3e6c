//! Connections that are held, by a server that keeps them, one that turns everybody away and one that closes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use sensor_bench::hold::{Holding, Options};

#[test]
fn who_is_turned_away_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string().parse().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(b"421 later\r\n").unwrap();
        }
    });
    let (holding, opened) = Holding::open(&Options { addr, connections: 7, first: 0 }).unwrap();
    assert_eq!((opened.held, holding.ended()), (0, 0));
    assert_eq!(opened.errors, BTreeMap::from([("the server refused".to_owned(), 7)]));
}

/// Takes the next connection and greets it.
fn receive(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"220 a\r\n").unwrap();
    BufReader::new(stream.try_clone().unwrap()).read_line(&mut String::new()).unwrap();
    stream.write_all(b"250-b\r\n250 c\r\n").unwrap();
    stream
}

#[test]
fn connections_are_held_until_the_server_closes_them() {
    // More than are opened at a time, from more than one block of addresses.
    const CONNECTIONS: u32 = 300;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string().parse().unwrap();
    let server = thread::spawn(move || (0..CONNECTIONS).map(|_| receive(&listener)).collect::<Vec<_>>());
    let (holding, opened) = Holding::open(&Options { addr, connections: CONNECTIONS, first: 100 }).unwrap();
    let mut served = server.join().unwrap();
    assert_eq!((opened.held, opened.errors, holding.ended()), (300, BTreeMap::new(), 0));
    let addresses: BTreeSet<_> = served.iter().map(|stream| stream.peer_addr().unwrap().ip()).collect();
    assert_eq!(addresses.len(), 300);
    served.truncate(290);
    // The kernel may take a moment to tell.
    while holding.ended() < 10 {
        thread::yield_now();
    }
    assert_eq!(holding.ended(), 10);
}
