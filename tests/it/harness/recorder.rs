//! A proxy between a mail program and the sensor that records what the program said.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub(crate) struct Recorder {
    address: SocketAddr,
    said: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    /// Passes connections on to `target` until the test's process ends.
    pub(crate) fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let said: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let recorded = Arc::clone(&said);
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut said = recorded.lock().unwrap();
                let connection = said.len();
                said.push(Vec::new());
                drop(said);
                pass_on(client.unwrap(), target, Arc::clone(&recorded), connection);
            }
        });
        Self { address, said }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The messages that were sent by DATA over all connections so far, dots unstuffed by a reading of
    /// RFC 5321 section 4.5.2 that shares no code with the sensor.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.said.lock().unwrap().iter().flat_map(|wire| messages_in(wire)).collect()
    }
}

fn pass_on(client: TcpStream, target: SocketAddr, said: Arc<Mutex<Vec<Vec<u8>>>>, connection: usize) {
    let server = TcpStream::connect(target).unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut buffer) {
            said.lock().unwrap()[connection].extend_from_slice(&buffer[..count]);
            if to_server.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
}

fn messages_in(wire: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    for line in lines(wire) {
        match &mut open {
            None if line.eq_ignore_ascii_case(b"DATA\r\n") => open = Some(Vec::new()),
            None => {}
            Some(_) if line == b".\r\n" => messages.extend(open.take()),
            Some(message) => message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line)),
        }
    }
    messages
}

/// Pieces that end in CR LF, CR LF included.
fn lines(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").map_or(rest.len(), |at| at + 2);
        let (line, behind) = rest.split_at(end);
        rest = behind;
        (!line.is_empty()).then_some(line)
    })
}
