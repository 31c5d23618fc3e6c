//! What follows from a judgement, and what is withheld because it could not be undone.

use sensor_mail::{Coverage, Disposition, Judgement, RuleId, Severity, Verdict};
use sensor_policy::judge::{Ruling, Trouble};
use sensor_policy::{Withheld, dispose};

use super::message::Message;

fn ruling(disposition: Disposition, troubles: &[bool]) -> Ruling {
    let trouble = |shadow: &bool| Trouble { rule: RuleId::named("rule.a"), shadow: *shadow, why: "it fails" };
    Ruling {
        judgement: Judgement { disposition, ..Judgement::default() },
        shadow: None,
        troubles: troubles.iter().map(trouble).collect(),
    }
}

fn coverage(text: &str) -> Vec<Coverage> {
    Message::read(text).coverage.iter().map(|covered| covered.coverage()).collect()
}

#[test]
fn octets_go_only_when_everything_that_had_to_look_did() {
    use Disposition::{Keep, MetadataOnly, Quarantine};
    let done = "coverage = [{ scanner = \"av\", required = true }]";
    let owed = "coverage = [{ scanner = \"av\", required = true, gaps = [{ missed = \"failed\", why = \"x\" }] }, \
                { scanner = \"yara\", gaps = [{ missed = \"timed_out\" }] }]";
    let hit_and_owed = "coverage = [{ scanner = \"av\", required = true, hit = true, gaps = [{ missed = \"timed_out\", part = 3 }] }]";
    let never = "coverage = [{ scanner = \"av\", required = true, gaps = [{ missed = \"skipped\", why = \"too large\" }] }]";
    let optional = "coverage = [{ scanner = \"yara\", gaps = [{ missed = \"timed_out\" }] }]";
    for (asked, troubles, covered, disposition, withheld, scanners) in [
        (MetadataOnly, &[][..], done, MetadataOnly, None, &[][..]),
        (MetadataOnly, &[], owed, Keep, Some(Withheld::CoverageOwed), &["av"]),
        (MetadataOnly, &[], hit_and_owed, Keep, Some(Withheld::CoverageOwed), &["av"]),
        (MetadataOnly, &[], never, MetadataOnly, None, &[]),
        (MetadataOnly, &[], optional, MetadataOnly, None, &[]),
        (MetadataOnly, &[false], done, Keep, Some(Withheld::RuleFailed), &[]),
        (MetadataOnly, &[true], done, MetadataOnly, None, &[]),
        (Quarantine, &[false], owed, Quarantine, None, &["av"]),
        (Keep, &[false], owed, Keep, None, &["av"]),
    ] {
        let consequence = dispose(&ruling(asked, troubles), &coverage(covered), None);
        assert_eq!(
            (consequence.disposition, consequence.withheld),
            (disposition, withheld),
            "{asked:?} {troubles:?} {covered}"
        );
        assert_eq!(
            consequence.owed.iter().map(|scanner| &**scanner).collect::<Vec<_>>(),
            scanners,
            "{covered}"
        );
    }
}

#[test]
fn who_was_told_is_told_again_only_of_something_graver() {
    let judged = |verdict, severity, notices: &[&str]| Judgement {
        verdict,
        severity,
        notices: notices.iter().map(|notice| (*notice).into()).collect(),
        ..Judgement::default()
    };
    let now = judged(Verdict::Suspect, Severity::Medium, &["ops", "soc"]);
    for (earlier, told) in [
        (None, &["ops", "soc"][..]),
        (Some(now.clone()), &[]),
        (Some(judged(Verdict::Hostile, Severity::High, &["soc"])), &["ops"]),
        (Some(judged(Verdict::Suspect, Severity::Low, &["ops", "soc"])), &["ops", "soc"]),
        (Some(judged(Verdict::Clean, Severity::Critical, &["soc"])), &["ops", "soc"]),
    ] {
        let ruling = Ruling { judgement: now.clone(), shadow: None, troubles: vec![] };
        let consequence = dispose(&ruling, &[], earlier.as_ref());
        assert_eq!(
            consequence.notices.iter().map(|notice| &**notice).collect::<Vec<_>>(),
            told,
            "{earlier:?}"
        );
    }
}
