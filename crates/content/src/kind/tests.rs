//! What octets are taken for, as a table.

use sensor_mail::part::PartFlag::{self, Encrypted, Executable, Polyglot, TypeMismatch};
use sensor_mail::part::Role;

use super::table::ROWS;
use super::{Kind, Looks};

/// A zip archive of one stored, empty member.
fn zip(name: &str) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap();
    let mut octets =
        [&b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0"[..], &[0; 12], &length.to_le_bytes(), &[0; 2]].concat();
    octets.extend(name.as_bytes());
    let directory = octets.len();
    octets.extend(
        [&b"PK\x01\x02\x0a\0\x0a\0\0\0\0\0\0\0\0\0"[..], &[0; 12], &length.to_le_bytes(), &[0; 16]].concat(),
    );
    octets.extend(name.as_bytes());
    let size = u32::try_from(octets.len() - directory).unwrap();
    octets.extend([&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &size.to_le_bytes()].concat());
    octets.extend([&u32::try_from(directory).unwrap().to_le_bytes()[..], &[0; 2]].concat());
    octets
}

fn pe() -> Vec<u8> {
    let mut octets = b"MZ".to_vec();
    octets.resize(0x3c, 0);
    octets.extend(64_u32.to_le_bytes());
    octets.extend(b"PE\0\0\x64\x86");
    octets.resize(512, 0);
    octets
}

