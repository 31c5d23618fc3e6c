//! What a worker hands over, checked as what it is: hostile, for the worker may have been taken over by the
//! message that it took apart.
//!
//! Checked is what could harm the sensor or confuse who reads the record: the file cannot change any more, ranges
//! lie within it, numbers are dense and parents come first, texts are short and free of control characters, the
//! message itself has the size and digest that it was accepted with. Digests of the other parts are not
//! computed again: whoever could give false ones could as well give false octets to true digests. What a worker
//! that was taken over can do is to hide or to invent parts of the messages that it takes apart from then on; that
//! it takes only so many is [`PoolOptions::messages_max`](super::PoolOptions::messages_max)'s to say.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use sensor_mail::part::{Part, Role};
use sensor_mail::{Finding, Recipient};
use serde::de::DeserializeOwned;

use super::channel::malformed;
use super::protocol::{Entry, Manifest};
use super::sealed::is_sealed;
use crate::scanner::{FINDINGS_MAX, GAPS_MAX, Octets, Piece, Report};
use crate::taker::Task;

/// The most parts of a message, whatever the dissector's own limit is.
pub const PARTS_MAX: usize = 100_000;
/// The most recipients that a message may name.
const RECIPIENTS_MAX: usize = 100_000;
/// Octets of a manifest or a report: read into memory whole.
const JSON_OCTETS_MAX: u64 = 64 << 20;
/// Octets of a path, which is as long as it is deep.
const PATH_OCTETS_MAX: usize = 32 << 10;
/// Octets of any other text.
const TEXT_OCTETS_MAX: usize = 4 << 10;
/// Flags or gaps of a part, tags or details of a finding.
const ITEMS_MAX: usize = 256;
/// Shannon entropy in thousandths of a bit.
const ENTROPY_MAX: u16 = 8_000;

/// Something that cannot be true. Never text of the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Lie(pub(crate) String);

fn lie<T>(what: impl Into<String>) -> Result<T, Lie> {
    Err(Lie(what.into()))
}

/// The parts of a message and the recipients it names, out of the worker's file, whose manifest is in the range.
pub(crate) fn parts(
    file: Option<OwnedFd>,
    start: u64,
    octets: u64,
    task: &Task,
) -> Result<(Vec<Piece>, Vec<Recipient>), Lie> {
    let (file, length) = sealed(file)?;
    if start.checked_add(octets) != Some(length) {
        return lie("the manifest is not at the end of its file");
    }
    let Manifest { parts, recipients } = json(&file, start, octets)?;
    if parts.is_empty() || parts.len() > PARTS_MAX || recipients.len() > RECIPIENTS_MAX {
        return lie("there are no parts, too many, or too many recipients");
    }
    // Whom a message names was given no parameters of the protocol.
    if recipients.iter().any(|recipient| !recipient.parameters.is_empty()) {
        return lie("a recipient has parameters");
    }
    let file = Arc::new(file);
    let pieces = parts.into_iter().enumerate().map(|(number, entry)| match number {
        0 => message(entry, task),
        _ => part(number, entry, &file, start),
    });
    Ok((pieces.collect::<Result<_, _>>()?, recipients))
}

/// What a scanner said, out of the worker's file, about a message of so many parts.
pub(crate) fn report(file: Option<OwnedFd>, scanner: &str, parts: usize) -> Result<Report, Lie> {
    let (file, octets) = sealed(file)?;
    let report: Report = json(&file, 0, octets)?;
    if report.findings().len() > FINDINGS_MAX || report.gaps().len() > GAPS_MAX {
        return lie("a report has more than it may hold");
    }
    if report.scanner() != scanner || report.findings().iter().any(|finding| &*finding.scanner != scanner) {
        return lie("a report is another scanner's");
    }
    let named = report.findings().iter().map(|finding| finding.part);
    let mut named = named.chain(report.gaps().iter().filter_map(|gap| gap.part));
    if named.any(|part| usize::try_from(part.0).map_or(true, |number| number >= parts)) {
        return lie("a report names a part that there is not");
    }
    report.findings().iter().try_for_each(finding)?;
    report.texts().try_for_each(|words| text(words, TEXT_OCTETS_MAX))?;
    Ok(report)
}

