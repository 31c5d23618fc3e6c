//! The real binary, driven over real sockets by real mail programs.
//!
//! Each test starts what it needs on free ports of 127.0.0.1, with configuration and data in a directory of
//! its own, and ends it by pid. A test that cannot run on this machine says so and is counted
//! (`scripts/test` prints the sum).

mod clients;
mod dialogues;
mod harness;
mod simulation;
