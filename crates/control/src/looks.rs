//! Looks into kept mail, as the control plane tells and orders them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::change::Fault;

/// What is looked into, and what is owed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Looks {
    /// Messages that wait for a look, are looked into, or are owed one.
    pub jobs: u64,
    /// Those that a required scanner has still to see.
    pub unscanned: u64,
    /// Looks recorded since the start, by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Messages that could not be taken apart, since the start.
    pub not_taken_apart: u64,
    /// Scanners that did not end and were given up, since the start.
    pub abandoned: u64,
    /// Who looks, in the order of the configuration.
    pub scanners: Vec<ScannerState>,
    /// Who takes messages apart.
    pub workers: Workers,
    /// Who is told.
    pub sinks: Vec<SinkState>,
}

/// A scanner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScannerState {
    /// Its name.
    pub name: String,
    /// Whether a message counts as unscanned without it.
    pub required: bool,
    /// `closed`: it is asked. `open`: it failed too often, and is left alone for a while. `half_open`: it is tried.
    pub circuit: String,
    /// Messages since the start, by what it made of them: `clean`, `hit`, `skipped`, `timed_out`, `failed`.
    pub outcomes: BTreeMap<String, u64>,
    /// Messages that it has still to see.
    pub unscanned: u64,
    /// When the oldest of them was accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_unscanned: Option<Timestamp>,
    /// Seconds since then.
    pub oldest_unscanned_seconds: u64,
}

/// The worker processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workers {
    /// Those that live. They start with the first message.
    pub alive: u64,
    /// Those started since the start.
    pub started: u64,
    /// Messages that they took apart since the start.
    pub messages: u64,
    /// Those that died over a message since the start, by cause.
    pub deaths: BTreeMap<String, u64>,
    /// Whether the kernel confines them in full; none before the first.
    pub confined: Option<bool>,
    /// Why the last one that was to be started was not.
    pub error: Option<String>,
}

/// A sink of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SinkState {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Events that wait for the receiver.
    pub waiting: u64,
    /// Events delivered since the start.
    pub delivered: u64,
    /// Tries that failed since the start.
    pub failed_tries: u64,
    /// Events dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Seconds that the oldest waits by now.
    pub oldest_seconds: u64,
    /// Whether the receiver fails, so that nothing is sent for a while.
    pub failing: bool,
    /// What failed last.
    pub last_error: Option<String>,
}

/// Looks that are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookOrder {
    /// What is to be done.
    pub what: What,
    /// Of which messages: their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000)]
    pub ids: Vec<String>,
    /// Of all messages that are owed a look; not for `rescan`.
    #[serde(default)]
    pub all: bool,
}

impl LookOrder {
    /// The most messages of one order by their ids.
    pub const IDS_MAX: usize = 1_000;
}

/// What is to be done about messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// All scanners look anew. What was seen before stays in the record.
    Rescan,
    /// Scanners that have still to see them are asked now.
    Retry,
    /// Scanners that have still to see them are not asked any more. It is recorded that they did not.
    Drop,
}

/// What was ordered. It is durable, and done in its turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LooksOrdered {
    /// How many messages it is about.
    pub messages: u64,
    /// Ids of messages that are not kept, or of which nothing is owed.
    pub unknown: Vec<String>,
}

/// Why nothing, or not all, was ordered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookRefused {
    /// 422: what cannot be understood.
    #[error("the order cannot be understood")]
    Faulty(Vec<Fault>),
    /// 503: nothing is looked into, or the order cannot be kept now.
    #[error("{0}")]
    NotApplied(String),
}
