//! What members say about the document that they make up (OOXML: ECMA-376; ODF).

use memchr::memmem;
use sensor_mail::part::PartFlag;

use crate::yard::Yard;

/// Flags the document that is being opened by one of its members.
pub(super) fn remark(name: &str, octets: &[u8], yard: &mut Yard<'_>) {
    let name = name.to_ascii_lowercase();
    // Macros of today, and those of Excel 4 that live in sheets of their own.
    if name.ends_with("vbaproject.bin") || name.contains("xl/macrosheets/") {
        yard.flag(PartFlag::Macros);
    }
    if name.ends_with(".rels") && loads_from_elsewhere(octets) {
        yard.flag(PartFlag::ExternalReference);
    }
    if name.ends_with("meta-inf/manifest.xml") && memmem::find(octets, b"encryption-data").is_some() {
        yard.flag(PartFlag::Encrypted);
    }
}

/// Whether a relationship leads out of the document without a click: a template, a frame, an object. Links
/// that a reader has to follow are in every other document.
fn loads_from_elsewhere(rels: &[u8]) -> bool {
    let starts: Vec<usize> = memmem::find_iter(rels, b"<Relationship ").collect();
    starts.iter().enumerate().any(|(at, start)| {
        let end = starts.get(at + 1).copied().unwrap_or(rels.len());
        let one = &rels[*start..end];
        let is_external = memmem::find(one, b"TargetMode=\"External\"").is_some();
        is_external && memmem::find(one, b"/hyperlink\"").is_none()
    })
}
