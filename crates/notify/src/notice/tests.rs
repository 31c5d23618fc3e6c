use std::sync::Arc;

use sensor_mail::description::Person;
use sensor_mail::finding::{Gap, Missed};
use sensor_mail::part::{PartFlag, PartPath};
use sensor_mail::{Blake3, Description, ForwardPath, NodeId, RuleId};

use super::*;

pub(crate) const SUBJECT: &str = "a subject that nobody is told";

/// A hostile message with one attachment in another.
pub(crate) fn event() -> Event {
    let id = "0192d3f0-5a1c-7000-8001-3f2a9c4be1d0".parse().unwrap();
    let mut envelope = sensor_mail::fixture::envelope(id, 48_213, Sha256([0x5f; 32]));
    envelope.node = NodeId::try_from(1).unwrap();
    envelope.reverse_path = ReversePath::Mailbox(sensor_mail::Mailbox::parse("eve@example.net").unwrap());
    envelope.recipients[0].path = ForwardPath::parse("bob@example.com").unwrap();
    let person = |address: &str| Person { name: Some("A name".into()), address: Some(address.into()) };
    let description = Description {
        from: vec![person("eve@example.net")],
        to: vec![person("bob@example.com"), person("carol@example.org")],
        subject: Some(SUBJECT.into()),
        message_id: Some("20261122.1@example.net".into()),
        ..Description::default()
    };
    Event { record: Arc::new(Record { sequence: Some(7), envelope, description }), look: Arc::new(look()) }
}

fn look() -> Look {
    let coverage = |scanner: &str, hit, gaps: Vec<Gap>| Coverage {
        scanner: scanner.into(),
        required: true,
        hit,
        gaps,
        ruleset: Some("27812".into()),
        micros: 1_200,
    };
    let encrypted = Gap { part: Some(PartId(2)), why: Missed::Skipped("encrypted".into()) };
    Look {
        revision: 2,
        begun: "2026-11-22T10:00:01.5Z".parse().unwrap(),
        parts: vec![
            part(0, Role::Message, "", None),
            part(1, Role::Attachment, "2/invoice.zip", Some("invoice.zip")),
            part(2, Role::Member, "2/invoice.zip/Invoice.PDF.exe", Some("Invoice.PDF.exe")),
            part(3, Role::Text, "1/text", None),
        ],
        recipients: Vec::new(),
        findings: vec![
            finding("yara", "double_extension", 2, Severity::Medium),
            finding("av", "Eicar", 2, Severity::Critical),
        ],
        coverage: vec![coverage("av", true, Vec::new()), coverage("yara", true, vec![encrypted])],
        judgement: Judgement {
            verdict: Verdict::Hostile,
            severity: Severity::Critical,
            tags: vec!["malware".into()],
            disposition: Disposition::Quarantine,
            notices: vec!["soc".into()],
            rules: vec![RuleId::named("malware")],
            ruleset: "b1946ac9".into(),
        },
        shadow: Some(Judgement {
            verdict: Verdict::Suspect,
            ruleset: "7c211433".into(),
            ..Judgement::default()
        }),
    }
}

fn part(id: u32, role: Role, path: &str, name: Option<&str>) -> Part {
    Part {
        id: PartId(id),
        parent: None,
        path: PartPath(path.into()),
        role,
        declared: Some("application/octet-stream".into()),
        detected: name.map(|name| {
            if name.ends_with("zip") { "application/zip" } else { "application/x-dosexec" }.into()
        }),
        name: name.map(Into::into),
        octets: 1_000,
        sha256: Sha256([0xa9; 32]),
        blake3: Blake3([0xb3; 32]),
        entropy: 7_000,
        flags: vec![PartFlag::Executable],
        gaps: Vec::new(),
    }
}

fn finding(scanner: &str, rule: &str, part: u32, severity: Severity) -> Finding {
    let details = [("quote".into(), "a detail that nobody is told".into())].into();
    Finding {
        scanner: scanner.into(),
        rule: rule.into(),
        part: PartId(part),
        severity,
        tags: vec!["exe".into()],
        details,
    }
}

/// Everything a stranger can choose is `text`, as often as there is room for it, and more often.
pub(crate) fn hostile(text: &str) -> Event {
    let Event { record, look } = event();
    let (mut record, mut look) = ((*record).clone(), (*look).clone());
    let person = Person { name: None, address: Some(text.into()) };
    record.description.from = vec![person.clone(); 80];
    record.description.to = vec![person; 80];
    record.description.message_id = Some(text.into());
    look.parts = (1..80).map(|id| part(id, Role::Attachment, text, Some(text))).collect();
    look.findings = (1..80).map(|id| finding(text, text, id, Severity::High)).collect();
    look.judgement.tags = vec![text.into(); 80];
    look.judgement.rules = vec![RuleId::named(text); 80];
    look.coverage.iter_mut().for_each(|coverage| coverage.ruleset = Some(text.into()));
    Event { record: Arc::new(record), look: Arc::new(look) }
}

