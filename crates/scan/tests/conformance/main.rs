//! Every kind of scanner, held to the same: it finds its sample, obeys its deadline and its cancellation, says
//! that its peer is not there, and tells of what it skipped with the reason and of its rules with their
//! version. Peers are real ones from Debian where they are installed, and fakes that misbehave.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod attachment;
mod check;
mod clamd;
mod docs;
mod exec;
mod fake;
mod faults;
mod filter;
mod hash;
mod icap;
mod real;
mod registry;
mod rspamd;
mod service;
mod webhook;
#[cfg(feature = "yara")]
mod yara;
