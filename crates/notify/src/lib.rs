//! Tells others what was judged, behind the port [`sensor_pipeline::EventSink`]: JSON lines, syslog, CEF, webhooks.
//!
//! ```text
//!                   +-- Sink "siem" ---- outbox ---- courier ---- TLS ----> a SIEM
//!  look, judge -----+-- Sink "lines" --- outbox ---- courier ---- file ---> events.jsonl
//!   (pipeline)      +-- Sink "hook" ---- outbox ---- courier ---- HTTP ---> a web server
//! ```
//!
//! Each sink is alone: its outbox, bounded, on stable storage; its courier, a task that delivers from there; its
//! receiver, which may hang, reset, drip or be gone without anybody else noticing. It promises: every event is
//! delivered at least once, named by mail id and revision, across any end of the program, or is counted as
//! dropped; subjects and bodies are in none; addresses are as far as the option says.
//!
//! It lacks, on purpose: rotation of files (others do it, and send SIGHUP), a choice of events (the receiver filters,
//! or a rule's notice does), and order across failures.

mod breaker;
mod format;
pub mod keys;
mod notice;
pub mod options;
mod outbox;
mod sink;
mod status;
mod transport;
mod words;

pub use format::Reporter;
pub use format::syslog::{Body, Facility};
pub use notice::{Addresses, LIST_MAX, TEXT_OCTETS_MAX};
pub use options::{Fault, Kind, Options};
pub use outbox::{Bounds, Storage};
pub use sink::{Courier, OpenError, Sink};
pub use status::{Drops, LastError, Status};
pub use transport::tls::TlsError;
pub use transport::{Place, Target, Url};
