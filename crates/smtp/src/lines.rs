//! Finds command lines in the input.

/// The longest command line with its CRLF, in octets. RFC 5321 section 4.5.3.1.4 asks for 512, each
/// extension of MAIL and RCPT for some more.
pub const LINE_OCTETS_MAX: usize = 2048;
