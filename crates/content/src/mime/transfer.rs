//! Content-Transfer-Encoding (RFC 2045 section 6): base64, quoted-printable and uuencode, undone as far as
//! anything can be read.

use base64_simd::{STANDARD, forgiving_decode_to_vec};
use bytes::Bytes;
use memchr::memchr;

use super::uu;

/// An encoding that is undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 7bit, 8bit, binary, and whatever nobody knows.
    #[default]
    Identity,
    Base64,
    QuotedPrintable,
    Uuencode,
}

impl Encoding {
    pub(super) fn named(value: &[u8]) -> Self {
        let word =
            value.trim_ascii().split(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'('));
        match word.into_iter().next().unwrap_or_default().to_ascii_lowercase().as_slice() {
            b"base64" => Self::Base64,
            b"quoted-printable" => Self::QuotedPrintable,
            b"x-uuencode" | b"uuencode" | b"x-uue" => Self::Uuencode,
            _ => Self::Identity,
        }
    }

    /// What was encoded, and whether all of it could be read.
    pub(super) fn decode(self, body: Bytes) -> (Bytes, bool) {
        match self {
            Self::Identity => (body, true),
            Self::Base64 => base64(&body),
            Self::QuotedPrintable => quoted_printable(&body),
            Self::Uuencode => match uu::blocks(&body).into_iter().next() {
                Some(block) => (block.octets.into(), block.is_whole),
                None => (body, false),
            },
        }
    }
}

/// Base64 by the vector unit where it is clean but for white space, octet by octet where it is not.
fn base64(body: &[u8]) -> (Bytes, bool) {
    if let Some(octets) = lines(body) {
        return (octets.into(), true);
    }
    match forgiving_decode_to_vec(body) {
        Ok(octets) => (octets.into(), true),
        Err(_) => base64_damaged(body),
    }
}

/// Clean base64 in lines of one length, as every program writes it: each line is decoded where it lies. Lines
/// of a multiple of four digits decode by themselves.
fn lines(body: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let mut rest = body;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        if !line.is_empty() {
            STANDARD.decode_append(line, &mut octets).ok()?;
        }
        rest = rest.get(end + 1..).unwrap_or_default();
        // Padding ends it: what follows is read by the slower way, which can say what it is.
        if line.ends_with(b"=") && !rest.trim_ascii().is_empty() {
            return None;
        }
    }
    Some(octets)
}

/// What no digit is is passed over; padding ends a group, and what follows begins a new one, as in mail that
/// was put together of several pieces. What follows a line of another kind is another kind of text, yet
/// nothing tells them apart.
fn base64_damaged(body: &[u8]) -> (Bytes, bool) {
    let mut octets = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for octet in body {
        let digit = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                (bits, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        (bits, count) = (bits << 6 | u32::from(digit), count + 6);
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count).to_le_bytes()[0]);
            bits &= (1 << count) - 1;
        }
    }
    (octets.into(), false)
}

/// RFC 2045 section 6.7. An `=` that encodes nothing stays as it is. White space at the end of a line stays
/// too, though the RFC wants it gone: what was signed or hashed by others has it.
fn quoted_printable(body: &Bytes) -> (Bytes, bool) {
    let Some(first) = memchr(b'=', body) else { return (body.clone(), true) };
    let mut octets = Vec::with_capacity(body.len());
    octets.extend_from_slice(&body[..first]);
    let (mut rest, mut is_whole) = (&body[first..], true);
    while let Some(behind) = rest.strip_prefix(b"=") {
        rest = match escaped(behind) {
            Some((octet, length)) => {
                octets.extend(octet);
                &behind[length..]
            }
            None => {
                is_whole = false;
                octets.push(b'=');
                behind
            }
        };
        let next = memchr(b'=', rest).unwrap_or(rest.len());
        octets.extend_from_slice(&rest[..next]);
        rest = &rest[next..];
    }
    (octets.into(), is_whole)
}

/// What stands behind an `=`: two hex digits, or a line end with white space before it, which is no octet.
fn escaped(behind: &[u8]) -> Option<(Option<u8>, usize)> {
    let digit = |at: usize| behind.get(at).and_then(|octet| char::from(*octet).to_digit(16));
    if let (Some(high), Some(low)) = (digit(0), digit(1)) {
        return Some((u8::try_from(high << 4 | low).ok(), 2));
    }
    let blanks = behind.iter().take_while(|octet| matches!(octet, b' ' | b'\t' | b'\r')).count();
    match behind.get(blanks) {
        Some(b'\n') => Some((None, blanks + 1)),
        None => Some((None, blanks)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_comes_back() {
        for (encoding, body, expected, is_whole) in [
            ("base64", "aGVsbG8gd29ybGQ=\r\n", "hello world", true),
            ("BASE64 ", "aGVs\r\nbG8g\r\nd29y\r\nbGQ=", "hello world", true),
            ("base64", "aGVsb\r\nG8gd2\r\n9ybGQ\r\n=", "hello world", true),
            ("base64", "aGVs bG8g\td29ybGQ", "hello world", true),
            ("base64", "aGVs*bG8g-d29ybGQ=", "hello world", false),
            ("base64", "aGVsbG8=\r\nIHdvcmxk\r\n", "hello world", false),
            ("base64", "", "", true),
            ("base64", "\r\n\r\n", "", true),
            ("base64", "a", "", false),
            ("quoted-printable", "caf=C3=a9", "caf\u{e9}", true),
            ("quoted-printable", "soft =\r\nline=\nend=", "soft lineend", true),
            ("quoted-printable", "soft = \t\r\nline", "soft line", true),
            ("Quoted-Printable", "1 = 2 =zz", "1 = 2 =zz", false),
            ("quoted-printable", "trailing \r\nblank", "trailing \r\nblank", true),
            ("7bit", "=41", "=41", true),
            ("x-nonsense", "=41", "=41", true),
            ("x-uuencode", "begin 644 a\n#0V%T\n`\nend\n", "Cat", true),
            ("x-uuencode", "no block", "no block", false),
        ] {
            let body_octets = Bytes::from_static(body.as_bytes());
            let (decoded, whole) = Encoding::named(encoding.as_bytes()).decode(body_octets);
            assert_eq!((&decoded[..], whole), (expected.as_bytes(), is_whole), "{encoding}: {body:?}");
        }
    }
}
