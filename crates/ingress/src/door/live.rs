//! What holds at the door: one value that is never changed, only replaced.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensor_mail::{Admission, ForwardPath, Refusal};
use sensor_policy::{Decision, Rules, Succession};
use sensor_smtp::{Limits, SessionConfig, StartTls, Timeouts};

use crate::log::AddressLog;
use crate::slots::SlotLimits;

/// Everything about the door that can be changed while it is open.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who and what may come in.
    pub rules: Rules,
    /// For how long after a change the rules before it soften refusals.
    pub grace: Duration,
    /// What becomes of messages with a bare CR or LF.
    pub bare_newline: BareNewline,
    /// How many connections may be open.
    pub slots: SlotLimits,
    /// How much of an address the log shows.
    pub addresses: AddressLog,
    /// The name in the greeting.
    pub hostname: Box<str>,
    /// How much one client may ask for.
    pub limits: Limits,
    /// How long one client may take.
    pub timeouts: Timeouts,
}

impl Settings {
    /// The grace where nobody says another.
    pub const GRACE: Duration = Duration::from_secs(24 * 3600);
}

/// What becomes of a message with a bare CR or LF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareNewline {
    /// It is kept as it came, and flagged. Nothing is relayed, so nothing can be smuggled on.
    #[default]
    Keep,
    /// 550 5.6.0.
    Reject,
}

/// Why no mail is taken at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The operator has switched the sensor off.
    Disabled,
    /// The sensor goes down.
    Draining,
}

impl Closed {
    fn refusal(self) -> Refusal {
        match self {
            Self::Disabled => Refusal::Disabled,
            Self::Draining => Refusal::Draining,
        }
    }
}

/// What is changed as one and softened by what was before.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// Who and what may come in. Where these hold, `enabled` is true: being off is no rule, and rules that were
    /// written while the sensor was off count as any others.
    pub rules: Rules,
    /// What becomes of messages with a bare CR or LF.
    pub bare_newline: BareNewline,
}

/// The terms that hold, and those that still count for others.
#[derive(Clone, Debug)]
pub struct History {
    /// Those that hold.
    pub current: Arc<Terms>,
    /// Those that count, with how long ago each was replaced, the oldest first.
    pub former: Vec<(Arc<Terms>, Duration)>,
}

/// Reads the clock. Only a refusal asks for the time: former rules may soften it.
pub(super) type Now = fn() -> Instant;

/// What holds at the door.
#[derive(Clone, Debug)]
pub struct Live {
    closed: Option<Closed>,
    terms: Succession<Terms>,
    slots: SlotLimits,
    addresses: AddressLog,
    sessions: Sessions,
    /// The largest message that can be stored, whatever the rules say.
    storable: u64,
}

/// What sessions are told, made once and not for each of them.
#[derive(Clone, Debug)]
struct Sessions {
    unavailable: Arc<SessionConfig>,
    offered: Arc<SessionConfig>,
    required: Arc<SessionConfig>,
    implicit: Arc<SessionConfig>,
}

impl Sessions {
    fn new(config: &SessionConfig) -> Self {
        let of = |starttls| Arc::new(SessionConfig { starttls, ..config.clone() });
        Self {
            unavailable: of(StartTls::Unavailable),
            offered: of(StartTls::Offered),
            required: of(StartTls::Required),
            implicit: of(StartTls::Implicit),
        }
    }

    fn of(&self, starttls: StartTls) -> &Arc<SessionConfig> {
        match starttls {
            StartTls::Unavailable => &self.unavailable,
            StartTls::Offered => &self.offered,
            StartTls::Required => &self.required,
            StartTls::Implicit => &self.implicit,
        }
    }

    /// The same where another size is advertised.
    fn advertising(self, size_max: Option<NonZeroU64>) -> Self {
        if self.offered.size_max == size_max {
            return self;
        }
        Self::new(&SessionConfig { size_max, ..(*self.offered).clone() })
    }
}

impl Live {
    /// Where messages of up to `storable` octets can be stored.
    pub(super) fn new(settings: Settings, storable: u64) -> Self {
        let closed = (!settings.rules.enabled).then_some(Closed::Disabled);
        let grace = settings.grace;
        let size_max = largest([settings.rules.size.octets()], storable);
        let (terms, rest) = settings.split(size_max);
        rest.live(closed, Succession::new(terms, grace), storable)
    }

    pub(super) fn followed_by(&self, settings: Settings, now: Instant) -> Self {
        let grace = settings.grace;
        let (terms, rest) = settings.split(None);
        rest.live(self.closed, self.terms.followed_by(terms, grace, now), self.storable).advertised(now)
    }

    pub(super) fn preceded_by(&self, former: &[(Terms, Duration)], now: Instant) -> Self {
        let enabled =
            |terms: &Terms| Terms { rules: Rules { enabled: true, ..terms.rules.clone() }, ..*terms };
        let former = former.iter().map(|(terms, age)| (enabled(terms), *age));
        Self { terms: self.terms.preceded_by(former, now), ..self.clone() }.advertised(now)
    }

    pub(super) fn history(&self, now: Instant) -> History {
        let former = self.terms.former_with_age(now).map(|(terms, age)| (Arc::clone(terms), age)).collect();
        History { current: Arc::clone(self.terms.current()), former }
    }

    pub(super) fn closed_as(&self, closed: Option<Closed>) -> Self {
        Self { closed, ..self.clone() }
    }

