//! Text that is put together from octets of changing code pages, from UTF-16 and from characters.

use encoding_rs::UTF_16LE;

use crate::mapi::CodePage;

/// A character may be spread over two octets or two units of UTF-16, so what comes in one way is held back
/// until something comes in another.
#[derive(Debug, Default)]
pub(super) struct Output {
    text: String,
    held: Vec<u8>,
    held_in: Option<Held>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Octets(CodePage),
    Utf16,
}

impl Output {
    pub(super) fn octet(&mut self, octet: u8, code_page: CodePage) {
        self.hold(Held::Octets(code_page), &[octet]);
    }

    pub(super) fn unit(&mut self, unit: u16) {
        self.hold(Held::Utf16, &unit.to_le_bytes());
    }

    pub(super) fn character(&mut self, character: char) {
        self.flush();
        self.text.push(character);
    }

    pub(super) fn text(mut self) -> String {
        self.flush();
        self.text
    }

    fn hold(&mut self, held_in: Held, octets: &[u8]) {
        if self.held_in != Some(held_in) {
            self.flush();
            self.held_in = Some(held_in);
        }
        self.held.extend_from_slice(octets);
    }

    fn flush(&mut self) {
        let encoding = match self.held_in.take() {
            None => return,
            Some(Held::Octets(code_page)) => code_page.encoding(),
            Some(Held::Utf16) => UTF_16LE,
        };
        let (text, _) = encoding.decode_without_bom_handling(&self.held);
        self.text.push_str(&text);
        self.held.clear();
    }
}
