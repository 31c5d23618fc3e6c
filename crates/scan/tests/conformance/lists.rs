//! `hash` and `attachment`: what needs no peer.

use std::sync::Arc;

use md5::Digest;
use sensor_mail::part::PartFlag;
use sensor_mail::{PartId, Severity};
use sensor_scan::{Installed, Sample, Value};

use crate::check::{self, budget, build, id, list, now, scan, text};

const LONG: std::time::Duration = std::time::Duration::from_secs(60);

async fn found(scanner: &dyn Installed, sample: &Sample) -> Vec<(String, PartId, Severity)> {
    let (findings, coverage) = scan(scanner, &sample.mail(id(), now()), &budget(LONG)).await;
    assert_eq!(coverage.gaps, vec![]);
    let told = findings.iter().map(|finding| (finding.rule.to_string(), finding.part, finding.severity));
    told.collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[tokio::test]
async fn a_list_finds_what_is_on_it_and_is_reloaded_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.txt");
    let sample = Sample::harmless();
    let sha256 = hex(&sample.mail(id(), now()).parts[2].part.sha256.0);
    let md5 = hex(&md5::Md5::digest(sample.line.as_bytes()));
    std::fs::write(&path, "# nothing yet\n").unwrap();
    let scanner: Arc<dyn Installed> =
        build("hash", [("lists", list(&[path.to_str().unwrap()])), ("severity", text("low"))]).unwrap();
    check::finds_its_sample(&*scanner).await;
    check::finds_nothing_in_harmless_mail(&*scanner).await;
    check::obeys_its_budget(&*scanner).await;
    let before = scanner.ruleset().unwrap();
    let finding = || ("own".to_owned(), PartId(2), Severity::Low);
    for (lists, expected) in [
        (format!("{sha256}  notes.txt\n"), vec![finding()]),
        (format!("{md5}:{}:Own.Notes\n", sample.line.len()), vec![finding()]),
        (format!("{md5}\n{sha256}\n{sha256}\n"), vec![finding(), finding()]),
        (String::new(), vec![]),
    ] {
        std::fs::write(&path, lists).unwrap();
        scanner.reload().unwrap();
        assert_eq!(found(&*scanner, &sample).await, expected);
        assert_ne!(scanner.ruleset().unwrap(), before);
        check::obeys_its_budget(&*scanner).await;
    }

    std::fs::write(&path, format!("{sha256}\n")).unwrap();
    scanner.reload().unwrap();
    let good = scanner.ruleset();
    std::fs::write(&path, format!("{md5}\n{md5}x\n")).unwrap();
    let faults = scanner.reload().unwrap_err();
    let told = faults[0].to_string();
    assert!(
        told.starts_with("lists: expected lists of digests, but ") && told.contains("own.txt: line 2 "),
        "{told}"
    );
    std::fs::remove_file(&path).unwrap();
    assert!(scanner.reload().unwrap_err()[0].to_string().contains("No such file"));
    assert_eq!((found(&*scanner, &sample).await, scanner.ruleset()), (vec![finding()], good));
    assert!(build("hash", [("lists", list(&[path.to_str().unwrap()]))]).is_err());
}

#[tokio::test]
async fn a_part_that_cannot_be_read_is_no_clean_one() {
    use sensor_mail::finding::Missed;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.txt");
    std::fs::write(&path, format!("{}\n", "00".repeat(16))).unwrap();
    let scanner = build("hash", [("lists", list(&[path.to_str().unwrap()]))]).unwrap();
    let mut mail = Sample::harmless().mail(id(), now());
    let mut parts = mail.parts.to_vec();
    let short = Arc::new(tempfile::tempfile().unwrap());
    parts[2].octets = sensor_pipeline::Octets::Filed(short, 0..20);
    mail.parts = parts.into();
    let (_, coverage) = scan(&*scanner, &mail, &budget(LONG)).await;
    assert_eq!(coverage.gaps.len(), 1);
    assert_eq!(coverage.gaps[0].part, Some(PartId(2)));
    assert!(
        matches!(&coverage.gaps[0].why, Missed::Failed(why) if why.starts_with("the part cannot be read"))
    );
}

#[tokio::test]
async fn rules_on_attachments_find_what_breaks_them() {
    let none = || [("extensions", list(&[])), ("flags", list(&[]))];
    let of = |key: &'static str, value: Value| {
        build("attachment", none().into_iter().filter(|(name, _)| *name != key).chain([(key, value)]))
            .unwrap()
    };
    let named = |name: &str| Sample { file: name.into(), ..Sample::harmless() };
    let typed = |kind: &str| Sample { media_type: kind.into(), ..Sample::harmless() };
    let flagged = |flag| Sample { flags: vec![flag], ..Sample::harmless() };
    let cases: [(&str, Value, Sample, &[&str]); 15] = [
        ("extensions", list(&["exe"]), named("a.exe"), &["extension:exe"]),
        ("extensions", list(&["EXE"]), named("A.Exe"), &["extension:exe"]),
        ("extensions", list(&["gz", "tar.gz"]), named("a.tar.gz"), &["extension:gz", "extension:tar.gz"]),
        ("extensions", list(&["exe"]), named("aexe"), &[]),
        ("extensions", list(&["exe"]), named("a.exe.txt"), &[]),
        ("extensions", list(&["exe"]), named("a.exe. ."), &["extension:exe"]),
        ("extensions", list(&["exe"]), named("\u{212a}.exe"), &["extension:exe"]),
        ("types", list(&["image/*"]), typed("image/png"), &["type:image/*"]),
        ("types", list(&["image/png"]), typed("image/pngx"), &[]),
        ("flags", list(&["macros", "bomb"]), flagged(PartFlag::Macros), &["flag:macros"]),
        ("flags", list(&["macros"]), flagged(PartFlag::Encrypted), &[]),
        ("flags", list(&["encrypted"]), flagged(PartFlag::Encrypted), &["flag:encrypted"]),
        ("size_max", Value::Number(40), Sample::harmless(), &[]),
        ("size_max", Value::Number(40), Sample { claimed_octets: Some(41), ..Sample::harmless() }, &["size"]),
        ("size_max", Value::Number(40), Sample { claimed_octets: Some(40), ..Sample::harmless() }, &[]),
    ];
    for (key, value, sample, rules) in cases {
        let scanner = of(key, value);
        check::finds_its_sample(&*scanner).await;
        let found = found(&*scanner, &sample).await;
        let expected: Vec<_> =
            rules.iter().map(|rule| ((*rule).to_owned(), PartId(2), Severity::High)).collect();
        assert_eq!(found, expected, "{key} {sample:?}");
    }
    let scanner = build("attachment", []).unwrap();
    check::finds_its_sample(&*scanner).await;
    check::finds_nothing_in_harmless_mail(&*scanner).await;
    check::obeys_its_budget(&*scanner).await;
    assert_ne!(scanner.ruleset(), of("extensions", list(&["exe"])).ruleset());
}
