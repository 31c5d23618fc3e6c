//! Texts of strangers, where people read them.
//!
//! Addresses and header fields may hold any character of Unicode. Some of them do something to a terminal
//! instead of being seen on it: an escape sequence sets its title, a directional mark turns the rest of the
//! line around. JSON escapes only the first 32 of them.

use std::borrow::Cow;

/// Whether a character acts on the text around it and is not seen itself: controls (C0, DEL, C1), Unicode's
/// separators of lines, and its explicit directional formatting characters (UAX 9 section 2). All have at
/// most four hex digits.
#[must_use]
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with U+FFFD in place of each character that [`acts`].
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|octet| matches!(octet, 32..=126)) || !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(acts, "\u{fffd}"))
}
