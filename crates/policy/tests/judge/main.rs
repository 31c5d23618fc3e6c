//! Rules over messages that were looked into, as an administrator writes both.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod conditions;
mod disposal;
mod document;
#[cfg(feature = "cel")]
mod expressions;
mod faults;
mod message;
mod properties;
mod trial;
mod versions;
