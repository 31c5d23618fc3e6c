//! An entry on its way out.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::body::Body;
use crate::error::BodyError;
use crate::mailbox::{Command, Mailbox};
use crate::segment::Segment;
use crate::spool::{EntryId, Header};
use crate::stored::Stored;

/// An entry in the hands of a worker. Dropped, it is due again at once.
#[derive(Debug)]
pub struct Lease<H> {
    /// Its name in the spool, for logs.
    pub id: EntryId,
    /// The number it was accepted under; `None` when it is in doubt: its commit failed, and only recovery found
    /// it again.
    pub sequence: Option<u64>,
    /// Its header.
    pub header: H,
    /// Its octets.
    pub body: Body,
    /// How often it was leased, this time included. The three counts stop at 255.
    pub attempts: u8,
    /// How often a try before this one failed, and it was deferred. What could not be read, or worked on for
    /// another reason that is not its own, has not failed.
    pub failures: u8,
    /// How often the program ended while it was leased; no failure of the entry.
    pub interrupted: u8,
    pub(crate) grant: Grant,
}

/// What becomes of a leased entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done and leaves the spool.
    Settle,
    /// It failed; it is due again at `due` (Unix milliseconds).
    Defer {
        /// When it is due again: [`DEFER_MAX`](crate::DEFER_MAX) from now at the latest. A clock that is set
        /// meanwhile changes nothing.
        due: u64,
        /// Why, for whoever looks into the spool.
        reason: String,
    },
    /// It could not be worked on, for no fault of its own: it is leased again after a rest, and no failure is
    /// counted. The end of the program ends the rest.
    Return {
        /// How long it rests; zero is as good as dropping the lease.
        rest: Duration,
    },
    /// It stays in the spool with its octets and is never leased again.
    SetAside {
        /// Why.
        reason: String,
    },
}

/// The right to an entry, before it is read. Dropped, it is given back.
pub(crate) struct Grant {
    pub(crate) id: u64,
    pub(crate) sequence: Option<u64>,
    pub(crate) attempts: u8,
    pub(crate) failures: u8,
    pub(crate) interrupted: u8,
    /// Its Commit frame, in the last of the segments.
    pub(crate) offset: u32,
    /// What it needs of the log.
    pub(crate) octets: u64,
    /// Held, so that they are not used again while the entry is read.
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) is_concluded: bool,
}

/// Why a grant did not become a lease.
pub(crate) enum Unreadable {
    /// The storage cannot be read now.
    Io(io::Error),
    /// The entry cannot be read, now or later.
    Damaged(String),
}

impl Grant {
    /// Reads the entry. Waits for the storage.
    pub(crate) fn read<H: Header>(self) -> Result<Lease<H>, (Self, Unreadable)> {
        match self.read_parts() {
            Ok((header, body)) => Ok(self.into_lease(header, body)),
            Err(error) => Err((self, error)),
        }
    }

    fn read_parts<H: Header>(&self) -> Result<(H, Body), Unreadable> {
        let stored = Stored::read(&self.segments, self.offset, self.octets).map_err(|error| match error {
            BodyError::Io(error) => Unreadable::Io(error),
            BodyError::Damaged { .. } => Unreadable::Damaged(error.to_string()),
        })?;
        let header = stored.header().map_err(Unreadable::Damaged)?;
        Ok((header, stored.body))
    }

    fn into_lease<H>(self, header: H, body: Body) -> Lease<H> {
        Lease {
            id: EntryId(self.id),
            sequence: self.sequence,
            header,
            body,
            attempts: self.attempts,
            failures: self.failures,
            interrupted: self.interrupted,
            grant: self,
        }
    }

    /// Its outcome is told to the writer: it is not given back.
    pub(crate) fn conclude(mut self) -> u64 {
        self.is_concluded = true;
        self.id
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if !self.is_concluded {
            self.mailbox.push(Command::Return(self.id));
        }
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({})", self.id)
    }
}
