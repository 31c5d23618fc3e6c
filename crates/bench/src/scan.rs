//! What it costs to look into mail: one row, for some seconds, on the same mail as every other row.
//!
//! ```text
//!  explode          content::explode, all digests ------------.
//!  mail-parser      the peer: it decodes, and digests nothing  +-- in this thread, message after message
//!  explode+yara     explode, then rules over every part ------'
//!  worker+yara      the same in a confined worker process, parts handed back: what a sensor does
//!  clamd, rspamd    the message as it came to a daemon that runs, answer by answer, over the sensor's own adapters
//!  base64-64M       one large file; beside it each digest and the decoding alone, over the same octets
//! ```
//!
//! What it promises: mail is in memory before the clock starts, and a lap is all of it, so that rows compare. A
//! scanner is first shown its test string: one that is blind is an error and no figure. What was not looked at is
//! counted as an error. What it lacks: more than one message at a time, and a daemon, which whoever asks has started.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::meter;

mod lap;
mod large;
mod mail;
mod plain;
mod process;
mod remote;
mod rules;

pub use lap::Looked;
pub use large::Large;
pub use process::worker;
pub use rules::{RulesOptions, write as write_rules};

/// How long one message may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Row {
    /// Taking apart, with all digests.
    Explode,
    /// The peer.
    MailParser,
    /// Taking apart, and YARA rules.
    #[value(name = "explode+yara")]
    ExplodeYara,
    /// The same in a worker process.
    #[value(name = "worker+yara")]
    WorkerYara,
    /// A clamd.
    Clamd,
    /// An rspamd.
    Rspamd,
    /// A large file, and what bounds it.
    #[value(name = "base64-64M")]
    Large,
}

/// What `sensor-bench scan` measures.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Who looks.
    pub row: Row,
    /// The seed of generated mail.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many messages.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub messages: u32,
    /// How long it goes on. A lap that was begun is ended.
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Instead of generated mail, files named *.eml below this directory.
    #[arg(long)]
    pub mail: Option<PathBuf>,
    /// Files of YARA rules, for the rows with YARA.
    #[arg(long, required_if_eq_any([("row", "explode+yara"), ("row", "worker+yara")]))]
    pub rules: Option<PathBuf>,
    /// Where the daemon listens: the socket of clamd, the URL of rspamd.
    #[arg(long, required_if_eq_any([("row", "clamd"), ("row", "rspamd")]))]
    pub address: Option<String>,
    /// The daemon's process.
    #[arg(long)]
    pub server_pid: Option<u32>,
}

/// What came of a row.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Measured {
    /// Many messages.
    Many(Looked),
    /// One large one.
    Large(Large),
}

/// Why a row cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The mail cannot be read.
    #[error("the mail cannot be read: {0}")]
    Mail(#[source] io::Error),
    /// There is none.
    #[error("there is no file named *.eml")]
    NoMail,
    /// It would not fit.
    #[error("the mail has more than {} octets: take fewer messages", mail::OCTETS_MAX)]
    TooMuch,
    /// The time is none.
    #[error("seconds are from 0 to a day")]
    Seconds,
    /// Rules cannot be written.
    #[error("the rules cannot be written: {0}")]
    Rules(#[source] io::Error),
    /// A scanner cannot be made, or none works.
    #[error("{0}")]
    Scanner(String),
    /// A scanner does not find its test string: its figures would be worth nothing.
    #[error("{0} does not find its test string")]
    Blind(Box<str>),
    /// No runtime, no thread, no file in memory.
    #[error("the system gives too little: {0}")]
    System(#[source] io::Error),
    /// The daemon is gone.
    #[error("no process {0}")]
    NoServer(u32),
}

/// How a row measures many messages.
type Measure = fn(&Options, &mail::Corpus, &lap::Clock) -> Result<Looked, ScanError>;

/// Measures one row.
///
/// # Errors
/// When there is no mail, or nobody who could look at it.
pub fn run(options: &Options) -> Result<Measured, ScanError> {
    let time = meter::span(options.seconds).ok_or(ScanError::Seconds)?;
    let measure: Measure = match options.row {
        Row::Large => return Ok(Measured::Large(large::measure(options.seed, large::OCTETS, time))),
        Row::Explode => plain::explode,
        Row::MailParser => plain::mail_parser,
        Row::ExplodeYara => process::inline,
        Row::WorkerYara => process::pool,
        Row::Clamd => remote::clamd,
        Row::Rspamd => remote::rspamd,
    };
    let (mail, clock) = (mail::Corpus::of(options)?, lap::Clock { time, server: options.server_pid });
    measure(options, &mail, &clock).map(Measured::Many)
}

#[cfg(test)]
mod tests;
