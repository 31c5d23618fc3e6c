//! The answer of a program or a webhook: findings as JSON.
//!
//! ```json
//! {
//!   "findings": [
//!     { "rule": "macro-dropper", "severity": "high", "part": 2,
//!       "tags": ["macro"], "details": { "family": "example" } }
//!   ],
//!   "skipped": [ { "part": 3, "why": "a format that it does not know" } ],
//!   "ruleset": "2026-11-22"
//! }
//! ```
//!
//! The schema is strict, so that a mistake is seen and does not pass for a clean message:
//!
//! - `findings` has to be there, if empty. `rule` is a text of 1 to 256 octets; `severity` is `info`, `low`,
//!   `medium`, `high` or `critical`, and `medium` where it is not set; `part` is the number of a part of this
//!   message, and 0, the message, where it is not set; `tags` are at most 32 texts of at most 64 octets;
//!   `details` at most 32 texts of at most 256 octets, by names of at most 64.
//! - `skipped` says what was not looked at: a part, or without `part` the whole message.
//! - `ruleset` is a text of at most 256 octets.
//! - Nothing else may stand there.

use std::collections::BTreeMap;

use sensor_mail::finding::Missed;
use sensor_mail::{PartId, Severity};
use sensor_pipeline::Report;
use serde::Deserialize;

use crate::trouble::Trouble;
use crate::words::{TOLD_OCTETS_MAX, told};

/// The most octets of an answer.
pub(crate) const ANSWER_OCTETS_MAX: usize = 1 << 20;
const TAGS_MAX: usize = 32;
const TAG_OCTETS_MAX: usize = 64;
const DETAILS_MAX: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Findings {
    findings: Vec<Found>,
    #[serde(default)]
    skipped: Vec<Skipped>,
    #[serde(default)]
    pub(crate) ruleset: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    rule: String,
    #[serde(default = "medium")]
    severity: Severity,
    #[serde(default)]
    part: u32,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    details: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skipped {
    #[serde(default)]
    part: Option<u32>,
    why: String,
}

fn medium() -> Severity {
    Severity::Medium
}

impl Findings {
    /// Reads an answer about a message of `parts` parts.
    pub(crate) fn parse(answer: &[u8], parts: usize) -> Result<Self, Trouble> {
        let findings: Self = serde_json::from_slice(answer)
            .map_err(|error| Trouble::failed(format!("its answer does not fit the schema: {error}")))?;
        match findings.fault(parts) {
            Some(fault) => Err(Trouble::failed(format!("its answer does not fit the schema: {fault}"))),
            None => Ok(findings),
        }
    }

    fn fault(&self, parts: usize) -> Option<&'static str> {
        let is_part = |part: u32| usize::try_from(part).is_ok_and(|part| part < parts);
        let fits = |text: &str, octets_max| (1..=octets_max).contains(&text.len());
        for Found { rule, part, tags, details, .. } in &self.findings {
            if !fits(rule, TOLD_OCTETS_MAX) {
                return Some("a rule has a name of 1 to 256 octets");
            }
            if !is_part(*part) {
                return Some("a finding is in a part that the message does not have");
            }
            if tags.len() > TAGS_MAX || !tags.iter().all(|tag| fits(tag, TAG_OCTETS_MAX)) {
                return Some("a finding has at most 32 tags of 1 to 64 octets");
            }
            let mut details = details.iter();
            if details.len() > DETAILS_MAX
                || !details.all(|(name, text)| fits(name, TAG_OCTETS_MAX) && text.len() <= TOLD_OCTETS_MAX)
            {
                return Some("a finding has at most 32 details of at most 256 octets, by names of 1 to 64");
            }
        }
        if self.skipped.iter().any(|skipped| skipped.part.is_some_and(|part| !is_part(part))) {
            return Some("a part is skipped that the message does not have");
        }
        let ruleset = self.ruleset.as_deref().unwrap_or("-");
        (!fits(ruleset, TOLD_OCTETS_MAX)).then_some("ruleset has 1 to 256 octets")
    }

    pub(crate) fn tell(self, report: &mut Report) {
        for found in self.findings {
            let rule = told(found.rule.as_bytes());
            let Some(finding) = report.found(PartId(found.part), &rule, found.severity) else { continue };
            finding.tags = found.tags.iter().map(|tag| told(tag.as_bytes())).collect();
            let shown = |(name, text): (&String, &String)| (told(name.as_bytes()), told(text.as_bytes()));
            finding.details = found.details.iter().map(shown).collect();
        }
        for Skipped { part, why } in self.skipped {
            report.missed(part.map(PartId), Missed::Skipped(told(why.as_bytes())));
        }
        if let Some(ruleset) = self.ruleset {
            report.used(told(ruleset.as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_fits_the_schema_or_is_none() {
        let long = "x".repeat(257);
        for (answer, fault) in [
            (r#"{"findings":[]}"#.to_owned(), None),
            (r#"{"findings":[{"rule":"a"}],"skipped":[{"why":"b"}],"ruleset":"1"}"#.into(), None),
            (
                r#"{"findings":[{"rule":"a","severity":"high","part":2,"tags":["t"],"details":{"k":"v"}}]}"#
                    .into(),
                None,
            ),
            (String::new(), Some("EOF")),
            ("{}".into(), Some("missing field `findings`")),
            (r#"{"findings":[],"result":"clean"}"#.into(), Some("unknown field `result`")),
            (r#"{"findings":[{"rule":"a","serverity":"high"}]}"#.into(), Some("unknown field `serverity`")),
            (r#"{"findings":[{"rule":"a","severity":"HIGH"}]}"#.into(), Some("unknown variant")),
            (r#"{"findings":[{"rule":""}]}"#.into(), Some("a rule has a name")),
            (format!(r#"{{"findings":[{{"rule":"{long}"}}]}}"#), Some("a rule has a name")),
            (r#"{"findings":[{"rule":"a","part":3}]}"#.into(), Some("does not have")),
            (r#"{"findings":[{"rule":"a","part":-1}]}"#.into(), Some("invalid value")),
            (r#"{"findings":[],"skipped":[{"part":9,"why":"b"}]}"#.into(), Some("does not have")),
            (r#"{"findings":[],"ruleset":""}"#.into(), Some("ruleset")),
            (r#"{"findings":[]} {"#.into(), Some("trailing")),
        ] {
            let read = Findings::parse(answer.as_bytes(), 3).map_err(|trouble| trouble.to_string());
            match (read, fault) {
                (Ok(_), None) => {}
                (Err(told), Some(fault)) => assert!(told.contains(fault), "{told:?} for {answer}"),
                (read, fault) => panic!("{read:?} instead of {fault:?} for {answer}"),
            }
        }
    }

    #[test]
    fn what_it_says_can_be_shown() {
        let mut report = Report::of("it");
        Findings::parse(br#"{"findings":[{"rule":"a\u001b[m","details":{"k":"\u202e"}}]}"#, 1)
            .unwrap()
            .tell(&mut report);
        let [finding] = report.findings() else { panic!("{report:?}") };
        assert_eq!(&*finding.rule, "a\\u{1b}[m");
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.details.values().next().map(|text| &**text), Some("\\u{202e}"));
    }
}
