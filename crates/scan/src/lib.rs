//! Scanners behind the port of the pipeline: a file each, and a line each in [`KINDS`].
//!
//! ```text
//!  [[scanner]] kind = "clamd" ...       Kind::named -> Kind::build(name, Given) -> Arc<dyn Installed>
//!                                                        |                            |
//!                            Vec<Fault>: key + expected  <+                            +-> scan, try_out, reload
//! ```
//!
//! Scanners say what they found and what they did not look at; they judge nothing. None trusts its peer: each
//! wait is within the budget of the message, each answer has a limit, and an answer that is not one is told in
//! words for a person. No scanner here parses mail; parts come to them taken apart.

pub mod answer;
mod attachment;
mod clamd;
mod exec;
mod hash;
mod http;
mod icap;
pub mod keys;
mod kind;
mod manifest;
mod octets;
mod options;
mod peer;
mod rspamd;
mod ruleset;
mod severity;
mod tls;
mod trial;
mod trouble;
mod url;
mod webhook;
mod words;
#[cfg(feature = "yara")]
pub mod yara;

pub use kind::{Built, COMPILED_OUT, Clock, Installed, KINDS, Kind, Surroundings};
pub use options::{Fault, Given, Value};
pub use trial::{Outcome, Sample, Trial, try_out};
