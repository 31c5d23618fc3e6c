//! The keys of `[[sink]]`: what each means, what it takes, what it is by default.
//!
//! The composed configuration declares its keys from this table, and hands the values to
//! [`options::read`](crate::options::read).

use crate::format::syslog::Body;

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it means, in sentences for an administrator.
    pub doc: &'static str,
    /// What values it takes.
    pub shape: Shape,
    /// What it is where it is not set.
    pub default: Option<&'static str>,
    /// A value as TOML, where there is no default.
    pub example: Option<&'static str>,
    /// Whether its value is shown nowhere.
    pub secret: bool,
}

/// What values a key takes. Numbers are handed over as decimal digits.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text, and what it stands for.
    Text(&'static str),
    /// A path.
    Path,
    /// One of a few words.
    Words(&'static [&'static str]),
    /// A whole number.
    Number {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A size, in octets.
    Size {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A duration, in milliseconds.
    Duration {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
}

impl Shape {
    /// Reads on from "expected".
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Text(expected) => (*expected).to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Words(words) => format!("one of {}", words.join(", ")),
            Self::Number { min, max } => format!("a whole number from {min} to {max}"),
            Self::Size { min, max } => format!("a size from {min} to {max} octets"),
            Self::Duration { min, max } => format!("a duration from {min} ms to {max} ms"),
        }
    }
}

/// The kinds of sinks, by the value of `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindName {
    /// `jsonl`
    Jsonl,
    /// `syslog`
    Syslog,
    /// `cef`
    Cef,
    /// `webhook`
    Webhook,
}

impl KindName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jsonl, Self::Syslog, Self::Cef, Self::Webhook];

    /// The word of the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Syslog => "syslog",
            Self::Cef => "cef",
            Self::Webhook => "webhook",
        }
    }

    /// What it is, in a sentence for an administrator.
    #[must_use]
    pub fn doc(self) -> &'static str {
        match self {
            Self::Jsonl => "Events as JSON lines with ECS names, in a file.",
            Self::Syslog => "Events as syslog messages (RFC 5424), by UDP, TCP or TLS.",
            Self::Cef => "Events in CEF, in a file or in syslog messages.",
            Self::Webhook => "Events as HTTP requests.",
        }
    }
}

/// The keys of a kind, in the order in which they are shown.
#[must_use]
pub fn of(kind: KindName) -> Vec<&'static Key> {
    let own: &[&Key] = match kind {
        KindName::Jsonl => &[&PATH],
        KindName::Syslog => {
            &[&TRANSPORT, &ADDRESS, &FORMAT, &FACILITY, &SD_ID, &MESSAGE_SIZE_MAX, &CA, &CERTIFICATE, &KEY]
        }
        KindName::Cef => {
            &[&CEF_TRANSPORT, &PATH, &ADDRESS, &FACILITY, &MESSAGE_SIZE_MAX, &CA, &CERTIFICATE, &KEY]
        }
        KindName::Webhook => &[&URL, &SECRET, &AUTHORIZATION, &BATCH_MAX, &CA, &CERTIFICATE, &KEY],
    };
    own.iter().copied().chain([&ADDRESSES, &DEADLINE, &QUEUE_EVENTS_MAX, &QUEUE_SIZE_MAX]).collect()
}

/// Every key of every kind, each once but `transport`, which has two sets of words.
pub const ALL: &[&Key] = &[
    &PATH,
    &TRANSPORT,
    &ADDRESS,
    &FORMAT,
    &FACILITY,
    &SD_ID,
    &MESSAGE_SIZE_MAX,
    &URL,
    &SECRET,
    &AUTHORIZATION,
    &BATCH_MAX,
    &CA,
    &CERTIFICATE,
    &KEY,
    &ADDRESSES,
    &DEADLINE,
    &QUEUE_EVENTS_MAX,
    &QUEUE_SIZE_MAX,
];

impl Key {
    const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, doc, shape, default: None, example: None, secret: false }
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn such_as(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

/// Octets of a syslog message that every receiver of datagrams should take (RFC 5426 section 3.2).
pub(crate) const DATAGRAM_OCTETS: usize = 2_048;
/// Octets of a syslog message that every receiver of TLS should take (RFC 5425 section 4.3.1).
pub(crate) const FRAME_OCTETS: usize = 8_192;

/// Octets that the smallest message of an event fits, with the longest host name.
pub(crate) const MESSAGE_OCTETS_MIN: u64 = 2_048;

pub(crate) const FILE: &str = "file";

/// Transports of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireName {
    Udp,
    Tcp,
    Tls,
}

pub(crate) const TRANSPORTS: &[(&str, WireName)] =
    &[("udp", WireName::Udp), ("tcp", WireName::Tcp), ("tls", WireName::Tls)];
pub(crate) const FORMATS: &[(&str, Body)] = &[("json", Body::Json), ("structured", Body::Structured)];

