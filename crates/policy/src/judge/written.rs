//! Rules as an administrator writes them, before anything is known about what they say.
//!
//! Every word is still a text here, so that reading a file stops at the shape alone and all that is wrong
//! with the words is told at once. What is not given is not serialized: the digest of a rule set does not
//! change when a later version knows more keys.

use serde::{Deserialize, Serialize};

/// One `[[rule]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenRule {
    /// What it is called: lower-case letters, digits and `_`.
    pub name: String,
    /// Whether it counts.
    #[serde(skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// Whether it is on trial: it counts for the judgement that is reported beside the one in force.
    #[serde(skip_serializing_if = "is_false")]
    pub shadow: bool,
    /// A finding that there has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<WrittenFinding>,
    /// A part that there has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<WrittenPart>,
    /// What a scanner has to have made of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<WrittenCoverage>,
    /// Whom it has to be from, by the envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<WrittenSender>,
    /// Whom it has to be for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<WrittenRecipient>,
    /// Where it has to come from: addresses and blocks, `!` excepts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client: Vec<String>,
    /// An expression in CEL that has to be true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What the message is held to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// How grave that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Words that it gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What is to become of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// Who is to be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Whether no later rule is asked.
    #[serde(skip_serializing_if = "is_false")]
    pub stop: bool,
}

/// One finding that meets all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenFinding {
    /// Names of scanners.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scanner: Vec<String>,
    /// Names of rules or signatures, with `*` and `?`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rule: Vec<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag: Vec<String>,
    /// The least severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity_min: Option<String>,
}

/// One part that meets all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenPart {
    /// Declared media types, with `*` and `?`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<String>,
    /// Detected media types, with `*` and `?`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detected: Vec<String>,
    /// File names, with `*` and `?`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub name: Vec<String>,
    /// What file names end with, without the dot.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extension: Vec<String>,
    /// What is remarkable about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flag: Vec<String>,
    /// What it is in its parent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub role: Vec<String>,
    /// Why something of it was not looked into.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unopened: Vec<String>,
    /// The least size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_min: Option<String>,
}

/// One scanner's coverage that meets all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenCoverage {
    /// Names of scanners.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scanner: Vec<String>,
    /// The whole of it in a word.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outcome: Vec<String>,
    /// Whether the message counts as unscanned without this scanner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// Whether it did not look at something, whatever it found elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<bool>,
}

/// The sender of the envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenSender {
    /// Domains with their subdomains; `!` excepts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domain: Vec<String>,
    /// Whole addresses; `<>` is the empty one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub address: Vec<String>,
}

/// One recipient who meets all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WrittenRecipient {
    /// Domains with their subdomains; `!` excepts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domain: Vec<String>,
    /// Whole addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub address: Vec<String>,
    /// How it is known that this is a recipient; without a word, from the envelope.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<String>,
}

impl Default for WrittenRule {
    /// A rule without name, condition and effect, enabled.
    fn default() -> Self {
        Self {
            name: String::new(),
            enabled: true,
            shadow: false,
            finding: None,
            part: None,
            coverage: None,
            sender: None,
            recipient: None,
            client: Vec::new(),
            when: None,
            verdict: None,
            severity: None,
            tags: Vec::new(),
            disposition: None,
            notices: Vec::new(),
            stop: false,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_true(flag: &bool) -> bool {
    *flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
