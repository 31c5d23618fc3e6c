//! Sockets that wait for clients.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sensor_smtp::{SessionConfig, StartTls};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Peer, serve};
use crate::door::{Door, Phase};
use crate::reception::Reception;

/// Connections that may wait to be accepted. The kernel holds them; each costs some hundred octets there.
const BACKLOG: i32 = 4096;

/// How long accepting pauses when the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

/// A bound socket and how its sessions begin.
pub struct Listener {
    name: Arc<str>,
    socket: TcpListener,
    session: Arc<SessionConfig>,
    tls: Option<TlsAcceptor>,
    reception: Arc<Reception>,
}

/// A listener cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("listener {name}: cannot listen on {address}: {source}{}", remedy(source))]
pub struct BindError {
    name: String,
    address: SocketAddr,
    source: io::Error,
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

impl Listener {
    /// Binds `address`. `[::]` also takes IPv4.
    ///
    /// # Errors
    /// When the system refuses the address.
    pub fn bind(
        name: &str,
        address: SocketAddr,
        session: Arc<SessionConfig>,
        tls: Option<TlsAcceptor>,
    ) -> Result<Self, BindError> {
        let socket = bind(address).map_err(|source| BindError { name: name.to_owned(), address, source })?;
        Ok(Self { name: name.into(), socket, session, tls, reception: Arc::default() })
    }

    /// The same, with those who connect received like this.
    #[must_use]
    pub fn receiving(self, reception: Arc<Reception>) -> Self {
        Self { reception, ..self }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address it listens on; the port is the real one where 0 was asked for.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes clients until `stop`; each session is a task of `sessions`. The socket is closed on return.
    pub async fn run(
        self,
        door: Arc<Door>,
        phase: watch::Receiver<Phase>,
        sessions: TaskTracker,
        stop: CancellationToken,
    ) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    if let Ok(peer) = self.peer(&stream, address) {
                        let session = Arc::clone(&self.session);
                        let served =
                            serve(stream, peer, session, self.tls.clone(), Arc::clone(&door), phase.clone());
                        sessions.spawn(served);
                    }
                }
                Err(error) => {
                    // A connection that was reset before it was accepted is nobody's problem; a process
                    // without descriptors needs a moment.
                    if error.kind() != io::ErrorKind::ConnectionAborted {
                        tracing::warn!(listener = %self.name, %error, "cannot accept");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    fn peer(&self, stream: &TcpStream, address: SocketAddr) -> io::Result<Peer> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let (listener, reception) = (Arc::clone(&self.name), Arc::clone(&self.reception));
        Ok(Peer { listener, reception, address, local })
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the last life's connections to time out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
