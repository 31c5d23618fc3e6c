//! Archives that say more than they are.

use super::*;

const START: &[u8] = b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// A number of nine octets.
const HUGE: &[u8] = b"\xff\xff\xff\xff\xff\xff\xff\0\0";
/// The streams of one block that copies what is packed: 12 octets from the begin.
const COPIED: &[u8] = b"\x06\0\x01\x09\x0c\0\x07\x0b\x01\0\x01\x01\0\x0c\x0c\0\0";

#[track_caller]
fn check(case: &str, packed: &[u8], header: &[&[u8]], expected: &str) {
    let archive = with_header(&[START, packed].concat(), &header.concat());
    let trouble = cleared(&archive.into(), &Password::empty(), false).unwrap_err();
    assert!(trouble.to_string().contains(expected), "{case}: {trouble}");
}

#[test]
fn what_counts_more_than_it_holds_is_handed_to_no_reader() {
    let held = "counts more than it holds";
    for (case, header, expected) in [
        ("files", [b"\x01\x05", HUGE], held),
        ("packed streams", [b"\x01\x04\x06\0", HUGE], held),
        ("blocks", [b"\x01\x04\x07\x0b", HUGE], held),
        ("coders", [b"\x01\x04\x07\x0b\x01\0", HUGE], "too many coders"),
        ("streams of a coder", [b"\x01\x04\x07\x0b\x01\0\x01\x11\0", HUGE], "too many coders"),
        ("properties", [b"\x01\x04\x07\x0b\x01\0\x01\x21\x21", HUGE], "ends within"),
        ("sub-streams", [b"\x01\x04\x07\x0b\x01\0\x01\x01\0\x0c\x0c\0\x08\x0d", HUGE], held),
        ("a packed header", [b"\x17\x06\0", HUGE], held),
        ("archive properties", [b"\x01\x02\x06", HUGE], "ends within"),
        ("no header", [b"\x02", HUGE], "is none"),
    ] {
        check(case, b"", &header, expected);
    }
}

#[test]
fn members_and_windows_have_a_limit() {
    let many = [0; 70_000];
    check("files", b"", &[b"\x01\x05\xc1\x70\x11", &many], "more than 65536 members");
    let coder = b"\x01\x04\x07\x0b\x01\0\x01";
    check("LZMA2", b"", &[coder, b"\x21\x21\x01\x28"], "too large a window");
    check("LZMA", b"", &[coder, b"\x23\x03\x01\x01\x05\x5d\0\0\0\xff"], "too large a window");
    check("PPMd", b"", &[coder, b"\x23\x03\x04\x01\x05\x06\0\0\0\xff"], "too large a window");
}

#[test]
fn a_packed_header_is_weighed_when_it_is_unpacked() {
    let hostile = [b"\x01\x05", HUGE, b"\0"].concat();
    check("as it is packed", &hostile, &[b"\x17", COPIED], "counts more than it holds");
}

#[test]
fn a_packed_header_is_handed_over_in_the_clear() {
    let header = b"\x01\0..........";
    // What stands behind the streams is no part of the header that is made of them.
    for behind in [b"".as_slice(), b"\x05", &[b"\x05", HUGE].concat()] {
        let archive = with_header(&[START, header].concat(), &[b"\x17", COPIED, behind].concat());
        let cleared = cleared(&archive.into(), &Password::empty(), false).unwrap();
        assert_eq!(cleared[header_place(&cleared).unwrap()], header[..]);
    }
}
