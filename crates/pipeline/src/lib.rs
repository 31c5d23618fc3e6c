//! What happens to a message behind the `250`.
//!
//! ```text
//!  spool --lease--> describe (header block only) --> Keeper::keep (a group, durable) --> settle
//!                      |                                |
//!                      | the message's own fault        | the store's fault
//!                      v                                v
//!                  defer, then set aside            leases dropped: due again, after a pause
//!                      |
//!                      + the spool cannot be read now: returned after a rest, no failure is counted
//! ```
//!
//! It promises: a message leaves the spool only when a [`Keeper`] has it on stable storage; what fails by
//! itself, be it by a panic of ours, fails alone, [`FAILURES_MAX`] times, and is then set aside with its
//! bytes; a store that fails condemns nothing, nor does a spool that cannot be read for a while: its mail
//! waits. It looks at header blocks only.

mod dissector;
mod event;
mod job;
mod keeper;
mod keeping;
mod look;
mod scanner;
mod specimen;
mod taker;
pub mod worker;

pub use dissector::{Dissection, Dissector, Inspector};
pub use event::{Emitting, Event, EventSink};
pub use job::{Job, JobError, Why, commit_jobs};
pub use keeper::{KeepError, Keeper, KeptMail, StoreError, removes_octets};
pub use keeping::{Executor, FAILURES_MAX, Options, Pipeline};
pub use look::{
    Circuit, Crew, Examiner, FAILURES_OPEN, Judge, LookInput, LookOptions, LookStatus, Looker, Owed, Place,
    Post, ScannerStatus, Unexamined,
};
pub use scanner::{Budget, Dissected, FINDINGS_MAX, GAPS_MAX, Looking, Octets, Over, Piece, Report, Scanner};
pub use specimen::{ContentError, Record, Specimen};
pub use taker::{Assignment, Inline, NoWorker, Taken, Taker, Taking, Task};
