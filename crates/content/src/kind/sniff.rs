//! What octets show by themselves.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use super::{Kind, ole, zip};

/// Where a PDF may begin: readers take any place in the first kibibyte.
const PDF_WITHIN: usize = 1_024;
/// How much of a part is looked at for signs of text.
const TEXT_OCTETS: usize = 1_024;

/// A sign at a fixed place.
struct Magic(usize, &'static [u8], Kind);

#[rustfmt::skip]
static MAGICS: &[Magic] = &[
    Magic(0, b"\x89PNG\r\n\x1a\n", Kind::Png),
    Magic(0, b"\xff\xd8\xff", Kind::Jpeg),
    Magic(0, b"GIF87a", Kind::Gif),
    Magic(0, b"GIF89a", Kind::Gif),
    Magic(0, b"II*\0", Kind::Tiff),
    Magic(0, b"MM\0*", Kind::Tiff),
    Magic(8, b"WEBP", Kind::Webp),
    Magic(8, b"WAVE", Kind::Wav),
    Magic(8, b"AVI ", Kind::Avi),
    Magic(0, b"\0\0\x01\0", Kind::Ico),
    Magic(0, b"ID3", Kind::Mp3),
    Magic(4, b"ftyp", Kind::Mp4),
    Magic(0, b"\x1f\x8b\x08", Kind::Gzip),
    Magic(0, b"\xfd7zXZ\0", Kind::Xz),
    Magic(0, b"\x28\xb5\x2f\xfd", Kind::Zstd),
    Magic(0, b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    Magic(0, b"Rar!\x1a\x07", Kind::Rar),
    Magic(0, b"MSCF\0\0\0\0", Kind::Cab),
    Magic(7, b"**ACE**", Kind::Ace),
    Magic(0, b"\x60\xea", Kind::Arj),
    Magic(0, b"\x1f\x9d", Kind::Compress),
    Magic(0, b"LZIP\x01", Kind::Lzip),
    Magic(0, b"!<arch>\n", Kind::Ar),
    Magic(0, b"xar!\0", Kind::Xar),
    Magic(0, b"070701", Kind::Cpio),
    Magic(0, b"070702", Kind::Cpio),
    Magic(0, b"070707", Kind::Cpio),
    Magic(257, b"ustar", Kind::Tar),
    Magic(0x8001, b"CD001", Kind::Iso),
    Magic(0, b"\x78\x9f\x3e\x22", Kind::Tnef),
    Magic(0, b"{\\rt", Kind::Rtf),
    Magic(0, b"\x7fELF", Kind::Elf),
    Magic(0, b"\xcf\xfa\xed\xfe", Kind::MachO),
    Magic(0, b"\xce\xfa\xed\xfe", Kind::MachO),
    Magic(0, b"\xfe\xed\xfa\xcf", Kind::MachO),
    Magic(0, b"\xfe\xed\xfa\xce", Kind::MachO),
    Magic(0, b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", Kind::Lnk),
    Magic(0, b"\0asm", Kind::Wasm),
    Magic(0, b"ITSF\x03\0\0\0", Kind::Chm),
    Magic(0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", Kind::OneNote),
];

/// The types that the octets show, the one at their begin first. More than one is a polyglot.
pub(super) fn kinds(octets: &[u8]) -> Vec<Kind> {
    static PDF: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"%PDF-"));
    let mut kinds: Vec<Kind> = first(octets).into_iter().collect();
    let behind = [
        PDF.find(&octets[..octets.len().min(PDF_WITHIN)]).map(|_| Kind::Pdf),
        zip::behind(octets),
        hidden_page(octets, &kinds),
    ];
    for kind in behind.into_iter().flatten() {
        if !kinds.contains(&kind) && may_stand_behind(&kinds, kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// A program that unpacks its own archive is the way of every installer: it is opened, and no polyglot.
pub(super) fn is_polyglot(kinds: &[Kind]) -> bool {
    kinds.len() > 1 && !kinds[0].row().executable
}

fn may_stand_behind(kinds: &[Kind], other: Kind) -> bool {
    // Text about PDF begins with neither, and a PDF in a document or an archive lies in it openly.
    !(other == Kind::Pdf && kinds.iter().any(|kind| !is_image(*kind)))
}

/// The type at the begin.
fn first(octets: &[u8]) -> Option<Kind> {
    let magic = MAGICS.iter().find(|Magic(at, sign, _)| stands(octets, *at, sign));
    magic
        .filter(|Magic(_, _, kind)| holds_up(*kind, octets))
        .map(|Magic(_, _, kind)| *kind)
        .or_else(|| zip::kind(octets))
        .or_else(|| ole::kind(octets))
        .or_else(|| program(octets))
        .or_else(|| bzip2(octets))
        .or_else(|| bmp(octets))
        .or_else(|| lha(octets))
        .or_else(|| text(octets))
}

/// Whether a sign stands there. Most do not by their first octet, and to compare all of a slice is a call.
fn stands(octets: &[u8], place: usize, sign: &[u8]) -> bool {
    octets.get(place) == sign.first() && octets.get(place..).is_some_and(|it| it.starts_with(sign))
}

type Proof = fn(&[u8]) -> bool;

/// What has to follow a sign of a few octets for it to be believed.
static FOLLOWS: &[(Kind, Proof)] = &[
    (Kind::Webp, |octets| octets.starts_with(b"RIFF")),
    (Kind::Wav, |octets| octets.starts_with(b"RIFF")),
    (Kind::Avi, |octets| octets.starts_with(b"RIFF")),
    // The count of pictures, and the reserved octet of the first one's entry.
    (Kind::Ico, |octets| (1..=64).contains(&at(octets, 4)) && at(octets, 5) == 0 && at(octets, 9) == 0),
    // The size of the first header.
    (Kind::Arj, |octets| at(octets, 2) >= 30 && at(octets, 3) <= 10 && !is_textual(octets)),
    (Kind::Compress, |octets| at(octets, 2) & 0x1f <= 16),
];

fn holds_up(kind: Kind, octets: &[u8]) -> bool {
    FOLLOWS.iter().all(|(other, follows)| *other != kind || follows(octets))
}

fn at(octets: &[u8], place: usize) -> u8 {
    octets.get(place).copied().unwrap_or_default()
}

/// Programs whose sign is short: DOS and Windows ("MZ"), fat Mach-O and Java, a script.
fn program(octets: &[u8]) -> Option<Kind> {
    if octets.starts_with(b"MZ") {
        let at = octets.get(0x3c..0x40).map(|it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]));
        let header = at.and_then(|at| octets.get(usize::try_from(at).ok()?..));
        // A program that was cut before its header is one all the same; text that begins so is not.
        let is_cut = header.is_none() && octets.len() >= 64;
        let is_one = header
            .is_some_and(|it| it.starts_with(b"PE\0\0") || it.starts_with(b"NE") || it.starts_with(b"LE"));
        return (is_one || (is_cut && !is_textual(octets))).then_some(Kind::Pe);
    }
    if octets.starts_with(b"\xca\xfe\xba\xbe") {
        // A fat Mach-O counts its architectures where Java has its version, 45 at least.
        let count = octets.get(4..8).map(|it| u32::from_be_bytes([it[0], it[1], it[2], it[3]]));
        return count.map(|count| if count < 40 { Kind::MachO } else { Kind::JavaClass });
    }
    if !octets.starts_with(b"#!") {
        return None;
    }
    let line = octets.split(|octet| *octet == b'\n').next().unwrap_or_default();
    (line.len() < 256 && line.contains(&b'/')).then_some(Kind::Script)
}

/// "BZh", the size of a block, and the sign of one (or of the end).
fn bzip2(octets: &[u8]) -> Option<Kind> {
    let level = octets.strip_prefix(b"BZh")?;
    let block = level.get(1..7)?;
    let is_one = level[0].is_ascii_digit() && (block == b"1AY&SY" || block == b"\x17\x72\x45\x38\x50\x90");
    is_one.then_some(Kind::Bzip2)
}

/// "BM" and one of the sizes that its second header has.
fn bmp(octets: &[u8]) -> Option<Kind> {
    let size = octets.strip_prefix(b"BM")?.get(12..16)?;
    let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]);
    matches!(size, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124).then_some(Kind::Bmp)
}

/// The method of the first header: `-lh5-`.
fn lha(octets: &[u8]) -> Option<Kind> {
    let method = octets.get(2..7)?;
    (method.starts_with(b"-l") && method.ends_with(b"-") && matches!(method[2], b'h' | b'z'))
        .then_some(Kind::Lha)
}

/// How web pages begin, in lower case; white space and a byte order mark aside.
const PAGE: &[&[u8]] = &[
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<body",
    b"<script",
    b"<meta",
    b"<title",
    b"<iframe",
    b"<table",
    b"<style",
    b"<div",
    b"<font",
];

fn text(octets: &[u8]) -> Option<Kind> {
    let begin = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets).trim_ascii_start();
    if !begin.starts_with(b"<") {
        return None;
    }
    let begin = begin[..begin.len().min(TEXT_OCTETS)].to_ascii_lowercase();
    let has = |words: &[u8]| memmem::find(&begin, words).is_some();
    if PAGE.iter().any(|sign| begin.starts_with(sign)) {
        Some(Kind::Html)
    } else if begin.starts_with(b"<svg") || (begin.starts_with(b"<?xml") && has(b"<svg")) {
        Some(Kind::Svg)
    } else if begin.starts_with(b"<?xml") {
        Some(if has(b"<html") { Kind::Html } else { Kind::Xml })
    } else if begin.starts_with(b"<!--") && has(b"<html") {
        Some(Kind::Html)
    } else {
        None
    }
}

