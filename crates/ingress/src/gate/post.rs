//! A listener at its post: who it is, its sessions, and the loop that takes clients in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustix::io::Errno;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::cut::Cut;
use crate::connection::{Peer, serve};
use crate::door::{Door, Phase};
use crate::listener::{BACKLOG, ListenerPlan};

/// How long accepting pauses when the system has no descriptor or memory left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener, whether it has a socket or not.
pub(super) struct Post {
    door: Arc<Door>,
    plan: ArcSwap<ListenerPlan>,
    opening: ArcSwap<Opening>,
    sessions: TaskTracker,
}

/// What the sessions of one time have in common: from one opening of the gate to the next closing.
pub(super) struct Opening {
    phase: watch::Sender<Phase>,
    cut: Arc<Cut>,
}

impl Opening {
    fn new() -> Arc<Self> {
        Arc::new(Self { phase: watch::Sender::new(Phase::Open), cut: Arc::default() })
    }

    /// How many of its sessions are there.
    pub(super) fn sessions(&self) -> usize {
        self.cut.bound()
    }

    /// Cuts what is left of it; says how many that were.
    pub(super) fn cut(&self) -> usize {
        let left = self.sessions();
        self.cut.cut();
        left
    }
}

impl Post {
    pub(super) fn new(door: &Arc<Door>, plan: ListenerPlan) -> Arc<Self> {
        let (door, plan, opening) =
            (Arc::clone(door), ArcSwap::from_pointee(plan), ArcSwap::new(Opening::new()));
        Arc::new(Self { door, plan, opening, sessions: TaskTracker::new() })
    }

    pub(super) fn plan(&self) -> Arc<ListenerPlan> {
        self.plan.load_full()
    }

    /// Holds for who connects from now on.
    pub(super) fn set_plan(&self, plan: ListenerPlan) {
        self.plan.store(Arc::new(plan));
    }

    /// Sessions of any time.
    pub(super) fn sessions(&self) -> &TaskTracker {
        &self.sessions
    }

    /// Lets the sessions until now end what they are at, and no more. Who connects later belongs to another
    /// time.
    pub(super) fn end_opening(&self) -> Arc<Opening> {
        let ended = self.opening.swap(Opening::new());
        ended.phase.send_replace(Phase::Draining);
        ended
    }

    fn welcome(&self, stream: TcpStream, address: SocketAddr, bound: Bound) {
        let plan = self.plan.load();
        // A client that is gone already is nobody's problem.
        let Ok(local) = bound.local(&stream) else { return };
        let (listener, reception) = (Arc::clone(&plan.name), Arc::clone(&plan.reception));
        let peer = Peer { listener, reception, address, local };
        let (session, door) = (self.door.session(plan.security.starttls()), Arc::clone(&self.door));
        let opening = self.opening.load();
        let served = serve(stream, peer, session, plan.tls.clone(), door, opening.phase.subscribe());
        self.sessions.spawn(opening.cut.bind(served));
    }

    fn complain(&self, error: &io::Error) {
        tracing::warn!(listener = %self.plan.load().name, %error, "cannot accept");
    }
}

/// What a socket's address says about its connections: all, unless it is a wildcard.
#[derive(Clone, Copy)]
struct Bound(Option<SocketAddr>);

impl Bound {
    fn of(address: io::Result<SocketAddr>) -> Self {
        Self(address.ok().filter(|address| !address.ip().is_unspecified()))
    }

    fn local(self, stream: &TcpStream) -> io::Result<SocketAddr> {
        self.0.map_or_else(|| stream.local_addr(), Ok)
    }
}

/// A socket on which clients are taken in. Dropped, that ends, and the socket closes.
pub(super) struct Accepting {
    stop: DropGuard,
    task: JoinHandle<TcpListener>,
}

impl Accepting {
    pub(super) fn start(socket: TcpListener, post: Arc<Post>) -> Self {
        let stop = CancellationToken::new();
        // Connections inherit it: replies leave at once, without a system call for each connection.
        if let Err(error) = SockRef::from(&socket).set_tcp_nodelay(true) {
            post.complain(&error);
        }
        let task = tokio::spawn(accept(socket, post, stop.clone()));
        Self { stop: stop.drop_guard(), task }
    }

    /// Takes nobody in any more, and gives the socket back with whoever waits in it.
    pub(super) async fn stop(self) -> Option<TcpListener> {
        drop(self.stop);
        let stopped = self.task.await;
        stopped.inspect_err(|error| tracing::error!(%error, "a listener ended badly")).ok()
    }

    /// The same, and closes the socket. Who waited in it is taken in first: closing would reset it.
    pub(super) async fn close(self, post: &Post) {
        let Some(socket) = self.stop().await else { return };
        match socket.into_std() {
            Ok(socket) => take_in_waiting(&socket, post),
            Err(error) => post.complain(&error),
        }
    }
}

async fn accept(socket: TcpListener, post: Arc<Post>, stop: CancellationToken) -> TcpListener {
    let bound = Bound::of(socket.local_addr());
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return socket,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => post.welcome(stream, address, bound),
            Err(error) if is_about_one_client(&error) => {}
            Err(error) => {
                // A process without descriptors needs a moment. An error that is not known may be one that
                // stays: that must not keep a processor busy.
                post.complain(&error);
                tokio::select! {
                    () = stop.cancelled() => return socket,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}

/// Takes in who waits in a socket that does not block.
fn take_in_waiting(socket: &std::net::TcpListener, post: &Post) {
    let bound = Bound::of(socket.local_addr());
    for _ in 0..BACKLOG {
        let taken = socket.accept().and_then(|(stream, address)| {
            stream.set_nonblocking(true)?;
            Ok((TcpStream::from_std(stream)?, address))
        });
        match taken {
            Ok((stream, address)) => post.welcome(stream, address, bound),
            Err(error) if is_about_one_client(&error) => {}
            Err(_) => return,
        }
    }
}

/// Whether it is one client that cannot be taken in, and the next one can: it broke off, or a network or a
/// firewall did, before it was accepted. Linux passes such errors on with the connection; accept(2) has them
/// treated like EAGAIN.
fn is_about_one_client(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::NONET
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP
                | Errno::PERM
                | Errno::PROTO
                | Errno::TIMEDOUT
        )
    )
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn only_what_the_next_client_would_meet_too_makes_accepting_pause() {
        for (errno, is_about_one) in [
            (Errno::MFILE, false),
            (Errno::NFILE, false),
            (Errno::NOBUFS, false),
            (Errno::NOMEM, false),
            // The end of a queue that is emptied.
            (Errno::AGAIN, false),
            // The socket listens no more: this stays.
            (Errno::INVAL, false),
            (Errno::CONNABORTED, true),
            (Errno::PROTO, true),
            (Errno::NETDOWN, true),
            (Errno::HOSTUNREACH, true),
            (Errno::PERM, true),
        ] {
            assert_eq!(is_about_one_client(&errno.into()), is_about_one, "{errno:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_knows_its_local_address_and_sends_at_once() {
        for ip in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED].map(IpAddr::from) {
            let socket = crate::listener::bind(&"relay".into(), SocketAddr::from((ip, 0))).unwrap();
            let address = socket.local_addr().unwrap();
            SockRef::from(&socket).set_tcp_nodelay(true).unwrap();
            let client = TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).await.unwrap();
            let (stream, _) = socket.accept().await.unwrap();
            assert!(stream.nodelay().unwrap(), "inherited");
            let local = Bound::of(Ok(address)).local(&stream).unwrap();
            assert_eq!(local, client.peer_addr().unwrap());
        }
    }
}
