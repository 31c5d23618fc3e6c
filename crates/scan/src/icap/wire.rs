//! The octets of ICAP: heads and chunked bodies, of a peer that may say anything.

use std::io;

use aws_lc_rs::digest;
use sensor_mail::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::peer::{Socket, read_until};
use crate::trouble::Trouble;
use crate::words::told;

/// The most octets of the head of an answer, of ICAP or HTTP.
const HEAD_OCTETS_MAX: usize = 32 * 1024;
/// The most octets of the line that gives the size of a chunk, with its extensions.
const CHUNK_LINE_OCTETS_MAX: usize = 1024;

/// A connection to a filter.
pub(super) struct Line {
    pub(super) from: Reading,
    pub(super) to: WriteHalf<Box<dyn Socket>>,
}

/// Its one direction.
pub(super) struct Reading {
    socket: ReadHalf<Box<dyn Socket>>,
    buffer: Vec<u8>,
}

impl Line {
    pub(super) fn new(socket: Box<dyn Socket>) -> Self {
        let (socket, to) = tokio::io::split(socket);
        Self { from: Reading { socket, buffer: Vec::new() }, to }
    }

    pub(super) async fn write(&mut self, octets: &[u8]) -> Result<(), Trouble> {
        self.to.write_all(octets).await.map_err(|error| Trouble::at("the filter took no question", &error))
    }

    pub(super) async fn head(&mut self) -> Result<Head, Trouble> {
        self.from.head(b"ICAP/").await
    }
}

impl Reading {
    /// Reads a head that begins with `protocol`.
    ///
    /// # Cancel safety
    /// What was read is kept; the next call goes on.
    pub(super) async fn head(&mut self, protocol: &[u8]) -> Result<Head, Trouble> {
        let head = read_until(&mut self.socket, &mut self.buffer, b"\r\n\r\n", HEAD_OCTETS_MAX).await;
        let head = head.map_err(|error| Trouble::at("no answer from the filter", &error))?;
        Head::parse(&head, protocol)
            .ok_or_else(|| Trouble::failed(format!("the filter answers {:?}", told(&head))))
    }

    /// Reads an HTTP head that stands in the body: its status, or none where it is a request's.
    pub(super) async fn enclosed_status(&mut self) -> Result<Option<u16>, Trouble> {
        let head = read_until(&mut self.socket, &mut self.buffer, b"\r\n\r\n", HEAD_OCTETS_MAX).await;
        let head = head.map_err(|error| Trouble::at("the answer of the filter broke off", &error))?;
        Ok(Head::parse(&head, b"HTTP/").map(|head| head.status))
    }

    /// Reads a chunked body (RFC 9112 section 7.1) of at most `octets_max`, and gives its digest.
    pub(super) async fn body(&mut self, octets_max: u64) -> Result<Sha256, Trouble> {
        let broken = |error: io::Error| Trouble::at("the answer of the filter broke off", &error);
        let mut digest = digest::Context::new(&digest::SHA256);
        let mut left = octets_max;
        loop {
            let line = read_until(&mut self.socket, &mut self.buffer, b"\r\n", CHUNK_LINE_OCTETS_MAX).await;
            let size = chunk_size(&line.map_err(broken)?)
                .ok_or_else(|| Trouble::failed("the filter sent a chunk without a size"))?;
            left = left.checked_sub(size).ok_or_else(|| {
                Trouble::failed(format!("the filter sent back more than {octets_max} octets"))
            })?;
            if size == 0 {
                break;
            }
            self.take(size, |octets| digest.update(octets)).await.map_err(broken)?;
            self.line_end().await?;
        }
        self.trailers().await?;
        Ok(Sha256(digest.finish().as_ref().try_into().expect("a SHA-256 digest has 32 octets")))
    }

    /// Fields behind a body, up to an empty line; as many as fit a head.
    async fn trailers(&mut self) -> Result<(), Trouble> {
        let mut left = HEAD_OCTETS_MAX;
        loop {
            let line = read_until(&mut self.socket, &mut self.buffer, b"\r\n", left).await;
            let line = line.map_err(|error| Trouble::at("the answer of the filter broke off", &error))?;
            if line.is_empty() {
                return Ok(());
            }
            left = left.saturating_sub(line.len() + 2);
        }
    }

    async fn line_end(&mut self) -> Result<(), Trouble> {
        let mut end = Vec::new();
        let taken = self.take(2, |octets| end.extend_from_slice(octets)).await;
        taken.map_err(|error| Trouble::at("the answer of the filter broke off", &error))?;
        if end == b"\r\n" { Ok(()) } else { Err(Trouble::failed("the filter sent a chunk of another size")) }
    }