/// A script or a page in a picture: what a browser runs that is told to guess.
fn hidden_page(octets: &[u8], kinds: &[Kind]) -> Option<Kind> {
    let signs: [&[u8]; 3] = [b"<script", b"<SCRIPT", b"<html"];
    let is_picture = kinds.first().is_some_and(|kind| is_image(*kind));
    (is_picture && signs.iter().any(|sign| memmem::find(octets, sign).is_some())).then_some(Kind::Html)
}

fn is_image(kind: Kind) -> bool {
    kind.row().family == super::Family::Image
}

/// Whether the begin is text of some ASCII-like charset: no control characters but those of layout.
pub(super) fn is_textual(octets: &[u8]) -> bool {
    let begin = &octets[..octets.len().min(TEXT_OCTETS)];
    // To look at all of them is what the vector unit does; to stop at the first is not.
    let is_control = |octet: &u8| matches!(octet, 0..=6 | 14..=26 | 28..=31 | 127);
    !begin.iter().fold(false, |found, octet| found | is_control(octet))
}

/// The dictionary that says how a PDF is encrypted is named in its trailer.
pub(super) fn is_encrypted_pdf(octets: &[u8]) -> bool {
    memmem::find(octets, b"/Encrypt").is_some()
}

/// The media type of what is in no table here. Signs of two octets occur in text, so text has none.
pub(super) fn other(octets: &[u8]) -> Option<&'static str> {
    if is_textual(octets) {
        return None;
    }
    infer::get(octets).map(|kind| kind.mime_type())
}
