use super::*;

fn defects(head: &[u8]) -> Vec<Defect> {
    Description::of(head, true).defects
}

const GOOD: &str = "From: Ada Example <ada@example.com>\r\n\
    To: bob@example.com, \"C, D\" <cd@example.test>\r\n\
    Cc: team: e@example.com, f@example.com;\r\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and\r\n more\r\n\
    Message-ID: <1@example.com>\r\n\
    Date: Sun, 22 Nov 2026 10:00:00 +0100\r\n\
    \r\n";

#[test]
fn the_fields_of_a_good_message_are_decoded() {
    let whole = format!("{GOOD}From: not@header.example\r\n");
    let got = Description::of(whole.as_bytes(), true);
    let person = |name: Option<&str>, address: &str| Person {
        name: name.map(Into::into),
        address: Some(address.into()),
    };
    let expected = Description {
        header_octets: GOOD.len() as u64,
        from: vec![person(Some("Ada Example"), "ada@example.com")],
        to: vec![person(None, "bob@example.com"), person(Some("C, D"), "cd@example.test")],
        cc: vec![person(None, "e@example.com"), person(None, "f@example.com")],
        subject: Some("Grüße and more".into()),
        message_id: Some("1@example.com".into()),
        date: Some("2026-11-22T10:00:00+01:00".into()),
        defects: vec![],
    };
    assert_eq!(got, expected);
    let json = serde_json::to_string(&got).unwrap();
    assert_eq!(serde_json::from_str::<Description>(&json).unwrap(), got);
}

#[test]
fn each_defect_is_seen_and_no_other() {
    let with = |from: &str, to: &str| GOOD.replacen(from, to, 1).into_bytes();
    let long = format!("X-Long: {}\r\nCc:", "x".repeat(991));
    for (head, expected) in [
        (with("\r\n\r\n", "\r\n"), vec![Defect::HeaderNotEnded]),
        (with("Cc:", "no field here\r\nCc:"), vec![Defect::NotAField]),
        (with("Cc:", ": no name\r\nCc:"), vec![Defect::NotAField]),
        (with("Cc:", &long), vec![Defect::LineTooLong]),
        (with("Cc:", "X-Nul: \0\r\nCc:"), vec![Defect::Nul]),
        (with("Cc:", "X-Bare: a\nCc:"), vec![Defect::BareLineEnd]),
        (with("Cc:", "X-Bare: a\rb\r\nCc:"), vec![Defect::BareLineEnd]),
        (with("From:", "X-From:"), vec![Defect::FromMissing]),
        (with("Date:", "X-Date:"), vec![Defect::DateMissing]),
        (with("Cc:", "Subject: again\r\nCc:"), vec![Defect::FieldRepeated]),
        (with("Sun, 22 Nov 2026 10:00:00 +0100", "yesterday"), vec![Defect::ValueUnreadable]),
        (b"\r\nbody".to_vec(), vec![Defect::FromMissing, Defect::DateMissing]),
        (vec![], vec![Defect::HeaderNotEnded, Defect::FromMissing, Defect::DateMissing]),
    ] {
        assert_eq!(defects(&head), expected, "{:?}", String::from_utf8_lossy(&head));
    }
    let mut latin = GOOD.as_bytes().to_vec();
    latin.splice(0..0, *b"X-Latin: \xe9\r\n");
    assert_eq!(defects(&latin), [Defect::NotUtf8]);
}

#[test]
fn of_a_repeated_field_the_first_counts() {
    let head = GOOD.replacen("Message-ID:", "Subject: again\r\nMessage-ID:", 1);
    assert_eq!(Description::of(head.as_bytes(), true).subject.as_deref(), Some("Grüße and more"));
}

#[test]
fn a_block_beyond_the_limit_is_cut_and_said_to_be() {
    let mut head = GOOD.trim_end().as_bytes().to_vec();
    head.resize(HEADER_OCTETS_MAX, b'x');
    assert!(Description::of(&head, false).defects.contains(&Defect::HeaderTooLong));
    assert!(Description::of(&head, true).defects.contains(&Defect::HeaderNotEnded));
}

proptest::proptest! {
    #[test]
    fn no_header_panics_or_grows(head: Vec<u8>) {
        let description = Description::of(&head, true);
        proptest::prop_assert!(description.header_octets <= head.len() as u64);
        proptest::prop_assert!(!description.defects.contains(&Defect::DecoderFailed));
    }

    #[test]
    fn no_header_like_text_panics(head in "((From|To|Date|Subject|Message-ID|X): ?[ -~\r\n<>@,;:\"=?]{0,40}\r?\n){0,6}") {
        proptest::prop_assert!(!defects(head.as_bytes()).contains(&Defect::DecoderFailed));
    }
}

#[test]
fn a_field_that_may_stand_often_is_no_defect() {
    let traced = format!("Received: a\r\nReceived: b\r\nX-Spam: c\r\nX-Spam: d\r\n{GOOD}");
    assert_eq!(defects(traced.as_bytes()), []);
    let twice = format!("In-Reply-To: <1@x>\r\nIn-Reply-To: <2@x>\r\n{GOOD}");
    assert_eq!(defects(twice.as_bytes()), [Defect::FieldRepeated]);
}

/// A header block of 1 MiB must not become many times that in memory, with hundreds of messages in hand.
#[test]
fn what_is_described_is_bounded() {
    for (field, piece) in
        [("To", "a,"), ("Cc", "g:a;"), ("From", "\u{fc}"), ("Subject", "\u{fc}"), ("Message-ID", "i")]
    {
        let pieces = piece.repeat((HEADER_OCTETS_MAX - 100) / piece.len());
        let got = Description::of(format!("{field}: {pieces}\r\n\r\n").as_bytes(), true);
        assert!(got.defects.contains(&Defect::ValueCut), "{field}: {:?}", got.defects);
        let people = got.from.len() + got.to.len() + got.cc.len();
        assert!(people <= VALUE_OCTETS_MAX / size_of::<Person>(), "{field}: {people} people");
        let stored = serde_json::to_string(&got).unwrap().len();
        assert!(stored <= 2 * VALUE_OCTETS_MAX, "{field}: {stored} octets");
    }
}

/// Fields that are not described cost nothing for each other: else 90,000 of them took half a minute.
#[test]
fn many_fields_are_read_at_once() {
    let many: String = (0..90_000).map(|n| format!("X{n}: v\r\n")).collect();
    let got = Description::of(format!("{many}{GOOD}").as_bytes(), true);
    assert_eq!((got.subject.as_deref(), got.defects), (Some("Gr\u{fc}\u{df}e and more"), vec![]));
}
