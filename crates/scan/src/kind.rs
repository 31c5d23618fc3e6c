//! The kinds of scanners: one line each.

use std::sync::Arc;

use jiff::Timestamp;
use sensor_pipeline::Scanner;

use crate::keys::Key;
use crate::options::{Fault, Given};
use crate::trial::Sample;
#[cfg(feature = "yara")]
use crate::yara;
use crate::{attachment, clamd, exec, hash, icap, rspamd, webhook};

/// Every kind.
pub const KINDS: &[&Kind] =
    &[&clamd::KIND, &rspamd::KIND, &icap::KIND, &exec::KIND, &webhook::KIND, &hash::KIND, &attachment::KIND];

/// Kinds that this program was built without.
pub const COMPILED_OUT: &[&str] = &[
    #[cfg(not(feature = "yara"))]
    "yara",
];

/// A kind of scanner.
#[derive(Debug)]
pub struct Kind {
    /// The word for it in the configuration.
    pub word: &'static str,
    /// What it is, in a sentence for an administrator.
    pub doc: &'static str,
    /// Its keys, beside those that every scanner has.
    pub keys: &'static [&'static Key],
    pub(crate) build: fn(&str, &Given, &Surroundings) -> Built,
}

/// A scanner, or every fault of what it was to be made from.
pub type Built = Result<Arc<dyn Installed>, Vec<Fault>>;

/// What scanners are given of the world.
#[derive(Clone)]
pub struct Surroundings {
    /// What time it is; signatures tell it.
    pub clock: Clock,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A scanner that an administrator has set up: it can be tried, and told to read its files anew.
pub trait Installed: Scanner {
    /// What it should find something in, if it works.
    fn sample(&self) -> Sample;

    /// What to look at where it does not work.
    fn advice(&self) -> Box<str>;

    /// Reads its files of rules anew. Where they cannot be used, the rules that it has stay, and the faults
    /// say why. It may take seconds, and belongs on a thread of its own.
    ///
    /// # Errors
    /// Each fault, by its key.
    fn reload(&self) -> Result<(), Vec<Fault>> {
        Ok(())
    }

    /// What a worker process needs to do its work there, for a kind that looks into octets itself: for `yara`
    /// the octets of a `RuleSet`. None for a kind that runs in the sensor.
    fn in_worker(&self) -> Option<Vec<u8>> {
        None
    }
}

impl Kind {
    /// The kind of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<&'static Self> {
        KINDS.iter().copied().find(|kind| kind.word == word)
    }

    /// Makes a scanner of what its keys were set to. It reads files of rules, if it has any, and connects to
    /// nobody.
    ///
    /// # Errors
    /// Every fault of every key.
    pub fn build(&self, name: &str, given: &Given, surroundings: &Surroundings) -> Built {
        (self.build)(name, given, surroundings)
    }
}