fn with(begin: &[u8], end: &[u8]) -> Vec<u8> {
    [begin, end].concat()
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\n";
const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[track_caller]
fn check(
    octets: &[u8],
    declared: Option<&str>,
    name: Option<&str>,
    detected: Option<&str>,
    flags: &[PartFlag],
) {
    let looks = Looks::of(octets, Role::Attachment, declared, name);
    let shown = String::from_utf8_lossy(&octets[..octets.len().min(24)]).into_owned();
    assert_eq!(
        (looks.detected, &*looks.flags.into_vec()),
        (detected, flags),
        "{shown} {declared:?} {name:?}"
    );
}

#[test]
fn octets_show_what_they_are() {
    let tar = [vec![b'a'; 257], b"ustar".to_vec(), vec![0; 250]].concat();
    for (octets, detected, flags) in [
        (PNG.to_vec(), "image/png", &[][..]),
        (PDF.to_vec(), "application/pdf", &[]),
        (with(PDF, b"trailer << /Encrypt 5 0 R >>"), "application/pdf", &[Encrypted]),
        (zip("a.txt"), "application/zip", &[]),
        (
            zip("word/document.xml"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            &[],
        ),
        (zip("META-INF/MANIFEST.MF"), "application/java-archive", &[Executable]),
        (with(OLE, &utf16("WordDocument")), "application/msword", &[]),
        (with(OLE, &utf16("__properties_version1.0")), "application/vnd.ms-outlook", &[]),
        (OLE.to_vec(), "application/x-ole-storage", &[]),
        (tar, "application/x-tar", &[]),
        (b"\x78\x9f\x3e\x22\x01\0".to_vec(), "application/ms-tnef", &[]),
        (pe(), "application/vnd.microsoft.portable-executable", &[Executable]),
        (with(b"\x7fELF\x02\x01\x01", &[0; 40]), "application/x-executable", &[Executable]),
        (with(b"\xca\xfe\xba\xbe\0\0\0\x02", &[0; 40]), "application/x-mach-binary", &[Executable]),
        (with(b"\xca\xfe\xba\xbe\0\0\0\x34", &[0; 40]), "application/java-vm", &[Executable]),
        (b"#!/bin/sh\necho".to_vec(), "text/x-script", &[Executable]),
        (b"\xef\xbb\xbf <!DOCTYPE HTML><p>".to_vec(), "text/html", &[]),
        (b"<?xml version='1.0'?><svg>".to_vec(), "image/svg+xml", &[]),
        (b"{\\rtf1".to_vec(), "application/rtf", &[]),
    ] {
        check(&octets, None, None, Some(detected), flags);
    }
}

#[test]
fn text_is_not_taken_for_anything() {
    for text in [
        "BM is how this sentence begins",
        "MZ is how this sentence begins, and it goes on for more than sixty-four octets in all, as it has to",
        "PK is a name",
        "II* and MM are tiffs",
        "#! is a sign",
        "!",
        "",
        "-lh5- is a method",
        "begin 644 x",
        "\x1f no gzip",
        "<p is no tag",
    ] {
        check(text.as_bytes(), Some("text/plain"), Some("a.txt"), None, &[]);
    }
}

#[test]
fn two_types_at_once_are_a_polyglot() {
    for (octets, name, flags) in [
        (with(PDF, &zip("a")), "a.pdf", &[Polyglot][..]),
        (with(GIF, &zip("META-INF/MANIFEST.MF")), "a.gif", &[Polyglot, Executable]),
        (with(JPEG, b"\xff\xfe<script>alert(1)</script>"), "a.jpg", &[Polyglot]),
        (with(GIF, PDF), "a.gif", &[Polyglot]),
        // An installer.
        (with(&pe(), &zip("a")), "a.exe", &[Executable]),
        // An archive in a document, and its sign alone.
        (with(PDF, &with(&zip("a"), b"\nendstream")), "a.pdf", &[]),
        (with(PNG, b"PK\x05\x06 and more than twenty octets behind"), "a.png", &[]),
    ] {
        let looks = Looks::of(&octets, Role::Attachment, None, Some(name));
        assert_eq!(looks.flags.into_vec(), flags, "{name} {:?}", looks.kinds);
    }
}

#[test]
fn claims_are_false_only_where_they_cannot_be_meant() {
    let docx = zip("word/document.xml");
    let doc = with(OLE, &utf16("WordDocument"));
    let html = b"<html><table>".as_slice();
    for (octets, declared, name, is_false) in [
        // Every day's mail.
        (PNG, Some("image/jpeg"), Some("a.jpg"), false),
        (PNG, Some("application/octet-stream"), None, false),
        (&docx, Some("application/zip"), Some("a.docx"), false),
        (&docx, Some("application/msword"), Some("a.doc"), false),
        (b"{\\rtf1", Some("application/msword"), Some("a.doc"), false),
        (html, Some("application/vnd.ms-excel"), Some("a.xls"), false),
        (html, Some("text/plain"), Some("a.txt"), false),
        (b"#!/bin/sh\n", Some("text/plain"), Some("a.txt"), false),
        (b"%PDF-1.4", Some("application/x-nobody-knows"), Some("a.b"), false),
        (b"what is no PDF", Some("application/pdf"), Some("a.pdf"), false),
        (&zip("x"), Some("application/java-archive"), Some("a.jar"), false),
        (&doc, Some("application/octet-stream"), Some("a.docx"), false),
        // What deceives.
        (&pe(), Some("application/pdf"), Some("a.pdf"), true),
        (&pe(), Some("image/png"), Some("a.exe"), true),
        (&pe(), Some("text/plain"), None, true),
        (&pe(), None, Some("a.doc"), true),
        (html, Some("image/png"), None, true),
        (html, Some("application/pdf"), Some("a.pdf"), true),
        (PDF, Some("text/plain"), Some("a.txt"), true),
        (&zip("META-INF/MANIFEST.MF"), None, Some("a.docx"), true),
        (b"Rar!\x1a\x07\0", None, Some("a.zip"), true),
        (&docx, Some("image/jpeg"), None, true),
    ] {
        let looks = Looks::of(octets, Role::Attachment, declared, name);
        let flagged = looks.flags.into_vec().contains(&TypeMismatch);
        assert_eq!(flagged, is_false, "{declared:?} {name:?} {:?}", looks.detected);
    }
}

#[test]
fn every_kind_has_one_row_and_every_name_one_case() {
    for row in ROWS {
        assert_eq!(row.kind.row().kind, row.kind, "the rows stand in the order of the kinds");
        let names = row.aliases.iter().chain(row.extensions).chain([&row.media]);
        names.for_each(|name| assert_eq!(*name, name.to_ascii_lowercase()));
    }
    // The last of the enum: with the number of rows it says that none is missing.
    assert_eq!(ROWS.len(), Kind::Zstd as usize + 1);
}
