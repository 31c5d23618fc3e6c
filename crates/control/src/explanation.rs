//! What a client would be answered, and why.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// A client, and what it would say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The address of the client.
    #[schema(value_type = Address)]
    pub client: IpAddr,
    /// The address of this host that it connects to; none: a likely one.
    #[serde(default)]
    #[schema(value_type = Option<Address>)]
    pub local: Option<IpAddr>,
    /// The size that it declares, such as `20 MiB`.
    #[serde(default)]
    #[schema(pattern = "^([0-9]{1,18}|[0-9]{1,6} ?[KMGT]i?B)$")]
    pub size: Option<String>,
    /// The addresses that it names in RCPT; at most 1,000.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub recipients: Vec<String>,
}

/// An IP address, for the document: a text alone would promise that any one is understood.
struct Address;

impl PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        let text = |format| {
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)))
        };
        let either = AnyOfBuilder::new().item(text(KnownFormat::Ipv4)).item(text(KnownFormat::Ipv6));
        either.description(Some("An IP address.")).examples(["192.0.2.7"]).into()
    }
}

impl ToSchema for Address {}

impl Question {
    /// The most recipients of one question: one costs a decision and some hundred octets of the answer.
    pub const RECIPIENTS_MAX: usize = 1_000;
}

/// What the sensor would answer, question by question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// The address of this host that was assumed or given.
    #[schema(value_type = Address)]
    pub local: IpAddr,
    /// The connection, the message, each recipient; it ends where the client would be sent away.
    pub steps: Vec<Step>,
}

/// One question at the door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// What is asked, such as `client 192.0.2.7`.
    pub question: String,
    /// What is decided.
    pub outcome: Outcome,
    /// The rule that decides, as it is found in the configuration, such as `clients[2]`.
    pub rule: Option<String>,
    /// Why: a sentence.
    pub reason: String,
    /// The default of the list, and the entry that makes it so.
    pub default: Option<String>,
    /// What the client would see.
    pub reply: String,
    /// Whether the reply is 4yz instead of 5yz because a narrowing of the rules is still gentle.
    pub softened: bool,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It may come in.
    Admitted,
    /// It may come in and is not looked into.
    Unscanned,
    /// It may not.
    Refused,
    /// Not now.
    TryLater,
}
