//! The settings of the door, as the API shows them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// `/v1/sensors/self/smtp`: what is taken by SMTP. The values that can be changed stand at the top, where a
/// JSON Merge Patch (RFC 7396) finds them; what there is to say about each stands in `about`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Smtp {
    /// Whether mail is taken. Off: nothing listens.
    pub enabled: bool,
    /// Domains whose recipients are covered; `!` excepts. Empty: every domain.
    pub destination_domains: Vec<String>,
    /// What becomes of recipients of other domains.
    #[schema(value_type = Uncovered)]
    pub uncovered: String,
    /// Addresses and blocks that may connect; `!` excepts.
    pub clients: Vec<String>,
    /// The largest message: `unlimited` or a size such as `50 MiB`, as it was typed.
    pub message_size_limit: String,
    /// TLS on the listeners.
    pub tls: Tls,
    /// What there is to say about each value, by its name here. Read-only.
    pub about: BTreeMap<Key, About>,
    /// The last change of the rules, while it is gentle. Read-only.
    #[schema(read_only)]
    pub grace: Option<Grace>,
}

/// TLS on the listeners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tls {
    /// On listeners that do not say it themselves.
    #[schema(value_type = Security)]
    pub security: String,
}

/// What becomes of recipients of other domains.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes texts that the node gives and reads")]
pub(crate) enum Uncovered {
    /// They are refused.
    Refuse,
    /// They are taken and not looked into.
    Accept,
}

/// TLS of a listener.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes texts that the node gives and reads")]
pub(crate) enum Security {
    /// There is none.
    None,
    /// STARTTLS is offered.
    Opportunistic,
    /// No mail without STARTTLS.
    Required,
    /// TLS from the first octet.
    Implicit,
}

/// What there is to say about a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// What it means on this host: a sentence.
    pub meaning: String,
    /// Where it comes from: `default`, a file with a line, a variable of the environment.
    pub origin: String,
    /// The variable or option that sets it, so that it cannot be changed here.
    pub overridden_by: Option<String>,
}

/// A change of the rules that is gentle for a time: what the rules before it would have taken is answered
/// 4yz instead of 5yz.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grace {
    /// When the rules were changed last.
    #[schema(value_type = String, format = DateTime)]
    pub since: jiff::Timestamp,
    /// When it ends by itself.
    #[schema(value_type = String, format = DateTime)]
    pub until: jiff::Timestamp,
}

/// What ending the grace has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraceEnded {
    /// The grace that was running; none where there was nothing to end.
    pub ended: Option<Grace>,
}

/// A setting that the control plane may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum Key {
    /// Whether mail is taken.
    #[serde(rename = "enabled")]
    Enabled,
    /// Whose mail is taken.
    #[serde(rename = "destination_domains")]
    DestinationDomains,
    /// What becomes of other recipients.
    #[serde(rename = "uncovered")]
    Uncovered,
    /// Who may connect.
    #[serde(rename = "clients")]
    Clients,
    /// The largest message.
    #[serde(rename = "message_size_limit")]
    MessageSizeLimit,
    /// Whether TLS is offered or required.
    #[serde(rename = "tls.security")]
    TlsSecurity,
}

impl Key {
    /// All of them, in the order of the document.
    pub const ALL: [Self; 6] = [
        Self::Enabled,
        Self::DestinationDomains,
        Self::Uncovered,
        Self::Clients,
        Self::MessageSizeLimit,
        Self::TlsSecurity,
    ];

    /// Its name in `/v1/sensors/self/smtp`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.path().strip_prefix("smtp.").expect("all of them are of one table")
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Enabled => "smtp.enabled",
            Self::DestinationDomains => "smtp.destination_domains",
            Self::Uncovered => "smtp.uncovered",
            Self::Clients => "smtp.clients",
            Self::MessageSizeLimit => "smtp.message_size_limit",
            Self::TlsSecurity => "smtp.tls.security",
        }
    }

    /// What kind of value it takes, where `value` is of another kind. What the value says is the node's to judge.
    pub(crate) fn kind_missed(self, value: &Value) -> Option<&'static str> {
        let is_text_list =
            |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
        let (fits, expected) = match self {
            Self::Enabled => (value.is_boolean(), "true or false"),
            Self::DestinationDomains | Self::Clients => (is_text_list(value), "a list of texts"),
            Self::Uncovered | Self::MessageSizeLimit | Self::TlsSecurity => (value.is_string(), "a text"),
        };
        (!fits).then_some(expected)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// Names one state of the settings: an entity tag without its quotes (RFC 9110 section 8.8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    /// The tag with its quotes, as it stands in `ETag`.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl Smtp {
    /// The revision of all that is shown but the grace, which ends by itself: another one whenever a change was
    /// made.
    #[must_use]
    pub fn revision(&self) -> Revision {
        let settings = Self { grace: None, ..self.clone() };
        let text = serde_json::to_vec(&settings).expect("a document is written to memory");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text);
        Revision(digest.as_ref().iter().take(16).map(|octet| format!("{octet:02x}")).collect())
    }
}
