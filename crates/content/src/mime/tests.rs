//! Mail as it is, and as it is not meant to be.

use bytes::Bytes;
use sensor_mail::Recipient;
use sensor_mail::envelope::Provenance;
use sensor_mail::part::PartFlag::{Bomb, Damaged, JournalReport};
use sensor_mail::part::{Part, PartFlag, WhyUnopened};

use crate::{Alone, Exploded, Limits, explode};

fn take_apart(mail: &str) -> Exploded {
    explode(Bytes::from(mail.replace('\n', "\r\n")), &Limits::default(), &Alone)
}

/// The parts but the message: path, role and declared type, content.
fn shown(mail: &str) -> Vec<String> {
    let show = |(part, octets): &(Part, Bytes)| {
        let role = format!("{:?}", part.role).to_lowercase();
        let content = String::from_utf8_lossy(octets).replace("\r\n", "\n");
        format!("{} {role} {}: {content}", part.path, part.declared.as_deref().unwrap_or("-"))
    };
    take_apart(mail).parts[1..].iter().map(show).collect()
}

fn flags(mail: &str) -> Vec<PartFlag> {
    take_apart(mail).parts[0].0.flags.clone()
}

#[track_caller]
fn check(mail: &str, expected: &[&str], damage: &[PartFlag]) {
    assert_eq!(shown(mail), expected, "{mail}");
    assert_eq!(flags(mail), damage, "{mail}");
}

const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\n\n";

#[test]
fn a_body_is_a_part() {
    check("Subject: x\n\nHello\n", &["1 body -: Hello\n"], &[]);
    check("\nHello", &["1 body -: Hello"], &[]);
    check("Content-Type: text/plain\n\n", &["1 body text/plain: "], &[]);
    check("Content-Transfer-Encoding: base64\n\naGk=\n", &["1 body -: hi"], &[]);
}

#[test]
fn a_multipart_has_parts_by_number() {
    check(
        &format!(
            "{MIXED}This is a multi-part message in MIME format.\n--b\n\none\n--b\nContent-Type: text/csv\n\ntwo\n\n--b--\n"
        ),
        &["1 body -: one", "2 body text/csv: two\n"],
        &[],
    );
    check(
        &format!(
            "{MIXED}--b\nContent-Type: multipart/alternative; boundary=\"c c\"\n\n--c c\n\none\n--c c \n\ntwo\n--c c--\n\n--b\n\nthree\n--b--"
        ),
        &["1.1 body -: one", "1.2 body -: two", "2 body -: three"],
        &[],
    );
    // A boundary that begins as another one.
    check(
        "Content-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--bb--",
        &["1.1 body -: one"],
        &[],
    );
    check(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nhi\n--b--",
        &["1 enclosed message/rfc822: Subject: x\n\nhi", "1/1 body -: hi"],
        &[],
    );
}

#[test]
fn what_stands_between_parts_is_kept() {
    check(
        &format!("{MIXED}before\n--b\n\none\n--b--\nafter\n"),
        &["preamble body -: before", "1 body -: one", "epilogue body -: after\n".trim_end()],
        &[],
    );
    check(
        &format!("{MIXED}--b\nContent-Type: multipart/mixed; boundary=c\n\nx\n--c\n\none\n--c--\ny\n--b--"),
        &["1.preamble body -: x", "1.1 body -: one", "1.epilogue body -: y"],
        &[],
    );
}

#[test]
fn a_broken_multipart_gives_what_it_has() {
    for (mail, expected) in [
        (format!("{MIXED}--b\n\none\n--b\n\ntwo"), &["1 body -: one", "2 body -: two"][..]),
        (format!("{MIXED}--b\n\none\n--b\n"), &["1 body -: one", "2 body -: "]),
        (format!("{MIXED}no part\n"), &["1 body multipart/mixed: no part\n"]),
        (
            format!("{MIXED}--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--"),
            &["1.1 body -: one", "2 body -: two"],
        ),
        (
            "Content-Type: multipart/mixed\n\n--x\n\none\n--x\n\ntwo\n--x--\n".to_owned(),
            &["1 body -: one", "2 body -: two"],
        ),
        ("Content-Type: multipart/mixed\n\nnothing\n".to_owned(), &["1 body multipart/mixed: nothing\n"]),
    ] {
        check(&mail, expected, &[Damaged]);
    }
}

