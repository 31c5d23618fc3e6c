//! `hash`: lists of digests.

use std::sync::Arc;

use md5::Digest;
use sensor_mail::{PartId, Severity};
use sensor_scan::{Installed, Sample};

use crate::check::{self, LONG, budget, build, found, id, list, now, scan, text};

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
