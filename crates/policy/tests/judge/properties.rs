//! Any rules over any evidence, beside a model that goes by the words as they are written.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sensor_mail::finding::{Gap, Missed};
use sensor_mail::{Disposition, Judgement, PartId, RuleId, Severity, Verdict};
use sensor_policy::judge::{RuleSets, WrittenCoverage, WrittenFinding, WrittenRule};
use serde::Serialize;

use super::message::{Covered, Found, Message};

const SCANNERS: [&str; 3] = ["av", "yara", "spam"];
const TAGS: [&str; 3] = ["a", "b", "c"];
const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];
const VERDICTS: [&str; 4] = ["clean", "undetermined", "suspect", "hostile"];
const DISPOSITIONS: [&str; 3] = ["keep", "quarantine", "metadata_only"];

fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    subsequence(words, 0..=words.len()).prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

fn maybe(words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::of(select(words).prop_map(str::to_owned))
}

/// A rule that may hold, without a name.
fn rule() -> impl Strategy<Value = WrittenRule> {
    let finding =
        (some_of(&SCANNERS), some_of(&TAGS), select(&SEVERITIES[..])).prop_map(|(scanner, tag, least)| {
            WrittenFinding { scanner, tag, severity_min: Some(least.to_owned()), ..WrittenFinding::default() }
        });
    let coverage = (some_of(&SCANNERS), any::<bool>()).prop_map(|(scanner, missed)| WrittenCoverage {
        scanner,
        missed: Some(missed),
        ..WrittenCoverage::default()
    });
    let conditions = (prop::option::of(finding), prop::option::of(coverage));
    let effects = (maybe(&VERDICTS), maybe(&SEVERITIES), some_of(&TAGS), maybe(&DISPOSITIONS));
    (conditions, effects, prop::bool::weighted(0.2)).prop_map(
        |((finding, coverage), (verdict, severity, tags, disposition), stop)| WrittenRule {
            finding,
            coverage,
            verdict,
            severity,
            notices: tags.iter().map(|tag| format!("n{tag}")).collect(),
            tags: if tags.is_empty() { vec!["t".to_owned()] } else { tags },
            disposition,
            stop,
            ..WrittenRule::default()
        },
    )
}

fn ruleset(stops: bool) -> impl Strategy<Value = Vec<WrittenRule>> {
    prop::collection::vec(rule(), 0..8).prop_map(move |rules| {
        let named = |(index, rule): (usize, WrittenRule)| WrittenRule {
            name: format!("r{index}"),
            stop: rule.stop && stops,
            ..rule
        };
        rules.into_iter().enumerate().map(named).collect()
    })
}

fn finding() -> impl Strategy<Value = Found> {
    let severity =
        select(&[Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical][..]);
    (select(&SCANNERS[..]), severity, some_of(&TAGS)).prop_map(|(scanner, severity, tags)| Found {
        scanner: scanner.into(),
        severity,
        tags: tags.into_iter().map(Into::into).collect(),
        ..Found::default()
    })
}

fn coverage() -> impl Strategy<Value = Covered> {
    let missed = select(vec![Missed::Skipped("x".into()), Missed::TimedOut, Missed::Failed("x".into())]);
    let gap =
        (prop::option::of(0..3_u32), missed).prop_map(|(part, why)| Gap { part: part.map(PartId), why });
    (select(&SCANNERS[..]), any::<bool>(), any::<bool>(), prop::collection::vec(gap, 0..3))
        .prop_map(|(scanner, required, hit, gaps)| Covered { scanner: scanner.into(), required, hit, gaps })
}

fn message() -> impl Strategy<Value = Message> {
    (prop::collection::vec(finding(), 0..5), prop::collection::vec(coverage(), 0..4))
        .prop_map(|(findings, coverage)| Message { findings, coverage, ..Message::default() })
}

fn judge(rules: &[WrittenRule], message: &Message) -> Judgement {
    RuleSets::parse(rules).unwrap().judge(&message.seen().evidence()).judgement
}

/// Where a word stands in its scale.
fn rank(scale: &[&str], word: &str) -> usize {
    scale.iter().position(|other| *other == word).unwrap()
}

fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

