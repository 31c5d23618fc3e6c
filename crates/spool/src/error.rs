//! What can go wrong, by who must act.

use std::io;

/// No draft can be had now; the sender should try later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Free space on the file system is below the reserve.
    #[error("free space is below the reserve")]
    Octets,
    /// Free inodes on the file system are below the reserve.
    #[error("free inodes are below the reserve")]
    Inodes,
    /// The memory for the bodies of open drafts is in use.
    #[error("the memory for bodies in flight is in use")]
    Memory,
    /// The storage fails; the spool tries by itself until it works again.
    #[error("the storage fails")]
    Storage,
    /// The spool is shut down.
    #[error("the spool is shut down")]
    Closed,
}

/// Part of a body could not be taken; the draft can only be dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// There is no space for it and none can be had.
    #[error("no space left for the body")]
    Full,
    /// The storage failed under a part of this draft.
    #[error("the storage failed: {0}")]
    Storage(String),
    /// The body has more pieces than an entry can list. One of up to
    /// [`Spool::body_octets_max`](crate::Spool::body_octets_max) has them only where memory was short.
    #[error("the body has more pieces than the {pieces_max} an entry can list")]
    TooLarge {
        /// The largest number of pieces of a body.
        pieces_max: usize,
    },
    /// The spool is shut down.
    #[error("the spool is shut down")]
    Closed,
}

impl From<WriteError> for CommitError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full => Self::Full,
            WriteError::Storage(error) => Self::Storage(error),
            // A draft counts its pieces before it sends them.
            error @ WriteError::TooLarge { .. } => Self::Storage(error.to_string()),
            WriteError::Closed => Self::Closed,
        }
    }
}

/// An entry could not be made durable: it is not in the spool as accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// There is no space for it and none can be had.
    #[error("no space left for the entry")]
    Full,
    /// The storage failed; what it holds of the entry is in doubt and never counted as accepted.
    #[error("the storage failed: {0}")]
    Storage(String),
    /// The header is larger than an entry may have, or cannot be written as JSON.
    #[error("the header cannot be stored: {0}")]
    Header(String),
    /// The spool is shut down.
    #[error("the spool is shut down")]
    Closed,
}

/// The spool is shut down, or its writer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spool is shut down")]
pub struct Closed;

/// The spool cannot be opened; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the spool open.
    #[error("another process holds the lock of this spool")]
    Locked,
    /// A file is written in a format that this program does not know.
    #[error(
        "{file}: written in format {version}, which needs a reader of format {reader} or newer; this one reads {own}"
    )]
    UnknownVersion {
        /// Its name.
        file: String,
        /// The version it is written in.
        version: u16,
        /// The oldest version of a reader that may read it.
        reader: u16,
        /// The newest version this program reads.
        own: u16,
    },
    /// A record that verifies is of a kind that this program does not know.
    #[error("{file}: record of unknown kind {kind} at offset {offset}")]
    UnknownKind {
        /// The name of the file.
        file: String,
        /// Where in it.
        offset: u32,
        /// The octet that names the kind.
        kind: u8,
    },
    /// The options contradict themselves or the spool that is there.
    #[error("options: {0}")]
    Options(String),
    /// The file system refuses something.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// A body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Octets on the storage are not those that were written.
    #[error("damaged at segment {generation}, offset {offset}")]
    Damaged {
        /// The generation of the segment.
        generation: u32,
        /// The offset of the frame in it.
        offset: u32,
    },
    /// The storage cannot be read.
    #[error("cannot read the body: {0}")]
    Io(#[from] io::Error),
}
