//! The nouns of mail that cross the crates of mailsensor.
//!
//! What is here has a meaning outside any one engine: who a message is from and for ([`address`]), what
//! was said about it on the way in ([`envelope`]), under which name it is known for ever after
//! ([`MailId`]), what the door may answer ([`admission`]), what its header block says
//! ([`description`]), what it consists of ([`part`]), what was found in it ([`finding`]) and what follows
//! ([`judgement`]). Everything is pure: no clock, no files, no sockets, no runtime.

pub mod address;
pub mod admission;
pub mod description;
mod digest;
pub mod envelope;
pub mod finding;
#[cfg(feature = "fixture")]
#[doc(hidden)]
pub mod fixture;
mod id;
pub mod judgement;
pub mod part;
pub mod terminal;

pub use address::{AddressError, DomainRef, ForwardPath, Mailbox, ReversePath};
pub use admission::{Admission, Refusal, RuleId};
pub use description::Description;
pub use digest::{Blake3, Sha256};
pub use envelope::{Envelope, Recipient};
pub use finding::{Coverage, Finding, Severity};
pub use id::{MailId, MailIds, NodeId, ParseMailIdError};
pub use judgement::{Disposition, Judgement, Look, Verdict};
pub use part::{Part, PartId};
