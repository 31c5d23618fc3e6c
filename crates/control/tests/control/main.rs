//! The control plane over real sockets, in front of a sensor that is none.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod changes;
mod cli;
mod documents;
mod doors;
mod fake;
mod files;
mod hostile;
mod monitoring;
mod raw;
mod routes;
