//! The task that carries out orders.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::post::{Accepting, Opening, Post};
use super::{Drained, Gate, HandedIn, ListenerState, Order, Shown};
use crate::door::{Closed, Door};
use crate::listener::{BindError, ListenerPlan, bind};

/// Keeps the listeners as ordered.
pub(super) struct Porter {
    pub(super) door: Arc<Door>,
    pub(super) stands: Vec<Stand>,
    pub(super) is_open: bool,
    fault: Option<String>,
    /// Posts that are no more and have sessions.
    retired: Vec<Arc<Post>>,
    leaving: Vec<Leaving>,
    shown: Arc<ArcSwap<Shown>>,
}

/// A post and its socket.
pub(super) struct Stand {
    pub(super) post: Arc<Post>,
    /// The address that was planned.
    pub(super) planned: SocketAddr,
    /// The real one, as far as it is known.
    pub(super) address: SocketAddr,
    pub(super) socket: Held,
}

/// What a stand holds.
pub(super) enum Held {
    Nothing,
    Own(Accepting),
    HandedIn(Accepting),
}

/// Sessions that end what they are at.
struct Leaving {
    until: Instant,
    opening: Arc<Opening>,
}

impl Stand {
    pub(super) fn without_socket(door: &Arc<Door>, plan: ListenerPlan) -> Self {
        let planned = plan.address;
        Self { post: Post::new(door, plan), planned, address: planned, socket: Held::Nothing }
    }

    pub(super) fn has_socket(&self) -> bool {
        !matches!(self.socket, Held::Nothing)
    }

    pub(super) fn is_handed_in(&self) -> bool {
        matches!(self.socket, Held::HandedIn(_))
    }

    /// Takes clients in by `socket`, which is ours.
    pub(super) fn open(&mut self, socket: TcpListener) {
        self.address = real_address(&socket, self.address);
        self.socket = Held::Own(Accepting::start(socket, Arc::clone(&self.post)));
    }

    /// Closes the socket, unless somebody else opened it.
    pub(super) async fn close(&mut self) {
        match std::mem::replace(&mut self.socket, Held::Nothing) {
            Held::Own(accepting) => accepting.close(&self.post).await,
            other @ (Held::Nothing | Held::HandedIn(_)) => self.socket = other,
        }
    }

    /// Has `post` at this socket, by `plan`.
    pub(super) async fn man(&mut self, post: Arc<Post>, plan: ListenerPlan) {
        self.planned = plan.address;
        post.set_plan(plan);
        if Arc::ptr_eq(&self.post, &post) {
            return;
        }
        self.post = post;
        let at = |socket: TcpListener| Accepting::start(socket, Arc::clone(&self.post));
        self.socket = match std::mem::replace(&mut self.socket, Held::Nothing) {
            Held::Nothing => Held::Nothing,
            Held::Own(accepting) => {
                accepting.stop().await.map_or(Held::Nothing, |socket| Held::Own(at(socket)))
            }
            Held::HandedIn(accepting) => {
                accepting.stop().await.map_or(Held::Nothing, |socket| Held::HandedIn(at(socket)))
            }
        };
    }

    fn state(&self, is_open: bool) -> ListenerState {
        match self.socket {
            Held::Nothing => ListenerState::Closed,
            Held::Own(_) => ListenerState::Open,
            Held::HandedIn(_) if is_open => ListenerState::Open,
            Held::HandedIn(_) => ListenerState::TurningAway,
        }
    }
}

fn real_address(socket: &TcpListener, planned: SocketAddr) -> SocketAddr {
    socket.local_addr().unwrap_or(planned)
}

impl Porter {
    pub(super) fn new(
        door: Arc<Door>,
        plans: Vec<ListenerPlan>,
        handed_in: Vec<HandedIn>,
    ) -> Result<Self, BindError> {
        door.set_closed(Some(Closed::Disabled));
        let stands = plans.into_iter().map(|plan| Stand::without_socket(&door, plan)).collect();
        let shown = Shown { is_open: false, fault: None, listeners: Vec::new() };
        let mut porter = Self {
            door,
            stands,
            is_open: false,
            fault: None,
            retired: Vec::new(),
            leaving: Vec::new(),
            shown: Arc::new(ArcSwap::from_pointee(shown)),
        };
        for socket in handed_in {
            porter.take_over(socket)?;
        }
        porter.show();
        Ok(porter)
    }

    pub(super) fn shown(&self) -> Arc<ArcSwap<Shown>> {
        Arc::clone(&self.shown)
    }

