//! What a listener is to be, and its socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sensor_smtp::StartTls;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::reception::Reception;

/// Connections that may wait to be accepted. The kernel holds them; each costs some hundred octets there.
pub(crate) const BACKLOG: u16 = 4096;

/// Whether and when a listener speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Never.
    None,
    /// When the client starts it.
    Opportunistic,
    /// Before any mail.
    Required,
    /// From the first octet (RFC 8314 section 3.3).
    Implicit,
}

impl Security {
    /// What a session offers.
    #[must_use]
    pub fn starttls(self) -> StartTls {
        match self {
            Self::None => StartTls::Unavailable,
            Self::Opportunistic => StartTls::Offered,
            Self::Required => StartTls::Required,
            Self::Implicit => StartTls::Implicit,
        }
    }
}

/// What a listener is to be.
#[derive(Clone)]
pub struct ListenerPlan {
    /// What it is called in logs and records; no two have one name.
    pub name: Arc<str>,
    /// Where it listens; `[::]` also takes IPv4. Means nothing where the socket was handed in.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub security: Security,
    /// Needed wherever it does.
    pub tls: Option<TlsAcceptor>,
    /// How it receives those who connect.
    pub reception: Arc<Reception>,
}

/// Why a listener cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The system refuses its address.
    #[error("listener {name}: cannot listen on {address}: {source}{}", remedy(source))]
    Address {
        /// The listener.
        name: Arc<str>,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Another listener of ours is in the way.
    #[error("listener {name}: cannot listen on {address}: listener {other} listens on {taken}{}", both(*taken))]
    Ours {
        /// The listener.
        name: Arc<str>,
        /// The address.
        address: SocketAddr,
        /// The other listener.
        other: Arc<str>,
        /// Its address.
        taken: SocketAddr,
    },
    /// A socket was handed in for which there is no listener, or not one more.
    #[error("a socket named {name} was handed in, and no listener of this name waits for one")]
    Unplanned {
        /// The name of the socket.
        name: Arc<str>,
    },
    /// Its socket was handed in and would be left without a plan: it cannot be closed for good, and
    /// whoever handed it in would hold on to clients that nobody serves.
    #[error("listener {name}: its socket was handed in at the start; take it away there and start again")]
    HandedIn {
        /// The listener.
        name: Arc<str>,
    },
    /// The sensor goes down.
    #[error("the sensor goes down, nothing is opened any more")]
    GoingDown,
}

impl BindError {
    /// The port, where it is another socket that has it.
    pub(crate) fn port_in_use(&self) -> Option<u16> {
        match self {
            Self::Address { address, source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some(address.port())
            }
            Self::Ours { address, .. } => Some(address.port()),
            Self::Address { .. } | Self::Unplanned { .. } | Self::HandedIn { .. } | Self::GoingDown => None,
        }
    }

    /// The same; where one of `ours`, listeners with their addresses, has the address, it says so.
    pub(crate) fn unless_by(self, ours: &[(Arc<str>, SocketAddr)]) -> Self {
        match self {
            Self::Address { name, address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                match ours.iter().find(|(_, taken)| in_conflict(*taken, address)) {
                    Some((other, taken)) => {
                        Self::Ours { name, address, other: Arc::clone(other), taken: *taken }
                    }
                    None => Self::Address { name, address, source },
                }
            }
            other @ (Self::Address { .. }
            | Self::Ours { .. }
            | Self::Unplanned { .. }
            | Self::HandedIn { .. }
            | Self::GoingDown) => other,
        }
    }
}

/// Whether of two addresses only one can be listened on: they have one port, which is not 0, and one of them holds
/// the other. `[::]` holds all addresses, those of IPv4 too.
#[must_use]
pub fn in_conflict(one: SocketAddr, other: SocketAddr) -> bool {
    let is_one_port = one.port() == other.port() && one.port() != 0;
    is_one_port && (holds(one, other) || holds(other, one))
}

fn holds(wide: SocketAddr, narrow: SocketAddr) -> bool {
    if let (SocketAddr::V6(wide), SocketAddr::V6(narrow)) = (wide, narrow)
        && wide.scope_id() != narrow.scope_id()
    {
        // The same link-local address of two links.
        return wide.ip().is_unspecified();
    }
    let (wide, narrow) = (wide.ip().to_canonical(), narrow.ip().to_canonical());
    let is_family = wide.is_ipv6() || narrow.is_ipv4();
    wide == narrow || wide.is_unspecified() && is_family
}

fn both(taken: SocketAddr) -> &'static str {
    if taken.is_ipv6() && taken.ip().is_unspecified() { ", which takes IPv4 too" } else { "" }
}

/// What the operator can do about it.
fn remedy(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        "; a port below 1024 needs root or CAP_NET_BIND_SERVICE"
    } else if error.kind() == io::ErrorKind::AddrInUse {
        "; another program listens there, perhaps a mail server or another sensor (ss -ltnp shows it)"
    } else if error.kind() == io::ErrorKind::AddrNotAvailable {
        "; no interface of this host has that address"
    } else {
        ""
    }
}

/// Listens on `address` for the listener called `name`.
pub(crate) fn bind(name: &Arc<str>, address: SocketAddr) -> Result<TcpListener, BindError> {
    bound(address).map_err(|source| BindError::Address { name: Arc::clone(name), address, source })
}

fn bound(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the last life's connections to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.into())?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_hold_one_another_are_in_conflict() {
        for (one, other, expected) in [
            ("127.0.0.1:25", "127.0.0.1:25", true),
            ("127.0.0.1:25", "127.0.0.1:26", false),
            ("127.0.0.1:25", "127.0.0.2:25", false),
            ("127.0.0.1:25", "0.0.0.0:25", true),
            ("127.0.0.1:25", "[::]:25", true),
            ("127.0.0.1:25", "[::1]:25", false),
            ("127.0.0.1:25", "[::ffff:127.0.0.1]:25", true),
            ("0.0.0.0:25", "[::]:25", true),
            ("0.0.0.0:25", "[::1]:25", false),
            ("[::1]:25", "[::]:25", true),
            ("[fe80::1%1]:25", "[fe80::1%2]:25", false),
            ("[fe80::1%1]:25", "[fe80::1%1]:25", true),
            ("[fe80::1%1]:25", "[::]:25", true),
            // Port 0 is a free one, another for each.
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let (a, b) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((in_conflict(a, b), in_conflict(b, a)), (expected, expected), "{one} {other}");
        }
    }
}
