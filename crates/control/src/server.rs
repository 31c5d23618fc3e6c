//! The control plane as a server: binds, serves, stops.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connections::{Seats, Times, serve};
use crate::gate::{Caller, Gate};
use crate::node::Node;
use crate::routes::router;
use crate::socket;
use crate::token::Token;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;

/// How long accepting pauses when the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the control plane is, and what it takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens over TCP, such as 127.0.0.1:8465; none: only at the socket. Port 0: a free one. There
    /// is no TLS: an address that others can reach belongs behind a reverse proxy.
    pub address: Option<SocketAddr>,
    /// The unix socket, `control.sock` in the state directory; its path has at most 103 octets.
    pub socket: PathBuf,
    /// Names in `Host` that are this sensor, such as that of a reverse proxy, beside the addresses that it
    /// listens on and, on loopback, `localhost`.
    pub hosts: Vec<String>,
    /// What clients may take up.
    pub limits: Limits,
}

/// What clients may take up. TCP and the socket have as much each, so that nobody on the network keeps out
/// who is on the host.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; one costs at most 16 KiB and a body of 1 MiB. Above it, the one that waits
    /// longest without a request is closed for the next.
    pub connections: usize,
    /// How long the head of a request may take, the pause before it included.
    pub head_time: Duration,
    /// How long a connection may be used.
    pub connection_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            head_time: Duration::from_secs(10),
            connection_time: Duration::from_secs(300),
        }
    }
}

/// A control plane that is bound.
pub struct Control {
    network: Option<TcpListener>,
    socket: UnixListener,
    socket_path: PathBuf,
    router: Router,
    limits: Limits,
}

/// The control plane cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Not over TCP.
    #[error("control plane: cannot listen on {address}: {source}; control.address names another, or none")]
    Network {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Not at the socket.
    #[error("control plane: cannot listen at {}: {source}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Control {
    /// How long requests that are being served may take when the control plane stops.
    pub const STOP_TIME: Duration = Duration::from_secs(5);

    /// Binds address and socket. Must be called within a runtime that has time and I/O.
    ///
    /// # Errors
    /// [`BindError`]: what the system refuses.
    pub fn bind(node: Arc<dyn Node>, token: Token, options: Options) -> Result<Self, BindError> {
        let Options { address, socket: socket_path, hosts, limits } = options;
        let network =
            address.map(|address| listen(address).map_err(|source| BindError::Network { address, source }));
        let network = network.transpose()?;
        let socket = socket::listen(&socket_path)
            .map_err(|source| BindError::Socket { path: socket_path.clone(), source })?;
        let router = router(node, Gate::new(token, &hosts));
        Ok(Self { network, socket, socket_path, router, limits })
    }

    /// The address it listens on, with the real port; none where it has the socket only.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.network.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The unix socket.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.socket_path
    }

    /// Serves until `stop`; then requests that are being served may end, and the socket is removed. While the
    /// sensor drains it is to go on: `stop` comes last.
    pub async fn run(self, stop: CancellationToken) {
        let Self { network, socket, socket_path, router, limits } = self;
        let door = |router| Door {
            seats: Seats::new(limits.connections.max(1)),
            router,
            times: Times { head: limits.head_time, connection: limits.connection_time },
            connections: TaskTracker::new(),
            stop: stop.clone(),
        };
        let (outer, inner) = (door(router.clone()), door(router));
        tokio::join!(outer.serve_network(network), inner.serve_socket(socket));
        let ended = async |door: &Door| {
            door.connections.close();
            door.connections.wait().await;
        };
        let both = async { tokio::join!(ended(&outer), ended(&inner)) };
        let _ = tokio::time::timeout(Self::STOP_TIME, both).await;
        // Gone already where another sensor has taken its place.
        let _ = std::fs::remove_file(socket_path);
    }
}

/// One way in.
struct Door {
    seats: Arc<Seats>,
    router: Router,
    times: Times,
    connections: TaskTracker,
    stop: CancellationToken,
}

impl Door {
    async fn serve_network(&self, listener: Option<TcpListener>) {
        let Some(listener) = listener else { return };
        while let Some(accepted) = self.next(listener.accept()).await {
            let Some((stream, peer)) = usable(accepted).await else { continue };
            let Ok(local) = stream.local_addr() else { continue };
            self.admit(stream, Caller::Network { local, peer }).await;
        }
    }

    async fn serve_socket(&self, listener: UnixListener) {
        while let Some(accepted) = self.next(listener.accept()).await {
            let Some((stream, _)) = usable(accepted).await else { continue };
            let caller = socket::caller(&stream);
            self.admit(stream, caller).await;
        }
    }

    /// The next connection; none when it is time to stop.
    async fn next<T>(&self, accept: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            accepted = accept => Some(accepted),
        }
    }

    async fn admit(
        &self,
        stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        caller: Caller,
    ) {
        if let Some(held) = self.next(self.seats.take()).await {
            let served = serve(stream, caller, held, self.router.clone(), self.times, self.stop.clone());
            self.connections.spawn(served);
        }
    }
}

/// A connection, unless it was reset before it was accepted or there is no descriptor for it.
async fn usable<T>(accepted: io::Result<T>) -> Option<T> {
    match accepted {
        Ok(connection) => Some(connection),
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            tracing::warn!(%error, "the control plane cannot accept");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the last life's connections to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
