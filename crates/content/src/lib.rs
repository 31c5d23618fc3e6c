//! Takes a message apart: parts, containers, text, under one budget. Pure: octets in, parts out.

pub mod mapi;
pub mod msg;
pub mod rtf;
pub mod tnef;
