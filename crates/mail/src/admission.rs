//! What the door may answer: admit, refuse for good, or ask to try later.
//!
//! Policy and intake decide with these words; `smtp` has the one table that turns each into a reply.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The answer to a question at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may come in.
    Admit,
    /// It may not, and asking again changes nothing: a 5yz reply.
    Refuse(Refusal),
    /// Not now; the operator or time can mend it: a 4yz reply.
    TryLater(Refusal),
}

/// Why something may not come in, with the numbers and the rule that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client's address is not allowed by the rule.
    Client(RuleId),
    /// The recipient's domain is not covered by the rule.
    RecipientDomain(RuleId),
    /// The message is, or says it will be, larger than `limit` octets.
    MessageSize {
        /// The largest message that is taken, in octets.
        limit: u64,
    },
    /// The transaction has `limit` recipients already.
    Recipients {
        /// The largest number of recipients in one transaction.
        limit: u32,
    },
    /// All connections that the sensor holds at a time are in use.
    Connections {
        /// The largest number of connections at a time.
        limit: u32,
    },
    /// The client holds all the connections that one client may.
    ConnectionsOfClient {
        /// The largest number of connections of one client address at a time.
        limit: u32,
    },
    /// TLS is required here and not in use.
    TlsRequired,
    /// The file system has less free space, or fewer free inodes, than the reserve.
    StorageLow,
    /// The memory set aside for bodies in flight is in use.
    MemoryLow,
    /// The operator has switched the sensor off.
    Disabled,
    /// The sensor is going down.
    Draining,
    /// The message could not be made durable: the storage reported an error.
    StorageFailed,
    /// The message was not durable in time; it has been withdrawn.
    StorageSlow,
    /// The message holds a bare CR or LF and `bare_newline = "reject"` is set.
    BareNewline,
}

/// Names the entry of the configuration that decided, as the administrator finds it there:
/// `clients[2]` is the second entry of `smtp.clients`, `clients.default` what holds where none matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(std::sync::Arc<str>);

impl RuleId {
    /// The default of `list`: what decides where no entry does.
    #[must_use]
    pub fn default_of(list: &str) -> Self {
        Self(format!("{list}.default").into())
    }

    /// The entry of `list` at `index`, counted from 0; shown counted from 1.
    #[must_use]
    pub fn entry(list: &str, index: usize) -> Self {
        Self(format!("{list}[{}]", index + 1).into())
    }

    /// A rule that stands alone, such as `clients.subnet` or `message_size_limit`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// The id as text: letters, digits, `_`, `.`, `[` and `]`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
