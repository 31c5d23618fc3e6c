//! What was seen in one file, for a person or for a program.

use std::io::{self, Write};

use sensor_mail::part::{Part, PartFlag, Unopened};
use sensor_mail::{Judgement, Recipient};
use serde::Serialize;

use crate::command::{harmless, one_line};

/// The longest that is shown of a path and of what is said of a part.
const TEXT_CHARACTERS_MAX: usize = 120;

/// What was seen.
pub(super) struct Seen {
    pub(super) judgement: Judgement,
    pub(super) parts: Vec<Part>,
    pub(super) recipients: Vec<Recipient>,
    /// Why not all of it is here.
    pub(super) death: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    judgement: &'a Judgement,
    parts: &'a [Part],
    recipients: &'a [Recipient],
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'a str>,
}

impl Seen {
    /// One JSON object in a line.
    pub(super) fn write_json(&self, file: &str, out: &mut dyn Write) -> io::Result<()> {
        let Self { judgement, parts, recipients, death } = self;
        let line = Line { file, judgement, parts, recipients, trouble: death.as_deref() };
        writeln!(out, "{}", harmless(&serde_json::to_string(&line)?))
    }

    /// The verdict and what led to it, then the parts as a tree.
    pub(super) fn write(&self, file: &str, out: &mut dyn Write) -> io::Result<()> {
        let Judgement { verdict, severity, rules, .. } = &self.judgement;
        let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
        let file = one_line(file, TEXT_CHARACTERS_MAX);
        let (verdict, severity) = (word(verdict), word(severity));
        writeln!(out, "{file}: {verdict}, severity {severity} (by {})", rules.join(", "))?;
        if let Some(death) = &self.death {
            writeln!(out, "  not taken apart in full: {}", one_line(death, TEXT_CHARACTERS_MAX))?;
        }
        let depths = depths(&self.parts);
        for (part, depth) in self.parts.iter().zip(depths) {
            write_part(part, depth, out)?;
        }
        Ok(())
    }
}

fn write_part(part: &Part, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    let indent = "  ".repeat(depth + 1);
    let path = if part.path.0.is_empty() { "(message)" } else { &part.path.0 };
    let kind = part.detected.as_deref().or(part.declared.as_deref()).unwrap_or("unknown type");
    let flags: Vec<String> = part.flags.iter().map(|flag: &PartFlag| word(flag)).collect();
    let flags = if flags.is_empty() { String::new() } else { format!("  [{}]", flags.join(", ")) };
    let path = one_line(path, TEXT_CHARACTERS_MAX);
    writeln!(out, "{indent}{path}  {kind}, {} octets, sha256 {}{flags}", part.octets, part.sha256)?;
    for Unopened { why, detail } in &part.gaps {
        let detail = detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let gap = format!("not opened: {}{detail}", word(why));
        writeln!(out, "{indent}  {}", one_line(&gap, TEXT_CHARACTERS_MAX))?;
    }
    Ok(())
}

/// How deep each part lies; parents stand before their children.
fn depths(parts: &[Part]) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(parts.len());
    for part in parts {
        let above = part.parent.and_then(|parent| depths.get(parent.0 as usize));
        depths.push(above.map_or(0, |depth| depth + 1));
    }
    depths
}

/// A value of an enumeration as it is written in records.
fn word(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned));
    word.expect("these enumerations are words").replace('_', " ")
}
