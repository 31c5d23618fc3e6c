//! An SMTP client that says exactly what it is told and shows exactly what it is answered.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::PATIENCE;

pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) fn greeted(address: SocketAddr) -> Self {
        let mut client = Self::connected(address);
        client.expect("220");
        client
    }

    /// Connects, greets, says EHLO.
    pub(crate) fn hello(address: SocketAddr) -> Self {
        let mut client = Self::greeted(address);
        client.command("EHLO client.example.com", "250");
        client
    }

    pub(crate) fn connected(address: SocketAddr) -> Self {
        Self::try_connected(address).unwrap()
    }

    pub(crate) fn try_connected(address: SocketAddr) -> std::io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// A client at a connection that is there already.
    pub(crate) fn over(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// How long replies are waited for from now on.
    pub(crate) fn be_patient_for(&self, time: Duration) -> std::io::Result<()> {
        self.reader.get_ref().set_read_timeout(Some(time))
    }

    /// Whether the kernel of this machine knows the other end of the connection, which is on it too.
    pub(crate) fn has_counterpart(&self) -> bool {
        let stream = self.reader.get_ref();
        let (Ok(own), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return false };
        // proc_pid_net(5): the local address is the second field, the remote one the third, ports in hex.
        let ends = [peer, own].map(|address| format!(":{:04X}", address.port()));
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        table
            .lines()
            .map(|line| line.split_whitespace().skip(1))
            .any(|mut fields| ends.iter().all(|end| fields.next().is_some_and(|field| field.ends_with(end))))
    }

    /// The connection, to end it from another thread.
    pub(crate) fn stream(&self) -> std::io::Result<TcpStream> {
        self.reader.get_ref().try_clone()
    }

    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.reader.get_mut().write_all(octets).unwrap();
    }

    pub(crate) fn try_send(&mut self, octets: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(octets)
    }

    /// One whole reply, lines joined by LF; an error when the connection ends first.
    pub(crate) fn try_reply(&mut self) -> std::io::Result<String> {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            reply.push_str(line.trim_end_matches("\r\n"));
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(reply);
            }
            reply.push('\n');
        }
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, begin: &str) -> String {
        let reply = self.try_reply().unwrap_or_else(|error| panic!("no reply, expected {begin}: {error}"));
        assert!(reply.starts_with(begin), "expected {begin}, got {reply}");
        reply
    }

    #[track_caller]
    pub(crate) fn command(&mut self, line: &str, begin: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.expect(begin)
    }

    /// Sends `message` by DATA, with dots stuffed; gives the final reply.
    #[track_caller]
    pub(crate) fn data(&mut self, from: &str, to: &str, message: &[u8]) -> String {
        self.command(&format!("MAIL FROM:<{from}>"), "250");
        self.command(&format!("RCPT TO:<{to}>"), "250");
        self.command("DATA", "354");
        self.send(&stuffed(message));
        self.expect("")
    }

    /// Sends `message` by BDAT in chunks of at most `chunk` octets; gives the final reply.
    #[track_caller]
    pub(crate) fn bdat(&mut self, from: &str, to: &str, message: &[u8], chunk: usize) -> String {
        self.command(&format!("MAIL FROM:<{from}> BODY=BINARYMIME"), "250");
        self.command(&format!("RCPT TO:<{to}>"), "250");
        for part in message.chunks(chunk.max(1)) {
            self.send(format!("BDAT {}\r\n", part.len()).as_bytes());
            self.send(part);
            self.expect("250");
        }
        self.command("BDAT 0 LAST", "")
    }

    /// Whatever comes until the server closes.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.reader.read_to_end(&mut rest);
        rest
    }
}

/// RFC 5321 section 4.5.2, for a message that may end without CR LF: then DATA cannot carry it as it is, and
/// the CR LF that is added belongs to the message.
pub(crate) fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + 64);
    let mut line_begins = true;
    let mut last = 0;
    for &octet in message {
        if line_begins && octet == b'.' {
            wire.push(b'.');
        }
        wire.push(octet);
        line_begins = last == b'\r' && octet == b'\n';
        last = octet;
    }
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// What the sensor must store for [`stuffed`].
pub(crate) fn as_stored_by_data(message: &[u8]) -> Vec<u8> {
    let mut stored = message.to_vec();
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        stored.extend_from_slice(b"\r\n");
    }
    stored
}

/// The mail id in a final reply: `250 2.0.0 queued as <id>`.
#[track_caller]
pub(crate) fn queued_id(reply: &str) -> String {
    let id = reply.strip_prefix("250 2.0.0 queued as ");
    id.unwrap_or_else(|| panic!("not accepted: {reply}")).to_owned()
}
