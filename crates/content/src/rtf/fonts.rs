//! The font table: which octets a font's text is written in.

use std::collections::HashMap;

use crate::mapi::CodePage;

/// The most fonts that are remembered; text in others is read in the code page of the document.
const FONTS_MAX: usize = 4 << 10;

#[derive(Debug, Default)]
pub(super) struct Fonts {
    code_pages: HashMap<i32, CodePage>,
    defined: i32,
}

impl Fonts {
    /// What follows describes font `number`.
    pub(super) fn define(&mut self, number: i32) {
        self.defined = number;
    }

    pub(super) fn charset(&mut self, charset: i32) {
        if let Some(code_page) = code_page(charset)
            && (self.code_pages.len() < FONTS_MAX || self.code_pages.contains_key(&self.defined))
        {
            self.code_pages.insert(self.defined, code_page);
        }
    }

    /// What font `number` is written in, if its charset says so.
    pub(super) fn code_page(&self, number: i32) -> Option<CodePage> {
        self.code_pages.get(&number).copied()
    }
}

/// The code page of a charset of Windows' fonts (RTF specification 1.9.1, `\fcharset`); none for those that
/// leave it to the document.
fn code_page(charset: i32) -> Option<CodePage> {
    let number = match charset {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    };
    Some(CodePage(number))
}
