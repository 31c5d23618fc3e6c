//! Processes that take mail apart, so that what it is made to do to a parser it does to nobody else.
//!
//! ```text
//!  sensor (keys, network, archive)              worker (nothing)
//!    Looker -> Pool -- descriptor of a message --> dissector -> inspectors
//!                  <-- sealed file, manifest ----
//! ```
//!
//! It promises: a message that makes its worker abort, hang, overflow or eat memory costs its own look and
//! nothing else; what a worker says is checked before it is believed; a worker has no network, no files but those
//! that are named, no environment, and is gone when its sensor is. How far the kernel holds a worker to that is
//! told ([`Sandbox`]).

mod calls;
mod channel;
mod child;
mod death;
mod manifest;
mod pool;
mod protocol;
mod sandbox;
mod sealed;
mod serve;

pub use child::Program;
pub use death::Death;
pub use manifest::PARTS_MAX;
pub use pool::{Pool, PoolOptions, PoolStatus};
pub use protocol::{Hello, Limits, Setup};
pub use sandbox::{Hold, Sandbox};
pub use sealed::sealed;
pub(crate) use serve::inspect;
pub use serve::{Tools, serve};
