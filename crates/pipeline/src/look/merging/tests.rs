use sensor_mail::{PartId, Severity};

use super::*;

fn account(scanner: &str, rules: &[&str], missed: Option<Missed>) -> Account {
    let mut report = Report::of(scanner);
    for rule in rules {
        report.found(PartId(1), rule, Severity::High);
    }
    if let Some(why) = missed {
        report.missed(None, why);
    }
    let (findings, coverage) = report.conclude(true, std::time::Duration::ZERO);
    Account { findings, coverage }
}

fn look(accounts: Vec<Account>) -> Look {
    let (findings, coverage) = in_order(&[], accounts, None);
    Look {
        revision: 1,
        begun: "2026-11-22T10:00:00Z".parse().unwrap(),
        parts: vec![],
        recipients: vec![],
        findings,
        coverage,
        judgement: sensor_mail::Judgement::default(),
        shadow: None,
    }
}

fn said(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings.iter().map(|finding| (&*finding.scanner, &*finding.rule)).collect()
}

#[test]
fn who_did_not_look_now_keeps_what_it_said() {
    let last = look(vec![account("a", &["x"], None), account("b", &[], Some(Missed::TimedOut))]);
    let (findings, coverage) = in_order(&[], vec![account("b", &["y"], None)], Some(&last));
    assert_eq!(said(&findings), [("a", "x"), ("b", "y")]);
    assert!(!coverage.iter().any(Coverage::is_owed));
}

#[test]
fn what_was_found_stands_until_everything_was_looked_at() {
    let last = look(vec![account("a", &["x"], Some(Missed::TimedOut))]);
    let (findings, coverage) = in_order(&[], vec![account("a", &["y"], Some(Missed::TimedOut))], Some(&last));
    assert_eq!(said(&findings), [("a", "y"), ("a", "x")]);
    assert!(coverage[0].hit);
    let (findings, _) = in_order(&[], vec![account("a", &[], None)], Some(&last));
    assert_eq!(said(&findings), []);
}

#[test]
fn a_look_says_more_when_it_found_or_covered_more() {
    let missed = || Some(Missed::Failed("reset".into()));
    let last = look(vec![account("a", &[], missed())]);
    for (now, more) in [
        (account("a", &[], missed()), false),
        (account("a", &[], Some(Missed::TimedOut)), false),
        (account("a", &["x"], missed()), true),
        (account("a", &[], None), true),
    ] {
        assert_eq!(says_more(&look(vec![now.clone()]), &last), more, "{now:?}");
    }
}
