//! Lines that delimit the parts of multiparts (RFC 2046 section 5.1.1).

use std::ops::Range;

use memchr::{memchr, memmem};

/// A multipart that is open.
#[derive(Debug)]
pub(super) struct Level {
    boundary: Vec<u8>,
    /// Its own number; empty for the outermost.
    pub(super) number: String,
    /// Parts so far.
    pub(super) parts: u32,
    /// Parts without a type are messages (RFC 2046 section 5.1.5).
    pub(super) is_digest: bool,
}

/// The multiparts that are open, the outermost first.
#[derive(Debug, Default)]
pub(super) struct Levels(pub(super) Vec<Level>);

/// A line that delimits parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delimiter {
    /// Where the line stands, its end included.
    pub(super) line: Range<usize>,
    /// Which of the open multiparts it belongs to.
    pub(super) level: usize,
    /// It ends the multipart.
    pub(super) is_last: bool,
}

impl Level {
    pub(super) fn new(boundary: &[u8], number: String, is_digest: bool) -> Self {
        Self { boundary: boundary.trim_ascii_end().to_vec(), number, parts: 0, is_digest }
    }

    /// The number of the next part: `2`, and in a multipart `1.2`.
    pub(super) fn next_number(&mut self) -> String {
        self.parts += 1;
        if self.number.is_empty() {
            self.parts.to_string()
        } else {
            format!("{}.{}", self.number, self.parts)
        }
    }

    /// Whether a line is this one's, and then whether it is its last.
    fn matches(&self, line: &[u8]) -> Option<bool> {
        let rest = line.strip_prefix(b"--")?.strip_prefix(self.boundary.as_slice())?;
        // Whatever pads a line that was transported is white space.
        match rest.trim_ascii_end() {
            b"" => Some(false),
            b"--" => Some(true),
            _ => None,
        }
    }
}

impl Levels {
    /// The multipart that a line belongs to, the innermost first, and whether it is its last line.
    pub(super) fn matched(&self, line: &[u8]) -> Option<(usize, bool)> {
        if !line.starts_with(b"--") {
            return None;
        }
        let matches = |(level, it): (usize, &Level)| it.matches(line).map(|is_last| (level, is_last));
        self.0.iter().enumerate().rev().find_map(matches)
    }

    /// The first delimiter at or behind `from`, where a line begins.
    pub(super) fn next(&self, octets: &[u8], from: usize) -> Option<Delimiter> {
        if self.0.is_empty() {
            return None;
        }
        let here = octets.get(from..).filter(|rest| rest.starts_with(b"--")).map(|_| from);
        let behind = octets.get(from..).unwrap_or_default();
        let behind = memmem::find_iter(behind, b"\n--").map(|at| from + at + 1);
        here.into_iter().chain(behind).find_map(|start| {
            let end = memchr(b'\n', &octets[start..]).map_or(octets.len(), |at| start + at + 1);
            let (level, is_last) = self.matched(&octets[start..end])?;
            Some(Delimiter { line: start..end, level, is_last })
        })
    }
}

/// The octets between two places, without the line end that belongs to the delimiter behind them.
pub(super) fn content(octets: &[u8], start: usize, end: usize) -> Range<usize> {
    let content = &octets[start..end.max(start)];
    let content = content.strip_suffix(b"\n").map_or(content, |it| it.strip_suffix(b"\r").unwrap_or(it));
    start..start + content.len()
}

/// How far into a body a boundary is looked for that was not declared. A message may hold thousands of
/// multiparts without one, and each is looked into.
const GUESS_OCTETS: usize = 64 << 10;

/// What looks like the boundary of a multipart that does not declare one: the first line that begins with two
/// hyphens and stands there again, alone or as the last.
pub(super) fn guess(body: &[u8]) -> Option<&[u8]> {
    let begin = &body[..body.len().min(GUESS_OCTETS)];
    let mut lines = begin.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end);
    let line = lines.find(|line| line.starts_with(b"--") && line.len() > 2)?;
    let boundary = &line[2..];
    let behind = memmem::find(begin, line).map(|at| &begin[at + line.len()..])?;
    let again = [b"\n--", boundary].concat();
    memmem::find(behind, &again).is_some().then_some(boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_guessed_near_the_begin_only() {
        let body = |filler: usize| format!("x\n--b \n\n{}\n--b--\n", "y".repeat(filler)).into_bytes();
        for (body, expected) in [
            (body(10), Some(&b"b"[..])),
            (body(GUESS_OCTETS), None),
            (b"--b\n\nnever again".to_vec(), None),
            (b"--\n\n--\n".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(guess(&body), expected);
        }
    }
}
