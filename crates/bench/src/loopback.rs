//! An address that only this machine can reach.

use std::net::SocketAddr;
use std::str::FromStr;

/// A socket address on the loopback interface: `127.0.0.1:2525`, `[::1]:2525`.
///
/// A load generator pointed at somebody else's mail server by a slip of the hand is an attack, so no other
/// address can be given to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

/// The text is no loopback address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoopbackError {
    /// It is no address with a port.
    #[error("expected an address and a port such as 127.0.0.1:2525")]
    NoAddress,
    /// It is reachable from elsewhere.
    #[error("only a loopback address is measured")]
    Elsewhere,
}

impl FromStr for Loopback {
    type Err = LoopbackError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: SocketAddr = text.parse().map_err(|_| LoopbackError::NoAddress)?;
        if address.ip().is_loopback() { Ok(Self(address)) } else { Err(LoopbackError::Elsewhere) }
    }
}

impl From<Loopback> for SocketAddr {
    fn from(loopback: Loopback) -> Self {
        loopback.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_taken() {
        for (text, error) in [
            ("127.0.0.1:25", None),
            ("127.9.8.7:25", None),
            ("[::1]:25", None),
            ("192.0.2.7:25", Some(LoopbackError::Elsewhere)),
            ("0.0.0.0:25", Some(LoopbackError::Elsewhere)),
            ("[::]:25", Some(LoopbackError::Elsewhere)),
            ("[2001:db8::7]:25", Some(LoopbackError::Elsewhere)),
            ("127.0.0.1", Some(LoopbackError::NoAddress)),
            ("localhost:25", Some(LoopbackError::NoAddress)),
        ] {
            assert_eq!(text.parse::<Loopback>().err(), error, "{text}");
        }
    }
}
