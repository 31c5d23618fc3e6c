//! What is found in TNEF.

use std::ops::ControlFlow;

use sensor_content::mapi::{Damage, Kind};
use sensor_content::tnef::read;

use crate::build_rtf::packed;
use crate::build_tnef::*;
use crate::{Thing, all, attachment, body, check, utf16};

/// Two bodies, two files and a message within, everything that Exchange writes.
pub(crate) fn sample() -> Vec<u8> {
    let inner = Tnef::new().file(b"inner.txt\0", b"inner octets", &[]).0;
    let enclosed = counted(0x3701_000D, &[IID_MESSAGE, &inner].concat());
    let properties = [
        fixed(0x0017_0003, &[1, 0, 0, 0]),
        fixed(0x0E1B_000B, &[1, 0]),
        fixed(0x0039_0040, &[9; 8]),
        named(0x8001_001F, &utf16("keyword\0"), &utf16("red\0")),
        counted(0x1000_001E, b"plain text\0"),
        counted(0x1009_0102, &packed(br"{\rtf1\ansi\fromtext hello}")),
        counted(0x1013_0102, b"<p>hello"),
        fixed(0x3FDE_0003, &65001_u32.to_le_bytes()),
    ];
    Tnef::new()
        .message(0x0008_9006, &[0, 0, 1, 0])
        .message(OEM_CODE_PAGE, &[0xE3, 4, 0, 0, 0, 0, 0, 0])
        .message(PROPERTIES, &list(&properties))
        .file(
            b"REPORT~1.DOC\0",
            b"report octets",
            &[
                counted(0x3707_001F, &utf16("report of May.doc\0")),
                counted(0x370E_001E, b"application/msword\0"),
            ],
        )
        .attachment(BEGIN, &rendering(1))
        .attachment(ATTACHMENT_PROPERTIES, &list(&[counted(0x3001_001E, b"forwarded\0"), enclosed]))
        .0
}

/// What is wrong, the octets, what is found, what is noted.
type Case<'a> = (&'a str, Vec<u8>, &'a [Thing], &'a [Damage]);

#[test]
fn broken_ones_give_what_there_is() {
    let file = |data: &[u8]| Tnef::new().file(b"a.txt\0", data, &[]).0;
    let data = b"octets of the file";
    let sound = file(data);
    let data_at = sound.windows(data.len()).position(|window| window == data).unwrap();
    let with = |at: usize, octet: u8| {
        let mut broken = sound.clone();
        broken[at] = octet;
        broken
    };
    let begin = Tnef::new().attachment(BEGIN, &rendering(1));
    let values = |property: Vec<u8>| {
        begin_and(
            &Tnef::new(),
            &list(&[counted(0x3701_0102, b"kept"), property, counted(0x3701_0102, b"lost")]),
        )
    };
    let cases: &[Case<'_>] = &[
        ("nothing", vec![], &[], &[Damage::Signature]),
        ("another format", b"PK\x03\x04 and more".to_vec(), &[], &[Damage::Signature]),
        ("the signature only", sound[..4].to_vec(), &[], &[Damage::Cut]),
        ("a wrong sum", with(data_at + data.len(), 0), &[attachment("a.txt", "", data)], &[Damage::Checksum]),
        (
            "a length past the end",
            with(data_at - 1, 0x7F),
            &[attachment("a.txt", "", &sound[data_at..])],
            &[Damage::Cut],
        ),
        (
            "a level that there is not",
            Tnef::new().attribute(3, DATA, b"?").file(b"a.txt\0", data, &[]).0,
            &[attachment("a.txt", "", data)],
            &[Damage::Field],
        ),
        (
            "data before any beginning",
            Tnef::new().attachment(DATA, b"stray").0,
            &[attachment("", "", b"stray")],
            &[Damage::Field],
        ),
        ("a beginning only", begin.0, &[], &[]),
        (
            "a property of a type that there is not",
            values(fixed(0x3701_0999, b"1234")),
            &[attachment("", "", b"kept")],
            &[Damage::Field],
        ),
        (
            "more values than octets",
            values([0x3701_1002_u32.to_le_bytes(), [0xFF; 4]].concat()),
            &[attachment("", "", b"kept")],
            &[Damage::Cut],
        ),
        (
            "an object too short to say what it is",
            begin_and(&Tnef::new(), &list(&[counted(0x3701_000D, b"short")])),
            &[attachment("", "", b"short")],
            &[Damage::Cut],
        ),
    ];
    for (case, octets, things, damages) in cases {
        check(case, read, octets, things, damages);
    }
}

fn begin_and(tnef: &Tnef, properties: &[u8]) -> Vec<u8> {
    let begun = Tnef(tnef.0.clone()).attachment(BEGIN, &rendering(1));
    begun.attachment(ATTACHMENT_PROPERTIES, properties).0
}

