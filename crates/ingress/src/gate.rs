//! Opens and closes the listeners while the sensor runs.
//!
//! ```text
//!  Gate (handle) --orders, one after the other--> Porter (task)
//!                                                   |  posts: one a listener
//!                                                   v
//!        off                    enable            open                     drain            over
//!   no sockets of ours  ------------------> all sockets bound ----------------------> no sockets
//!   handed-in: 421 4.3.2 <-----------------  or none                                    sessions end
//!                            disable
//! ```
//!
//! Promised: orders are carried out whole, one after the other, whoever stops waiting for them; to order
//! what is the case already does nothing. Opening binds every address or none. Closing refuses at once who
//! connects, turns away with 421 whoever already waits in a socket, lets sessions end the transaction that
//! they are in and tells them 421 behind it; who takes longer than the deadline is cut. A change of the plans
//! closes no socket that is in both, whatever else about its listener changes. Not promised: a word to a
//! client whose TCP handshake is not over when the socket closes. The kernel may forget it, and it waits for
//! its own timeout.
//!
//! A socket that was handed in (socket activation) is not ours to close: while the gate is closed its
//! clients are taken in and told 421. When the sensor goes down they wait in it for the next one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use crate::door::Door;
use crate::listener::{BindError, ListenerPlan, Security};

mod cut;
mod plans;
mod porter;
mod post;

use porter::Porter;
use post::Post;

/// Orders that may wait; whoever gives one more waits too.
const ORDERS_MAX: usize = 16;

/// The way to open and close a door. All clones mean one gate; when the last is dropped it closes, and the
/// sessions end as they would by a drain.
#[derive(Clone)]
pub struct Gate {
    orders: mpsc::Sender<Order>,
    shown: Arc<ArcSwap<Shown>>,
}

/// A socket that somebody else opened, with the name of its listener.
#[derive(Debug)]
pub struct HandedIn {
    /// The listener.
    pub name: String,
    /// A socket that listens.
    pub socket: std::net::TcpListener,
}

enum Order {
    Enable(oneshot::Sender<Result<(), Vec<BindError>>>),
    Disable(Duration, oneshot::Sender<()>),
    Change(Plans, oneshot::Sender<Result<Prepared, Vec<BindError>>>),
    Drain(Duration, oneshot::Sender<Drained>),
}

/// How the listeners are to be.
struct Plans {
    listeners: Vec<ListenerPlan>,
    /// Whether mail is taken then.
    is_open: bool,
    deadline: Duration,
}

/// A change that cannot fail any more, and has not been made. Dropped, it never is.
#[must_use]
pub struct Prepared {
    go: oneshot::Sender<()>,
    done: oneshot::Receiver<()>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Sessions that were cut meanwhile: they did not end within this deadline, or within an earlier one that
    /// they had.
    pub cut: usize,
}

/// What the gate last came to.
struct Shown {
    is_open: bool,
    fault: Option<String>,
    listeners: Vec<(Arc<Post>, SocketAddr, ListenerState)>,
}

/// What a gate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateStatus {
    /// Whether mail is taken.
    pub is_open: bool,
    /// Why the gate is not open, or its listeners not as they were last ordered to be, although that was
    /// tried.
    pub fault: Option<String>,
    /// The listeners in the order of their plans.
    pub listeners: Vec<ListenerStatus>,
}

/// What a listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Where it listens, or would; the port is the real one where it ever had one.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub security: Security,
    /// Whether it does.
    pub state: ListenerState,
    /// Open connections that came by it.
    pub connections: usize,
}

/// What becomes of who connects to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerState {
    /// It is served.
    Open,
    /// It is told 421 4.3.2: the gate is closed and the socket was handed in.
    TurningAway,
    /// The system refuses it: there is no socket.
    Closed,
}

impl Prepared {
    /// Makes the change. It is made whole, also where nobody waits for it any more.
    pub async fn carry_out(self) {
        // An error: the sensor goes down, and listeners with it.
        if self.go.send(()).is_ok() {
            let _ = self.done.await;
        }
    }
}

impl Gate {
    /// How long behind its deadline a drain may take: until sessions notice that they are cut.
    pub const CUT_TIME_MAX: Duration = Duration::from_secs(1);

    /// A closed gate in front of `door`. Must be called within a runtime.
    ///
    /// # Errors
    /// When a socket was handed in for which there is no plan, or which the runtime does not take.
    pub fn new(
        door: Arc<Door>,
        plans: Vec<ListenerPlan>,
        handed_in: Vec<HandedIn>,
    ) -> Result<Self, BindError> {
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        let porter = Porter::new(door, plans, handed_in)?;
        let shown = porter.shown();
        tokio::spawn(porter.run(waiting));
        Ok(Self { orders, shown })
    }

    /// Takes mail: every listener is bound, or none.
    ///
    /// # Errors
    /// Every address that cannot be had, by the name of its listener; then the gate stays closed.
    pub async fn enable(&self) -> Result<(), Vec<BindError>> {
        self.order(Order::Enable).await.unwrap_or_else(|| Err(vec![BindError::GoingDown]))
    }

    /// Takes no mail any more. Returns when our sockets are closed; sessions go on for at most `deadline` to
    /// end what they are at.
    pub async fn disable(&self, deadline: Duration) {
        // None: it goes down, and is closed.
        self.order(|done| Order::Disable(deadline, done)).await;
    }

    /// Binds what listeners that are planned so, and open or closed, need. Nobody is taken in by it before the
    /// change is carried out: what has to hold then can be made to hold in between. Other orders wait for that.
    ///
    /// Carried out, sessions of listeners that go have `deadline` to end what they are at. A listener of ours
    /// that is in the way of a new one is closed meanwhile.
    ///
    /// # Errors
    /// Every address that cannot be had; then the listeners are as they were. An address that was given up to
    /// make room, and cannot be had back, is among them: its listener is lost until the next change or
    /// [`enable`](Self::enable) that succeeds.
    pub async fn prepare(
        &self,
        listeners: Vec<ListenerPlan>,
        is_open: bool,
        deadline: Duration,
    ) -> Result<Prepared, Vec<BindError>> {
        let plans = Plans { listeners, is_open, deadline };
        let prepared = self.order(|ready| Order::Change(plans, ready)).await;
        prepared.unwrap_or_else(|| Err(vec![BindError::GoingDown]))
    }

    /// Goes down for good: sessions end what they are at, and those that take longer than `deadline` are
    /// cut, as are those whose earlier deadline comes meanwhile. Returns when none is left.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.order(|done| Order::Drain(deadline, done)).await.unwrap_or(Drained { cut: 0 })
    }

    /// What the gate is.
    #[must_use]
    pub fn status(&self) -> GateStatus {
        let shown = self.shown.load();
        let listener = |(post, address, state): &(Arc<Post>, SocketAddr, ListenerState)| {
            let plan = post.plan();
            ListenerStatus {
                name: Arc::clone(&plan.name),
                address: *address,
                security: plan.security,
                state: *state,
                connections: post.sessions().len(),
            }
        };
        GateStatus {
            is_open: shown.is_open,
            fault: shown.fault.clone(),
            listeners: shown.listeners.iter().map(listener).collect(),
        }
    }

    /// `None` where nobody carries out orders any more.
    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (done, outcome) = oneshot::channel();
        self.orders.send(order(done)).await.ok()?;
        outcome.await.ok()
    }
}