#[test]
fn a_broken_header_block_hides_nothing() {
    // Of a part, so that the part is flagged and not the message.
    for (part, expected) in [
        ("Content-Type: text/plain\nHello\n", "1 body text/plain: Hello"),
        ("Hello\n", "1 body -: Hello"),
        (
            "Content-Type: text/plain\nno field\nContent-Transfer-Encoding: base64\n\naGk=\n",
            "1 body text/plain: hi",
        ),
        ("Content-Type: text/plain\n", "1 body text/plain: "),
        ("Content-Type: text/plain\nContent-Type: text/html\n\nx\n", "1 body text/plain: x"),
        ("Content-Transfer-Encoding: base64\n\naG*k=\n", "1 body -: hi"),
    ] {
        let mail = format!("{MIXED}--b\n{part}--b--\n");
        check(&mail, &[expected], &[]);
        let exploded = take_apart(&mail);
        let found = &exploded.parts[1].0;
        assert_eq!(found.flags, [Damaged], "{mail}");
        assert_eq!(found.gaps.len(), 1, "{:?}", found.gaps);
    }
}

#[test]
fn a_message_in_a_message_is_opened() {
    check(
        "Content-Type: message/rfc822\n\nSubject: inner\n\nhi\n",
        &["1 enclosed message/rfc822: Subject: inner\n\nhi\n", "1/1 body -: hi\n"],
        &[],
    );
    check(
        "Content-Type: message/rfc822; name=\"a.eml\"\nContent-Transfer-Encoding: base64\n\nCmhp\n",
        &["1/a.eml enclosed message/rfc822: \nhi", "1/a.eml/1 body -: hi"],
        &[],
    );
}

#[test]
fn files_are_attachments_and_are_named() {
    check(
        "Content-Type: text/plain; name=\"a/b.txt\"\n\nx",
        &["1/a\u{2215}b.txt attachment text/plain: x"],
        &[],
    );
    check("Content-Disposition: attachment\n\nx", &["1 attachment -: x"], &[]);
    check(
        "Content-Type: text/plain; name=old.txt\nContent-Disposition: inline; filename=new.txt\n\nx",
        &["1/new.txt attachment text/plain: x"],
        &[],
    );
    check(
        "\nsee\nbegin 644 cat.txt\n#0V%T\n`\nend\n",
        &["1 body -: see\nbegin 644 cat.txt\n#0V%T\n`\nend\n", "1/cat.txt attachment -: Cat"],
        &[],
    );
}

#[test]
fn sealed_mail_is_a_gap() {
    for (media, flags, why) in [
        ("application/pgp-encrypted", &[PartFlag::Encrypted][..], WhyUnopened::Encrypted),
        ("application/pkcs7-mime; smime-type=signed-data", &[], WhyUnopened::Unsupported),
    ] {
        let exploded = take_apart(&format!("Content-Type: {media}\n\nx"));
        let part = &exploded.parts[1].0;
        assert_eq!((&part.flags[..], part.gaps[0].why), (flags, why), "{media}");
    }
}

#[test]
fn text_is_given_in_utf_8() {
    let mail = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xe9";
    let exploded = explode(Bytes::from_static(mail), &Limits::default(), &Alone);
    let (part, octets) = &exploded.parts[2];
    assert_eq!((&*part.path.0, &octets[..]), ("1/text", "caf\u{e9}".as_bytes()));
    check(
        "Content-Type: text/html\n\n<p>a<a href=https://example.com/>b</a>",
        &[
            "1 body text/html: <p>a<a href=https://example.com/>b</a>",
            "1/text text -: ab\n\nhttps://example.com/",
        ],
        &[],
    );
    check(
        "Content-Type: text/html\n\n<a href='data:text/plain;base64,aGk='>x</a>",
        &[
            "1 body text/html: <a href='data:text/plain;base64,aGk='>x</a>",
            "1/data embedded text/plain: hi",
            "1/text text -: x",
        ],
        &[],
    );
}