#[test]
fn each_body_and_each_file_is_found() {
    let inner = Tnef::new().file(b"inner.txt\0", b"inner octets", &[]).0;
    let things = [
        body(Kind::Text, "windows-1251", b"plain text\0"),
        body(Kind::Rtf, "", br"{\rtf1\ansi\fromtext hello}"),
        body(Kind::Text, "UTF-8", b"hello"),
        body(Kind::Html, "UTF-8", b"<p>hello"),
        attachment("report of May.doc", "application/msword", b"report octets"),
        Thing { kind: Kind::Message, ..attachment("forwarded", "", &inner) },
    ];
    check("all of it", read, &sample(), &things, &[]);
    check("within", read, &inner, &[attachment("inner.txt", "", b"inner octets")], &[]);
}

#[test]
fn an_attachment_is_what_its_attributes_say() {
    let short = counted(0x3704_001E, b"short.txt\0");
    let long = counted(0x3707_001F, &utf16("the long name.txt\0"));
    let shown = counted(0x3001_001F, &utf16("shown\0"));
    let data = |octets: &[u8]| counted(0x3701_0102, octets);
    let file = |title: &[u8], properties: &[Vec<u8>]| Tnef::new().file(title, b"data", properties).0;
    let cyrillic = Tnef::new().message(OEM_CODE_PAGE, &[0xE3, 4, 0, 0, 0, 0, 0, 0]);
    let object = Tnef::new().attachment(BEGIN, &rendering(2)).attachment(DATA, b"OLE").0;
    let of_storage = begin_and(&Tnef::new(), &list(&[counted(0x3701_000D, &[IID_STORAGE, b"OLE"].concat())]));
    let named_by_transport = Tnef::new().attachment(BEGIN, &rendering(1)).attachment(DATA, b"data");
    let ole = Thing { kind: Kind::Object, ..attachment("", "", b"OLE") };
    let cases: &[(&str, Vec<u8>, &[Thing])] = &[
        (
            "the long name",
            file(b"T~1", &[short.clone(), long]),
            &[attachment("the long name.txt", "", b"data")],
        ),
        ("the short name", file(b"T~1", &[shown.clone(), short]), &[attachment("short.txt", "", b"data")]),
        ("the title", file(b"T~1", std::slice::from_ref(&shown)), &[attachment("T~1", "", b"data")]),
        ("what is shown", file(b"", &[shown]), &[attachment("shown", "", b"data")]),
        ("no name", file(b"\0", &[]), &[attachment("", "", b"data")]),
        (
            "the transport's name",
            named_by_transport.attachment(TRANSPORT_NAME, b"sent.txt\0").0,
            &[attachment("sent.txt", "", b"data")],
        ),
        (
            "a name in the code page",
            cyrillic.file(b"\xF4\xE0\xE9\xEB.exe\0", b"data", &[]).0,
            &[attachment("файл.exe", "", b"data")],
        ),
        ("the same data twice", file(b"T", &[data(b"data")]), &[attachment("T", "", b"data")]),
        (
            "other data in the property",
            file(b"T", &[data(b"evil")]),
            &[attachment("T", "", b"data"), attachment("T", "", b"evil")],
        ),
        (
            "the data of one attachment in two attributes",
            Tnef::new().attachment(BEGIN, &[]).attachment(DATA, b"one").attachment(DATA, b"two").0,
            &[attachment("", "", b"one"), attachment("", "", b"two")],
        ),
        ("an OLE object", object, std::slice::from_ref(&ole)),
        ("an OLE object as a property", of_storage, std::slice::from_ref(&ole)),
        ("a body", Tnef::new().message(BODY, b"body").0, &[body(Kind::Text, "windows-1252", b"body")]),
    ];
    for (case, octets, things) in cases {
        check(case, read, octets, things, &[]);
    }
}

/// Whatever is cut off, what was whole before is found whole, and what is cut is found as far as it goes.
#[test]
fn a_cut_takes_only_what_it_cuts() {
    let sound = sample();
    let (things, _) = all(read, &sound);
    for cut in 0..sound.len() {
        let (found, damages) = all(read, &sound[..cut]);
        assert!(cut > 3 || damages == [Damage::Signature], "cut at {cut}");
        let plain = |thing: &&Thing| thing.kind == Kind::Attachment;
        for (found, whole) in found.iter().filter(plain).zip(things.iter().filter(plain)) {
            assert!(
                whole.octets.starts_with(&found.octets) || !damages.is_empty(),
                "cut at {cut}: {found:?}"
            );
        }
        let files = |things: &[Thing]| things.iter().filter(|thing| thing.name.is_some()).count();
        assert!(files(&found) <= files(&things), "cut at {cut}");
    }
    let data_end = sound.windows(6).position(|window| window == b"report").unwrap() + 13;
    check_file(&sound[..data_end], b"report octets");
    check_file(&sound[..data_end - 4], b"report oc");
}

#[track_caller]
fn check_file(octets: &[u8], data: &[u8]) {
    let (found, damages) = all(read, octets);
    assert_eq!(found.last(), Some(&attachment("REPORT~1.DOC", "", data)));
    assert_eq!(damages, [Damage::Cut]);
}

#[test]
fn a_visitor_that_has_had_enough_ends_it() {
    for enough in 1..=all(read, &sample()).0.len() {
        let mut calls = 0;
        read(&sample(), &mut |_| {
            calls += 1;
            if calls == enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(calls, enough);
    }
}
