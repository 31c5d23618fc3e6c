//! What the sensor and its worker say to each other.
//!
//! ```text
//!  sensor                                          worker
//!    | --- Setup: limits, what it may read + memfd -> |   builds its scanners, confines itself
//!    | <-- Hello: how it is confined, its scanners -- |   (or Unable: why there is nothing to work with)
//!    | --- Take: which octets, until when + file ---> |
//!    | <-- Parts: where the manifest is + memfd ----- |   sealed: | octets of part 1 | 2 | ... | manifest |
//!    | <-- Said: one scanner's report + memfd ------- |   one for each scanner that was asked for
//!    | <-- Done ------------------------------------- |   ready for the next message
//! ```
//!
//! The worker is told nothing that it could give away but its rules and the message it has in hand.

use std::path::PathBuf;

use bytes::Bytes;
use sensor_mail::Recipient;
use sensor_mail::part::Part;
use serde::{Deserialize, Serialize};

use super::sandbox::Sandbox;

/// From the sensor to its worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The first letter.
    Setup(Setup),
    /// Take a message apart; its file comes with it.
    Take(Take),
}

/// What a worker is, for its whole life.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Setup {
    /// What it may use.
    pub limits: Limits,
    /// Files and directories that it may read while it works; what its scanners need at their start only is
    /// read before that.
    pub reads: Vec<PathBuf>,
    /// Programs that it may run, as unpackers. With none it may run none.
    pub runs: Vec<PathBuf>,
    /// What the binary needs to make dissector and scanners; this crate does not look at it.
    pub settings: Box<str>,
    /// What the binary needs for that and no letter holds, such as compiled rules; goes in a file of its own.
    #[serde(skip)]
    pub supplies: Bytes,
}

/// What a worker may use. What exceeds them ends it, and costs the message it had in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Octets of address space: the message, its parts while they are unfolded, rules, code.
    pub memory_octets: u64,
    /// Octets of the file that parts are handed over in.
    pub parts_octets: u64,
    /// Open files.
    pub files: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_octets: 2 << 30, parts_octets: 512 << 20, files: 64 }
    }
}

/// A message to be taken apart: a range of the file that comes with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Take {
    pub(crate) start: u64,
    pub(crate) octets: u64,
    /// How long taking it apart may take.
    pub(crate) millis: u64,
    /// Which of the worker's scanners are to look, and how long each may.
    pub(crate) inspectors: Vec<(Box<str>, u64)>,
}

/// From a worker to its sensor: hostile, once it has had a message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is confined and waits.
    Hello(Hello),
    /// There is nothing to work with, such as rules that do not compile.
    Unable(String),
    /// The message is taken apart; the file that comes with it has the manifest in this range.
    Parts { start: u64, octets: u64 },
    /// What one scanner says is the file that comes with it.
    Said { micros: u64 },
    /// All is said.
    Done,
}

/// What a worker says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// How far it is confined.
    pub sandbox: Sandbox,
    /// Its scanners and the versions of their rules.
    pub inspectors: Vec<(Box<str>, Option<Box<str>>)>,
}

/// What a message was found to consist of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) parts: Vec<Entry>,
    pub(crate) recipients: Vec<Recipient>,
}

/// A part, and where its octets begin in the file of the manifest. Those of the message itself are not
/// handed back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) part: Part,
    pub(crate) start: u64,
}
