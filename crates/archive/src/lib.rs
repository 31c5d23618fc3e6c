//! Keeps mail in a plain directory that any program reads.
//!
//! ```text
//!  archive/2026/11/22/0192d3f0-5a1c-7000-8001-3f2a9c4be1d0.eml     the message, byte for byte
//!                    /0192d3f0-5a1c-7000-8001-3f2a9c4be1d0.json    its record: envelope, description
//!                    /0192d3f0-5a1c-7000-8001-3f2a9c4be1d0.looks.jsonl   the looks into it, one a line
//!                    /.0192d3f0-....part                           being written
//! ```
//!
//! The day is that of acceptance in UTC and follows from the id. It promises: a file that has its name is
//! whole and durable; where the record is, the message is, or a look that had it removed; keeping a message
//! again changes nothing; a look is added and never changed. It lacks, on purpose: an index, compression, retention and search.

mod directory;
mod kept;
mod layout;
mod looks;
mod record;

pub use directory::DirectoryArchive;
pub use kept::{Kept, ReadError};
pub use record::RecordError;
