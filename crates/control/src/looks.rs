//! Looks into kept mail, as the control plane tells and orders them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

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
    /// Looks that the rules on trial would have judged otherwise, since the start.
    pub shadow_differences: u64,
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

/// Looks that are asked for: of messages by their ids, or of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookOrder {
    /// What is to be done.
    pub what: What,
    /// Of which messages: their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Of all messages that are owed a look; not for [`What::Rescan`].
    #[serde(default)]
    pub all: bool,
}

impl LookOrder {
    /// The most messages of one order by their ids.
    pub const IDS_MAX: usize = 1_000;

    /// A version 7 UUID as messages have it, with its hyphens or without.
    const ID_PATTERN: &str = "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}\
         |[0-9a-fA-F]{12}7[0-9a-fA-F]{3}[89abAB][0-9a-fA-F]{15})$";
}

/// Which members go together: by those that stand side by side in the type, the document would promise more.
impl PartialSchema for LookOrder {
    fn schema() -> RefOr<Schema> {
        let all = |is: bool| ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([is]));
        let what = |words: &[What], text: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(words.iter().map(What::word)))
                .description(Some(text))
        };
        let id = ObjectBuilder::new().schema_type(Type::String).pattern(Some(Self::ID_PATTERN));
        let ids = ArrayBuilder::new().items(id).min_items(Some(1)).max_items(Some(Self::IDS_MAX));
        let named = ObjectBuilder::new()
            .property("what", what(&[What::Rescan, What::Retry, What::Drop], What::TEXT))
            .property("ids", ids.description(Some("Of which messages: their ids.")))
            .property("all", all(false))
            .required("what")
            .required("ids");
        let owed = ObjectBuilder::new()
            .property("what", what(&[What::Retry, What::Drop], What::TEXT))
            .property("all", all(true).description(Some("Of all messages that are owed a look.")))
            .property("ids", ArrayBuilder::new().max_items(Some(0)))
            .required("what")
            .required("all");
        let strict =
            |object: ObjectBuilder| object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let either = OneOfBuilder::new().item(strict(named)).item(strict(owed));
        either.description(Some("Looks that are asked for: of messages by their ids, or of all.")).into()
    }
}

impl ToSchema for LookOrder {}

/// What is to be done about messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// All scanners look anew. What was seen before stays in the record.
    Rescan,
    /// Scanners that have still to see them are asked now.
    Retry,
    /// Scanners that have still to see them are not asked any more. It is recorded that they did not.
    Drop,
}

impl What {
    fn word(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("it is written as a word")
    }

    const TEXT: &str = "rescan: all scanners look anew, what was seen before stays in the record. retry: scanners that have \
         still to see them are asked now. drop: these are not asked any more, and it is recorded that they did not look.";
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
