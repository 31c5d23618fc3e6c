//! Changes of settings, what they change, and why they are not made.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::smtp::{Key, Revision, Smtp};

/// A change that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Each key once, with its new value; none: the control plane says nothing about the key any more. Values
    /// are of the kind that the key takes: a bool, a text, a list of texts.
    pub entries: Vec<(Key, Option<Value>)>,
    /// Only tell what would change.
    pub dry_run: bool,
    /// The flip of a default is meant.
    pub confirm: bool,
    /// Which settings the client believes to change.
    pub if_match: Option<IfMatch>,
}

impl Change {
    /// Whether the client has other settings before it than those in force: [`ChangeRefused::Stale`].
    #[must_use]
    pub fn is_stale(&self, current: &Smtp) -> bool {
        self.if_match.as_ref().is_some_and(|condition| !condition.admits(&current.revision()))
    }
}

/// A condition on the present revision (RFC 9110 section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: any.
    Any,
    /// One of these tags, each with its quotes. Weak ones are among them and match nothing.
    OneOf(Vec<String>),
}

impl IfMatch {
    /// Whether the condition holds.
    #[must_use]
    pub fn admits(&self, current: &Revision) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.contains(&current.tag()),
        }
    }
}

/// What a change has changed, or would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// Whether this was a dry run: nothing has changed.
    pub dry_run: bool,
    /// What is another than before; empty where nothing is.
    pub differences: Vec<Difference>,
    /// The defaults that it turns around. What is not a dry run needs `confirm` for it.
    pub flips: Vec<Flip>,
    /// The settings after the change.
    pub smtp: Smtp,
}

/// A setting whose value is another one than before. Secrets are never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The key, such as `smtp.clients`.
    pub key: String,
    /// The value before, as TOML; none where it was not set.
    pub old: Option<String>,
    /// The value now, as TOML.
    pub new: Option<String>,
    /// Whether it takes effect only with a restart.
    pub needs_restart: bool,
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// 412: the settings are not those that the client has seen.
    #[error("the settings have changed since they were read")]
    Stale,
    /// 409: a variable or an option sets the key, so that the change would have no effect.
    #[error("what the environment or the command line sets cannot be changed here")]
    Overridden(Vec<Overridden>),
    /// 422: every value that cannot be used.
    #[error("the settings would be faulty")]
    Faulty(Vec<Fault>),
    /// 409: the change flips a default, and `confirm` was not given.
    #[error("the change turns a default around")]
    NeedsConfirmation(Vec<Flip>),
    /// 503: the system does not give what the change needs, such as an address to listen on.
    #[error("the change cannot be applied: {0}")]
    NotApplied(String),
    /// 507: there is no room for it on the disk.
    #[error("the change cannot be kept: {0}")]
    NoRoom(String),
    /// 500: the disk failed.
    #[error("the change cannot be kept: {0}")]
    NotKept(String),
}

/// A key that is set above the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Overridden {
    /// The key, such as `smtp.enabled`.
    pub key: String,
    /// The variable or option that sets it.
    pub by: String,
}

/// A default of a list that a change turns around.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flip {
    /// The list, such as `smtp.clients`.
    pub key: String,
    /// What holds for what no entry covers, before: a sentence.
    pub before: String,
    /// What would hold after: a sentence.
    pub after: String,
}

/// Something that cannot be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// The key or member, such as `smtp.clients[2]`, lists counted from 1.
    pub key: String,
    /// What is wrong and, where it can be guessed, what was meant.
    pub message: String,
    /// What is taken instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The file it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

impl Fault {
    /// A fault of what a client sent, where files play no part.
    #[must_use]
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), ..Self::default() }
    }
}

/// What a reload has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// The settings that are others than before.
    pub differences: Vec<Difference>,
    /// The defaults that it turned around. An edit of a file needs no other confirmation.
    pub flips: Vec<Flip>,
    /// The SHA-256 fingerprint of the certificate that listeners show from now on, where it is another one than
    /// before.
    pub certificate: Option<String>,
}

/// Why a reload has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadRefused {
    /// 422: every fault of every file.
    #[error("the settings are faulty")]
    Faulty(Vec<Fault>),
    /// 503: the system does not give what the settings need.
    #[error("the settings cannot be applied: {0}")]
    NotApplied(String),
}
