//! Windows' numbers for character sets.

use encoding_rs::{self as known, Encoding};

/// A code page by its number, any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePage(pub u32);

/// Code pages and what they are called elsewhere (Windows' list of code page identifiers). Those of MS-DOS
/// have no entry but 866: their letters above ASCII come out wrong, their ASCII right.
const KNOWN: &[(u32, &Encoding)] = &[
    (866, known::IBM866),
    (874, known::WINDOWS_874),
    (932, known::SHIFT_JIS),
    (936, known::GBK),
    (949, known::EUC_KR),
    (950, known::BIG5),
    (1200, known::UTF_16LE),
    (1201, known::UTF_16BE),
    (1250, known::WINDOWS_1250),
    (1251, known::WINDOWS_1251),
    (1252, known::WINDOWS_1252),
    (1253, known::WINDOWS_1253),
    (1254, known::WINDOWS_1254),
    (1255, known::WINDOWS_1255),
    (1256, known::WINDOWS_1256),
    (1257, known::WINDOWS_1257),
    (1258, known::WINDOWS_1258),
    (10000, known::MACINTOSH),
    (10007, known::X_MAC_CYRILLIC),
    (20866, known::KOI8_R),
    (20932, known::EUC_JP),
    (20936, known::GBK),
    (21866, known::KOI8_U),
    (28592, known::ISO_8859_2),
    (28593, known::ISO_8859_3),
    (28594, known::ISO_8859_4),
    (28595, known::ISO_8859_5),
    (28596, known::ISO_8859_6),
    (28597, known::ISO_8859_7),
    (28598, known::ISO_8859_8),
    (28599, known::WINDOWS_1254),
    (28603, known::ISO_8859_13),
    (28605, known::ISO_8859_15),
    (38598, known::ISO_8859_8_I),
    (50220, known::ISO_2022_JP),
    (50221, known::ISO_2022_JP),
    (50222, known::ISO_2022_JP),
    (51932, known::EUC_JP),
    (51936, known::GBK),
    (51949, known::EUC_KR),
    (54936, known::GB18030),
    (65001, known::UTF_8),
];

impl CodePage {
    /// What Windows takes in the west of Europe and America; superset of ASCII and ISO 8859-1.
    pub const WESTERN: Self = Self(1252);

    /// This one, where a character is one octet or a few; else [`CodePage::WESTERN`].
    pub(crate) fn of_octets(self) -> Self {
        if matches!(self.0, 1200 | 1201) { Self::WESTERN } else { self }
    }

    /// How its octets decode; as [`CodePage::WESTERN`] where nobody knows better.
    pub fn encoding(self) -> &'static Encoding {
        let found = KNOWN.iter().find(|(number, _)| *number == self.0);
        found.map_or(known::WINDOWS_1252, |(_, encoding)| encoding)
    }
}
