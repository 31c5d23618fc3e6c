//! SMTP as a state machine: octets and the time go in, events and replies come out.
//!
//! ```text
//!  socket --octets--> Session::receive --Event--> driver: policy, storage
//!  socket <--octets-- Session::transmit <--Reply-- Session::answer
//! ```
//!
//! It promises that any split of the input gives the same events, the same replies and the same message;
//! that nothing is read while a question is open; and that an idle session owns no buffer. It decides
//! nothing but protocol: who may send what is asked of the driver, which asks `policy`. It has no socket,
//! no clock and no storage, so every one of its behaviours can be written down as a dialogue
//! (`tests/dialogues`).

mod command;
mod config;
#[cfg(any(test, feature = "dialogue"))]
#[doc(hidden)]
pub mod dialogue;
mod dots;
mod event;
mod line_endings;
mod lines;
mod reply;
mod session;

pub use config::{Limits, SessionConfig, StartTls, Timeouts};
pub use event::{BodyStart, BodyType, CloseReason, EndOfMessage, Event, Mail, Received, Step};
pub use lines::LINE_OCTETS_MAX;
pub use reply::Reply;
pub use session::{Permits, Session, TRANSMIT_OCTETS_MAX, UNREAD_OCTETS_MAX};
