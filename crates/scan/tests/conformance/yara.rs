//! `yara`, as it is tried in the sensor, and as it works in worker processes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sensor_content::{Alone, Limits, explode};
use sensor_mail::finding::Missed;
use sensor_mail::part::Role;
use sensor_mail::{Part, PartId, Severity};
use sensor_pipeline::{Budget, Inspector, Place, Report};
use sensor_scan::{Installed, Reloaded, Sample, Value, inspectors, place, supplies};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::check::{self, budget, build, id, list, now, scan, text, whys};

const LONG: Duration = Duration::from_secs(60);

const NOTES: &str = r#"
rule notes : office draft {
    meta:
        score = 80
        description = "Notes"
        tags = "internal, memo"
    strings:
        $a = "Nothing to see" nocase
    condition:
        $a
}
private rule hidden { condition: true }
rule graded { meta: severity = "low" score = 100 condition: hidden and filesize < 30 }
"#;

/// A directory of rules.
struct Rules(TempDir);

impl Rules {
    fn new() -> Self {
        let rules = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(rules.0.path().join("more")).unwrap();
        rules.write("README", "no rule");
        rules
    }

    fn write(&self, file: &str, rules: &str) {
        std::fs::write(self.0.path().join(file), rules).unwrap();
    }

    fn scanner(&self, more: impl IntoIterator<Item = (&'static str, Value)>) -> Arc<dyn Installed> {
        let given = [("rules", list(&[self.0.path().to_str().unwrap()]))];
        build("yara", given.into_iter().chain(more)).unwrap()
    }
}

async fn found(scanner: &dyn Installed) -> Vec<(String, PartId, Severity)> {
    let (findings, coverage) = scan(scanner, &Sample::harmless().mail(id(), now()), &budget(LONG)).await;
    assert_eq!(coverage.gaps, vec![]);
    findings.iter().map(|finding| (finding.rule.to_string(), finding.part, finding.severity)).collect()
}

#[tokio::test]
async fn rules_find_what_they_describe() {
    let rules = Rules::new();
    let scanner = rules.scanner([]);
    check::finds_its_sample(&*scanner).await;
    check::finds_nothing_in_harmless_mail(&*scanner).await;
    check::obeys_its_budget(&*scanner).await;
    check::skips_what_is_too_large(&*rules.scanner([("size_max", Value::Number(100))]), &[PartId(0)]).await;

    rules.write("notes.yar", NOTES);
    rules.write("more/notes.yara", "rule notes { strings: $a = \"trial\" condition: $a }");
    let scanner = rules.scanner([("severity", text("info"))]);
    let expected = [
        ("notes", 0, Severity::Info),
        ("notes", 0, Severity::High),
        ("graded", 1, Severity::Low),
        ("graded", 2, Severity::Low),
        ("notes", 2, Severity::High),
    ];
    let mut expected: Vec<_> = expected
        .iter()
        .map(|(rule, part, severity)| ((*rule).to_owned(), PartId(*part), *severity))
        .collect();
    let mut found = found(&*scanner).await;
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    let (findings, _) = scan(&*scanner, &Sample::harmless().mail(id(), now()), &budget(LONG)).await;
    let high = findings.iter().find(|finding| finding.severity == Severity::High).unwrap();
    assert_eq!(
        high.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
        ["office", "draft", "internal", "memo"]
    );
    assert_eq!(high.details.get("description").map(|text| &**text), Some("Notes"));
    assert!(high.details.get("namespace").unwrap().ends_with("notes.yar"));
}

/// What metadata says of how grave a rule is, and what counts of matches may be asked for.
#[tokio::test]
async fn every_way_to_grade_a_rule_is_known() {
    let rules = Rules::new();
    let cases = [
        ("severity = \"Informational\"", Severity::Info),
        ("severity = \"LOW\"", Severity::Low),
        ("severity = 2 score = 99", Severity::Medium),
        ("score = 99 severity = 1", Severity::Low),
        ("severity = \"grave\" score = 75", Severity::High),
        ("severity = 5", Severity::Low),
        ("severity = true score = -1", Severity::Info),
        ("author = \"nobody\"", Severity::Low),
    ];
    for (number, (meta, _)) in cases.iter().enumerate() {
        let rule = format!("rule r{number} {{ meta: {meta} strings: $x = \"x\" condition: #x == 9000 }}");
        rules.write(&format!("{number}.yar"), &rule);
    }
    let there = resident(&rules.scanner([("severity", text("low"))]));
    let report = inspect(&*there, &Sample { line: "x".repeat(9_000), ..Sample::harmless() }, LONG);
    for (number, (meta, severity)) in cases.iter().enumerate() {
        let graded =
            report.findings().iter().find(|it| *it.rule == format!("r{number}") && it.part == PartId(2));
        assert_eq!(graded.map(|it| it.severity), Some(*severity), "{meta}");
    }
}

#[tokio::test]
async fn bad_rules_are_named_and_change_nothing() {
    let rules = Rules::new();
    rules.write("notes.yar", NOTES);
    let scanner = rules.scanner([]);
    let (before, version) = (found(&*scanner).await, scanner.ruleset());
    assert!(!before.is_empty());
    rules.write("bad.yar", "rule one { condition: }\n");
    rules.write("more/worse.yar", "\n\nrule two { condition: $nothing }\n");
    rules.write("more/include.yar", "include \"../notes.yar\"\n");
    rules.write("more/binary.yar", "\u{0}");
    let told = scanner.reload().unwrap_err()[0].to_string();
    for place in ["bad.yar:1: ", "worse.yar:3: ", "include.yar:1: ", "binary.yar:1: "] {
        assert!(told.contains(place), "{place} is not in {told}");
    }
    assert!(!told.contains('\n'), "{told}");
    assert_eq!(scanner.reload().unwrap_err()[0].to_string(), told);
    rules.write("more/include.yar", "");
    rules.write("more/binary.yar", "");
    assert!(build("yara", [("rules", list(&[rules.0.path().to_str().unwrap()]))]).is_err());
    assert_eq!((found(&*scanner).await, scanner.ruleset()), (before, version.clone()));
    rules.write("bad.yar", "rule one { condition: filesize < 25 }\n");
    rules.write("more/worse.yar", "");
    assert_eq!(scanner.reload().unwrap(), Reloaded::Changed);
    assert_eq!(scanner.reload().unwrap(), Reloaded::Unchanged);
    assert!(found(&*scanner).await.iter().any(|(rule, ..)| rule == "one"));
    assert_ne!(scanner.ruleset(), version);
    let absent = build("yara", [("rules", list(&["/nonexistent/rules"]))]).err().unwrap();
    assert!(absent[0].to_string().contains("/nonexistent/rules: No such file"), "{}", absent[0]);
}

/// What a worker process would make of the scanner.
fn resident(scanner: &Arc<dyn Installed>) -> Box<dyn Inspector> {
    inspectors(&supplies(std::slice::from_ref(scanner))).unwrap().remove(0)
}

fn inspect(inspector: &dyn Inspector, sample: &Sample, time: Duration) -> Report {
    let mail = sample.mail(id(), now());
    let octets = |piece: &sensor_pipeline::Piece| Bytes::copy_from_slice(piece.octets.as_slice().unwrap());
    let parts: Vec<_> = mail.parts.iter().map(|piece| (piece.part.clone(), octets(piece))).collect();
    inspect_parts(inspector, &parts, time)
}

fn inspect_parts(inspector: &dyn Inspector, parts: &[(Part, Bytes)], time: Duration) -> Report {
    let mut report = Report::of(inspector.name());
    inspector.inspect(parts, &budget(time), &mut report);
    report
}

/// A message that says what it says in UTF-16, and in HTML with entities and an element in the middle of a word.
fn disguised() -> Bytes {
    let units = "wire money".encode_utf16().flat_map(u16::to_le_bytes);
    let words: String = units.map(|octet| format!("={octet:02X}")).collect();
    format!(
        "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         {words}\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <p>Your pass<b>word</b>: <a href=\"https://pay.example.com/&#105;nvoice\">here</a></p>\r\n--b--\r\n"
    )
    .into()
}

const DISGUISED: &str = r#"
rule in_utf_16 { strings: $a = "wire money" condition: $a }
rule in_a_link { strings: $a = "pay.example.com/invoice" condition: $a }
rule in_words { strings: $a = "password" condition: $a }
"#;

/// Rules are written for what a reader sees, and none of it stands in the octets of the message or of a part: it is
/// found in the text that was taken out of them.
#[tokio::test]
async fn rules_find_what_stands_in_decoded_text_only() {
    let rules = Rules::new();
    rules.write("disguised.yar", DISGUISED);
    let parts = explode(disguised(), &Limits::default(), &Alone).parts;
    let report = inspect_parts(&*resident(&rules.scanner([])), &parts, LONG);
    assert_eq!(report.gaps(), []);
    let part = |id: PartId| &parts.iter().find(|(part, _)| part.id == id).unwrap().0;
    let mut found: Vec<_> = report.findings().iter().map(|it| (&*it.rule, part(it.part))).collect();
    found.sort_by_key(|(rule, _)| *rule);
    let rules: Vec<&str> = found.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(rules, ["in_a_link", "in_utf_16", "in_words"]);
    for ((rule, text), declared) in found.iter().zip(["text/html", "text/plain", "text/html"]) {
        let taken_from = part(text.parent.unwrap()).declared.as_deref();
        assert_eq!((text.role, taken_from), (Role::Text, Some(declared)), "{rule}");
    }
}

#[tokio::test]
async fn rules_go_to_another_process() {
    let rules = Rules::new();
    rules.write("notes.yar", NOTES);
    let scanner = rules.scanner([]);
    assert!(matches!(place(&scanner), Place::Worker));
    let there = resident(&scanner);
    assert_eq!((there.name(), there.ruleset()), ("it", scanner.ruleset()));
    let report = inspect(&*there, &Sample::harmless(), LONG);
    let (here, _) = scan(&*scanner, &Sample::harmless().mail(id(), now()), &budget(LONG)).await;
    assert_eq!(report.findings(), here);
    assert!(!here.is_empty());

    let both = supplies(&[Arc::clone(&scanner), build("attachment", []).unwrap(), rules.scanner([])]);
    assert_eq!(inspectors(&both).unwrap().len(), 2);
    for cut in [both.len() - 1, both.len() / 2, both.len() / 4] {
        assert!(inspectors(&both[..cut]).is_err(), "{cut}");
    }
}

/// A rule that takes for ever on a file of a megabyte.
const SLOW: &str = r#"
rule slow {
    condition:
        for all i in (0 .. filesize - 1) : (
            for all j in (0 .. filesize - 1) : ( uint8(i) + uint8(j) < 1000 )
        )
}
"#;

#[tokio::test]
async fn slow_rules_end_with_the_budget() {
    let rules = Rules::new();
    rules.write("slow.yar", SLOW);
    let scanner = rules.scanner([]);
    let mut sample = Sample::harmless();
    sample.line.push_str(&"x".repeat(1 << 20));
    let (_, coverage) = scan(&*scanner, &sample.mail(id(), now()), &budget(Duration::from_secs(1))).await;
    assert_eq!(whys(&coverage), [Missed::TimedOut]);
    // The engine itself ends, where nobody abandons it, and is as good as new for the next message.
    rules.write("notes.yar", NOTES);
    scanner.reload().unwrap();
    let there = resident(&scanner);
    let looked = tokio::task::spawn_blocking(move || {
        let slow = inspect(&*there, &sample, Duration::from_millis(1_500));
        (slow, inspect(&*there, &Sample::harmless(), LONG), there)
    });
    let looked = tokio::time::timeout(LONG, looked).await.expect("it does not end");
    let (slow, next, there) = looked.unwrap();
    assert_eq!(slow.gaps().len(), 1);
    assert_eq!(slow.gaps()[0].why, Missed::TimedOut);
    // On another thread, where it has no scanner yet.
    assert_eq!(next, inspect(&*there, &Sample::harmless(), LONG));
    assert_eq!((next.gaps().len(), next.findings().is_empty()), (0, false));
}

/// Takes some ten milliseconds on a file of a hundred kilobytes.
const STEADY: &str = "rule steady { condition: for all i in (0 .. filesize - 1) : ( uint8(i) < 1000 ) }";

/// The clock of the engine ticks once a second, whenever a look begins: none may be ended by a tick that comes
/// before its deadline.
#[tokio::test]
async fn no_look_is_cut_short() {
    const DEADLINE: Duration = Duration::from_millis(900);
    let rules = Rules::new();
    rules.write("steady.yar", STEADY);
    let there = resident(&rules.scanner([]));
    let mut sample = Sample::harmless();
    sample.line.push_str(&"x".repeat(100_000));
    let all_begun = Instant::now();
    while all_begun.elapsed() < Duration::from_millis(3_500) {
        let begun = Instant::now();
        let report = inspect(&*there, &sample, DEADLINE);
        assert!(report.gaps().is_empty() || begun.elapsed() >= DEADLINE, "{report:?}");
    }
}

/// Nobody waits for a rule once its result is not wanted any more.
#[tokio::test]
async fn a_look_is_cancelled() {
    let rules = Rules::new();
    rules.write("slow.yar", SLOW);
    let scanner = rules.scanner([]);
    let mut sample = Sample::harmless();
    sample.line.push_str(&"x".repeat(1 << 20));
    let (mail, token) = (sample.mail(id(), now()), CancellationToken::new());
    // The thread that looks ends at the deadline, and the test with it.
    let budget = Budget::new(Instant::now() + Duration::from_secs(3), token.clone());
    let ((_, coverage), ()) = tokio::join!(scan(&*scanner, &mail, &budget), async { token.cancel() });
    assert_eq!(whys(&coverage), [Missed::Failed("cancelled".into())]);
}