/// The model: everything by words and ranks, rule by rule.
fn model(rules: &[WrittenRule], message: &Message) -> Judgement {
    let mut rules = rules.to_vec();
    for (name, least, verdict) in [("hostile", "high", "hostile"), ("suspect", "info", "suspect")] {
        let severity_min = Some(least.to_owned());
        rules.push(WrittenRule {
            name: format!("builtin_{name}"),
            finding: Some(WrittenFinding { severity_min, ..WrittenFinding::default() }),
            verdict: Some(verdict.to_owned()),
            ..WrittenRule::default()
        });
    }
    let (mut verdict, mut severity, mut disposition) = (0, 0, 0);
    let (mut tags, mut notices, mut named) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for rule in rules {
        let Some(gravest) = model_holds(&rule, message) else { continue };
        let against = matches!(rule.verdict.as_deref(), Some("suspect" | "hostile"));
        let as_found = if against { gravest } else { 0 };
        verdict = verdict.max(rule.verdict.as_deref().map_or(0, |word| rank(&VERDICTS, word)));
        severity = severity.max(rule.severity.as_deref().map_or(as_found, |word| rank(&SEVERITIES, word)));
        disposition =
            disposition.max(rule.disposition.as_deref().map_or(0, |word| rank(&DISPOSITIONS, word)));
        tags.extend(rule.tags);
        notices.extend(rule.notices);
        named.push(format!("rule.{}", rule.name));
        if rule.stop {
            break;
        }
    }
    if message.coverage.iter().any(|covered| covered.required && !covered.gaps.is_empty()) {
        verdict = verdict.max(1);
        named.push("coverage.required".to_owned());
    } else if !message.coverage.iter().any(|covered| covered.gaps.iter().all(|gap| gap.part.is_some())) {
        verdict = verdict.max(1);
        named.push("coverage.none".to_owned());
    }
    Judgement {
        verdict: [Verdict::Clean, Verdict::Undetermined, Verdict::Suspect, Verdict::Hostile][verdict],
        severity: serde_json::from_value(SEVERITIES[severity].into()).unwrap(),
        tags: tags.into_iter().map(Into::into).collect(),
        disposition: [Disposition::Keep, Disposition::Quarantine, Disposition::MetadataOnly][disposition],
        notices: notices.into_iter().map(Into::into).collect(),
        rules: named.iter().map(|name| RuleId::named(name)).collect(),
        ruleset: "".into(),
    }
}

/// The rank of the gravest finding that the rule asks for, 0 where it asks for none; nothing if it does not hold.
fn model_holds(rule: &WrittenRule, message: &Message) -> Option<usize> {
    let listed = |list: &[String], word: &str| list.is_empty() || list.iter().any(|entry| entry == word);
    let gravest = match &rule.finding {
        None => 0,
        Some(wanted) => {
            let least = rank(&SEVERITIES, wanted.severity_min.as_deref().unwrap());
            let ranks = message.findings.iter().filter(|found| {
                listed(&wanted.scanner, &found.scanner)
                    && (wanted.tag.is_empty() || found.tags.iter().any(|tag| listed(&wanted.tag, tag)))
            });
            ranks
                .map(|found| rank(&SEVERITIES, &word(found.severity)))
                .filter(|found| *found >= least)
                .max()?
        }
    };
    let covered = rule.coverage.as_ref().is_none_or(|wanted| {
        message.coverage.iter().any(|covered| {
            listed(&wanted.scanner, &covered.scanner) && wanted.missed == Some(!covered.gaps.is_empty())
        })
    });
    covered.then_some(gravest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn judgements_are_those_of_the_model(rules in ruleset(true), message in message()) {
        let judgement = judge(&rules, &message);
        prop_assert_eq!(judgement.ruleset.len(), 32);
        prop_assert_eq!(Judgement { ruleset: "".into(), ..judgement }, model(&rules, &message));
    }

    /// Where no rule stops, the order changes only in which order they are named.
    #[test]
    fn the_order_of_rules_does_not_matter(
        (rules, shuffled) in ruleset(false).prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        message in message(),
    ) {
        let sorted = |mut judgement: Judgement| {
            judgement.rules.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            Judgement { ruleset: "".into(), ..judgement }
        };
        prop_assert_eq!(sorted(judge(&rules, &message)), sorted(judge(&shuffled, &message)));
    }

    /// Where no rule stops, one finding more makes nothing milder.
    #[test]
    fn more_findings_are_never_milder(rules in ruleset(false), message in message(), more in finding()) {
        let fewer = judge(&rules, &message);
        let mut findings = message.findings.clone();
        findings.push(more);
        let with = judge(&rules, &Message { findings, ..message });
        prop_assert!(with.verdict >= fewer.verdict && with.severity >= fewer.severity);
        prop_assert!(with.disposition >= fewer.disposition);
        prop_assert!(fewer.tags.iter().all(|tag| with.tags.contains(tag)));
    }

    /// Whatever the rules: what a required scanner did not look at is not clean.
    #[test]
    fn nothing_unscanned_is_clean(rules in ruleset(true), message in message()) {
        let judgement = judge(&rules, &message);
        let missed = message.coverage.iter().any(|covered| covered.required && !covered.gaps.is_empty());
        prop_assert!(!missed || judgement.verdict > Verdict::Clean);
    }

    /// What is read is told or used, whatever is typed; nothing panics.
    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,40}") {
        let finding = WrittenFinding {
            scanner: vec![text.clone()],
            rule: vec![text.clone()],
            tag: vec![text.clone()],
            severity_min: Some(text.clone()),
        };
        let rule = WrittenRule {
            name: text.clone(),
            finding: Some(finding),
            client: vec![text.clone()],
            when: Some(text.clone()),
            verdict: Some(text),
            ..WrittenRule::default()
        };
        prop_assert!(RuleSets::parse(&[rule]).is_err());
    }
}
