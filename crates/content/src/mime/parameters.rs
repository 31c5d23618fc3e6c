//! The values of Content-Type and Content-Disposition: a word and parameters.
//!
//! Quoted or not, continued and with a charset (RFC 2231), or with encoded words where they must not be
//! (RFC 2047 section 5, and most mail programs do it all the same). Nothing is refused: what is no
//! parameter is passed over.

use std::collections::BTreeMap;

use super::facade;
use crate::text::charset;

/// The longest value that is read. Names of files end at 255 octets on any file system.
const VALUE_OCTETS_MAX: usize = 32 << 10;
/// The most parameters that are read.
const PARAMETERS_MAX: usize = 200;

/// A value in its pieces.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// The media type or the disposition, in lower case.
    pub(super) word: String,
    plain: BTreeMap<String, Vec<u8>>,
    /// What RFC 2231 knows: sections by number, each with whether it is percent-encoded.
    continued: BTreeMap<String, BTreeMap<u32, (bool, Vec<u8>)>>,
}

impl Value {
    pub(super) fn parse(value: &[u8]) -> Self {
        let unfolded: Vec<u8> = value[..value.len().min(VALUE_OCTETS_MAX)]
            .iter()
            .copied()
            .filter(|octet| !matches!(octet, b'\r' | b'\n'))
            .collect();
        let mut pieces = pieces(&unfolded).into_iter();
        let mut parsed = Self { word: word(pieces.next().unwrap_or_default()), ..Self::default() };
        pieces.take(PARAMETERS_MAX).for_each(|piece| parsed.add(piece));
        parsed
    }

    /// The value of a parameter, decoded; the one with a charset before the plain one (RFC 6266
    /// section 4.3).
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.continued.get(name).map(joined).or_else(|| self.plain.get(name).map(|plain| decoded(plain)))
    }

    /// The value of a parameter as it came.
    pub(super) fn octets(&self, name: &str) -> Option<Vec<u8>> {
        self.plain.get(name).cloned().or_else(|| self.continued.get(name).map(|it| joined(it).into_bytes()))
    }

    fn add(&mut self, piece: &[u8]) {
        let Some(equals) = memchr::memchr(b'=', piece) else { return };
        let name = String::from_utf8_lossy(piece[..equals].trim_ascii()).to_ascii_lowercase();
        let value = unquoted(piece[equals + 1..].trim_ascii());
        match name.split_once('*') {
            None => {
                self.plain.entry(name).or_insert(value);
            }
            Some((name, section)) => {
                let (number, is_encoded) =
                    section.strip_suffix('*').map_or((section, section.is_empty()), |it| (it, true));
                let number = number.parse().unwrap_or(0);
                let sections = self.continued.entry(name.to_owned()).or_default();
                sections.entry(number).or_insert((is_encoded, value));
            }
        }
    }
}

/// The value between its semicolons; those in quotes are none.
fn pieces(value: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in value.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                pieces.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    // A quotation that does not end would swallow what follows.
    let ends = |octet: &u8| quoted && *octet == b';';
    pieces.extend(value[start..].split(ends));
    pieces
}

/// The first word in lower case, without white space and comments.
fn word(piece: &[u8]) -> String {
    let mut depth = 0_u32;
    let mut word = Vec::new();
    for octet in piece {
        match octet {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if depth > 0 || octet.is_ascii_whitespace() => {}
            _ => word.push(octet.to_ascii_lowercase()),
        }
    }
    String::from_utf8_lossy(&word).into_owned()
}

/// What stands between quotes; a backslash escapes a quote and itself only, so that `C:\a.txt` stays.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"") else { return value.to_vec() };
    let mut plain = Vec::with_capacity(inner.len());
    let mut octets = inner.iter().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\\' if matches!(octets.peek(), Some(b'"' | b'\\')) => plain.extend(octets.next()),
            b'"' => break,
            _ => plain.push(*octet),
        }
    }
    plain
}