pub(crate) fn notice_of(event: &Event) -> Notice {
    Notice::of(event, Addresses::Full, "2026-11-22T10:00:02Z".parse().unwrap())
}

#[test]
fn what_nobody_is_told_is_not_stored_either() {
    for (addresses, told, untold) in [
        (Addresses::Full, &["eve@example.net", "carol@example.org"][..], &[][..]),
        (Addresses::Domain, &["example.net", "example.org"], &["eve@", "bob@", "carol@"]),
        (Addresses::None, &[], &["eve@", "bob@", "carol@", "example.com", "example.org"]),
    ] {
        let notice = Notice::of(&event(), addresses, Timestamp::UNIX_EPOCH);
        let stored = serde_json::to_string(&Stored::V1(Box::new(notice))).unwrap();
        for text in told {
            assert!(stored.contains(text), "{addresses:?}: {text} in {stored}");
        }
        for text in untold.iter().chain(&[SUBJECT, "nobody is told", "A name"]) {
            assert!(!stored.contains(text), "{addresses:?}: {text} in {stored}");
        }
    }
}

#[test]
fn counts_tell_what_addresses_do_not() {
    let notice = Notice::of(&event(), Addresses::None, Timestamp::UNIX_EPOCH);
    assert_eq!((notice.to.total, notice.to.shown.len(), notice.envelope_to.total), (2, 0, 1));
    assert_eq!(notice.envelope_from, None);
}

#[test]
fn a_bound_hides_neither_what_was_found_nor_where() {
    let mut look = look();
    look.parts.extend((10..200).map(|id| part(id, Role::Attachment, "3/holiday.jpg", Some("holiday.jpg"))));
    look.findings.push(finding("yara", "at_the_end", 199, Severity::Low));
    look.findings.extend((0..100).map(|_| finding("yara", "noise", 1, Severity::Info)));
    let notice = notice_of(&Event { look: Arc::new(look), ..event() });
    assert_eq!((notice.files.total, notice.files.shown.len()), (192, LIST_MAX));
    let names: Vec<_> = notice.files.shown[..4].iter().map(|file| file.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["invoice.zip", "Invoice.PDF.exe", "holiday.jpg", "holiday.jpg"]);
    let rules: Vec<_> = notice.findings.shown[..4].iter().map(|hit| hit.rule.as_str()).collect();
    assert_eq!(rules, ["Eicar", "double_extension", "at_the_end", "noise"]);
    assert_eq!(notice.findings.total, 103);
}

#[test]
fn extensions_are_what_a_system_goes_by() {
    let file = |name: &str| File {
        name: Some(name.into()),
        path: String::new(),
        mime_type: None,
        octets: 0,
        sha256: Sha256([0; 32]),
    };
    for (name, extension) in [
        ("a.pdf", Some("pdf")),
        ("Invoice.PDF.EXE", Some("exe")),
        ("a.", None),
        (".htaccess", None),
        ("a", None),
        ("1. this is the offer", None),
        ("a.averyveryverylongone", None),
        ("a.\u{202e}fdp", None),
    ] {
        assert_eq!(file(name).extension().as_deref(), extension, "{name}");
    }
}

#[test]
fn a_stored_notice_is_read_back_and_an_unknown_version_is_not() {
    for event in [event(), hostile("a|b\"c\\d]\u{202e}\r\n\0"), hostile(&"\u{1f600}".repeat(400))] {
        let stored = Stored::V1(Box::new(notice_of(&event)));
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<Stored>(&text).unwrap(), stored);
        let later = text.replace("\"version\":\"1\"", "\"version\":\"2\"");
        assert!(later != text && serde_json::from_str::<Stored>(&later).is_err());
    }
}

#[test]
fn each_reduction_is_smaller_and_says_so() {
    for event in [hostile("\r\n"), hostile(&"\u{20ac}".repeat(300))] {
        let whole = notice_of(&event);
        assert!(!whole.cut);
        let mut octets = serde_json::to_vec(&whole).unwrap().len();
        for step in 1..=REDUCTIONS {
            let reduced = whole.reduced(step);
            let less = serde_json::to_vec(&reduced).unwrap().len();
            assert!(reduced.cut && less < octets, "step {step}: {less} of {octets}");
            assert_eq!(reduced.findings.total, whole.findings.total);
            octets = less;
        }
    }
}
