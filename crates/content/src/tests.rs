//! Whole messages, from their octets to their parts.
#![cfg(all(feature = "7z", feature = "ole"))]

mod bombs;
mod builders;
mod containers;
mod properties;
mod quines;
mod seeds;
