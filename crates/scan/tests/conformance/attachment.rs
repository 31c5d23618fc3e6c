//! `attachment`: rules on what the manifest says.

use sensor_mail::part::PartFlag;
use sensor_mail::{PartId, Severity};
use sensor_scan::{Sample, Value};

use crate::check::{self, build, found, list};

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
