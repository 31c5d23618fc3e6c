//! What is unpacked and shown of RTF.

use sensor_content::mapi::{Damage, Damages};
use sensor_content::rtf::{Form, decompress, shown};

use crate::build_rtf::{head, packed, plain};

/// The example of MS-OXRTFCP section 4.1.1.
const EXAMPLE: &[u8] =
    b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0\x72\x63\x70\x67\x31\x32\x35\x42\x32\
\x0a\xf3\x20\x68\x65\x6c\x09\0\x20\x62\x77\x05\xb0\x6c\x64\x7d\x0a\x80\x0f\xa0";

/// The example of MS-OXRTFCP section 4.1.2: a copy that runs into what it has just written.
const OVERLAPPING: &[u8] =
    b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04\x20\x57\x58\x59\x5a\x0d\x6e\x7d\x01\
\x0e\xb0";

/// What is unpacked, packed and not, and what is noted.
type Case<'a> = (&'a str, &'a [u8], &'a [u8], &'a [Damage]);

#[test]
fn packed_rtf_is_unpacked_as_far_as_it_goes() {
    let mut wrong = EXAMPLE.to_vec();
    wrong[12] ^= 1;
    let mut raw = EXAMPLE.to_vec();
    raw[4] += 1;
    let example = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n";
    let cases: &[Case<'_>] = &[
        ("nothing", b"", b"", &[Damage::Cut]),
        ("another kind", &head(b"LZMA", 0, 3, b"abc"), b"", &[Damage::Field]),
        ("a wrong checksum", &wrong, example, &[Damage::Checksum]),
        ("a wrong size", &raw, example, &[Damage::Field]),
        ("cut", &EXAMPLE[..26], b"{\\rtf1\\ansi\\ansicpg12", &[Damage::Cut, Damage::Checksum]),
        ("MELA with a size too large", &head(b"MELA", 0, 99, b"{\\rtf1}"), b"{\\rtf1}", &[]),
        ("the first example", EXAMPLE, example, &[]),
        ("the second example", OVERLAPPING, b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}", &[]),
        ("not packed", &plain(b"{\\rtf1}"), b"{\\rtf1}", &[]),
        ("eight octets", &packed(b"{\\rtf1 }"), b"{\\rtf1 }", &[]),
    ];
    for (case, octets, rtf, damages) in cases {
        let mut broken = Damages::default();
        let unpacked = decompress(octets, &mut broken);
        assert_eq!(String::from_utf8_lossy(&unpacked), String::from_utf8_lossy(rtf), "{case}");
        assert_eq!(broken.iter().collect::<Vec<_>>(), *damages, "{case}");
    }
}

#[test]
fn a_reader_sees_what_is_shown() {
    let cases: &[(&str, &[u8], Form, &str)] = &[
        ("nothing", b"", Form::Text, ""),
        ("no RTF at all", b"hello", Form::Text, "hello"),
        ("braces too many", b"}}{{a}}}b", Form::Text, "ab"),
        (
            "text",
            br"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}\pard Hello\par world}",
            Form::Text,
            "Hello\r\nworld",
        ),
        ("escaped", br"{\rtf1 \{a\}\\b\~c}", Form::Text, "{a}\\b\u{A0}c"),
        (
            "what is not shown",
            br"{\rtf1{\*\generator x;}{\info{\author Ann}}{\pict 0aff}seen}",
            Form::Text,
            "seen",
        ),
        ("octets of the code page", br"{\rtf1\ansi\ansicpg1251 \'f4\'e0}", Form::Text, "фа"),
        (
            "octets of the font",
            br"{\rtf1{\fonttbl{\f3\fcharset128 MS;}}\f3 \'83\'65\'83X\f0 \'e9}",
            Form::Text,
            "テスé",
        ),
        ("UTF-16 with what stands in for it", br"{\rtf1\uc1 \u1092?\u-10179?\u-8704?.}", Form::Text, "ф😀."),
        ("two octets stand in", br"{\rtf1\uc2 \u1092\'8d\'75{\uc0\u33 !}}", Form::Text, "ф!!"),
        ("binary", b"{\\rtf1 a{\\pict\\bin4 {{{{}b\\bin99 c", Form::Text, "ab"),
        ("a number too large", br"{\rtf1\u99999999999999999999?a}", Form::Text, "\u{FFFF}a"),
        (
            "HTML (the example of MS-OXRTFEX section 4.1)",
            br"{\rtf1\ANSI\ansicpg1251\fromhtml1 \deff0
{\*\htmltag241 <html>}{\*\htmltag84 <b>}\htmlrtf {\b \htmlrtf0
Test \{x\}{\*\mhtmltag84 hidden}{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0
\htmlrtf\par\htmlrtf0{\*\htmltag72 <a href=\par>}}",
            Form::Html,
            "<html><b>Test {x}</b><a href=\r\n>",
        ),
        ("wrapped text", br"{\rtf1\ansi\fromtext a\line b}", Form::Text, "a\r\nb"),
    ];
    for (case, rtf, form, text) in cases {
        let shown = shown(rtf);
        assert_eq!((shown.form, &*shown.text), (*form, *text), "{case}");
    }
}

/// Deeper than states are kept, and back.
#[test]
fn depth_is_bounded_and_kept_in_step() {
    let deep = [vec![b'{'; 100_000], b"a".to_vec(), vec![b'}'; 100_000], b"b".to_vec()].concat();
    assert_eq!(shown(&deep).text, "ab");
}

#[test]
fn what_is_packed_is_unpacked() {
    for octets in (0..40).chain(3_880..3_900).chain(4_090..4_100) {
        let rtf: Vec<u8> = (0..octets).map(|at: u32| at.to_le_bytes()[0]).collect();
        let mut damages = Damages::default();
        assert_eq!(decompress(&packed(&rtf), &mut damages), rtf);
        assert!(damages.is_empty(), "{octets} octets: {damages:?}");
    }
}
