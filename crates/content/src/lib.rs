//! Takes a message apart: parts, containers, text, under one budget. Pure: octets in, parts out.
//!
//! ```text
//!  message --> Yard (parts by number; what is still to be opened)
//!                |  ^
//!    next due    v  |  what it found
//!              opener: mail, text, zip, tar, gzip, 7z, ole, ...   (one file and one line of a table each)
//! ```
//!
//! What is promised:
//!
//! - Nothing is refused. Whatever the octets are there is a part for the message, and whatever could not be
//!   looked into is named as a gap of the part that holds it ([`Unopened`](sensor_mail::part::Unopened)).
//! - One budget ([`Limits`]) bounds octets, parts, depth, the ratio of what unfolds, and time; what it cut
//!   short is flagged. Depth costs no stack: what is to be opened is a list.
//! - A part of the message that needed no decoding is a slice of it, not a copy.
//! - The same octets give the same parts in the same order, unless time ran out.
//!
//! What it lacks: a clock, files and processes. They come as [`Aids`] from who calls. It decides nothing, and
//! a format's reader is nobody's guarantee: the caller runs it where a crash costs one message at most.

mod aids;
mod archive;
mod budget;
mod digest;
mod explode;
mod flags;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod kind;
mod limits;
pub mod mapi;
mod mime;
pub mod msg;
mod name;
mod openers;
mod password;
mod recipients;
pub mod rtf;
#[cfg(test)]
mod tests;
mod text;
pub mod tnef;
mod yard;
#[cfg(any(test, feature = "yardstick"))]
pub mod yardstick;

pub use aids::{AidError, Aids, Alone, Foreign, Tarred};
pub use explode::{Exploded, Message, explode};
pub use limits::Limits;
pub use recipients::name_sub_addresses;
