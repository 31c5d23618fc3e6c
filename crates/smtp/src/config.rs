//! What a session is told when it begins, shared by all sessions of a listener.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// The settings of a listener's sessions. Put it in an `Arc`: a session keeps a share.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The name in the greeting, in 221 and in 421 (RFC 5321 section 4.2). ASCII.
    pub hostname: Box<str>,
    /// What SIZE advertises, in octets; `None` is shown as 0, unlimited (RFC 1870 section 4). The session
    /// only advertises it: the driver decides at MAIL and while the body arrives.
    pub size_max: Option<NonZeroU64>,
    /// Whether and when there is TLS.
    pub starttls: StartTls,
    /// How much a client may ask for.
    pub limits: Limits,
    /// How long a client may take.
    pub timeouts: Timeouts,
}

impl SessionConfig {
    pub(crate) fn refused_body_octets_max(&self) -> u64 {
        self.size_max.map_or(0, NonZeroU64::get).saturating_add(self.limits.drain_octets_max)
    }
}

/// Whether TLS can be started (RFC 3207), or is there already (RFC 8314).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTls {
    /// There is no TLS: STARTTLS is 502.
    Unavailable,
    /// STARTTLS is offered, mail is taken without it too.
    Offered,
    /// Before TLS everything but NOOP, EHLO, STARTTLS and QUIT is 530 (RFC 3207 section 4).
    Required,
    /// The channel is TLS from its first octet (RFC 8314 section 3.3): `tls_established` is called before
    /// the greeting.
    Implicit,
}

/// How much one client may ask for. Each limit says what one unit costs.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Recipients of one transaction; the next ones get 452 4.5.3 and the mail goes on without them
    /// (RFC 5321 section 4.5.3.1.10). One costs an address in memory and in the stored envelope.
    pub recipients_max: u32,
    /// Command lines since the last message that was taken; then 421 4.7.0. One costs the parsing of at
    /// most [`LINE_OCTETS_MAX`](crate::LINE_OCTETS_MAX) octets and a reply.
    pub commands_max: u32,
    /// Messages of one connection; `None` is unlimited. The MAIL after the last one gets 421 4.7.0 and the
    /// client connects anew, perhaps to another node.
    pub messages_max: Option<NonZeroU32>,
    /// Commands out of sequence or against the grammar since the last message that was taken; then 421
    /// 4.7.0. What a rule refuses does not count: a list with many foreign recipients is no error.
    pub errors_max: u32,
    /// A refused body is read and dropped, so that the client sees the reply where it looks for it, if it
    /// has at most so many octets more than [`size_max`](SessionConfig::size_max), or than 0 where that is
    /// unlimited. A longer one is answered at once and the connection closed. One octet costs its transfer,
    /// no memory.
    pub drain_octets_max: u64,
    /// The slowest body, in octets per second of the time in which we waited for the client; what we make
    /// it wait does not count. Checked after [`Timeouts::body_grace`].
    pub body_octets_per_second_min: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            recipients_max: 1_000,
            commands_max: 10_000,
            messages_max: None,
            errors_max: 20,
            drain_octets_max: 64 << 20,
            body_octets_per_second_min: NonZeroU32::new(128).expect("not zero"),
        }
    }
}

/// How long one client may take. A client that takes longer gets 421 4.4.2.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// From one command to the end of the next; octets that end no command do not prolong it (RFC 5321
    /// section 4.5.3.2.7: at least 5 minutes).
    pub command: Duration,
    /// All waiting for commands since the last message that was taken: a client that only keeps its place
    /// with NOOP gives it up after this. Long enough for as many recipients as the limit, each of them
    /// waited for over a slow line.
    pub commands: Duration,
    /// Between two pieces of a body (RFC 5321 section 4.5.3.2.5: 3 minutes).
    pub body_piece: Duration,
    /// How long bodies may be slower than [`Limits::body_octets_per_second_min`], all together since the last
    /// message that was taken: another chunk, or another message that is given up, begins no new time.
    pub body_grace: Duration,
    /// From the reply to STARTTLS to the end of the handshake; and all that has to come before a greeting.
    pub handshake: Duration,
    /// How long a client that was refused in the greeting may stay.
    pub turned_away: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            command: Duration::from_secs(300),
            commands: Duration::from_secs(1_800),
            body_piece: Duration::from_secs(180),
            body_grace: Duration::from_secs(60),
            handshake: Duration::from_secs(60),
            turned_away: Duration::from_secs(10),
        }
    }
}