/// The file, when nobody can change it any more, and its length.
fn sealed(file: Option<OwnedFd>) -> Result<(std::fs::File, u64), Lie> {
    let Some(file) = file else { return lie("a file is missing") };
    if !is_sealed(file.as_fd()) {
        return lie("a file is not sealed");
    }
    let file = std::fs::File::from(file);
    match file.metadata() {
        Ok(metadata) => Ok((file, metadata.len())),
        Err(error) => lie(format!("a file cannot be looked at: {error}")),
    }
}

fn json<T: DeserializeOwned>(file: &std::fs::File, start: u64, octets: u64) -> Result<T, Lie> {
    if octets > JSON_OCTETS_MAX {
        return lie("a manifest is too large");
    }
    let read = || -> io::Result<Vec<u8>> {
        let mut json = vec![0; usize::try_from(octets).map_err(io::Error::other)?];
        file.read_exact_at(&mut json, start)?;
        Ok(json)
    };
    let json = read().map_err(|error| Lie(format!("a manifest cannot be read: {error}")))?;
    serde_json::from_slice(&json).map_err(|error| Lie(malformed(&error).to_string()))
}

/// The octets of the message are those that were kept, not what a worker makes of them.
fn message(Entry { part, .. }: Entry, task: &Task) -> Result<Piece, Lie> {
    let envelope = &task.record.envelope;
    if part.id.0 != 0 || part.parent.is_some() || part.role != Role::Message {
        return lie("the first part is not the message");
    }
    if part.octets != task.octets.len() || part.sha256 != envelope.sha256 {
        return lie("the message is not the one that was handed in");
    }
    check(&part)?;
    Ok(Piece { part, octets: task.octets.clone() })
}

fn part(number: usize, entry: Entry, file: &Arc<std::fs::File>, end: u64) -> Result<Piece, Lie> {
    let Entry { part, start } = entry;
    let numbered = u32::try_from(number).is_ok_and(|number| part.id.0 == number);
    if !numbered || part.parent.is_none_or(|parent| parent >= part.id) || part.role == Role::Message {
        return lie(format!("part {number} is out of order"));
    }
    let Some(until) = start.checked_add(part.octets).filter(|until| *until <= end) else {
        return lie(format!("part {number} lies outside of its file"));
    };
    check(&part)?;
    Ok(Piece { octets: Octets::Filed(Arc::clone(file), start..until), part })
}

fn check(part: &Part) -> Result<(), Lie> {
    let Part { path, declared, detected, name, entropy, flags, gaps, .. } = part;
    if *entropy > ENTROPY_MAX || flags.len() > ITEMS_MAX || gaps.len() > ITEMS_MAX {
        return lie("a part has more of something than can be");
    }
    text(&path.0, PATH_OCTETS_MAX)?;
    let details = gaps.iter().filter_map(|gap| gap.detail.as_ref());
    let mut texts = [declared, detected, name].into_iter().flatten().chain(details);
    texts.try_for_each(|words| text(words, TEXT_OCTETS_MAX))
}

fn finding(finding: &Finding) -> Result<(), Lie> {
    let Finding { rule, tags, details, .. } = finding;
    if tags.len() > ITEMS_MAX || details.len() > ITEMS_MAX {
        return lie("a finding has more of something than it may");
    }
    let details = details.iter().flat_map(|(name, value)| [name, value]);
    let mut texts = std::iter::once(rule).chain(tags).chain(details);
    texts.try_for_each(|words| text(words, TEXT_OCTETS_MAX))
}

/// A text that may stand in a record and on a terminal.
fn text(words: &str, octets_max: usize) -> Result<(), Lie> {
    match words.len() > octets_max || words.chars().any(char::is_control) {
        true => lie("a text is too long or has control characters"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
