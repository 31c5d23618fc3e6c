//! Words of the message that may be the password of what is attached: "the password is 1234".

use std::collections::HashSet;

use bytes::Bytes;

/// The most words that are kept of all text, and the most that stand near a word for a password.
const WORDS_MAX: usize = 400;
const NEAR_MAX: usize = 60;
/// How much of a text is read for words.
const TEXT_OCTETS: usize = 256 << 10;
/// Words behind one that means password which may be it.
const NEAR_WORDS: usize = 6;
/// Lengths of words that are taken, in characters.
const LENGTH: std::ops::RangeInclusive<usize> = 2..=64;

/// Begins of words that mean password, in lower case.
const MEANING: [&str; 20] = [
    "pass",
    "pwd",
    "pw",
    "psw",
    "kennw",
    "losung",
    "contrase",
    "clave",
    "senha",
    "mot",
    "mdp",
    "wachtwoord",
    "has\u{142}o",
    "heslo",
    "jelsz",
    "parol",
    "\u{43f}\u{430}\u{440}\u{43e}\u{43b}",
    "\u{5bc6}\u{7801}",
    "\u{30d1}\u{30b9}",
    "pin",
];

/// What may be a password, best first. Most mail has nothing that is locked, so texts are kept as they are
/// and read for words when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// Texts that were not read yet.
    texts: Vec<Bytes>,
    near: Vec<Box<str>>,
    others: Vec<Box<str>>,
    known: HashSet<Box<str>>,
}

impl Words {
    /// Keeps a text, in UTF-8.
    pub(crate) fn keep(&mut self, text: Bytes) {
        self.texts.push(text);
    }

    fn learn(&mut self, text: &str) {
        let mut distance = usize::MAX;
        for raw in text.split_whitespace() {
            // `password:1234` is written without a blank.
            for piece in pieces(raw) {
                let is_near = distance < NEAR_WORDS;
                distance = if means_password(piece) { 0 } else { distance.saturating_add(1) };
                self.take(piece, is_near);
                self.take(trimmed(piece), is_near);
            }
        }
    }

    fn take(&mut self, word: &str, is_near: bool) {
        if !LENGTH.contains(&word.chars().count()) {
            return;
        }
        let (list, max) = if is_near { (&mut self.near, NEAR_MAX) } else { (&mut self.others, WORDS_MAX) };
        if list.len() < max && self.known.insert(word.into()) {
            list.push(word.into());
        }
    }

    /// What to try, best first: what stands near a word for password, the list of who calls, all others.
    pub(crate) fn candidates(&mut self, list: &[Box<str>], most: usize) -> Vec<Box<str>> {
        for text in std::mem::take(&mut self.texts) {
            self.learn(&String::from_utf8_lossy(&text[..text.len().min(TEXT_OCTETS)]));
        }
        self.near.iter().chain(list).chain(&self.others).take(most).cloned().collect()
    }
}

/// The word, and what stands behind a colon or equals sign in it.
fn pieces(raw: &str) -> impl Iterator<Item = &str> {
    let behind = raw.split_once([':', '=', '\u{ff1a}']).map(|(_, behind)| behind);
    let before = raw.split_once([':', '=', '\u{ff1a}']).map_or(raw, |(before, _)| before);
    let whole = (before != raw).then_some(raw);
    [Some(before), behind, whole].into_iter().flatten()
}

fn trimmed(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn means_password(word: &str) -> bool {
    let word = trimmed(word).to_lowercase();
    MEANING.iter().any(|begin| word.starts_with(begin) && (begin.len() > 3 || word.len() <= begin.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_near_a_word_for_password_come_first() {
        for (text, expected) in [
            ("See the file. The password is 1234.", "1234"),
            ("Passwort: geheim", "geheim"),
            ("password:x7!y", "x7!y"),
            ("(pw=\"inv0ice\")", "inv0ice"),
            ("\u{41f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}: 77aa", "77aa"),
        ] {
            let mut words = Words::default();
            words.keep(Bytes::from_static(text.as_bytes()));
            let candidates = words.candidates(&[], 8);
            assert!(candidates.iter().any(|it| &**it == expected), "{text}: {candidates:?}");
        }
    }

    #[test]
    fn the_list_of_words_is_bounded() {
        let mut words = Words::default();
        let text: Vec<String> = (0..10_000).map(|at| format!("w{at}")).collect();
        words.keep(text.join(" ").into());
        words.keep(format!("password {}", text.join(" password ")).into());
        assert!(words.candidates(&[], usize::MAX).len() <= WORDS_MAX + NEAR_MAX);
        let list: Vec<Box<str>> = vec!["infected".into()];
        assert_eq!(Words::default().candidates(&list, 10), list);
    }
}
