//! The mail sensor.
fn main() {}
