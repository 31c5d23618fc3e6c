//! Connections that are open and say nothing, as those that mail servers keep for later.
//!
//! Each has greeted and been greeted, and comes from an address of its own in 127.0.0.0/8, so that neither
//! the ports of one address nor a limit for one client ends it. They are held until whoever asked lets go;
//! then it is counted how many the server had closed. One descriptor each: more than the hard limit of this
//! process allows need several processes.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::{Loopback, meter};

/// Connections that are being opened at a time: a server's backlog holds them all.
const OPENING_MAX: usize = 256;
/// How long opening one may take.
const OPEN_TIME_MAX: Duration = Duration::from_secs(60);
/// The longest reply to EHLO that is read.
const REPLY_OCTETS_MAX: usize = 4096;
/// 127.1.0.1 is the first address; .0 and .255 are left out.
const HOSTS_IN_A_BLOCK: u32 = 254;

/// What `sensor-bench hold` opens.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The server, on a loopback address of IPv4.
    #[arg(long)]
    pub addr: Loopback,
    /// How many connections.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// The number of the first one, where several processes share an address range.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub first: u32,
}

/// What came of opening them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Opened {
    /// Connections that are held.
    pub held: usize,
    /// How long opening them took.
    pub seconds: f64,
    /// Why others are not.
    pub errors: BTreeMap<String, u64>,
}

/// Connections that are held for as long as this lives.
pub struct Holding {
    streams: Vec<std::net::TcpStream>,
}

impl Holding {
    /// Opens connections.
    ///
    /// # Errors
    /// When there is no runtime. What goes wrong with connections is counted.
    pub fn open(options: &Options) -> io::Result<(Self, Opened)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let start = meter::now();
        let (streams, errors) = runtime.block_on(open_all(options));
        let opened = Opened { held: streams.len(), seconds: start.elapsed().as_secs_f64(), errors };
        // Nobody waits for them any more: only the kernel needs to know them.
        let streams = streams.into_iter().map(TcpStream::into_std).collect::<io::Result<_>>()?;
        Ok((Self { streams }, opened))
    }

    /// How many the server has closed, or said something on.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.streams.iter().filter(|stream| !is_quiet(stream)).count()
    }
}

/// The stream does not block, so that nothing to read is an error of its own.
fn is_quiet(stream: &std::net::TcpStream) -> bool {
    stream.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

async fn open_all(options: &Options) -> (Vec<TcpStream>, BTreeMap<String, u64>) {
    let (mut streams, mut errors) = (Vec::new(), BTreeMap::new());
    let mut opening = JoinSet::new();
    let mut numbers = options.first..options.first.saturating_add(options.connections);
    loop {
        while opening.len() < OPENING_MAX
            && let Some(number) = numbers.next()
        {
            opening.spawn(timeout(OPEN_TIME_MAX, open(options.addr, number)));
        }
        let Some(ended) = opening.join_next().await else { return (streams, errors) };
        match ended.expect("a connection does not panic").unwrap_or_else(|late| Err(late.into())) {
            Ok(stream) => streams.push(stream),
            Err(error) => *errors.entry(error.to_string()).or_default() += 1,
        }
    }
}

async fn open(addr: Loopback, number: u32) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(source(number))?;
    let mut stream = socket.connect(addr.into()).await?;
    hear(&mut stream, b"220").await?;
    stream.write_all(b"EHLO idle.example.net\r\n").await?;
    hear(&mut stream, b"250").await?;
    Ok(stream)
}

fn source(number: u32) -> SocketAddr {
    let (block, host) = (number / HOSTS_IN_A_BLOCK, number % HOSTS_IN_A_BLOCK + 1);
    let address = u32::from(Ipv4Addr::new(127, 1, 0, 0)) + (block << 8) + host;
    (IpAddr::from(Ipv4Addr::from(address)), 0).into()
}

/// Reads one reply, of one line or more, and nothing behind it: nothing was asked for.
async fn hear(stream: &mut TcpStream, code: &[u8]) -> io::Result<()> {
    let mut reply = Vec::new();
    while !is_whole(&reply) {
        if reply.len() >= REPLY_OCTETS_MAX || stream.read_buf(&mut reply).await? == 0 {
            return Err(io::Error::other("the server did not answer"));
        }
    }
    if reply.starts_with(code) { Ok(()) } else { Err(io::Error::other("the server refused")) }
}

/// Whether the last line is there: its code ends with a space (RFC 5321 section 4.2.1).
fn is_whole(reply: &[u8]) -> bool {
    let last = reply.strip_suffix(b"\r\n").and_then(|lines| lines.split(|&octet| octet == b'\n').next_back());
    last.is_some_and(|line| line.get(3).is_none_or(|&octet| octet == b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_an_address_of_its_own() {
        let numbers = [0, 253, 254, 99_999, 1_099_999];
        let sources = numbers.map(|number| source(number).ip().to_string());
        assert_eq!(sources, ["127.1.0.1", "127.1.0.254", "127.1.1.1", "127.2.137.178", "127.17.234.180"]);
    }

    #[test]
    fn a_reply_is_whole_with_its_last_line() {
        for (reply, whole) in [
            ("", false),
            ("220 a", false),
            ("220 a\r\n", true),
            ("250-a\r\n", false),
            ("250-a\r\n250 b", false),
            ("250-a\r\n250 b\r\n", true),
            ("250\r\n", true),
        ] {
            assert_eq!(is_whole(reply.as_bytes()), whole, "{reply:?}");
        }
    }
}
