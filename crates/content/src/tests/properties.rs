//! What holds whatever the octets are.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::builders::*;
use crate::{Alone, Limits, explode, fuzz};

/// Begins of formats, so that readers are reached.
const SIGNS: &[&[u8]] = &[
    b"PK\x03\x04",
    b"\x1f\x8b\x08\0",
    b"BZh91AY&SY",
    b"\xfd7zXZ\0\0\x04",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c\0\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"%PDF-",
    b"<html>",
    b"MZ",
    b"\x78\x9f\x3e\x22",
    b"From: a@example.com\r\n\r\n",
];

/// Lines that mail is made of.
fn line() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "Content-Type: multipart/mixed; boundary=a",
        "Content-Type: multipart/digest; boundary=\"b\"",
        "Content-Type: message/rfc822",
        "Content-Type: text/html; charset=utf-16",
        "Content-Type: text/plain; name*0*=utf-8''%4",
        " name*1*=1",
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: quoted-printable",
        "Content-Type: multipart/mixed",
        "To: a@example.com, (b",
        "X-MS-Journal-Report:",
        "--a",
        "--a--",
        "--b",
        "--b--",
        "",
        "",
        "UEsDBA==",
        "=41=\u{e9}",
        "begin 644 x",
        "#0V%T",
        "end",
        "<a href=data:,x><script>",
        "password: x",
    ])
}

/// Well-formed archives, to be damaged.
static ARCHIVES: LazyLock<[Vec<u8>; 10]> = LazyLock::new(|| {
    let members: Members<'_> = &[("a/b.txt", b"hello hello hello"), ("c", &[7; 900])];
    [
        zip(members),
        zip_crypto(members, "x"),
        zip_aes(members, "x"),
        tar(members),
        gzip(&tar(members)),
        bzip2(&[3; 500]),
        xz(&[3; 500]),
        zstd(&[3; 500]),
        sevenz(members, None),
        ole(&[("WordDocument", b"x"), ("\u{1}Ole10Native", &package("e", b"y"))]),
    ]
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_octets_are_taken_apart(octets in vec(any::<u8>(), 0..2_000)) {
        fuzz::check_mail(&octets);
        fuzz::check_page(&octets);
    }

    #[test]
    fn any_octets_behind_a_sign_are_taken_apart(sign in 0..SIGNS.len(), octets in vec(any::<u8>(), 0..600)) {
        fuzz::check_attachment(&[SIGNS[sign], &octets].concat());
    }

    #[test]
    fn any_lines_are_taken_apart(lines in vec(line(), 0..60), end in prop_oneof![Just("\n"), Just("\r\n")]) {
        fuzz::check_mail(lines.join(end).as_bytes());
    }

    #[test]
    fn damaged_archives_are_taken_apart(
        which in 0..ARCHIVES.len(),
        edits in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<proptest::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut octets = ARCHIVES[which].clone();
        for (at, octet) in edits {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if is_cut {
            octets.truncate(cut.index(octets.len()));
        }
        fuzz::check_attachment(&octets);
    }

    #[test]
    fn twice_the_same_is_the_same(lines in vec(line(), 0..60)) {
        let mail = bytes::Bytes::from(lines.join("\n"));
        let [first, second] = [(); 2].map(|()| explode(mail.clone(), &Limits::default(), &Alone));
        prop_assert_eq!(first.parts, second.parts);
        prop_assert_eq!(first.recipients, second.recipients);
    }
}
