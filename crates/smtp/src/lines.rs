//! Finds command lines in the input.
//!
//! ```text
//!  Gathering --CRLF within the limit--> Complete        (borrowed if it came in one piece)
//!      \--over the limit--> Dropping --CRLF--> TooLong  (once, however long the tail is)
//! ```
//!
//! Only CRLF ends a line. A bare CR or LF stays inside, where the parser refuses it: ending a line there
//! would make two commands, and two replies, of what another server takes for one.

use std::borrow::Cow;

use memchr::memchr_iter;

/// The longest command line with its CRLF, in octets. RFC 5321 section 4.5.3.1.4 asks for 512, each
/// extension of MAIL and RCPT for some more.
pub const LINE_OCTETS_MAX: usize = 2048;

const CRLF: &[u8] = b"\r\n";

/// What reading a line came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The input is used up and the line has not ended.
    Incomplete,
    /// The line is over the limit; it has ended now. Its first octets tell whether a payload follows.
    TooLong { start: [u8; 4] },
    /// A line without its CRLF.
    Complete(Cow<'a, [u8]>),
}

/// Holds a line's beginning until its end arrives, and nothing between lines.
#[derive(Debug)]
pub(crate) enum LineReader {
    Gathering(Vec<u8>),
    Dropping { start: [u8; 4], after_cr: bool },
}

impl LineReader {
    /// Reads up to the end of a line of at most `octets_max` octets; says how many octets it took.
    pub(crate) fn read<'a>(&mut self, input: &'a [u8], octets_max: usize) -> (usize, Line<'a>) {
        let Some(end) = self.end_of_line(input) else {
            self.hold(input, octets_max);
            return (input.len(), Line::Incomplete);
        };
        let line = match std::mem::take(self) {
            Self::Dropping { start, .. } => Line::TooLong { start },
            Self::Gathering(held) if held.len() + end > octets_max => {
                Line::TooLong { start: first_four(&held, input) }
            }
            Self::Gathering(held) => Line::Complete(without_crlf(held, &input[..end])),
        };
        (end, line)
    }

    /// How many octets of memory the held beginning takes.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Gathering(held) => held.capacity(),
            Self::Dropping { .. } => 0,
        }
    }

    fn end_of_line(&self, input: &[u8]) -> Option<usize> {
        let after_cr = match self {
            Self::Gathering(held) => held.last() == Some(&b'\r'),
            Self::Dropping { after_cr, .. } => *after_cr,
        };
        if after_cr && input.first() == Some(&b'\n') {
            return Some(1);
        }
        let ends = memchr_iter(b'\n', input).map(|at| at + 1);
        ends.into_iter().find(|&end| input[..end].ends_with(CRLF))
    }

    fn hold(&mut self, input: &[u8], octets_max: usize) {
        let Some(&last) = input.last() else { return };
        match self {
            // One octet more must still fit: the LF of a line that is just not too long.
            Self::Gathering(held) if held.len() + input.len() < octets_max => held.extend_from_slice(input),
            Self::Gathering(held) => {
                *self = Self::Dropping { start: first_four(held, input), after_cr: last == b'\r' };
            }
            Self::Dropping { after_cr, .. } => *after_cr = last == b'\r',
        }
    }
}

impl Default for LineReader {
    fn default() -> Self {
        Self::Gathering(Vec::new())
    }
}

fn first_four(held: &[u8], input: &[u8]) -> [u8; 4] {
    let mut start = [0; 4];
    for (to, from) in start.iter_mut().zip(held.iter().chain(input)) {
        *to = *from;
    }
    start
}

/// The line that `held` begins and `rest` ends.
fn without_crlf(mut held: Vec<u8>, rest: &[u8]) -> Cow<'_, [u8]> {
    if held.is_empty() {
        return Cow::Borrowed(rest.strip_suffix(CRLF).expect("it was found by its CRLF"));
    }
    held.extend_from_slice(rest);
    held.truncate(held.len() - CRLF.len());
    Cow::Owned(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `input` cut into two pieces at every place; each must give `expected`, where `!` is a line
    /// that was too long.
    fn check(input: &str, octets_max: usize, expected: &[&str]) {
        for cut in 0..=input.len() {
            let mut reader = LineReader::default();
            let mut lines = Vec::new();
            let (first, second) = input.as_bytes().split_at(cut);
            for mut piece in [first, second] {
                while !piece.is_empty() {
                    let (taken, line) = reader.read(piece, octets_max);
                    piece = &piece[taken..];
                    match line {
                        Line::Incomplete => {}
                        Line::TooLong { start } => lines.push(format!("!{}", start.escape_ascii())),
                        Line::Complete(line) => lines.push(line.escape_ascii().to_string()),
                    }
                }
                assert!(reader.capacity() <= 2 * octets_max, "{input:?} at {cut}");
            }
            assert_eq!(lines, expected, "{input:?} at {cut}");
        }
    }

    #[test]
    fn only_crlf_ends_a_line() {
        check("a\r\nb\r\n", 8, &["a", "b"]);
        check("\r\n\r\n", 8, &["", ""]);
        check("a\nb\r\n", 8, &["a\\nb"]);
        check("a\rb\r\n", 8, &["a\\rb"]);
        check("a\r\r\n", 8, &["a\\r"]);
        check("a\n\r\n", 8, &["a\\n"]);
        check("a\r", 8, &[]);
    }

    #[test]
    fn a_line_over_the_limit_is_told_once_and_its_tail_is_no_line() {
        check("123456\r\nok\r\n", 8, &["123456", "ok"]);
        check("1234567\r\nok\r\n", 8, &["!1234", "ok"]);
        check("123456789 QUIT\r\nok\r\n", 8, &["!1234", "ok"]);
        check("1234567890\r12\n345\r\r\nok\r\n", 8, &["!1234", "ok"]);
    }

    #[test]
    fn nothing_is_held_between_lines_nor_of_a_line_that_is_too_long() {
        let mut reader = LineReader::default();
        for (input, holds) in [("NOO", true), ("P\r\n", false), ("123456789", false), ("\r\n", false)] {
            let _ = reader.read(input.as_bytes(), 8);
            assert_eq!(reader.capacity() > 0, holds, "{input:?}");
        }
    }
}
