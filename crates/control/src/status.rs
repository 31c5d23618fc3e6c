//! What a sensor is doing, for people ([`Status`]) and for monitoring ([`Metrics`]).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::looks::Looks;
use crate::metrics::RuleLabel;
use crate::smtp::{Grace, Security};

/// What a sensor is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// The name in its greeting.
    pub hostname: String,
    /// Whether it takes mail.
    pub state: State,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started: jiff::Timestamp,
    /// What it was told to listen on.
    pub listeners: Vec<ListenerStatus>,
    /// SMTP connections that are open.
    pub connections: u64,
    /// Where its mail is.
    pub conservation: Conservation,
    /// What its spool takes up.
    pub space: Space,
    /// The last thing that the storage refused, until it works again.
    pub storage_error: Option<String>,
    /// The certificates that it shows.
    pub certificates: Vec<Certificate>,
    /// A narrowing of the rules that is gentle.
    pub grace: Option<Grace>,
    /// Refusals that were answered 4yz for its sake.
    pub softened: u64,
    /// What is looked into; none where `scan.enabled` is false.
    pub looks: Option<Looks>,
    /// The files that its settings come from.
    pub files: Vec<String>,
    /// What a person should look at: sentences.
    pub warnings: Vec<String>,
}

/// Whether a sensor takes mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It takes mail.
    Enabled,
    /// It was switched off.
    Disabled,
    /// It is going down.
    Draining,
}

/// An address that mail servers connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListenerStatus {
    /// Its name.
    pub name: String,
    /// The address, with the real port.
    pub address: String,
    /// Its TLS.
    #[schema(value_type = Security)]
    pub security: String,
    /// Whether it is bound.
    pub listening: bool,
}

/// Where accepted mail is. Always `accepted = in_spool + kept + set_aside + withdrawn + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conservation {
    /// Messages ever accepted: durable, and answered 250 but for those that were withdrawn.
    pub accepted: u64,
    /// Those that wait in the spool.
    pub in_spool: u64,
    /// Those that were kept in the archive.
    pub kept: u64,
    /// Those that could not be kept and wait for a person, with their bytes.
    pub set_aside: u64,
    /// Those whose sender was told to come back after all.
    pub withdrawn: u64,
    /// Those that damage to the storage destroyed.
    pub lost: u64,
}

impl Conservation {
    /// What is accepted and nowhere; anything but 0 is a defect of the program.
    #[must_use]
    pub fn unaccounted(&self) -> i64 {
        let Self { accepted, in_spool, kept, set_aside, withdrawn, lost } = *self;
        let found =
            [in_spool, kept, set_aside, withdrawn, lost].iter().fold(0, |sum: i128, &n| sum + i128::from(n));
        let missing = i128::from(accepted) - found;
        i64::try_from(missing).unwrap_or(if missing < 0 { i64::MIN } else { i64::MAX })
    }
}

/// What a spool takes up, and what is left for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Space {
    /// Octets of all its files.
    pub octets: u64,
    /// Octets of those that are needed.
    pub live_octets: u64,
    /// Free octets of its file system.
    pub free_octets: u64,
    /// Free inodes of its file system.
    pub free_inodes: u64,
}

/// A certificate that the sensor shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// The listeners that show it are told by this name.
    pub name: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires: jiff::Timestamp,
    /// Seconds until then; below 0 it has expired.
    pub expires_in_seconds: i64,
}

/// What a drain waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Draining {
    /// SMTP connections that are open and may end their transaction.
    pub connections: u64,
    /// How long they may take, in seconds.
    pub deadline_seconds: u64,
}

/// The figures for monitoring. There is no address in them, and no number of series grows with traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Where accepted mail is.
    pub conservation: Conservation,
    /// SMTP connections that are open.
    pub connections: u64,
    /// SMTP connections that were ever accepted.
    pub connections_accepted: u64,
    /// Refusals since the start, by rule.
    pub refusals: Vec<Refusals>,
    /// Refusals that were answered 4yz because a narrowing of the rules is gentle.
    pub softened: u64,
    /// Seconds until each certificate expires, by its name.
    pub certificates: Vec<(String, i64)>,
    /// What the spool takes up.
    pub space: Space,
    /// Whether mail is taken.
    pub enabled: bool,
    /// Whether mail waits in the spool because the archive cannot be written.
    pub archive_failing: bool,
    /// Whether mail is left in the spool because somebody wants it so.
    pub pipeline_paused: bool,
    /// Whether the last reload was refused.
    pub reload_refused: bool,
    /// What is looked into; none where nothing is.
    pub looks: Option<Looks>,
}

/// Refusals by one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// The rule.
    pub rule: RuleLabel,
    /// How many since the start.
    pub count: u64,
}
