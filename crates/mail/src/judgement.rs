//! What follows from what was found: a verdict, and what is to become of the message.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::{Coverage, Finding, Severity};
use crate::part::Part;
use crate::{Recipient, RuleId};

/// What a message is held to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything was looked at, and nothing speaks against it.
    Clean,
    /// Not everything was looked at, and nothing that was speaks against it.
    #[default]
    Undetermined,
    /// Something speaks against it.
    Suspect,
    /// It is an attack.
    Hostile,
}

/// What is to become of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// It stays as it is.
    #[default]
    Keep,
    /// It stays, and is given out only to who asks for it by that name.
    Quarantine,
    /// What is known about it stays, its octets do not.
    MetadataOnly,
}

/// What was decided about a message, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it is held to be.
    pub verdict: Verdict,
    /// How grave it is.
    pub severity: Severity,
    /// Words that rules gave it, each once, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Box<str>>,
    /// What is to become of it.
    pub disposition: Disposition,
    /// Who is to be told, by the names of the configuration, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Box<str>>,
    /// The rules that decided, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleId>,
    /// The version of the rule set: a digest of what it says.
    #[serde(default)]
    pub ruleset: Box<str>,
}

/// One look into a kept message: what it consists of, what scanners said, what was judged. Later looks are
/// added; none is ever replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Numbers the looks into a message, from 1.
    pub revision: u32,
    /// When it began, by the node's clock.
    pub begun: Timestamp,
    /// What the message consists of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Whom the message's own fields and a journal report name as recipients: said by who wrote them, proved by
    /// nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Recipient>,
    /// What was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What each scanner made of it, in the order of the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Coverage>,
    /// What follows.
    pub judgement: Judgement,
    /// What would have followed by the rules that are on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Judgement>,
}
