//! The kinds of scanners: one line each.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use sensor_pipeline::{Inspector, Scanner};

use crate::keys::Key;
use crate::options::{Fault, Given};
use crate::trial::Sample;
use crate::{attachment, clamd, exec, hash, icap, rspamd, webhook, yara};

/// Every kind, those too that this program was built without.
pub const KINDS: &[&Kind] = &[
    &clamd::KIND,
    &rspamd::KIND,
    &icap::KIND,
    &exec::KIND,
    &webhook::KIND,
    &hash::KIND,
    &attachment::KIND,
    &yara::KIND,
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
    /// Why there is none in this program, where it was built without: [`build`](Self::build) has this as its
    /// fault then, and `check` names it.
    pub absent: Option<&'static str>,
    pub(crate) build: fn(&str, &Given, &Surroundings) -> Built,
    /// Makes what works in a worker process, of a name and [`Installed::in_worker`].
    pub(crate) inspector: Option<MakeInspector>,
}

/// A scanner, or every fault of what it was to be made from.
pub type Built = Result<Arc<dyn Installed>, Vec<Fault>>;

pub(crate) type MakeInspector = fn(&str, &[u8]) -> Result<Box<dyn Inspector>, String>;

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

    /// Reads its files of rules anew, where they are others than those that it read last. Where they cannot be
    /// used, the rules that it has stay, and the faults say why: the same ones, at no cost, for the next twenty
    /// calls or until the files change. It may take seconds, and belongs on a thread of its own.
    ///
    /// # Errors
    /// Each fault, by its key.
    fn reload(&self) -> Result<Reloaded, Vec<Fault>> {
        Ok(Reloaded::Unchanged)
    }

    /// What its inspector in a worker process is made from; see [`supplies`](crate::supplies). None for a kind
    /// that works in the sensor.
    fn in_worker(&self) -> Option<Share> {
        None
    }
}

/// What came of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The files are those that were read last, or there are none.
    Unchanged,
    /// It works by other rules from now on. Those that work in worker processes do so once these are renewed.
    Changed,
}

/// What an inspector is made from.
#[derive(Clone, Debug)]
pub struct Share {
    pub(crate) kind: &'static Kind,
    pub(crate) octets: Bytes,
}

impl Kind {
    /// A kind that works in the sensor.
    pub(crate) const fn new(
        word: &'static str,
        doc: &'static str,
        keys: &'static [&'static Key],
        build: fn(&str, &Given, &Surroundings) -> Built,
    ) -> Self {
        Self { word, doc, keys, absent: None, build, inspector: None }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<&'static Self> {
        KINDS.iter().copied().find(|kind| kind.word == word)
    }

    /// Makes a scanner of what its keys were set to. It reads files of rules, if it has any, and connects to
    /// nobody. Rules may take seconds to compile.
    ///
    /// # Errors
    /// Every fault of every key.
    pub fn build(&self, name: &str, given: &Given, surroundings: &Surroundings) -> Built {
        (self.build)(name, given, surroundings)
    }
}
