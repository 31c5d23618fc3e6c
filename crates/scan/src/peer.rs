//! Connections to peers, and answers of a bounded size.

use std::fmt;
use std::io;
use std::path::PathBuf;

use sensor_pipeline::Budget;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::trouble::Trouble;

/// Where a peer listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A host and a port, as connecting takes them.
    Tcp(String),
}

/// What [`Address::parse`] takes, in words.
pub(crate) const ADDRESS_EXPECTED: &str =
    "the path of a socket such as /run/clamav/clamd.ctl, or a host and a port such as 127.0.0.1:3310";

impl Address {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('/') && !text.contains('\0') {
            return Some(Self::Unix(text.into()));
        }
        let (host, port) = text.rsplit_once(':')?;
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        let is_host = !host.is_empty() && !host.contains([' ', '/', '@']);
        let is_port =
            port.bytes().all(|octet| octet.is_ascii_digit()) && port.parse().is_ok_and(|p: u16| p > 0);
        (is_host && is_port && (is_bracketed || !host.contains(':'))).then(|| Self::Tcp(text.to_owned()))
    }

    /// Connects to it.
    pub(crate) async fn connect(&self, budget: &Budget) -> Result<Box<dyn Socket>, Trouble> {
        // A timer is exact to a millisecond, in which a peer on this host may have answered.
        if let Some(over) = budget.is_over() {
            return Err(over.into());
        }
        let connected = budget.run(self.open()).await?;
        connected.map_err(|error| Trouble::failed(format!("cannot connect to {self}: {error}")))
    }

    async fn open(&self) -> io::Result<Box<dyn Socket>> {
        match self {
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Tcp(address) => {
                let socket = TcpStream::connect(address).await?;
                // Small questions and their answers alternate.
                socket.set_nodelay(true)?;
                Ok(Box::new(socket))
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// A connection to a peer.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// Reads up to `end` and drops it, at most `octets_max` octets. What came behind it stays in `buffer`.
///
/// # Cancel safety
/// Nothing that was read is lost: it is in `buffer`.
pub(crate) async fn read_until(
    source: &mut (impl AsyncRead + Unpin + ?Sized),
    buffer: &mut Vec<u8>,
    end: &[u8],
    octets_max: usize,
) -> io::Result<Vec<u8>> {
    loop {
        if let Some(at) = memchr::memmem::find(buffer, end) {
            let rest = buffer.split_off(at + end.len());
            let mut answer = std::mem::replace(buffer, rest);
            answer.truncate(at);
            return Ok(answer);
        }
        if buffer.len() >= octets_max {
            return Err(io::Error::other(format!("its answer is longer than {octets_max} octets")));
        }
        buffer.reserve(READ_OCTETS);
        if source.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// How much room a read has.
const READ_OCTETS: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_a_host_with_a_port() {
        let tcp = |text: &str| Some(Address::Tcp(text.to_owned()));
        for (text, expected) in [
            ("/run/clamd.ctl", Some(Address::Unix("/run/clamd.ctl".into()))),
            ("127.0.0.1:3310", tcp("127.0.0.1:3310")),
            ("av.example.com:3310", tcp("av.example.com:3310")),
            ("[::1]:3310", tcp("[::1]:3310")),
            ("::1:3310", None),
            ("127.0.0.1", None),
            (":3310", None),
            ("host:0", None),
            ("host:+25", None),
            ("host:65536", None),
            ("http://host:80", None),
            ("run/clamd.ctl", None),
            ("", None),
        ] {
            assert_eq!(Address::parse(text), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_ends_where_it_ends_and_has_a_limit() {
        for (octets, expected, rest) in [
            (&b"OK\0next"[..], Ok(&b"OK"[..]), &b"next"[..]),
            (b"\0", Ok(b""), b""),
            (b"no end", Err(io::ErrorKind::UnexpectedEof), b"no end"),
        ] {
            let (mut source, mut buffer) = (octets, Vec::new());
            let answer = read_until(&mut source, &mut buffer, b"\0", 100).await;
            assert_eq!(answer.map_err(|error| error.kind()), expected.map(<[u8]>::to_vec));
            assert_eq!(buffer, rest);
        }
        let long = vec![b'a'; 100_000];
        let mut buffer = Vec::new();
        assert!(read_until(&mut &long[..], &mut buffer, b"\0", 100).await.is_err());
        assert!(buffer.len() < 3 * READ_OCTETS, "{} octets were held", buffer.len());
    }
}
