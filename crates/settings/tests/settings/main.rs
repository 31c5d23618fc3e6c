//! Layers of settings as a section and an administrator see them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod faults;
mod files;
mod hostile;
mod kinds;
mod layers;
mod proposals;
mod sample;
mod schema;
mod secrets;
mod shown;
