//! Rules at work.

use sensor_mail::finding::Missed;
use sensor_mail::{Finding, Part, PartId, Severity};
use sensor_pipeline::{Budget, Over, Report};
use yara_x::{MetaValue, Rule, ScanError, Scanner};

use super::compile::RuleSet;
use crate::severity::severities;
use crate::words::told;

/// What is told of a rule, by the names of its metadata.
const TOLD: [&str; 3] = ["description", "author", "reference"];
/// Matches of a pattern in one part beyond which none are counted, so that a part of nothing but matches does not
/// take the worker's memory (some 50 octets each). Above what rules ask for with `#pattern > 1000`.
const MATCHES_MAX: usize = 10_000;
/// The most tags of a finding.
const TAGS_MAX: usize = 32;

impl RuleSet {
    /// What looks by these rules. Making it takes longer than looking at a small part, and it may look again.
    pub(super) fn scanner(&self) -> Scanner<'_> {
        let mut scanner = Scanner::new(self.rules());
        scanner.max_matches_per_pattern(MATCHES_MAX);
        scanner
    }

    /// Looks at parts in memory, one after the other, by a scanner of these rules. It ends with the budget: within
    /// a part by the time, up to a second late, and between two parts also when it is cancelled.
    pub(super) fn look<'a>(
        &self,
        scanner: &mut Scanner<'_>,
        parts: impl Iterator<Item = (&'a Part, &'a [u8])>,
        budget: &Budget,
        report: &mut Report,
    ) {
        report.used(self.version());
        for (part, octets) in parts {
            if octets.len() as u64 > self.size_max() {
                let why = format!("{} octets, and size_max is {}", octets.len(), self.size_max());
                report.missed(Some(part.id), Missed::Skipped(why.into()));
            } else if let Err(over) = self.look_at(scanner, part.id, octets, budget, report) {
                return report.over(None, over);
            }
        }
    }

    fn look_at(
        &self,
        scanner: &mut Scanner<'_>,
        part: PartId,
        octets: &[u8],
        budget: &Budget,
        report: &mut Report,
    ) -> Result<(), Over> {
        loop {
            if let Some(over) = budget.is_over() {
                return Err(over);
            }
            match scanner.set_timeout(budget.left()).scan(octets) {
                Ok(results) => {
                    results.matching_rules().for_each(|rule| self.tell(&rule, part, report));
                    return Ok(());
                }
                // The engine counts the ticks of a clock that ticks once a second, and so may end a second early:
                // once more with what is left, which ends at the next tick.
                Err(ScanError::Timeout) => {}
                Err(error) => {
                    report.missed(Some(part), Missed::Failed(told(error.to_string().as_bytes())));
                    return Ok(());
                }
            }
        }
    }

    fn tell(&self, rule: &Rule<'_, '_>, part: PartId, report: &mut Report) {
        let mut severity = None;
        for (name, value) in rule.metadata() {
            match name {
                "severity" => severity = graded(&value).or(severity),
                "score" => severity = severity.or_else(|| scored(&value)),
                _ => {}
            }
        }
        let severity = severity.unwrap_or_else(|| self.severity());
        if let Some(finding) = report.found(part, &told(rule.identifier().as_bytes()), severity) {
            describe(rule, finding);
        }
    }
}

fn describe(rule: &Rule<'_, '_>, finding: &mut Finding) {
    finding.details.insert("namespace".into(), told(rule.namespace().as_bytes()));
    finding.tags = rule.tags().take(TAGS_MAX).map(|tag| told(tag.identifier().as_bytes())).collect();
    for (name, value) in rule.metadata() {
        let MetaValue::String(text) = value else { continue };
        if name == "tags" {
            let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
            let room = TAGS_MAX.saturating_sub(finding.tags.len());
            finding.tags.extend(tags.take(room).map(|tag| told(tag.as_bytes())));
        } else if TOLD.contains(&name) {
            finding.details.insert(name.into(), told(text.as_bytes()));
        }
    }
}

/// `severity = "high"`, or 0 to 4.
fn graded(value: &MetaValue<'_>) -> Option<Severity> {
    let grades = severities();
    let grade = match value {
        MetaValue::String(word) if word.eq_ignore_ascii_case("informational") => grades.first(),
        MetaValue::String(word) => grades.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)),
        MetaValue::Integer(number) => grades.get(usize::try_from(*number).ok()?),
        MetaValue::Float(_) | MetaValue::Bool(_) | MetaValue::Bytes(_) => None,
    };
    grade.map(|(_, severity)| *severity)
}

/// `score = 75`, of 100.
fn scored(value: &MetaValue<'_>) -> Option<Severity> {
    let MetaValue::Integer(score) = value else { return None };
    Some(match score {
        ..40 => Severity::Info,
        40..60 => Severity::Low,
        60..75 => Severity::Medium,
        75..90 => Severity::High,
        90.. => Severity::Critical,
    })
}