    /// Hands over `count` octets in pieces.
    async fn take(&mut self, mut count: u64, mut hand: impl FnMut(&[u8])) -> io::Result<()> {
        while count > 0 {
            if self.buffer.is_empty() {
                self.buffer.reserve(BODY_READ_OCTETS);
                if self.socket.read_buf(&mut self.buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.buffer.len());
            hand(&self.buffer[..here]);
            self.buffer.drain(..here);
            count -= here as u64;
        }
        Ok(())
    }
}

const BODY_READ_OCTETS: usize = 16 * 1024;

/// Hex digits, and perhaps extensions behind a semicolon.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?.split(';').next()?.trim();
    let is_hex = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    is_hex.then(|| u64::from_str_radix(text, 16).ok())?
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    /// Names in lower case.
    fields: Vec<(String, Box<str>)>,
}

impl Head {
    /// Reads a status line of `protocol` with its fields. A line that is no field is passed over.
    fn parse(head: &[u8], protocol: &[u8]) -> Option<Self> {
        let mut lines = head.split(|octet| *octet == b'\n');
        let first = lines.next()?.strip_prefix(protocol)?;
        let status = first.split(|octet| *octet == b' ').nth(1)?;
        let status: u16 = std::str::from_utf8(status.trim_ascii()).ok()?.parse().ok()?;
        let field = |line: &[u8]| {
            let colon = line.iter().position(|octet| *octet == b':')?;
            let (name, value) = line.split_at(colon);
            Some((String::from_utf8_lossy(name).trim().to_ascii_lowercase(), told(value.get(1..)?)))
        };
        Some(Self { status, fields: lines.filter_map(field).collect() })
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| &**value)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    pub(super) fn closes(&self) -> bool {
        self.text("connection").is_some_and(|connection| connection.eq_ignore_ascii_case("close"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_whatever_it_says() {
        for (head, status) in [
            (&b"ICAP/1.0 204 Unmodified\r\nISTag: \"a\""[..], Some(204)),
            (b"ICAP/1.0 200", Some(200)),
            (b"ICAP/1.0", None),
            (b"ICAP/1.0 99999 Much", None),
            (b"ICAP/1.0 -1 Less", None),
            (b"HTTP/1.1 200 OK", None),
            (b"", None),
        ] {
            assert_eq!(Head::parse(head, b"ICAP/").map(|head| head.status), status, "{head:?}");
        }
        let head =
            Head::parse(b"ICAP/1.0 200 OK\r\nPreview:1024\r\nno field\r\n: x\r\nConnection: CLOSE", b"ICAP/");
        let head = head.unwrap();
        assert_eq!((head.number("preview"), head.closes(), head.text("no field")), (Some(1024), true, None));
    }

    #[test]
    fn a_chunk_has_a_size() {
        for (line, size) in [
            (&b"0"[..], Some(0)),
            (b"1f", Some(31)),
            (b"1F; ieof", Some(31)),
            (b"ffffffffffffffff", Some(u64::MAX)),
            (b"10000000000000000", None),
            (b"+1", None),
            (b"-1", None),
            (b"", None),
            (b"zz", None),
        ] {
            assert_eq!(chunk_size(line), size, "{line:?}");
        }
    }

    fn reading(octets: &'static [u8]) -> Reading {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            far.write_all(octets).await.unwrap();
        });
        Line::new(Box::new(near)).from
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_or_is_none() {
        let digest = digest::digest(&digest::SHA256, b"hello world");
        let hello = Sha256(digest.as_ref().try_into().unwrap());
        for (octets, good) in [
            (&b"5\r\nhello\r\n6; x=y\r\n world\r\n0\r\n\r\n"[..], true),
            (b"b\r\nhello world\r\n0\r\nTrailer: x\r\n\r\n", true),
            (b"5\r\nhello6\r\n world\r\n0\r\n\r\n", false),
            (b"ffffffffffffffff\r\nhello", false),
            (b"d\r\nhello, world!\r\n0\r\n\r\n", false),
            (b"5\r\nhel", false),
            (b"b\r\nhello world\r\n0\r\n", false),
            (b"hello world", false),
        ] {
            let read = reading(octets).body(12).await;
            assert_eq!(read.ok(), good.then_some(hello), "{octets:?}");
        }
    }
}
