//! An entry on its way out.

use crate::body::Body;
use crate::spool::EntryId;

/// An entry in the hands of a worker. Dropped, it is due again at once.
#[derive(Debug)]
pub struct Lease<H> {
    /// Its name in the spool, for logs.
    pub id: EntryId,
    /// The number it was accepted under; `None` when its commit is in doubt.
    pub sequence: Option<u64>,
    /// Its header.
    pub header: H,
    /// Its octets.
    pub body: Body,
    /// How often it was leased, this time included. The three counts stop at 255.
    pub attempts: u8,
    /// How often it was deferred.
    pub failures: u8,
    /// How often the program ended while it was leased; no failure of the entry.
    pub interrupted: u8,
}

impl<H> Lease<H> {
    /// Whether its commit failed and only recovery found it again.
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        self.sequence.is_none()
    }
}

/// What becomes of a leased entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done and leaves the spool.
    Settle,
    /// It failed; it is due again at `due` (Unix milliseconds).
    Defer {
        /// When it is due again.
        due: u64,
        /// Why, for whoever looks into the spool.
        reason: String,
    },
    /// It stays in the spool with its octets and is never leased again.
    SetAside {
        /// Why.
        reason: String,
    },
}
