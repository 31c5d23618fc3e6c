//! Looking into a spool beside its writer.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::body::Body;
use crate::disk::Disk;
use crate::error::{BodyError, OpenError};
use crate::spool::{EntryId, Header};
use crate::status::Recovery;

/// A spool as it was when it was opened, read without its lock beside a running writer.
#[derive(Debug)]
pub struct ReadOnly<H> {
    header: PhantomData<fn() -> H>,
}

/// One entry of a spool that is only looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary<H> {
    /// Its name in the spool.
    pub id: EntryId,
    /// The number it was accepted under; `None` when its commit is in doubt.
    pub sequence: Option<u64>,
    /// Its header.
    pub header: H,
    /// Octets of its body.
    pub octets: u64,
    /// What holds it.
    pub standing: Standing,
    /// How often it was leased, deferred, and cut short by the end of the program.
    pub attempts: u8,
    /// How often it was deferred.
    pub failures: u8,
    /// How often the program ended while it was leased.
    pub interrupted: u8,
}

/// What holds an entry in the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for a worker.
    Waiting,
    /// A worker has it.
    Leased,
    /// It failed and is due again later.
    Deferred {
        /// When (Unix milliseconds).
        due: u64,
        /// Why.
        reason: String,
    },
    /// It is set aside.
    SetAside {
        /// Why.
        reason: String,
    },
}

impl<H: Header> ReadOnly<H> {
    /// Reads the log once. Nothing is written and no lock is taken.
    ///
    /// # Errors
    /// As [`Spool::open`](crate::Spool::open), but for the lock.
    pub fn open(_disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        unimplemented!()
    }

    /// What reading the log found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        unimplemented!()
    }

    /// The entries, oldest first. One that the writer settled meanwhile, and whose octets are gone, is left out.
    pub fn list(&self) -> impl Iterator<Item = Result<Summary<H>, BodyError>> + '_ {
        std::iter::empty()
    }

    /// The oldest entry that `wanted` says yes to.
    ///
    /// # Errors
    /// When an entry before it cannot be read.
    pub fn find(&self, _wanted: impl Fn(&Summary<H>) -> bool) -> Result<Option<Summary<H>>, BodyError> {
        unimplemented!()
    }

    /// The octets of an entry; `None` when it is gone.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn body(&self, _id: EntryId) -> Result<Option<Body>, BodyError> {
        unimplemented!()
    }
}
