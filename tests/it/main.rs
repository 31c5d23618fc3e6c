//! The real binary, driven over real sockets by real mail programs.
//!
//! Each test starts what it needs on free ports of the loopback network, with configuration and data in a
//! directory of its own, and ends it by pid. A test that cannot run on this machine says so and is counted
//! (`scripts/test` prints the sum).

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends by a panic, and drives real programs by the real clock"
)]

mod changes;
mod clients;
mod control_plane;
mod dialogues;
mod door;
mod harness;
mod listeners;
mod log_file;
mod look;
mod namespaces;
mod operate;
mod pages;
mod round_robin;
mod send;
mod simulation;
mod survival;
mod systemd;
mod tls;
mod trouble;
