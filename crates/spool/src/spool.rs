//! The front of the spool: what callers hold.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::Disk;
use crate::draft::Draft;
use crate::error::{Closed, Full, OpenError};
use crate::lease::{Lease, Outcome};
use crate::options::{Options, Runner};
use crate::status::{Recovery, Status};

/// What an entry's header must be: it is stored as JSON behind a version octet.
pub trait Header: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Header for T {}

/// An entry's name within its spool: given once, in log order, never reused. Not the sequence: entries
/// in doubt have one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) u64);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an accepted entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its name in the spool.
    pub id: EntryId,
    /// Its number among the accepted: 1, 2, 3 and so on, without gaps, over all restarts.
    pub sequence: u64,
}

/// Durable entries of one directory. Clones share it.
pub struct Spool<H> {
    header: PhantomData<fn(H) -> H>,
}

impl<H: Header> Spool<H> {
    /// Locks the directory, reads the log, and starts the writer.
    ///
    /// # Errors
    /// When somebody else has it open, a file is of an unknown version, or the file system refuses.
    pub fn open(
        _disk: Arc<dyn Disk>,
        _options: Options,
        _runner: Runner,
    ) -> Result<(Self, Recovery), OpenError> {
        unimplemented!()
    }

    /// Begins an entry. Costs no system call.
    ///
    /// # Errors
    /// When disk, inodes or memory are low, the storage fails, or the spool is shut down.
    pub fn draft(&self) -> Result<Draft<H>, Full> {
        unimplemented!()
    }

    /// Takes up to `max` entries that are due, oldest first, waiting for the first. Their attempts are
    /// durable before this returns. What a former life of the program left unfinished comes last and alone.
    ///
    /// # Cancel safety
    /// Dropped, nothing stays leased; an attempt may have been counted.
    ///
    /// # Errors
    /// When the spool is shut down.
    #[expect(clippy::unused_async, reason = "the signature comes first")]
    pub async fn lease(&self, _max: usize) -> Result<Vec<Lease<H>>, Closed> {
        unimplemented!()
    }

    /// Ends leases, each with its outcome, all in one group. Returns when it is durable.
    ///
    /// # Cancel safety
    /// Dropped, it happens all the same.
    ///
    /// # Errors
    /// When the spool is shut down before it is done.
    #[expect(clippy::unused_async, reason = "the signature comes first")]
    pub async fn conclude(&self, _leases: Vec<(Lease<H>, Outcome)>) -> Result<(), Closed> {
        unimplemented!()
    }

    /// These entries are done and leave the spool.
    ///
    /// # Errors
    /// As [`Spool::conclude`].
    pub async fn settle(&self, leases: Vec<Lease<H>>) -> Result<(), Closed> {
        self.conclude(leases.into_iter().map(|lease| (lease, Outcome::Settle)).collect()).await
    }

    /// This entry failed and is due again at `due` (Unix milliseconds).
    ///
    /// # Errors
    /// As [`Spool::conclude`].
    pub async fn defer(&self, lease: Lease<H>, due: u64, reason: &str) -> Result<(), Closed> {
        self.conclude(vec![(lease, Outcome::Defer { due, reason: reason.to_owned() })]).await
    }

    /// This entry stays in the spool, with its octets, and is never leased again.
    ///
    /// # Errors
    /// As [`Spool::conclude`].
    pub async fn set_aside(&self, lease: Lease<H>, reason: &str) -> Result<(), Closed> {
        self.conclude(vec![(lease, Outcome::SetAside { reason: reason.to_owned() })]).await
    }

    /// Counts at this moment, without asking the writer.
    #[must_use]
    pub fn status(&self) -> Status {
        unimplemented!()
    }

    /// Ends the writer: what was handed to it is done, synced and answered; what comes later is refused.
    #[expect(clippy::unused_async, reason = "the signature comes first")]
    pub async fn shut_down(&self) {
        unimplemented!()
    }
}

impl<H> Clone for Spool<H> {
    fn clone(&self) -> Self {
        Self { header: PhantomData }
    }
}