    fn take_over(&mut self, HandedIn { name, socket }: HandedIn) -> Result<(), BindError> {
        let free = |stand: &&mut Stand| *stand.post.plan().name == *name && !stand.is_handed_in();
        let Some(stand) = self.stands.iter_mut().find(free) else {
            return Err(BindError::Unplanned { name: name.into() });
        };
        let taken = socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket));
        let socket = taken.map_err(|source| BindError::Address {
            name: name.into(),
            address: stand.planned,
            source,
        })?;
        stand.address = real_address(&socket, stand.address);
        stand.socket = Held::HandedIn(Accepting::start(socket, Arc::clone(&stand.post)));
        Ok(())
    }

    /// Carries out orders until the sensor goes down, or nobody is left who could give one.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let order = tokio::select! {
                biased;
                order = orders.recv() => order,
                () = due(&self.leaving) => {
                    let _ = self.cut_due();
                    continue;
                }
            };
            // Whoever gave an order may have stopped waiting for it.
            match order {
                None => return,
                Some(Order::Enable(done)) => {
                    let outcome = self.enable();
                    self.conclude(outcome.as_ref().err().map_or(&[], Vec::as_slice));
                    let _ = done.send(outcome);
                }
                Some(Order::Disable(deadline, done)) => {
                    self.disable(deadline).await;
                    self.conclude(&[]);
                    let _ = done.send(());
                }
                Some(Order::Change(plans, ready)) => self.change(plans, ready).await,
                Some(Order::Drain(deadline, done)) => {
                    let drained = self.drain(deadline).await;
                    let _ = done.send(drained);
                    return;
                }
            }
        }
    }

    /// Shows what came of an order, and says what did not.
    pub(super) fn conclude(&mut self, faults: &[BindError]) {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        self.fault = (!told.is_empty()).then(|| told.join("; "));
        if let Some(fault) = &self.fault {
            let is_open = self.is_open;
            tracing::error!(fault, is_open, "the listeners are not as they were ordered to be");
        }
        self.show();
    }

    pub(super) fn show(&self) {
        let listener = |stand: &Stand| (Arc::clone(&stand.post), stand.address, stand.state(self.is_open));
        let listeners = self.stands.iter().map(listener).collect();
        self.shown.store(Arc::new(Shown { is_open: self.is_open, fault: self.fault.clone(), listeners }));
    }

    fn enable(&mut self) -> Result<(), Vec<BindError>> {
        let (mut bound, mut faults) = (Vec::new(), Vec::new());
        let named = |stand: &Stand| (Arc::clone(&stand.post.plan().name), stand.address);
        let mut ours: Vec<_> = self.stands.iter().filter(|stand| stand.has_socket()).map(named).collect();
        for (index, stand) in self.stands.iter().enumerate().filter(|(_, stand)| !stand.has_socket()) {
            // The port that it had, where it was a free one: it may have been told to somebody.
            match bind(&stand.post.plan().name, stand.address) {
                Ok(socket) => {
                    ours.push(named(stand));
                    bound.push((index, socket));
                }
                Err(fault) => faults.push(fault.unless_by(&ours)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        self.set_open();
        for (index, socket) in bound {
            self.stands[index].open(socket);
        }
        Ok(())
    }

    /// Before the first client is taken in: it must not hear that we are off.
    pub(super) fn set_open(&mut self) {
        self.door.set_closed(None);
        if !std::mem::replace(&mut self.is_open, true) {
            tracing::info!("mail is taken");
        }
    }

    pub(super) async fn disable(&mut self, deadline: Duration) {
        if !self.is_open {
            return;
        }
        self.close(Closed::Disabled, deadline).await;
        tracing::info!(connections = self.door.slots.open(), "no mail is taken");
    }

    /// Closes what is ours and lets all sessions end within `deadline`.
    async fn close(&mut self, why: Closed, deadline: Duration) {
        let until = Instant::now() + deadline;
        // Before the sockets: whoever is taken in meanwhile is told so.
        self.door.set_closed(Some(why));
        self.is_open = false;
        for stand in &mut self.stands {
            stand.close().await;
        }
        let posts: Vec<_> = self.stands.iter().map(|stand| Arc::clone(&stand.post)).collect();
        posts.iter().for_each(|post| self.let_go(post, until));
    }

    fn let_go(&mut self, post: &Post, until: Instant) {
        self.leaving.push(Leaving { until, opening: post.end_opening() });
        self.leaving.retain(|leaving| leaving.opening.sessions() > 0);
    }

    /// Lets the sessions of a post that is no more end within `deadline`.
    pub(super) fn retire(&mut self, post: Arc<Post>, deadline: Duration) {
        self.let_go(&post, Instant::now() + deadline);
        self.retired.push(post);
        self.retired.retain(|post| !post.sessions().is_empty());
    }

    /// Cuts those who had their time; says how many sessions that were.
    fn cut_due(&mut self) -> usize {
        let now = Instant::now();
        let (due, leaving) = self.leaving.drain(..).partition(|leaving: &Leaving| leaving.until <= now);
        self.leaving = leaving;
        cut_all(due)
    }

    async fn drain(mut self, deadline: Duration) -> Drained {
        let until = Instant::now() + deadline;
        // Clients of a socket that was handed in wait there for the next sensor.
        for stand in &mut self.stands {
            if let Held::HandedIn(accepting) = std::mem::replace(&mut stand.socket, Held::Nothing) {
                accepting.stop().await;
            }
        }
        self.close(Closed::Draining, deadline).await;
        self.show();
        let posts: Vec<_> = self.stands.iter().map(|stand| Arc::clone(&stand.post)).collect();
        let sessions: Vec<_> =
            posts.iter().chain(&self.retired).map(|post| post.sessions().clone()).collect();
        let ended = async {
            for sessions in &sessions {
                sessions.close();
                sessions.wait().await;
            }
        };
        tokio::pin!(ended);
        let mut cut = 0;
        loop {
            let next = next_due(&self.leaving).map_or(until, |next| next.min(until));
            tokio::select! {
                biased;
                () = &mut ended => return Drained { cut },
                () = sleep_until(next) => {}
            }
            if next == until {
                break;
            }
            cut += self.cut_due();
        }
        cut += cut_all(std::mem::take(&mut self.leaving));
        let _ = timeout(Gate::CUT_TIME_MAX, ended).await;
        Drained { cut }
    }
}

/// Cuts what is left; says how many sessions that were.
fn cut_all(leaving: Vec<Leaving>) -> usize {
    let cut = leaving.iter().map(|leaving| leaving.opening.cut()).sum();
    if cut > 0 {
        tracing::warn!(connections = cut, "drain deadline: connections are cut");
    }
    cut
}

/// When the first of them have had their time.
fn next_due(leaving: &[Leaving]) -> Option<Instant> {
    leaving.iter().map(|leaving| leaving.until).min()
}

/// Waits until sessions have had their time.
async fn due(leaving: &[Leaving]) {
    match next_due(leaving) {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
