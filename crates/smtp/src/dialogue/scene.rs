//! How the server of a dialogue is set up: limits for the session, rules for its driver.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use sensor_mail::{Admission, Refusal, RuleId};

use crate::{Limits, Permits, SessionConfig, StartTls, Timeouts};

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct Scene {
    /// For the session. The driver keeps to `size_max` at MAIL and while the body arrives.
    pub config: SessionConfig,
    /// What the client is trusted with.
    pub permits: Permits,
    /// Whether the input of a step may be cut. Not where the story is that two things come in one piece.
    pub cuts: bool,
    /// Whether a message with a bare CR or LF is refused.
    pub refuses_bare_newlines: bool,
    /// The answer to the client.
    pub client: Admission,
    /// The answers to clients of these addresses that XCLIENT speaks for; all others are admitted.
    pub addresses: Vec<(IpAddr, Admission)>,
    /// The answer to MAIL.
    pub sender: Admission,
    /// The answers to recipients in these domains; all others are admitted.
    pub recipients: Vec<(String, Admission)>,
    /// The answer to DATA and the first BDAT.
    pub start: Admission,
    /// The answer to a whole message.
    pub message: Admission,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            config: SessionConfig {
                hostname: "mx.example.com".into(),
                size_max: None,
                starttls: StartTls::Unavailable,
                limits: Limits::default(),
                timeouts: Timeouts::default(),
            },
            permits: Permits::default(),
            cuts: true,
            refuses_bare_newlines: false,
            client: Admission::Admit,
            addresses: Vec::new(),
            sender: Admission::Admit,
            recipients: Vec::new(),
            start: Admission::Admit,
            message: Admission::Admit,
        }
    }
}

impl Scene {
    /// Reads `set KEY VALUE`.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Option<()> {
        let Limits { recipients_max, commands_max, messages_max, errors_max, .. } = &mut self.config.limits;
        match (key, value) {
            ("size", _) => self.config.size_max = NonZeroU64::new(value.parse().ok()?),
            ("starttls", "offered") => self.config.starttls = StartTls::Offered,
            ("starttls", "required") => self.config.starttls = StartTls::Required,
            ("tls", "implicit") => self.config.starttls = StartTls::Implicit,
            ("xclient", "permitted") => self.permits.xclient = true,
            ("xforward", "permitted") => self.permits.xforward = true,
            ("cuts", "none") => self.cuts = false,
            ("bare-newline", "reject") => self.refuses_bare_newlines = true,
            ("recipients-max", _) => *recipients_max = value.parse().ok()?,
            ("commands-max", _) => *commands_max = value.parse().ok()?,
            ("messages-max", _) => *messages_max = NonZeroU32::new(value.parse().ok()?),
            ("errors-max", _) => *errors_max = value.parse().ok()?,
            ("drain-octets-max", _) => self.config.limits.drain_octets_max = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }

    /// Reads what stands behind `refuse` or `later`, as `admission` says.
    pub(super) fn refuse(&mut self, words: &[&str], admission: fn(Refusal) -> Admission) -> Option<()> {
        match *words {
            ["client", what] => self.client = admission(refusal(what, Refusal::Client)),
            ["address", address, what] => {
                let answer = admission(refusal(what, Refusal::Client));
                self.addresses.push((address.parse().ok()?, answer));
            }
            ["sender", what] => self.sender = admission(refusal(what, Refusal::Client)),
            ["recipient", domain, what] => {
                let answer = admission(refusal(what, Refusal::RecipientDomain));
                self.recipients.push((domain.to_owned(), answer));
            }
            ["start", what] => self.start = admission(refusal(what, Refusal::Client)),
            ["message", what] => self.message = admission(refusal(what, Refusal::Client)),
            _ => return None,
        }
        Some(())
    }
}

/// A refusal by name; what is no name is the id of a rule.
fn refusal(what: &str, rule: fn(RuleId) -> Refusal) -> Refusal {
    match what {
        "connections" => Refusal::Connections { limit: 50 },
        "connections-of-client" => Refusal::ConnectionsOfClient { limit: 5 },
        "storage-low" => Refusal::StorageLow,
        "memory-low" => Refusal::MemoryLow,
        "disabled" => Refusal::Disabled,
        "draining" => Refusal::Draining,
        "storage-failed" => Refusal::StorageFailed,
        "storage-slow" => Refusal::StorageSlow,
        rule_id => rule(RuleId::named(rule_id)),
    }
}

/// Reads a span of time in whole seconds: `301s`.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}
