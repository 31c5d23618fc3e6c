//! A message as it goes on the wire.

use crate::corpus::{self, Shape};

/// So many different messages are sent in turn, unless they are large.
const DIFFERENT_MAX: usize = 64;
/// The messages take at most this much memory together, or one message does.
const OCTETS_MAX: usize = 64 << 20;

/// A message whose Message-ID each copy gets anew, dots doubled if it goes by DATA.
pub(crate) struct Payload {
    rest: Vec<u8>,
    octets: usize,
}

impl Payload {
    pub(crate) fn some(seed: u64, shape: Shape, chunking: bool) -> Vec<Self> {
        let different = (OCTETS_MAX / shape.octets.max(1)).clamp(1, DIFFERENT_MAX);
        (seed..).take(different).map(|seed| Self::new(&corpus::message(seed, shape), chunking)).collect()
    }

    fn new(message: &[u8], chunking: bool) -> Self {
        let rest = &message[id_line(0).len()..];
        let rest = if chunking { rest.to_vec() } else { double_dots(rest) };
        Self { rest, octets: message.len() }
    }

    /// The length of the message itself, dots not doubled.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// Everything behind the Message-ID field.
    pub(super) fn rest(&self) -> &[u8] {
        &self.rest
    }
}

/// The first field of copy `number`; two runs against one server differ by their process.
pub(super) fn id_line(number: u64) -> String {
    corpus::message_id_line(number, std::process::id())
}

/// RFC 5321 section 4.5.2: a line that begins with a dot gets another one.
fn double_dots(message: &[u8]) -> Vec<u8> {
    let mut doubled = Vec::with_capacity(message.len() + message.len() / 64);
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        if line.first() == Some(&b'.') {
            doubled.push(b'.');
        }
        doubled.extend_from_slice(line);
    }
    doubled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Structure;

    #[test]
    fn only_dots_that_begin_a_line_are_doubled() {
        for (message, doubled) in [
            ("", ""),
            ("a.b\r\n", "a.b\r\n"),
            (".\r\n", "..\r\n"),
            ("a\r\n.b\r\n..\r\n", "a\r\n..b\r\n...\r\n"),
        ] {
            assert_eq!(double_dots(message.as_bytes()), doubled.as_bytes());
        }
    }

    #[test]
    fn a_copy_is_as_long_as_its_message() {
        let shape = Shape { octets: 4_096, structure: Structure::Text };
        let payloads = Payload::some(1, shape, true);
        assert_eq!(payloads.len(), 64);
        assert_eq!(id_line(7).len() + payloads[0].rest().len(), payloads[0].octets());
        assert_eq!(Payload::some(1, Shape { octets: 40 << 20, ..shape }, true).len(), 1);
    }
}