    pub(super) fn without_former(&self, now: Instant) -> Self {
        Self { terms: self.terms.without_former(), ..self.clone() }.advertised(now)
    }

    pub(super) fn without_expired(&self, now: Instant) -> Self {
        Self { terms: self.terms.without_expired(now), ..self.clone() }.advertised(now)
    }

    /// Advertises the largest size that is not refused for good: a client that heeds SIZE refuses a larger
    /// message by itself, and for good (RFC 1870 section 6.1).
    fn advertised(self, now: Instant) -> Self {
        let terms = self.terms.former(now).chain([&**self.terms.current()]);
        let size_max = largest(terms.map(|terms| terms.rules.size.octets()), self.storable);
        Self { sessions: self.sessions.advertising(size_max), ..self }
    }

    /// Whether mail is taken: the sensor is not off, and does not go down.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// The rules that hold. Their `enabled` is true whatever [`is_open`](Self::is_open) says.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.terms.current().rules
    }

    /// How many connections may be open.
    #[must_use]
    pub fn slots(&self) -> SlotLimits {
        self.slots
    }

    pub(super) fn session(&self, starttls: StartTls) -> Arc<SessionConfig> {
        Arc::clone(self.sessions.of(starttls))
    }

    /// Where the door is open, it is the session's listener that goes.
    pub(super) fn farewell(&self) -> Refusal {
        self.closed.unwrap_or(Closed::Draining).refusal()
    }

    pub(super) fn addresses(&self) -> AddressLog {
        self.addresses
    }

    pub(super) fn grace_left(&self, now: Instant) -> Option<Duration> {
        self.terms.grace_left(now)
    }

    pub(super) fn former(&self, now: Instant) -> usize {
        self.terms.former(now).count()
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        self.terms.next_end()
    }

    /// Whether a client may connect; `ask` asks that of any rules.
    pub(super) fn at_connect(&self, now: Now, ask: impl Fn(&Rules) -> Decision) -> Decision {
        self.open_to(|| self.decide(now, |terms| ask(&terms.rules)))
    }

    /// Whether a message of the declared size may begin.
    pub(super) fn at_mail(&self, declared: Option<u64>, now: Now) -> Decision {
        self.open_to(|| {
            let decision = self.decide(now, |terms| terms.rules.at_mail(declared));
            self.if_storable(declared.unwrap_or(0), decision)
        })
    }

    /// Whether the recipient is covered.
    pub(super) fn at_rcpt(&self, recipient: &ForwardPath, now: Now) -> Decision {
        self.decide(now, |terms| terms.rules.at_rcpt(recipient))
    }

    /// Whether a message may have so many octets.
    pub(super) fn at_body(&self, octets: u64, now: Now) -> Decision {
        self.if_storable(octets, self.decide(now, |terms| terms.rules.at_body(octets)))
    }

    /// What the rules let in, now or later, and cannot be stored now or later, is refused for good.
    fn if_storable(&self, octets: u64, decision: Decision) -> Decision {
        match decision.admission {
            Admission::Admit | Admission::TryLater(_) if octets > self.storable => {
                Decision::refuse(Refusal::MessageSize { limit: self.storable })
            }
            Admission::Admit | Admission::TryLater(_) | Admission::Refuse(_) => decision,
        }
    }

    pub(super) fn at_bare_newline(&self, now: Now) -> Decision {
        self.decide(now, |terms| match terms.bare_newline {
            BareNewline::Keep => Decision::ADMIT,
            BareNewline::Reject => Decision::refuse(Refusal::BareNewline),
        })
    }

    fn open_to(&self, decide: impl FnOnce() -> Decision) -> Decision {
        self.closed.map_or_else(decide, |closed| Decision::try_later(closed.refusal()))
    }

    fn decide(&self, now: Now, ask: impl Fn(&Terms) -> Decision) -> Decision {
        let decision = ask(self.terms.current());
        match decision.admission {
            Admission::Refuse(_) => self.terms.soften(decision, now(), ask),
            Admission::Admit | Admission::TryLater(_) => decision,
        }
    }
}

/// The largest of these limits, where `None` is unlimited, that can be stored too.
fn largest(limits: impl IntoIterator<Item = Option<u64>>, storable: u64) -> Option<NonZeroU64> {
    let octets = limits.into_iter().map(|limit| limit.unwrap_or(u64::MAX)).max();
    NonZeroU64::new(octets.unwrap_or(u64::MAX).min(storable))
}

/// Settings without their terms.
struct Rest {
    slots: SlotLimits,
    addresses: AddressLog,
    sessions: Sessions,
}

impl Rest {
    fn live(self, closed: Option<Closed>, terms: Succession<Terms>, storable: u64) -> Live {
        let Self { slots, addresses, sessions } = self;
        Live { closed, terms, slots, addresses, sessions, storable }
    }
}

impl Settings {
    fn split(self, size_max: Option<NonZeroU64>) -> (Terms, Rest) {
        let Self { rules, bare_newline, slots, addresses, hostname, limits, timeouts, .. } = self;
        let config = SessionConfig { hostname, size_max, starttls: StartTls::Offered, limits, timeouts };
        let terms = Terms { rules: Rules { enabled: true, ..rules }, bare_newline };
        (terms, Rest { slots, addresses, sessions: Sessions::new(&config) })
    }
}
