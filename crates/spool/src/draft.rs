//! An entry on its way in.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::{CommitError, WriteError};
use crate::spool::{Header, Position};

/// An entry on its way in. Dropped before [`Draft::commit`], it never was.
#[derive(Debug)]
pub struct Draft<H> {
    header: PhantomData<fn(H)>,
}

impl<H: Header> Draft<H> {
    /// Takes more of the body. Small bodies stay in memory and go out with the commit; of larger ones the
    /// pieces are written to the log as they fill, and this waits until there is room again.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped before it is done, part of `octets` may have been taken.
    ///
    /// # Errors
    /// When the body cannot be stored; drop the draft then.
    #[expect(clippy::unused_async, reason = "the signature comes first")]
    pub async fn write(&mut self, _octets: &[u8]) -> Result<(), WriteError> {
        unimplemented!()
    }

    /// Octets taken so far.
    #[must_use]
    pub fn octets(&self) -> u64 {
        unimplemented!()
    }

    /// Hands the entry to the writer. It runs to its end whether the result is awaited or dropped.
    #[must_use = "only the resolved result says that the entry is durable"]
    pub fn commit(self, _header: &H) -> Pending {
        unimplemented!()
    }
}

/// The outcome of a commit, to be awaited.
#[derive(Debug)]
pub struct Pending {}

impl Pending {
    /// Gives up waiting: no worker takes the entry, even when it becomes durable after all.
    pub fn withdraw(self, _reason: &str) -> Withdrawal {
        unimplemented!()
    }
}

impl Future for Pending {
    type Output = Result<Position, CommitError>;

    fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}

/// What became of [`Pending::withdraw`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// No worker takes the entry, and a record says so as soon as one can be written.
    Withdrawn,
    /// The commit had resolved already: this is its outcome, and it stands.
    TooLate(Result<Position, CommitError>),
}
