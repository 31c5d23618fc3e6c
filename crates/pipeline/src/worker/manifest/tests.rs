use std::io::Write;

use rustix::fs::{MemfdFlags, SealFlags};
use sensor_mail::fixture::envelope;
use sensor_mail::{Description, MailIds, NodeId, Sha256};

use super::*;
use crate::specimen::Record;

fn task() -> Task {
    let id = MailIds::new(NodeId::default(), 0).next(1);
    let envelope = envelope(id, 3, Sha256([1; 32]));
    let record = Record { sequence: None, envelope, description: Description::of(b"", true) };
    let octets = Octets::Held(bytes::Bytes::from_static(b"abc"));
    Task { record: Arc::new(record), octets, patience: std::time::Duration::ZERO, inspectors: vec![] }
}

fn file(content: &[u8], seals: SealFlags) -> Option<OwnedFd> {
    let descriptor = rustix::fs::memfd_create("planted", MemfdFlags::ALLOW_SEALING).unwrap();
    let mut file = std::fs::File::from(descriptor);
    file.write_all(content).unwrap();
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    Some(file.into())
}

fn all_seals() -> SealFlags {
    SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE
}

/// Parts of a message of three octets, of which the second has two, behind which the manifest is.
fn manifest(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let part = |number: u32, octets: u64| {
        serde_json::json!({ "start": 0, "part": {
            "id": number, "parent": (number > 0).then_some(0), "path": "", "octets": octets, "entropy": 0,
            "role": if number > 0 { "body" } else { "message" },
            "sha256": "01".repeat(32), "blake3": "02".repeat(32),
        }})
    };
    let mut manifest = serde_json::json!({ "parts": [part(0, 3), part(1, 2)], "recipients": [] });
    change(&mut manifest);
    [b"de".to_vec(), serde_json::to_vec(&manifest).unwrap()].concat()
}

fn read(content: &[u8]) -> Result<Vec<Piece>, Lie> {
    let octets = content.len() as u64 - 2;
    parts(file(content, all_seals()), 2, octets, &task()).map(|(pieces, _)| pieces)
}

#[test]
fn what_is_true_is_taken() {
    let pieces = read(&manifest(|_| ())).unwrap();
    let mut octets = [0; 2];
    pieces[1].octets.read_at(0, &mut octets).unwrap();
    assert_eq!((pieces.len(), &octets), (2, b"de"));
    assert_eq!(pieces[0].octets.as_slice(), Some(&b"abc"[..]));
}

#[test]
fn what_cannot_be_is_a_lie() {
    let long = "x".repeat(TEXT_OCTETS_MAX + 1);
    let cases: [(&str, serde_json::Value); 14] = [
        ("/parts/1/start", 1.into()),
        ("/parts/1/start", u64::MAX.into()),
        ("/parts/1/part/octets", 3.into()),
        ("/parts/1/part/octets", u64::MAX.into()),
        ("/parts/1/part/id", 2.into()),
        ("/parts/1/part/parent", 1.into()),
        ("/parts/1/part/parent", serde_json::Value::Null),
        ("/parts/1/part/role", "message".into()),
        ("/parts/1/part/entropy", 8_001.into()),
        ("/parts/1/part/path", "a\nb".into()),
        ("/parts/0/part/octets", 2.into()),
        ("/parts/0/part/sha256", "00".repeat(32).into()),
        ("/parts/0/part/role", "body".into()),
        ("/parts", serde_json::json!([])),
    ];
    for (place, value) in cases {
        let content = manifest(|manifest| *manifest.pointer_mut(place).unwrap() = value.clone());
        assert!(read(&content).is_err(), "{place} = {value}");
    }
    let named = manifest(|manifest| manifest["parts"][1]["part"]["name"] = long.into());
    assert!(read(&named).is_err(), "a long name");
}

#[test]
fn a_file_that_could_change_is_not_read() {
    let content = manifest(|_| ());
    let octets = content.len() as u64 - 2;
    let told = |file| parts(file, 2, octets, &task()).unwrap_err().0;
    for missing in [SealFlags::SHRINK, SealFlags::GROW, SealFlags::WRITE] {
        assert_eq!(told(file(&content, all_seals() - missing)), "a file is not sealed");
    }
    let mut plain = tempfile::tempfile().unwrap();
    plain.write_all(&content).unwrap();
    assert_eq!(told(Some(plain.into())), "a file is not sealed");
    assert_eq!(told(None), "a file is missing");
    for (start, octets) in [(2, octets - 1), (3, octets), (u64::MAX, 3)] {
        assert!(parts(file(&content, all_seals()), start, octets, &task()).is_err(), "{start} {octets}");
    }
}

#[test]
fn an_error_does_not_quote_the_message() {
    let content = [b"de".to_vec(), br#"{"parts": "Dear Alice", "recipients": []}"#.to_vec()].concat();
    let Lie(told) = read(&content).unwrap_err();
    assert!(!told.contains("Alice"), "{told}");
}

#[test]
fn a_report_is_its_scanners_and_names_parts_that_there_are() {
    let said = |report: &Report| file(&serde_json::to_vec(report).unwrap(), all_seals());
    let find = |part| {
        let mut report = Report::of("av");
        report.found(sensor_mail::PartId(part), "X", sensor_mail::Severity::High);
        report
    };
    assert_eq!(super::report(said(&find(1)), "av", 2), Ok(find(1)));
    assert!(super::report(said(&find(2)), "av", 2).is_err(), "no such part");
    assert!(super::report(said(&find(1)), "other", 2).is_err(), "not its own");
    let mut deceptive = find(1);
    deceptive.used("\u{1b}c");
    assert!(super::report(said(&deceptive), "av", 2).is_err(), "control characters");
}
