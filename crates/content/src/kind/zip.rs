//! Which purpose a zip archive has.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use super::Kind;

/// A member's header at the begin, and the record at the end (APPNOTE sections 4.3.7, 4.3.16).
const MEMBER: &[u8] = b"PK\x03\x04";
const END: &[u8] = b"PK\x05\x06";
/// How far from the end the record may lie: its own 22 octets and a comment.
const END_WITHIN: usize = 22 + 0xffff;
/// How much of the begin is searched for names of members.
const BEGIN_OCTETS: usize = 8 << 10;

/// Names of members, and what has them.
const PURPOSES: &[(&[u8], Kind)] = &[
    (b"word/document", Kind::Docx),
    (b"xl/workbook", Kind::Xlsx),
    (b"ppt/presentation", Kind::Pptx),
    (b"mimetypeapplication/vnd.oasis.opendocument", Kind::Odf),
    (b"mimetypeapplication/epub+zip", Kind::Epub),
    (b"AndroidManifest.xml", Kind::Apk),
    (b"META-INF/MANIFEST.MF", Kind::Jar),
];

/// The type of what begins as a zip archive. "PK00" begins one that was meant to be split.
pub(super) fn kind(octets: &[u8]) -> Option<Kind> {
    begins(octets).then(|| purpose(octets))
}

fn begins(octets: &[u8]) -> bool {
    octets.starts_with(MEMBER) || octets.starts_with(b"PK00PK\x03\x04") || octets.starts_with(END)
}

fn purpose(octets: &[u8]) -> Kind {
    let begin = &octets[..octets.len().min(BEGIN_OCTETS)];
    let directory = &octets[octets.len().saturating_sub(END_WITHIN)..];
    let has = |name: &[u8]| [begin, directory].iter().any(|it| memmem::find(it, name).is_some());
    PURPOSES.iter().find(|(name, _)| has(name)).map_or(Kind::Zip, |(_, kind)| *kind)
}

/// The type of an archive that ends what begins otherwise. Its record has to lead back to the directory, and
/// its comment to the end: archives lie in documents openly.
pub(super) fn behind(octets: &[u8]) -> Option<Kind> {
    static FINDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(END));
    if begins(octets) {
        return None;
    }
    let tail = &octets[octets.len().saturating_sub(END_WITHIN)..];
    // Forwards, since that is what the vector unit searches.
    let record = &tail[FINDER.find_iter(tail).last()?..];
    let number =
        |at: usize| record.get(at..at + 4).map(|it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]));
    let size = usize::try_from(number(12)?).ok()?;
    let end = octets.len() - record.len();
    let directory = octets.get(end.checked_sub(size)?..end)?;
    let comment = record.get(20..22).map(|it| usize::from(u16::from_le_bytes([it[0], it[1]])))?;
    (directory.starts_with(b"PK\x01\x02") && record.len() == 22 + comment).then(|| purpose(octets))
}
