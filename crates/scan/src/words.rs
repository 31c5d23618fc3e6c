//! What peers say, fit to be shown and stored.

/// The most octets of anything that a peer says: a name of a signature, a reason.
pub(crate) const TOLD_OCTETS_MAX: usize = 256;

/// A peer's words: what is no text, control characters and those that change the direction of text are
/// replaced by their codes, so that no peer, and no message through a peer, writes on a terminal or into a
/// log; the end of what is too long is left out.
pub(crate) fn told(octets: &[u8]) -> Box<str> {
    let mut text = String::new();
    // A cut in the middle of a character shows as one that is no text.
    for character in String::from_utf8_lossy(&octets[..octets.len().min(TOLD_OCTETS_MAX)]).trim().chars() {
        if is_deceptive(character) {
            text.extend(character.escape_unicode());
        } else {
            text.push(character);
        }
    }
    text.into()
}

/// Whether a character changes how others are shown, or shows nothing itself.
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_can_be_shown() {
        for (said, shown) in [
            (&b"Eicar-Signature"[..], "Eicar-Signature"),
            (b"  a b\r\n", "a b"),
            (b"a\x1b[31mb\0", "a\\u{1b}[31mb\\u{0}"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
            (b"\xffx", "\u{fffd}x"),
        ] {
            assert_eq!(&*told(said), shown);
        }
        assert_eq!(told(&[b'a'; 1_000]).len(), TOLD_OCTETS_MAX);
    }
}
