//! What all connections of a sensor share, and how it is changed while they run.
//!
//! ```text
//!                change, end_grace, the gate             (one writer after the other)
//!                        |
//!                        v
//!   connection --> [ Live: rules, limits, sizes ] one value, swapped whole; read without a lock
//!                        |
//!                        +--> would_connect  at_mail  at_rcpt --> counted --> Admission
//! ```
//!
//! What a change means to who is inside already: limits and times of a session, and the size that EHLO
//! tells, are those of its greeting. Each question is decided by the rules as they are when it is asked, so
//! that a change is seen with the next command. What was admitted stays admitted: a recipient, and a message
//! once its MAIL was, whose body is held to the size limit and to `bare_newline` of that moment. So no change
//! cuts a transaction.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use sensor_mail::{Admission, ForwardPath, Refusal};
use sensor_policy::{ClientDefault, Decision, Interface, Rules};
use sensor_smtp::{CloseReason, SessionConfig, StartTls};
use tokio::time::Instant;

use crate::counters::{Counters, RuleCount};
use crate::intake::Intake;
use crate::interfaces::Interfaces;
use crate::log::AddressLog;
use crate::slots::{Slot, Slots};

mod live;

pub(crate) use live::Closed;
pub use live::{BareNewline, History, Live, Settings, Terms};

/// What stands between a socket and the spool.
pub struct Door {
    live: ArcSwap<Live>,
    /// The way in.
    pub intake: Intake,
    /// How many connections are open.
    pub slots: Arc<Slots>,
    interfaces: Interfaces,
    counters: Counters,
    connections: AtomicU64,
}

/// Where the sensor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Mail is taken.
    Open,
    /// Transactions in progress end, then their sessions get 421.
    Draining,
}

/// How much longer former rules soften what those that hold refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// Until the last of them stops counting.
    pub left: Duration,
    /// How many of them count.
    pub former: usize,
}

impl Door {
    /// A door that is open where the settings' rules say `enabled`. Behind a gate, that says whether it is.
    #[must_use]
    pub fn new(intake: Intake, settings: Settings) -> Self {
        Self {
            live: ArcSwap::from_pointee(Live::new(settings, intake.octets_max())),
            intake,
            slots: Slots::new(),
            interfaces: Interfaces::default(),
            counters: Counters::default(),
            connections: AtomicU64::new(0),
        }
    }

    /// What holds now. It stays as it is: ask again for what holds later.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Makes other settings hold. What the rules until now would have taken, and the new ones refuse, is
    /// refused for now for as long as `settings.grace`. Whether mail is taken at all stays as it is: that is
    /// for the gate to say.
    pub fn change(&self, settings: Settings) {
        let now = now();
        self.live.rcu(|live| live.followed_by(settings.clone(), now));
        self.tell_grace();
    }

    /// Tells of terms that held before those it began with, each replaced so long ago: a restart is no end of
    /// the grace.
    pub fn remember(&self, former: &[(Terms, Duration)]) {
        let now = now();
        self.live.rcu(|live| live.preceded_by(former, now));
        self.tell_grace();
    }

    /// What holds and what counts, to [`remember`](Self::remember) it after a restart.
    #[must_use]
    pub fn history(&self) -> History {
        self.live.load().history(now())
    }

    fn tell_grace(&self) {
        if let Some(Grace { left, former }) = self.grace() {
            tracing::info!(?left, former, "what former rules would have taken is not refused for good");
        }
    }

    /// Ends the grace at once: what the rules refuse is refused for good. Says whether there was one.
    pub fn end_grace(&self) -> bool {
        let now = now();
        let before = self.live.rcu(|live| live.without_former(now));
        before.grace_left(now).is_some()
    }

    /// The grace after the last changes; `None` where nothing is softened.
    #[must_use]
    pub fn grace(&self) -> Option<Grace> {
        let (live, now) = (self.live.load(), now());
        Some(Grace { left: live.grace_left(now)?, former: live.former(now) })
    }

    /// What was refused since the start, by rule.
    #[must_use]
    pub fn refusals(&self) -> Vec<RuleCount> {
        self.counters.snapshot()
    }

    /// Whether the client may connect to `local` now, as a session asks before its greeting; nothing is
    /// counted.
    #[must_use]
    pub fn would_connect(&self, client: IpAddr, local: IpAddr) -> Decision {
        let live = self.live.load();
        live.at_connect(now, |rules| self.connection(rules, client, local))
    }

