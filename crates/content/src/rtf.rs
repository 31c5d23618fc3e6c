//! RTF as mail carries it: packed (MS-OXRTFCP), and often only a wrapper around HTML or plain text
//! (MS-OXRTFEX).
//!
//! [`decompress`] unpacks a `PidTagRtfCompressed`; [`shown`] gives what a reader of the RTF sees: the HTML or
//! the text that was wrapped in it, or, of RTF that wraps nothing, its text without the layout.
//!
//! ```text
//! PidTagRtfCompressed --decompress--> {\rtf1\ansi\fromhtml1 ... {\*\htmltag64 <p>}Hello ... }
//!                                        --shown--> Html: <p>Hello
//! ```
//!
//! Unpacked RTF has at most 8.5 times the octets of the packed one (17 octets for each 2, and an octet for
//! each 8 of those); what it shows at most three times those of the RTF.
//!
//! Not done: pictures and OLE objects within RTF are not shown; they stay in the RTF, in hexadecimal.

use crate::mapi::CodePage;

pub use lzfu::decompress;

use fonts::Fonts;
use group::{Destination, Group, Groups};
use output::Output;
use token::{Token, Tokens};

mod fonts;
mod group;
mod lzfu;
mod output;
mod token;

/// What an RTF is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It wraps HTML (MS-OXRTFEX section 2.1.2.1: `\fromhtml1`).
    Html,
    /// It wraps plain text (`\fromtext`), or is a text of its own.
    Text,
}

/// What a reader of an RTF sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What [`Shown::text`] is.
    pub form: Form,
    /// The HTML or the text.
    pub text: String,
}

/// What a reader of `rtf` sees. Any octets show something, if only themselves.
pub fn shown(rtf: &[u8]) -> Shown {
    let mut reader = Reader {
        form: Form::Text,
        code_page: CodePage::WESTERN,
        groups: Groups::default(),
        fonts: Fonts::default(),
        output: Output::default(),
    };
    for token in Tokens::of(rtf) {
        reader.take(token);
    }
    Shown { form: reader.form, text: reader.output.text() }
}

struct Reader {
    form: Form,
    /// From `\ansicpg`: what `\'hh` is written in where the font does not say.
    code_page: CodePage,
    groups: Groups,
    fonts: Fonts,
    output: Output,
}

impl Reader {
    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Open => self.groups.open(),
            Token::Close => self.groups.close(),
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::Hex(octet) => self.octet(octet),
            Token::Text(octets) => octets.iter().for_each(|octet| self.octet(*octet)),
            Token::Word(word, number) => self.word(word, number),
        }
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'*' => self.groups.now().optional = true,
            b'{' | b'}' | b'\\' => self.octet(symbol),
            b'~' => self.character('\u{A0}'),
            b'_' => self.character('\u{2011}'),
            // An escaped end of line is a paragraph.
            b'\r' | b'\n' => self.line(),
            _ => {}
        }
    }

    fn word(&mut self, word: &[u8], number: Option<i32>) {
        let optional = std::mem::take(&mut self.groups.now().optional);
        match word {
            b"fromhtml" => self.form = Form::Html,
            b"ansicpg" => {
                self.code_page = number.and_then(|it| it.try_into().ok()).map_or(self.code_page, CodePage)
            }
            b"htmltag" => self.groups.now().destination = Destination::HtmlTag,
            b"htmlrtf" => self.groups.now().only_rtf = number != Some(0),
            b"fonttbl" => self.groups.now().destination = Destination::FontTable,
            b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"objdata" | b"mhtmltag" => self.skip(),
            b"f" => self.font(number.unwrap_or(0)),
            b"fcharset" => self.fonts.charset(number.unwrap_or(0)),
            b"plain" => self.groups.now().font = None,
            b"uc" => self.groups.now().fallback = number.and_then(|it| it.try_into().ok()).unwrap_or(1),
            b"u" => self.unicode(number.unwrap_or(0)),
            _ => self.word_of_text(word, optional),
        }
    }

    fn word_of_text(&mut self, word: &[u8], optional: bool) {
        match word {
            b"par" | b"line" | b"row" => self.line(),
            b"tab" | b"cell" => self.character('\t'),
            b"lquote" => self.character('\u{2018}'),
            b"rquote" => self.character('\u{2019}'),
            b"ldblquote" => self.character('\u{201C}'),
            b"rdblquote" => self.character('\u{201D}'),
            b"bullet" => self.character('\u{2022}'),
            b"endash" => self.character('\u{2013}'),
            b"emdash" => self.character('\u{2014}'),
            // `{\*\word` is a destination that a reader who does not know it skips.
            _ if optional => self.skip(),
            _ => {}
        }
    }

    fn skip(&mut self) {
        self.groups.now().destination = Destination::Skipped;
    }

    fn font(&mut self, number: i32) {
        if self.groups.now().destination == Destination::FontTable {
            self.fonts.define(number);
        } else {
            self.groups.now().font = self.fonts.code_page(number);
        }
    }

    fn unicode(&mut self, number: i32) {
        let fallback = self.groups.now().fallback;
        if self.is_shown() {
            // Numbers above 32767 are written as negative ones; both are 16 bits of UTF-16.
            let [low, high, ..] = number.to_le_bytes();
            self.output.unit(u16::from_le_bytes([low, high]));
        }
        self.groups.now().to_skip = fallback;
    }

    fn line(&mut self) {
        self.character('\r');
        self.character('\n');
    }

    fn character(&mut self, character: char) {
        if self.is_shown() {
            self.output.character(character);
        }
    }

    /// An octet of text, or of what stands in for the character that `\u` gave already.
    fn octet(&mut self, octet: u8) {
        let group = self.groups.now();
        if group.to_skip > 0 {
            group.to_skip -= 1;
        } else if self.is_shown() {
            let code_page = self.groups.now().font.unwrap_or(self.code_page).of_octets();
            self.output.octet(octet, code_page);
        }
    }

    /// MS-OXRTFEX section 2.2: what `\htmlrtf` begins is there for readers of RTF only; the content of
    /// `\*\htmltag` is there for readers of HTML.
    fn is_shown(&mut self) -> bool {
        let Group { destination, only_rtf, .. } = *self.groups.now();
        match destination {
            Destination::Text => !(only_rtf && self.form == Form::Html),
            Destination::HtmlTag => self.form == Form::Html,
            Destination::FontTable | Destination::Skipped => false,
        }
    }
}
