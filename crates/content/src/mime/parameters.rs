//! The values of Content-Type and Content-Disposition: a word and parameters.
//!
//! Quoted or not, continued and with a charset (RFC 2231), or with encoded words where they must not be
//! (RFC 2047 section 5, and most mail programs do it all the same). Nothing is refused: what is no
//! parameter is passed over.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::{memchr, memchr2};

use super::facade;
use crate::text::charset;

/// The longest value that is read. Names of files end at 255 octets on any file system.
const VALUE_OCTETS_MAX: usize = 32 << 10;
/// The most parameters that are read.
const PARAMETERS_MAX: usize = 200;

/// A value in its pieces.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// The media type or the disposition, in lower case.
    pub(super) word: String,
    /// What stands behind it, in one line. Most parameters are never asked for: they are read by who asks.
    parameters: Cow<'a, [u8]>,
}

/// What RFC 2231 knows: sections by number, each with whether it is percent-encoded.
type Sections<'v> = BTreeMap<u32, (bool, Cow<'v, [u8]>)>;

impl<'a> Value<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Self {
        let unfolded = unfolded(&value[..value.len().min(VALUE_OCTETS_MAX)]);
        let mut pieces = Pieces::of(&unfolded);
        let word = word(pieces.next().unwrap_or_default());
        let behind = pieces.rest.map_or(unfolded.len(), |rest| unfolded.len() - rest.len());
        let parameters = match unfolded {
            Cow::Borrowed(line) => Cow::Borrowed(&line[behind..]),
            Cow::Owned(line) => Cow::Owned(line[behind..].to_vec()),
        };
        Self { word, parameters }
    }

    /// The value of a parameter, decoded; the one with a charset before the plain one (RFC 6266
    /// section 4.3).
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let (plain, sections) = self.named(name);
        if sections.is_empty() { plain.map(|plain| decoded(&plain)) } else { Some(joined(&sections)) }
    }

    /// The value of a parameter as it came.
    pub(super) fn octets(&self, name: &str) -> Option<Vec<u8>> {
        let (plain, sections) = self.named(name);
        let continued = || (!sections.is_empty()).then(|| joined(&sections).into_bytes());
        plain.map(Cow::into_owned).or_else(continued)
    }

    /// The first plain value of a parameter, and the first of each of its sections.
    fn named(&self, wanted: &str) -> (Option<Cow<'_, [u8]>>, Sections<'_>) {
        let (mut plain, mut sections) = (None, Sections::new());
        for piece in Pieces::of(&self.parameters).take(PARAMETERS_MAX) {
            let Some(equals) = memchr(b'=', piece) else { continue };
            let (name, value) = (piece[..equals].trim_ascii(), piece[equals + 1..].trim_ascii());
            let star = memchr(b'*', name);
            if !name[..star.unwrap_or(name.len())].eq_ignore_ascii_case(wanted.as_bytes()) {
                continue;
            }
            match star {
                None => plain = plain.or_else(|| Some(unquoted(value))),
                Some(star) => {
                    let (number, is_encoded) = section(&name[star + 1..]);
                    sections.entry(number).or_insert_with(|| (is_encoded, unquoted(value)));
                }
            }
        }
        (plain, sections)
    }
}

/// The value in one line.
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    // The line that the value ends with is no fold.
    let value = value.trim_ascii_end();
    match memchr2(b'\r', b'\n', value) {
        None => Cow::Borrowed(value),
        Some(_) => value.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect(),
    }
}

/// The number behind the star of a name, and whether the value is percent-encoded: `1`, `1*`, or nothing.
fn section(text: &[u8]) -> (u32, bool) {
    let (number, is_encoded) = text.strip_suffix(b"*").map_or((text, text.is_empty()), |it| (it, true));
    (std::str::from_utf8(number).ok().and_then(|it| it.parse().ok()).unwrap_or(0), is_encoded)
}

/// A value between its semicolons; those in quotes are none.
struct Pieces<'v> {
    rest: Option<&'v [u8]>,
    /// A quotation that does not end would swallow what follows: from there on quotes are not believed.
    quotes: bool,
}

impl<'v> Pieces<'v> {
    fn of(value: &'v [u8]) -> Self {
        Self { rest: (!value.is_empty()).then_some(value), quotes: true }
    }

    /// Where the piece at the begin ends, if the quotes in it do.
    fn end_by_quotes(rest: &[u8]) -> Result<Option<usize>, Endless> {
        let (mut quoted, mut escaped) = (false, false);
        for (at, octet) in rest.iter().enumerate() {
            match octet {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b';' if !quoted => return Ok(Some(at)),
                _ => {}
            }
        }
        if quoted { Err(Endless) } else { Ok(None) }
    }
}

/// A quotation does not end.
struct Endless;

impl<'v> Iterator for Pieces<'v> {
    type Item = &'v [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let by_quotes = if self.quotes { Self::end_by_quotes(rest) } else { Err(Endless) };
        let end = by_quotes.unwrap_or_else(|Endless| {
            self.quotes = false;
            memchr(b';', rest)
        });
        let (piece, behind) = end.map_or((rest, None), |end| (&rest[..end], Some(&rest[end + 1..])));
        self.rest = behind;
        Some(piece)
    }
}

/// The first word in lower case, without white space and comments.
fn word(piece: &[u8]) -> String {
    let piece = piece.trim_ascii();
    if piece.iter().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'(' | b')')) {
        return String::from_utf8_lossy(piece).to_ascii_lowercase();
    }
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
fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = value.strip_prefix(b"\"") else { return Cow::Borrowed(value) };
    let end = memchr2(b'"', b'\\', inner).unwrap_or(inner.len());
    if inner.get(end) != Some(&b'\\') {
        return Cow::Borrowed(&inner[..end]);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut octets = inner.iter().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\\' if matches!(octets.peek(), Some(b'"' | b'\\')) => plain.extend(octets.next()),
            b'"' => break,
            _ => plain.push(*octet),
        }
    }
    plain.into()
}

/// Sections in the order of their numbers. The first says the charset of all (RFC 2231 section 4.1), which
/// may cut a character in two: so the octets are joined first.
fn joined(sections: &Sections<'_>) -> String {
    let mut octets = Vec::new();
    let mut label = None;
    for (place, (is_encoded, value)) in sections.values().enumerate() {
        let mut value = &value[..];
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
            (b"attachment; size=\"3; filename=a.txt; x=\"y\"", Some("a.txt")),
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
