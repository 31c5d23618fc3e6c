//! What may come in: decisions about clients, recipients and sizes.
//!
//! ```text
//! smtp.clients              -> ClientRules \
//! smtp.destination_domains  -> DomainRules  > Rules -> at_connect  at_mail  at_rcpt  at_body  -> Decision
//! smtp.message_size_limit   -> SizeLimit   /        -> explain_connect  explain_mail  explain_rcpt -> Explanation
//! ```
//!
//! The door asks in the order of a session and gets a [`Decision`]: an admission in the words of `mail`,
//! and whether what comes in is looked into. An administrator asks the same questions and gets an
//! [`Explanation`]. Both come out of one judgement, so what is explained is what happens.
//!
//! Rules that are changed while they hold follow one another in a [`Succession`]: for a while, what former
//! rules would have taken is refused for now and not for good.
//!
//! Promised: a decision looks at a handful of entries, however long the lists are; admitting allocates
//! nothing for an ASCII address; each refusal names its rule; a list is taken whole or every faulty entry of
//! it is reported.
//!
//! Left out on purpose: no clock, no files, no sockets, no look-ups. Host names are no clients, the public
//! suffix list is not known, and the interfaces of the host are an argument.

pub mod clients;
mod decision;
mod dispose;
pub mod domains;
mod entries;
mod explanation;
mod fault;
mod interface;
pub mod judge;
mod networks;
mod rules;
mod size;
mod succession;

pub use clients::{ClientDefault, ClientRules};
pub use decision::{Decision, Treatment};
pub use dispose::{Consequence, Withheld, dispose};
pub use domains::{DomainDefault, DomainRules};
pub use entries::DecidingEntry;
pub use explanation::{Explanation, ListDefault, Question, Reason};
pub use fault::{ClientProblem, DomainProblem, EntryFault, EntryProblem};
pub use interface::{Interface, Link};
pub use networks::Networks;
pub use rules::{Rules, Uncovered};
pub use size::{Octets, SizeFault, SizeLimit};
pub use succession::{FORMER_MAX, Succession};
