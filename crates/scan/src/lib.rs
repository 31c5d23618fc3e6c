//! Scanners behind the port of the pipeline: a file each, and a line each in [`KINDS`].
//!
//! ```text
//!  [[scanner]] kind = "clamd" ...   Kind::named -> Kind::build(name, Given) -> Arc<dyn Installed>
//!                                                    |                            |
//!                        Vec<Fault>: key + expected <+                            +-> scan, try_out, reload
//! ```
//!
//! Scanners say what they found and what they did not look at; they judge nothing. None trusts its peer: each
//! wait is within the budget of the message, each answer has a limit, and an answer that is not one is told in
//! words for a person. No scanner here parses mail; parts come to them taken apart.
//!
//! # How a program uses it
//!
//! **Configuration.** A section `[[scanner]]` has `kind`, `name`, `required` and `deadline`, which are the program's, and
//! the keys of its kind: [`Kind::keys`] is the table of names, docs, shapes, defaults and examples. Values go in as
//! [`Given`], sizes in octets and durations in milliseconds. A kind that this build lacks is in the table all the same:
//! its keys are known, [`Kind::absent`] says why it is not there, and so does the fault of its `build`.
//!
//! **At work.** Scanners are built once, and again when their section changes. Some work in the sensor, some in its
//! worker processes, which are handed what they need as supplies.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use sensor_pipeline::worker::{Setup, Tools};
//! use sensor_pipeline::{Dissector, Post};
//! use sensor_scan::{Clock, Fault, Given, Installed, Kind, Surroundings};
//!
//! fn install(clock: Clock) -> Result<Arc<dyn Installed>, Vec<Fault>> {
//!     let kind = Kind::named("attachment").expect("a fault of the key `kind` otherwise");
//!     kind.build("attachments", &Given::new(), &Surroundings { clock })
//! }
//!
//! fn post(scanner: &Arc<dyn Installed>) -> Post {
//!     let (name, deadline) = (scanner.name().into(), Duration::from_secs(30));
//!     Post { name, required: true, deadline, place: sensor_scan::place(scanner) }
//! }
//!
//! // For `Pool::new` and `Pool::renew`, in the sensor.
//! fn setup(scanners: &[Arc<dyn Installed>]) -> Setup {
//!     Setup { supplies: sensor_scan::supplies(scanners), ..Setup::default() }
//! }
//!
//! // For `sensor_pipeline::worker::serve`, in a worker process.
//! fn tools(setup: &Setup, dissector: Box<dyn Dissector>) -> Result<Tools, String> {
//!     Ok(Tools { dissector, inspectors: sensor_scan::inspectors(&setup.supplies)? })
//! }
//!
//! let clock: Clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
//! let scanners = vec![install(clock).unwrap()];
//! assert_eq!(&*post(&scanners[0]).name, "attachments");
//! assert!(setup(&scanners).supplies.is_empty(), "it works in the sensor");
//! ```
//!
//! **Reload.** On SIGHUP, and every [`RELOAD_PAUSE`] by itself, the program calls [`Installed::reload`] of each scanner on a
//! thread that may block; where nothing changed that costs a look at the directory. Faults are told when they
//! are others than the last time: the old rules are at work meanwhile. Where a scanner with [`Place::Worker`] said
//! [`Reloaded::Changed`], the program calls `Pool::renew` with a [`Setup`] of fresh [`supplies`]; should no worker start
//! with it, the workers of before stay, and `renew` is called again the next time.
//!
//! **Trials.** `scanners test` calls [`try_out`]: the kinds of worker processes are tried in the sensor then, with mail of
//! its own. [`Installed::advice`] says what to look at where nothing was found.
//!
//! [`Place::Worker`]: sensor_pipeline::Place::Worker
//! [`Setup`]: sensor_pipeline::worker::Setup

pub mod answer;
mod attachment;
mod clamd;
mod exec;
mod files;
mod hash;
mod http;
mod icap;
mod inside;
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
mod yara;

pub use inside::{inspectors, place, supplies};
pub use kind::{Built, Clock, Installed, KINDS, Kind, Reloaded, Share, Surroundings};
pub use options::{Fault, Given, Value};
pub use trial::{Outcome, Sample, Trial, try_out};

/// How often files of rules are looked at for changes.
pub const RELOAD_PAUSE: std::time::Duration = std::time::Duration::from_secs(30);
