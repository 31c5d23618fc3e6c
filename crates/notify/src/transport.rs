//! How messages reach a receiver.
//!
//! ```text
//!  file, stdout   a line each, synced          delivered: written, and on stable storage where it is a file
//!  UDP            a datagram each              delivered: the kernel took them, and knew of no refusal
//!  TCP, TLS       "LENGTH SP MESSAGE"          delivered: the kernel took them, and the connection was whole
//!  HTTP           a POST each, or of a batch   delivered: answered 2xx
//! ```
//!
//! A syslog receiver acknowledges nothing (RFC 5426 section 5.1, RFC 6587 section 4, RFC 5425 section 8.2): what it loses
//! behind its socket nobody here can know.

mod datagram;
mod file;
mod http;
mod stream;
pub(crate) mod tls;

use std::pin::Pin;

use bytes::Bytes;

pub(crate) use datagram::Datagram;
pub(crate) use file::File;
pub use file::Place;
pub(crate) use http::Http;
pub use http::Url;
pub(crate) use stream::Stream;

/// An event, written.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The name of the event, for a receiver that wants none twice.
    pub(crate) key: String,
    pub(crate) octets: Bytes,
}

/// Brings messages to one receiver.
pub(crate) trait Transport: Send {
    /// The most messages that are sent in one go.
    fn batch_max(&self) -> usize;

    /// Sends messages, in their order. A deadline is the caller's.
    ///
    /// # Cancel safety
    /// Dropped, nothing is known about the messages; the next call begins anew, on a fresh connection.
    fn send<'a>(&'a mut self, messages: &'a [Message]) -> Sending<'a>;

    /// Opens anew what can be moved away.
    fn reopen(&mut self) {}
}

/// Messages are being sent.
pub(crate) type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Messages that were sent in one go did not arrive, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The receiver fails, or is not there: it may take them later.
    #[error("{0}")]
    Peer(String),
    /// The receiver works, and will never take these.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    fn peer(doing: &str, error: impl std::fmt::Display) -> Self {
        Self::Peer(format!("{doing}: {error}"))
    }
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Target {
    /// Reads `host:port`, where the host is a name, an IPv4 address, or an IPv6 address in brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let address = rest.strip_suffix(']')?;
                address.parse::<std::net::Ipv6Addr>().ok()?;
                address
            }
            None => host,
        };
        let is_host =
            !host.is_empty() && host.bytes().all(|o| o.is_ascii_alphanumeric() || b".-_:".contains(&o));
        let is_bare_ipv6 = host.contains(':') && !text.starts_with('[');
        (is_host && !is_bare_ipv6).then(|| Self { host: host.to_owned(), port })
    }

    /// For `tokio::net`, which resolves it.
    pub(crate) fn pair(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        for (text, host, port) in [
            ("siem.example.com:514", "siem.example.com", 514),
            ("192.0.2.7:6514", "192.0.2.7", 6514),
            ("[2001:db8::7]:601", "2001:db8::7", 601),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port));
            assert_eq!(target.to_string(), text);
        }
        for bad in [
            "",
            "siem",
            "siem:",
            ":514",
            "siem:0",
            "siem:70000",
            "2001:db8::7:514",
            "[siem]:1",
            "[::1:1",
            "a b:1",
            "a\n:1",
        ] {
            assert_eq!(Target::parse(bad), None, "{bad:?}");
        }
    }
}