pub(crate) const ADDRESSES: Key = Key::new(
    "addresses",
    Shape::Words(&["full", "domain", "none"]),
    "How much of mail addresses events tell. What is left out is not stored in the queue either.",
)
.or("full");
pub(crate) const DEADLINE: Key = Key::new(
    "deadline",
    Shape::Duration { min: 100, max: 300_000 },
    "How long a try may take, from the connection to the answer.",
)
.or("10000");
pub(crate) const QUEUE_EVENTS_MAX: Key = Key::new(
    "queue_events_max",
    Shape::Number { min: 1, max: 10_000_000 },
    "How many events wait for a receiver that fails. Further ones are dropped and counted.\n\
     One takes some 200 octets of memory, and 2 KiB of the disk.",
)
.or("100000");
pub(crate) const QUEUE_SIZE_MAX: Key = Key::new(
    "queue_size_max",
    Shape::Size { min: 64 << 10, max: 1 << 40 },
    "How many octets of events wait. The files of the queue are at most twice as large, and 4 MiB.",
)
.or("268435456");
pub(crate) const PATH: Key = Key::new(
    "path",
    Shape::Path,
    "The file that lines are appended to; SIGHUP opens it anew. Not set: standard output.",
)
.such_as("\"/var/log/mailsensor/events.jsonl\"");
pub(crate) const TRANSPORT: Key =
    Key::new("transport", Shape::Words(&["udp", "tcp", "tls"]), "How messages travel.").or("tls");
pub(crate) const CEF_TRANSPORT: Key = Key::new(
    "transport",
    Shape::Words(&[FILE, "udp", "tcp", "tls"]),
    "Whether lines go to a file, or travel in syslog messages.",
)
.or("tls");
pub(crate) const ADDRESS: Key = Key::new(
    "address",
    Shape::Text("a host and a port such as siem.example.com:6514"),
    "The receiver. For TLS, its certificate must have that name.",
)
.such_as("\"siem.example.com:6514\"");
pub(crate) const FORMAT: Key = Key::new(
    "format",
    Shape::Words(&["json", "structured"]),
    "Whether a message is the event in JSON, or structured data (RFC 5424) with the most important fields.",
)
.or("json");
pub(crate) const FACILITY: Key = Key::new(
    "facility",
    Shape::Words(&[
        "user", "mail", "daemon", "auth", "authpriv", "local0", "local1", "local2", "local3", "local4",
        "local5", "local6", "local7",
    ]),
    "The facility of the messages.",
)
.or("local0");
pub(crate) const SD_ID: Key = Key::new(
    "sd_id",
    Shape::Text("a name, @ and an enterprise number, such as mailsensor@32473, of at most 32 characters"),
    "The name of the structured data. 32473 is the number for examples (RFC 5612): set your own.",
)
.or("mailsensor@32473");
pub(crate) const MESSAGE_SIZE_MAX: Key = Key::new(
    "message_size_max",
    Shape::Size { min: MESSAGE_OCTETS_MIN, max: 65_507 },
    "The largest message. Larger events are sent with less in them, and say so (`cut`).\n\
     Not set: 2048 by UDP, 8192 by TCP and TLS.",
)
.such_as("\"8 KiB\"");
pub(crate) const URL: Key = Key::new(
    "url",
    Shape::Text("a URL such as https://siem.example.com/events, without a name or password"),
    "Where events are posted to.",
)
.such_as("\"https://siem.example.com/events\"");
pub(crate) const SECRET: Key = Key::new(
    "secret",
    Shape::Text("a secret"),
    "The key of the signature in X-Mailsensor-Signature. Not set: requests are not signed.",
)
.such_as("\"a long random text\"")
.secret();
pub(crate) const AUTHORIZATION: Key = Key::new(
    "authorization",
    Shape::Text("the value of a header field"),
    "The header field Authorization, where the receiver wants one.",
)
.such_as("\"Bearer 0123456789\"")
.secret();
pub(crate) const BATCH_MAX: Key = Key::new(
    "batch_max",
    Shape::Number { min: 1, max: 256 },
    "The most events of a request. 1: the body is one event. More: it is an array.",
)
.or("1");
pub(crate) const CA: Key = Key::new(
    "ca",
    Shape::Path,
    "The certificate authorities of the receiver, in PEM. Not set: those of this host.",
)
.such_as("\"/etc/mailsensor/siem-ca.pem\"");
pub(crate) const CERTIFICATE: Key =
    Key::new("certificate", Shape::Path, "The certificate that is shown to the receiver, in PEM. Needs key.")
        .such_as("\"/etc/mailsensor/siem.pem\"");
pub(crate) const KEY: Key =
    Key::new("key", Shape::Path, "The key of certificate, in PEM.").such_as("\"/etc/mailsensor/siem.key\"");
