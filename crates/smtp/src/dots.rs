//! The body of DATA: finds its end and takes the stuffed dots out, without copying.
//!
//! ```text
//!              CRLF . CRLF      the end; the first CRLF is the message's
//!  line start -+ . CRLF         the same right behind DATA: an empty message
//!              + . other        the dot is dropped, other is the message's
//! ```
//!
//! A line starts behind CRLF and behind the DATA command, nowhere else: LF.LF, CR.CR and their kin are
//! text (RFC 5321 section 4.1.1.4). The octets `.` CR at the end of the input are left unread, because only
//! the next octet tells whether the CR belongs to the message.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Finds a dot that starts a line. Made once: making it costs as much as looking through some KiB with it.
static LINE_AND_DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));

/// What reading a body came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Nothing more can be told before more arrives.
    Incomplete,
    /// Octets of the message: a range of the input.
    Octets(Range<usize>),
    /// The body has ended.
    End,
}

/// Where in a line the next octet stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DotReader {
    #[default]
    LineStart,
    AfterCr,
    Inside,
}

impl DotReader {
    /// Reads the longest piece that is octet for octet the message's; says how many octets it took.
    pub(crate) fn read(&mut self, input: &[u8]) -> (usize, Piece) {
        let at_line_start = *self == Self::LineStart;
        let start = match input {
            [] => return (0, Piece::Incomplete),
            b"." | b".\r" if at_line_start => return (0, Piece::Incomplete),
            [b'.', b'\r', b'\n', ..] if at_line_start => return (3, Piece::End),
            [b'.', text @ ..] if at_line_start => {
                *self = Self::Inside;
                input.len() - text.len()
            }
            [..] => 0,
        };
        let end = start + self.take_up_to_dot(&input[start..]);
        (end, Piece::Octets(start..end))
    }

    /// Takes the text up to the next dot that starts a line, or all of it; says how many octets that is.
    fn take_up_to_dot(&mut self, text: &[u8]) -> usize {
        let shared_crlf = *self == Self::AfterCr && text.starts_with(b"\n");
        let dot = match text {
            [_, b'.', ..] if shared_crlf => Some(1),
            [..] => LINE_AND_DOT.find(text).map(|at| at + 2),
        };
        let ends_line = text.ends_with(b"\r\n") || (shared_crlf && text.len() == 1);
        *self = if dot.is_some() || ends_line {
            Self::LineStart
        } else if text.ends_with(b"\r") {
            Self::AfterCr
        } else {
            Self::Inside
        };
        dot.unwrap_or(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the machine makes of pieces: the message, and how many octets it took, if it ended.
    fn machine(pieces: &[&[u8]]) -> (Vec<u8>, Option<usize>) {
        let (mut reader, mut message, mut unread, mut taken_in_all) =
            (DotReader::default(), Vec::new(), Vec::new(), 0);
        for piece in pieces {
            unread.extend_from_slice(piece);
            loop {
                let (taken, piece) = reader.read(&unread);
                taken_in_all += taken;
                match piece {
                    Piece::Incomplete => break,
                    Piece::Octets(range) => {
                        assert!(!range.is_empty() && range.end == taken);
                        message.extend_from_slice(&unread[range]);
                    }
                    Piece::End => return (message, Some(taken_in_all)),
                }
                unread.drain(..taken);
            }
            assert!(unread.len() <= crate::UNREAD_OCTETS_MAX);
        }
        (message, None)
    }

    /// The same, read off RFC 5321 section 4.5.2: behind DATA stands a CRLF; the first CRLF . CRLF ends;
    /// the dot of any other CRLF . is dropped. What the machine leaves unread is not part of it.
    fn reference(text: &[u8]) -> (Vec<u8>, Option<usize>) {
        let whole = [b"\r\n", text].concat();
        let (mut message, mut at) = (Vec::new(), 2);
        while at < whole.len() {
            if whole[..at].ends_with(b"\r\n") && whole[at] == b'.' {
                match &whole[at + 1..] {
                    [b'\r', b'\n', ..] => return (message, Some(at + 3 - 2)),
                    [] | [b'\r'] => break,
                    [next, ..] => message.push(*next),
                }
                at += 2;
            } else {
                message.push(whole[at]);
                at += 1;
            }
        }
        (message, None)
    }

    /// All strings up to length 7 over the octets that matter, each cut at every place.
    #[test]
    fn the_machine_equals_the_reference_over_all_short_strings_at_every_cut() {
        const ALPHABET: &[u8; 5] = b"\r\n.x\0";
        let mut strings = 0;
        for length in 0..=7_u32 {
            for number in 0..ALPHABET.len().pow(length) {
                let text: Vec<u8> =
                    (0..length).map(|digit| ALPHABET[number / 5_usize.pow(digit) % 5]).collect();
                let expected = reference(&text);
                for cut in 0..=text.len() {
                    let (first, second) = text.split_at(cut);
                    assert_eq!(machine(&[first, second]), expected, "{} at {cut}", text.escape_ascii());
                }
                let octets: Vec<&[u8]> = text.chunks(1).collect();
                assert_eq!(machine(&octets), expected, "{} by octets", text.escape_ascii());
                strings += 1;
            }
        }
        assert_eq!(strings, (5_usize.pow(8) - 1) / 4);
    }

    #[test]
    fn a_body_without_stuffed_dots_is_one_piece() {
        let text = b"Subject: x\r\n\r\nno dots here. nor\r\nthere.\r\n.\r\n";
        let mut reader = DotReader::default();
        assert_eq!(reader.read(text), (text.len() - 3, Piece::Octets(0..text.len() - 3)));
        assert_eq!(reader.read(b".\r\n"), (3, Piece::End));
    }
}