/// Sections in the order of their numbers. The first says the charset of all (RFC 2231 section 4.1), which
/// may cut a character in two: so the octets are joined first.
fn joined(sections: &BTreeMap<u32, (bool, Vec<u8>)>) -> String {
    let mut octets = Vec::new();
    let mut label = None;
    for (place, (is_encoded, value)) in sections.values().enumerate() {
        let mut value = value.as_slice();
        if place == 0 && *is_encoded {
            let mut three = value.splitn(3, |octet| *octet == b'\'');
            if let (Some(charset), Some(_), Some(rest)) = (three.next(), three.next(), three.next()) {
                (label, value) = (Some(String::from_utf8_lossy(charset).into_owned()), rest);
            }
        }
        if *is_encoded { percent_decode(value, &mut octets) } else { octets.extend_from_slice(value) }
    }
    match label {
        Some(label) => charset::decode(&octets, Some(&label)).into_owned(),
        None => decoded(&octets),
    }
}

fn percent_decode(value: &[u8], octets: &mut Vec<u8>) {
    let digit = |octet: Option<&u8>| octet.and_then(|octet| char::from(*octet).to_digit(16));
    let mut at = 0;
    while let Some(octet) = value.get(at) {
        let pair = (digit(value.get(at + 1)), digit(value.get(at + 2)));
        if let (b'%', (Some(high), Some(low))) = (octet, pair) {
            octets.push(u8::try_from(high << 4 | low).expect("two hex digits fit"));
            at += 3;
        } else {
            octets.push(*octet);
            at += 1;
        }
    }
}

/// A plain value: encoded words if there are some, else in UTF-8 or what Windows writes in western Europe.
fn decoded(value: &[u8]) -> String {
    let text = charset::decode(value, None).into_owned();
    if text.contains("=?") { facade::encoded_words(&text).unwrap_or(text) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded() {
        for (value, expected) in [
            (&b"attachment; filename=a.txt"[..], Some("a.txt")),
            (b"attachment; filename=\"a;b.txt\"", Some("a;b.txt")),
            (b"attachment; filename=my report (1).pdf ; size=3", Some("my report (1).pdf")),
            (b"attachment; FileName = \"a\\\"b.txt\"", Some("a\"b.txt")),
            (b"attachment; filename=\"C:\\temp\\a.txt\"", Some("C:\\temp\\a.txt")),
            // RFC 2231 section 3, section 4, and both.
            (b"attachment; filename*0=\"long \"; filename*1=\"name.txt\"", Some("long name.txt")),
            (b"attachment; filename*=utf-8''%e2%82%ac.txt", Some("\u{20ac}.txt")),
            (b"attachment;\r\n filename*1*=%A9.txt;\r\n filename*0*=UTF-8'en'caf%C3", Some("caf\u{e9}.txt")),
            (
                b"attachment; filename*0*=iso-8859-1'de'%FCber; filename*1=\" 50%.txt\"",
                Some("\u{fc}ber 50%.txt"),
            ),
            (b"attachment; filename=plain.txt; filename*=''better.txt", Some("better.txt")),
            (b"attachment; filename*=utf-8''100%", Some("100%")),
            // RFC 2047, where it must not be.
            (b"attachment; filename=\"=?utf-8?q?caf=C3=A9.txt?=\"", Some("caf\u{e9}.txt")),
            (b"attachment; filename==?iso-8859-1?B?/GJlci50eHQ=?=", Some("\u{fc}ber.txt")),
            (b"attachment; filename=\"caf\xc3\xa9.txt\"", Some("caf\u{e9}.txt")),
            (b"attachment; filename=\"caf\xe9.txt\"", Some("caf\u{e9}.txt")),
            (b"attachment; filename=\"not ended; size=3", Some("not ended")),
            (b"attachment; filename", None),
            (b"", None),
        ] {
            let shown = String::from_utf8_lossy(value);
            assert_eq!(Value::parse(value).parameter("filename").as_deref(), expected, "{shown}");
        }
    }

    #[test]
    fn the_word_stands_before_the_first_semicolon() {
        for (value, expected) in [
            (&b" Text/HTML ; charset=x"[..], "text/html"),
            (b"text/plain (is it?); x=y", "text/plain"),
            (b" image/png", "image/png"),
            (b";", ""),
        ] {
            assert_eq!(Value::parse(value).word, expected);
        }
    }
}
