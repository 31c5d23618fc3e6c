//! Text of any charset in UTF-8.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How much without a mark is looked at for signs of UTF-16.
const GUESS_OCTETS: usize = 512;

/// Decodes text: by its byte order mark, by the charset that was declared, as UTF-8 if it is valid, else as
/// windows-1252, in which every octet is a character. What the charset does not know becomes U+FFFD.
pub(crate) fn decode<'a>(octets: &'a [u8], declared: Option<&str>) -> Cow<'a, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(octets) {
        return encoding.decode_without_bom_handling(&octets[mark..]).0;
    }
    match declared.and_then(named) {
        Some(Charset::Of(encoding)) => encoding.decode_without_bom_handling(octets).0,
        Some(Charset::Utf7) => Cow::Owned(utf7(octets)),
        None => undeclared(octets),
    }
}

enum Charset {
    Of(&'static Encoding),
    /// RFC 2152. Browsers gave it up; old Outlook reads it, and so scripts hide in it.
    Utf7,
}

/// The WHATWG's labels, with the names that mail has besides. US-ASCII is what is declared of anything.
fn named(label: &str) -> Option<Charset> {
    let label = label.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    match label.as_str() {
        "us-ascii" | "ascii" | "utf-8" | "utf8" => None,
        "utf-7" | "unicode-1-1-utf-7" => Some(Charset::Utf7),
        "cp850" | "ibm850" | "cp437" => Some(Charset::Of(WINDOWS_1252)),
        "cp932" | "ms932" => Encoding::for_label(b"shift_jis").map(Charset::Of),
        "cp936" | "ms936" => Encoding::for_label(b"gbk").map(Charset::Of),
        "cp949" | "ks_c_5601" => Encoding::for_label(b"euc-kr").map(Charset::Of),
        "cp950" => Encoding::for_label(b"big5").map(Charset::Of),
        _ => Encoding::for_label(label.as_bytes()).map(Charset::Of),
    }
}

fn undeclared(octets: &[u8]) -> Cow<'_, str> {
    if let Some(encoding) = utf16(octets) {
        return encoding.decode_without_bom_handling(octets).0;
    }
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        // A stray octet in UTF-8 does not make all of it another charset.
        Err(error)
            if error.valid_up_to() * 2 > octets.len() && !octets.is_ascii() && is_mostly_utf8(octets) =>
        {
            UTF_8.decode_without_bom_handling(octets).0
        }
        Err(_) => WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

/// Whether sequences of UTF-8 outnumber what is none.
fn is_mostly_utf8(octets: &[u8]) -> bool {
    let (mut sequences, mut strays) = (0_usize, 0_usize);
    for chunk in octets.utf8_chunks() {
        sequences += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        strays += usize::from(!chunk.invalid().is_empty());
    }
    sequences > strays
}

/// Every other octet of ASCII text in UTF-16 is zero.
fn utf16(octets: &[u8]) -> Option<&'static Encoding> {
    let pairs = octets[..octets.len().min(GUESS_OCTETS)].as_chunks::<2>().0;
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    let (high, low) = (zeros(0), zeros(1));
    let most = pairs.len() * 3 / 4;
    match () {
        () if pairs.len() < 4 => None,
        () if low > most && high == 0 => Some(UTF_16LE),
        () if high > most && low == 0 => Some(UTF_16BE),
        () => None,
    }
}

/// UTF-7: what stands between `+` and the next character that is no digit of base64 is UTF-16 in base64.
fn utf7(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    let mut rest = octets;
    while let Some(plus) = memchr::memchr(b'+', rest) {
        text.push_str(&String::from_utf8_lossy(&rest[..plus]));
        let shifted = &rest[plus + 1..];
        let length = shifted.iter().take_while(|octet| is_digit(**octet)).count();
        let after = &shifted[length..];
        rest = after.strip_prefix(b"-").unwrap_or(after);
        if length == 0 {
            text.push('+');
        } else {
            text.push_str(&shifted_text(&shifted[..length]));
        }
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

fn is_digit(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/')
}

fn shifted_text(digits: &[u8]) -> String {
    let bits =
        base64_simd::forgiving_decode_to_vec(&digits[..digits.len() - usize::from(digits.len() % 4 == 1)]);
    UTF_16BE.decode_without_bom_handling(&bits.unwrap_or_default()).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded() {
        for (octets, declared, expected) in [
            (&b"plain"[..], None, "plain"),
            (b"caf\xc3\xa9", None, "caf\u{e9}"),
            (b"caf\xe9", None, "caf\u{e9}"),
            (b"caf\xe9", Some("ISO-8859-1"), "caf\u{e9}"),
            (b"caf\xe9", Some("us-ascii"), "caf\u{e9}"),
            (b"caf\xc3\xa9", Some("us-ascii"), "caf\u{e9}"),
            (b"\x83\x65\x83\x58\x83\x67", Some("Shift_JIS"), "\u{30c6}\u{30b9}\u{30c8}"),
            (b"\x1b$B%F%9%H\x1b(B", Some("iso-2022-jp"), "\u{30c6}\u{30b9}\u{30c8}"),
            (b"\xd0\xd2", Some("koi8-r"), "\u{43f}\u{440}"),
            (b"h\0e\0l\0l\0o\0", None, "hello"),
            (b"\xff\xfeh\0i\0", Some("utf-8"), "hi"),
            (b"\xef\xbb\xbfhi", None, "hi"),
            (b"x", Some("no-such-charset"), "x"),
            (b"Hi +AOk- +- +ADw-script+AD4-", Some("utf-7"), "Hi \u{e9} + <script>"),
            (b"", Some("utf-16"), ""),
        ] {
            assert_eq!(decode(octets, declared), expected, "{octets:?} {declared:?}");
        }
    }
}
