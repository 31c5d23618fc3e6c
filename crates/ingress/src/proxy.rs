//! The header of the PROXY protocol, versions 1 and 2 (HAProxy, `doc/proxy-protocol.txt`).
//!
//! ```text
//!  "PROXY TCP4 192.0.2.7 10.0.0.1 4000 25" CRLF            at most 107 octets in all
//!  CR LF CR LF NUL CR LF "QUIT" LF | 0x21 0x11 | length | addresses, TLVs
//! ```
//!
//! The frame is found first, and never an octet more than the frame is taken: what stands behind it is the
//! client's, and may be the begin of TLS. Only a whole frame is parsed. What cannot become a header is told
//! at the first octet that shows it.

use std::net::SocketAddr;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};

const V1_START: &[u8] = b"PROXY ";
const V1_OCTETS_MAX: usize = 107;
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The part of a version 2 header that says how long the rest is.
const V2_FIXED_OCTETS: usize = 16;
/// The longest header that is read: addresses and what load balancers put behind them in TLVs, a client's
/// certificate among it.
const V2_OCTETS_MAX: usize = 8 * 1024;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// The connection is for a client with this address.
    Proxied(SocketAddr),
    /// The proxy speaks for itself: LOCAL, UNKNOWN, or no address that IP knows. A health check.
    Local,
}

/// Why octets are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Garbage {
    #[error("no header of the PROXY protocol where one is due")]
    NoHeader,
    #[error("a header of the PROXY protocol that is longer than it may be")]
    TooLong,
    #[error("a header of the PROXY protocol that cannot be read")]
    Unreadable,
}

/// Gathers a header as it arrives.
#[derive(Debug, Default)]
pub(crate) struct HeaderReader {
    held: Vec<u8>,
}

impl HeaderReader {
    /// Takes octets up to the end of the header; says how many it took, and the header when it is whole.
    ///
    /// # Errors
    /// As soon as it is certain that these octets are no header.
    pub(crate) fn read(&mut self, input: &[u8]) -> (usize, Result<Option<Header>, Garbage>) {
        let mut taken = 0;
        loop {
            let missing = match missing(&self.held) {
                Ok(0) => return (taken, parse(&self.held).map(Some)),
                Ok(missing) => missing,
                Err(garbage) => return (taken, Err(garbage)),
            };
            let rest = input.get(taken..).unwrap_or_default();
            let piece = rest.get(..missing.min(rest.len())).unwrap_or_default();
            if piece.is_empty() {
                return (taken, Ok(None));
            }
            self.held.extend_from_slice(piece);
            taken += piece.len();
        }
    }
}

/// How many octets belong to the header for certain beyond those that are here; 0 where it is whole.
fn missing(held: &[u8]) -> Result<usize, Garbage> {
    if begins_as(V1_START, held) {
        return v1_missing(held);
    }
    if !begins_as(V2_START, held) {
        return Err(Garbage::NoHeader);
    }
    let [.., high, low] = held.first_chunk::<V2_FIXED_OCTETS>().unwrap_or(&[0; V2_FIXED_OCTETS]);
    let whole = V2_FIXED_OCTETS + usize::from(u16::from_be_bytes([*high, *low]));
    if whole > V2_OCTETS_MAX { Err(Garbage::TooLong) } else { Ok(whole - held.len()) }
}

/// The first CRLF ends the header; there are two octets at least until then, or one behind a CR.
fn v1_missing(held: &[u8]) -> Result<usize, Garbage> {
    let least = match held {
        [.., b'\r', b'\n'] => return Ok(0),
        [.., b'\r'] => 1,
        _ => 2,
    };
    if held.len() + least > V1_OCTETS_MAX { Err(Garbage::TooLong) } else { Ok(least) }
}

fn begins_as(start: &[u8], held: &[u8]) -> bool {
    held.iter().zip(start).all(|(octet, expected)| octet == expected)
}

fn parse(frame: &[u8]) -> Result<Header, Garbage> {
    let (header, octets) =
        ProxyHeader::parse(frame, ParseConfig::default()).map_err(|_| Garbage::Unreadable)?;
    let is_v1 = frame.starts_with(V1_START);
    if octets != frame.len() || (is_v1 && !is_strict_v1(frame)) || header.tlvs().any(|tlv| tlv.is_err()) {
        return Err(Garbage::Unreadable);
    }
    match header.proxied_address() {
        None => Ok(Header::Local),
        Some(address) if address.protocol == Protocol::Stream => Ok(Header::Proxied(address.source)),
        Some(_) => Err(Garbage::Unreadable),
    }
}

/// What the parser lets pass and the grammar does not: a word that only begins as UNKNOWN, signs before
/// ports.
fn is_strict_v1(frame: &[u8]) -> bool {
    let words: Vec<&[u8]> = frame.trim_ascii_end().split(|octet| *octet == b' ').collect();
    match words[..] {
        [_, b"UNKNOWN", ..] => true,
        [_, _, _, _, ref ports @ ..] => {
            ports.len() == 2 && ports.iter().copied().flatten().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