#[test]
fn what_is_not_encoded_is_no_copy() {
    let mail = Bytes::from_static(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\n--b--");
    let exploded = explode(mail.clone(), &Limits::default(), &Alone);
    let slice = &exploded.parts[1].1;
    assert!(mail.as_ptr_range().contains(&slice.as_ptr()), "a slice of the message");
}

#[test]
fn recipients_are_named_with_how_they_are_known() {
    let mail = "To: Bob <bob@example.com>, list: carol@example.com;\nCc: bob@example.com\nTo: dave@example.com\n\
                Delivered-To: archive+erin=example.com@sensor.example.com\nX-MS-Journal-Report:\n\
                Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n\
                Sender: alice@example.com\nRecipient: frank@example.com\n--b\nContent-Type: message/rfc822\n\n\
                To: inner@example.com\n\nhi\n--b--\n";
    let exploded = take_apart(mail);
    let named: Vec<_> =
        exploded.recipients.iter().map(|it: &Recipient| (it.path.as_str(), it.provenance)).collect();
    let expected = [
        ("bob@example.com", Provenance::Header),
        ("carol@example.com", Provenance::Header),
        ("dave@example.com", Provenance::Header),
        ("archive+erin=example.com@sensor.example.com", Provenance::Header),
        ("erin@example.com", Provenance::SubAddress),
        ("frank@example.com", Provenance::Journal),
    ];
    assert_eq!(named, expected);
    assert_eq!(exploded.parts[0].0.flags, [JournalReport]);
}

fn nested(levels: usize) -> String {
    let mut mail = String::new();
    for level in 0..levels {
        mail.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    mail + "\ndeep\n"
}

#[test]
fn bombs_of_mail_end_flagged() {
    let enclosed = "Content-Type: message/rfc822\n\n".repeat(2_000) + "\nhi";
    let many = format!("{MIXED}{}--b--", "--b\n\nx\n".repeat(10_000));
    for (mail, parts_max) in [(nested(2_000), 10), (enclosed, 40), (many, 5_000)] {
        let exploded = take_apart(&mail);
        assert!(exploded.parts.len() <= parts_max, "{} parts", exploded.parts.len());
        let bombs = exploded.parts.iter().filter(|(part, _)| part.flags.contains(&Bomb));
        assert!(bombs.clone().count() > 0, "no bomb is flagged");
        assert!(bombs.clone().all(|(part, _)| !part.gaps.is_empty()), "a bomb is a gap");
    }
}

/// All fields are read, however many there are; the block is flagged, wherever it stands.
#[test]
fn a_block_of_too_many_fields_is_flagged() {
    for (fields, is_bomb) in [(900, false), (10_000, true)] {
        let filler = "X-Filler: x\n".repeat(fields);
        let flags = if is_bomb { &[Bomb][..] } else { &[] };
        for (mail, flagged) in [
            (format!("{filler}Content-Type: text/html\n\nhi"), 1),
            (format!("{filler}{MIXED}--b\nContent-Type: text/html\n\nhi\n--b--"), 0),
            (format!("{MIXED}--b\n{filler}Content-Type: text/html\n\nhi\n--b--"), 1),
        ] {
            assert_eq!(shown(&mail), ["1 body text/html: hi", "1/text text -: hi"]);
            let found: Vec<_> = take_apart(&mail).parts.iter().map(|(part, _)| part.flags.clone()).collect();
            let expected: Vec<_> =
                (0..3).map(|at| if at == flagged { flags.to_vec() } else { vec![] }).collect();
            assert_eq!(found, expected, "{fields} fields");
        }
    }
    let message = take_apart(&("To: bob@example.com\n".repeat(1_001) + "\nhi")).parts.swap_remove(0).0;
    let unread: Vec<_> = message.gaps.iter().map(|gap| (gap.why, gap.detail.as_deref())).collect();
    assert_eq!(unread, [(WhyUnopened::PartsMax, Some("fields of the header block"))]);
}
