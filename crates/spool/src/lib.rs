//! Durable entries with leases: what a `250` rests on.
//!
//! An entry is a header (any serde type) and a body (any number of octets). It comes in through a
//! [`Draft`], is durable when [`Pending`] resolves, goes out through a [`Lease`] and ends when it is
//! settled, or stays for ever when it is set aside.
//!
//! ```text
//!  draft() --write--> Draft --commit--> Pending --resolved--> in spool <----------------+
//!    |                  |                  |                     |  lease (attempt on    |  lease dropped,
//!  Full               dropped:           withdrawn: no           v  disk before it)      |  or deferred
//!                     never was          worker takes it      Lease ---------------------+
//!                                                                |-- settle ----> gone
//!                                                                +-- set aside -> kept, never leased
//! ```
//!
//! It promises: a commit that resolved is on stable storage; entries are numbered densely in the order
//! they were accepted; an attempt is on disk before its lease is handed out; space is bounded by what is
//! live; recovery reads the log once and says what it found. It knows nothing of mail.
//!
//! It lacks, on purpose: replication, encryption, random deletion, and any promise about entries that
//! share a disk with a device that lies about its cache. The format is in `docs/spool-format.md`.

mod body;
pub mod disk;
mod draft;
mod error;
mod frame;
#[cfg(feature = "simulation")]
mod fuzz;
mod hands;
mod herald;
mod index;
mod lease;
mod limits;
mod log;
mod mailbox;
mod options;
mod read_only;
mod record;
mod replay;
mod scan;
mod segment;
mod spool;
mod status;
mod stored;
mod syncer;
mod ticket;
mod workshop;
mod writer;

pub use body::Body;
pub use disk::{Disk, RealDisk};
pub use draft::{Draft, Pending, Withdrawal};
pub use error::{BodyError, Closed, CommitError, Full, OpenError, WriteError};
#[cfg(feature = "simulation")]
pub use fuzz::check_recovery;
pub use lease::{Lease, Outcome};
pub use options::{Clock, DEFER_MAX, Options, Pace, Runner};
pub use read_only::{ReadOnly, Standing, Summary, Unlisted};
pub use spool::{EntryId, Header, Position, Spool};
pub use status::{Recovery, Status};
