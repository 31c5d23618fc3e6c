//! What was seen in one file, for a person or for a program.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use sensor_mail::finding::{Coverage, Finding, Gap, Missed};
use sensor_mail::part::{Part, PartFlag, Unopened};
use sensor_mail::{Judgement, Look, PartId};
use sensor_policy::judge::Difference;
use serde::Serialize;

use crate::command::{harmless, one_line};

/// The longest that is shown of a path and of what is said of a part.
const TEXT_CHARACTERS_MAX: usize = 120;
/// The most gaps of one scanner that are shown.
const GAPS_SHOWN_MAX: usize = 8;

/// A look, and what was looked at.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    pub(super) file: &'a str,
    #[serde(flatten)]
    pub(super) look: &'a Look,
}

impl Report<'_> {
    /// One JSON object in a line: the look as a record has it, and the file.
    pub(super) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", harmless(&serde_json::to_string(self)?))
    }

    /// The verdict and what led to it, the parts as a tree with what was found in each, then who looked.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Judgement { verdict, severity, rules, tags, notices, disposition, .. } = &self.look.judgement;
        let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
        let file = one_line(self.file, TEXT_CHARACTERS_MAX);
        let (verdict, severity) = (word(verdict), word(severity));
        let by =
            if rules.is_empty() { "no rule holds".to_owned() } else { format!("by {}", rules.join(", ")) };
        writeln!(out, "{file}: {verdict}, severity {severity}, {} ({by})", word(disposition))?;
        if !tags.is_empty() {
            writeln!(out, "  tags: {}", one_line(&tags.join(", "), TEXT_CHARACTERS_MAX))?;
        }
        if !notices.is_empty() {
            writeln!(out, "  to be told: {}", one_line(&notices.join(", "), TEXT_CHARACTERS_MAX))?;
        }
        if let Some(shadow) = &self.look.shadow {
            let difference = Difference::between(&self.look.judgement, shadow);
            let otherwise = difference.map_or("nothing else".to_owned(), |difference| difference.to_string());
            writeln!(out, "  by the rules on trial: {}", one_line(&otherwise, TEXT_CHARACTERS_MAX))?;
        }
        for (part, depth) in tree(&self.look.parts) {
            write_part(part, depth, out)?;
            for finding in self.look.findings.iter().filter(|finding| finding.part == part.id) {
                write_finding(finding, depth, out)?;
            }
        }
        self.look.coverage.iter().try_for_each(|coverage| self.write_coverage(coverage, out))
    }

    fn write_coverage(&self, coverage: &Coverage, out: &mut dyn Write) -> io::Result<()> {
        let Coverage { scanner, required, gaps, ruleset, micros, .. } = coverage;
        let ruleset = ruleset.as_deref().map_or(String::new(), |ruleset| format!(", rules {ruleset}"));
        let required = if *required { "" } else { ", not required" };
        let took = Duration::from_micros(*micros);
        let line = format!("{scanner}: {} in {took:.1?}{ruleset}{required}", word(&coverage.outcome()));
        writeln!(out, "  {}", one_line(&line, TEXT_CHARACTERS_MAX))?;
        for Gap { part, why } in gaps.iter().take(GAPS_SHOWN_MAX) {
            let what = part.map_or("the message", |part| self.path(part));
            let why = match why {
                Missed::Skipped(why) => format!("skipped: {why}"),
                Missed::TimedOut => "out of time".to_owned(),
                Missed::Failed(why) => format!("failed: {why}"),
            };
            writeln!(out, "    not looked at: {}", one_line(&format!("{what}: {why}"), TEXT_CHARACTERS_MAX))?;
        }
        match gaps.len().saturating_sub(GAPS_SHOWN_MAX) {
            0 => Ok(()),
            more => writeln!(out, "    and {more} more"),
        }
    }

    fn path(&self, part: PartId) -> &str {
        let part = self.look.parts.iter().find(|candidate| candidate.id == part);
        part.map_or("a part that is not there", shown_path)
    }
}

fn shown_path(part: &Part) -> &str {
    if part.path.0.is_empty() { "(message)" } else { &part.path.0 }
}

fn write_part(part: &Part, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    let indent = "  ".repeat(depth + 1);
    let kind = part.detected.as_deref().or(part.declared.as_deref()).unwrap_or("unknown type");
    let flags: Vec<String> = part.flags.iter().map(|flag: &PartFlag| word(flag)).collect();
    let flags = if flags.is_empty() { String::new() } else { format!("  [{}]", flags.join(", ")) };
    let path = one_line(shown_path(part), TEXT_CHARACTERS_MAX);
    let kind = one_line(kind, TEXT_CHARACTERS_MAX);
    writeln!(out, "{indent}{path}  {kind}, {} octets, sha256 {}{flags}", part.octets, part.sha256)?;
    for Unopened { why, detail } in &part.gaps {
        let detail = detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let gap = format!("not opened: {}{detail}", word(why));
        writeln!(out, "{indent}  {}", one_line(&gap, TEXT_CHARACTERS_MAX))?;
    }
    Ok(())
}

fn write_finding(finding: &Finding, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    let Finding { scanner, rule, severity, tags, .. } = finding;
    let tags = if tags.is_empty() { String::new() } else { format!(" [{}]", tags.join(", ")) };
    let line = format!("{scanner} found {rule}, severity {}{tags}", word(severity));
    writeln!(out, "{}! {}", "  ".repeat(depth + 2), one_line(&line, TEXT_CHARACTERS_MAX))
}

/// Each part behind its parent, with how deep it lies.
fn tree(parts: &[Part]) -> Vec<(&Part, usize)> {
    let mut children: BTreeMap<Option<PartId>, Vec<&Part>> = BTreeMap::new();
    for part in parts.iter().rev() {
        children.entry(part.parent).or_default().push(part);
    }
    let mut next: Vec<_> =
        children.remove(&None).unwrap_or_default().into_iter().map(|part| (part, 0)).collect();
    let mut tree = Vec::with_capacity(parts.len());
    while let Some((part, depth)) = next.pop() {
        tree.push((part, depth));
        let below = children.remove(&Some(part.id)).unwrap_or_default();
        next.extend(below.into_iter().map(|part| (part, depth + 1)));
    }
    tree
}

/// A value of an enumeration as it is written in records.
fn word(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned));
    word.expect("these enumerations are words").replace('_', " ")
}
