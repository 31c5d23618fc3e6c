//! The nouns of mail that cross the crates of mailsensor.
//!
//! What is here has a meaning outside any one engine: who a message is from and for ([`address`]), what
//! was said about it on the way in ([`envelope`]), under which name it is known for ever after
//! ([`MailId`]), what the door may answer ([`admission`]) and what its header block says
//! ([`description`]). Everything is pure: no clock, no files, no sockets, no runtime.

pub mod address;
pub mod admission;
pub mod description;
pub mod envelope;
#[cfg(feature = "fixture")]
#[doc(hidden)]
pub mod fixture;
mod id;
pub mod terminal;

pub use address::{AddressError, DomainRef, ForwardPath, Mailbox, ReversePath};
pub use admission::{Admission, Refusal, RuleId};
pub use description::Description;
pub use envelope::{Envelope, Sha256};
pub use id::{MailId, MailIds, NodeId, ParseMailIdError};
