//! The measuring instruments of mailsensor.
//!
//! ```text
//!   load ----- SMTP over loopback ----->  any peer: mailsensor, Postfix, smtp-sink, bare
//!     |  corpus: what it sends              |
//!     '-- meter: CPU of the peer's process tree, of itself, of the rest of the machine
//!
//!   bare      a server that does nothing but keep the promise: the yardstick
//!   idle      opens connections and holds them: what one costs in memory
//!   phys      what disk and loopback give when no mail is involved
//!   backlog   fills a spool with mail that waits
//!   scan      what taking mail apart costs, and who looks into it (feature `scan`)
//!   hold      holds connections that say nothing, beside whatever else is measured
//! ```
//!
//! Every instrument stays on the loopback interface ([`Loopback`]), is bounded in time, and prints JSON.
//! None of them is a product: [`bare`] trusts its clients, and [`load`] says what was answered, not why.

pub mod backlog;
pub mod bare;
mod client;
pub mod corpus;
pub mod hold;
pub mod idle;
pub mod load;
mod loopback;
pub mod meter;
pub mod phys;
#[cfg(feature = "scan")]
pub mod scan;
pub mod tls;

pub use loopback::{Loopback, LoopbackError};
