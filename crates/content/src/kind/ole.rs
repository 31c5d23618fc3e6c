//! Which purpose an OLE compound file has (MS-CFB).

use memchr::memmem;

use super::Kind;

const SIGN: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Names of streams, and what has them. Names are in UTF-16 in the directory, which may lie anywhere.
const PURPOSES: &[(&str, Kind)] = &[
    ("__properties_version1.0", Kind::Msg),
    ("WordDocument", Kind::Doc),
    ("Workbook", Kind::Xls),
    ("PowerPoint Document", Kind::Ppt),
    // The table of tables; names of tables are packed two letters into one.
    ("\u{4840}\u{3f3f}\u{4577}\u{446c}\u{3b6a}\u{45e4}\u{4824}", Kind::Msi),
    ("\u{4840}\u{3f7f}\u{4164}\u{422f}\u{4836}", Kind::Msi),
];

pub(super) fn kind(octets: &[u8]) -> Option<Kind> {
    let utf16 = |name: &str| -> Vec<u8> { name.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let has = |name: &str| memmem::find(octets, &utf16(name)).is_some();
    octets
        .starts_with(SIGN)
        .then(|| PURPOSES.iter().find(|(name, _)| has(name)).map_or(Kind::Ole, |(_, kind)| *kind))
}