    /// The interfaces of this host as they are now, by which the door goes from now on too.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn interfaces(&self) -> std::io::Result<Arc<[Interface]>> {
        self.interfaces.read_anew(now())
    }

    /// Whether a message of the declared size may begin now; nothing is counted.
    #[must_use]
    pub fn would_begin(&self, declared: Option<u64>) -> Decision {
        self.live.load().at_mail(declared, now)
    }

    /// Whether the recipient is covered now; nothing is counted.
    #[must_use]
    pub fn would_take(&self, recipient: &ForwardPath) -> Decision {
        self.live.load().at_rcpt(recipient, now)
    }

    pub(crate) fn set_closed(&self, closed: Option<Closed>) {
        self.live.rcu(|live| live.closed_as(closed));
    }

    /// What a session that begins now is told. Where former rules stopped counting, that is noticed here:
    /// the size that is advertised may be a smaller one.
    #[must_use]
    pub fn session(&self, starttls: StartTls) -> Arc<SessionConfig> {
        let live = self.live.load();
        match live.next_end().map(|end| (end, now())) {
            Some((end, now)) if end <= now => {
                self.live.rcu(|live| live.without_expired(now));
                self.live.load().session(starttls)
            }
            Some(_) | None => live.session(starttls),
        }
    }

    pub(crate) fn take_slot(&self, client: IpAddr) -> Result<Slot, Refusal> {
        let limits = self.live.load().slots();
        self.slots.take(client, limits).inspect_err(|refusal| self.count(refusal))
    }

    /// A slot for a connection whose client is not known yet.
    pub(crate) fn take_unknown_slot(&self) -> Result<Slot, Refusal> {
        let limits = self.live.load().slots();
        self.slots.take_unknown(limits).inspect_err(|refusal| self.count(refusal))
    }

    pub(crate) fn at_mail(&self, live: &Live, declared: Option<u64>) -> Admission {
        self.counted(live.at_mail(declared, now))
    }

    pub(crate) fn at_rcpt(&self, recipient: &ForwardPath) -> Decision {
        let decision = self.would_take(recipient);
        self.counters.count(&decision);
        decision
    }

    /// Whether a message that was admitted under `live` may have so many octets.
    pub(crate) fn at_body(&self, live: &Live, octets: u64) -> Admission {
        self.counted(live.at_body(octets, now))
    }

    /// Whether a message that was admitted under `live` may hold a bare CR or LF.
    pub(crate) fn at_bare_newline(&self, live: &Live) -> Admission {
        self.counted(live.at_bare_newline(now))
    }

    /// Counts what the intake or a session refused.
    pub(crate) fn count(&self, refusal: &Refusal) {
        self.counters.count(&Decision::try_later(refusal.clone()));
    }

    /// Counts a session that a limit ended.
    pub(crate) fn count_end(&self, reason: CloseReason) {
        self.counters.count_end(reason);
    }

    /// What a session is told that ends before its client wants that.
    pub(crate) fn farewell(&self) -> Refusal {
        self.live.load().farewell()
    }

    pub(crate) fn addresses(&self) -> AddressLog {
        self.live.load().addresses()
    }

    /// How many connections there ever were since the start.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a decision that is carried out.
    pub(crate) fn counted(&self, decision: Decision) -> Admission {
        self.counters.count(&decision);
        decision.admission
    }

    fn connection(&self, rules: &Rules, client: IpAddr, local: IpAddr) -> Decision {
        let at_connect = |interfaces: &[Interface]| rules.at_connect(client, local, interfaces);
        if rules.client_default() != ClientDefault::OwnSubnets {
            return at_connect(&[]);
        }
        let now = now();
        let Some(known) = self.interfaces.at(now, local) else {
            // That the system does not tell is not the client's fault: after a 554 it would not come back.
            return match at_connect(&[]) {
                Decision { admission: Admission::Refuse(refusal), .. } => Decision::try_later(refusal),
                known => known,
            };
        };
        match at_connect(&known) {
            // Its subnet may have come since the list was read.
            Decision { admission: Admission::Refuse(_), .. } => {
                at_connect(&self.interfaces.at_to_refuse(now, local).unwrap_or(known))
            }
            decided => decided,
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
