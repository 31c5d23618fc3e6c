//! An event as the outbox stores it: compact, bounded, and free of what may not be told.
//!
//! ```text
//!  pipeline::Event --Notice::of(addresses)--> Notice --reduced(step)--> Notice, smaller, `cut`
//!  (record + look)        bounds every list and text      |
//!                                                         +--> Stored { version, .. } in the outbox
//! ```
//!
//! It promises: neither subject nor body, nor anything a scanner quotes, is in it; addresses are as the option
//! says; every list has at most [`LIST_MAX`] members and tells how many there were; every text has at most
//! [`TEXT_OCTETS_MAX`] octets. It is what was judged: a later version of the program formats it, and does not
//! judge again.

mod addresses;

use std::net::IpAddr;

use jiff::Timestamp;
use sensor_mail::envelope::Origin;
use sensor_mail::finding::Outcome;
use sensor_mail::part::{PartId, Role};
use sensor_mail::{
    Coverage, Disposition, Finding, Judgement, Look, MailId, Part, ReversePath, Severity, Sha256, Verdict,
};
use sensor_pipeline::{Event, Record};
use serde::{Deserialize, Serialize};

pub use addresses::Addresses;
pub(crate) use addresses::WORDS as ADDRESSES_WORDS;

/// The most members that a list of an event tells; it tells how many there are too.
pub const LIST_MAX: usize = 50;

/// The most octets of a text in an event: a longer one is cut between two characters, and ends in `…`.
pub const TEXT_OCTETS_MAX: usize = 256;

/// What stands where a text was cut.
const ELLIPSIS: &str = "\u{2026}";

/// A notice behind its version: an outbox outlives the program that wrote it. A version that is not known is
/// no notice; the spool sets such an entry aside with its octets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "version")]
pub(crate) enum Stored {
    #[serde(rename = "1")]
    V1(Box<Notice>),
}

/// A message was looked into and judged. Named by `mail` and `revision`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) mail: MailId,
    pub(crate) revision: u32,
    /// When the sink took the event over; what is told twice says the same.
    pub(crate) created: Timestamp,
    /// When the look began.
    pub(crate) looked: Timestamp,
    pub(crate) arrival: Timestamp,
    pub(crate) node: u16,
    pub(crate) tenant: String,
    pub(crate) listener: String,
    pub(crate) client: IpAddr,
    pub(crate) port: u16,
    pub(crate) octets: u64,
    pub(crate) sha256: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    pub(crate) from: Listed<String>,
    pub(crate) to: Listed<String>,
    pub(crate) cc: Listed<String>,
    /// MAIL FROM; empty for the null path, none where it is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) envelope_from: Option<String>,
    pub(crate) envelope_to: Listed<String>,
    pub(crate) verdict: Verdict,
    pub(crate) severity: Severity,
    pub(crate) disposition: Disposition,
    pub(crate) tags: Listed<String>,
    /// Whom the rules want told.
    #[serde(default = "Listed::none")]
    pub(crate) notices: Listed<String>,
    /// The rules that decided.
    pub(crate) rules: Listed<String>,
    pub(crate) ruleset: String,
    pub(crate) files: Listed<File>,
    pub(crate) findings: Listed<Hit>,
    pub(crate) coverage: Listed<Covered>,
    /// Whether something that must be looked at was not.
    pub(crate) owed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shadow: Option<Shadow>,
    /// Whether a list or a text was shortened so that the event fits the receiver.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
}

/// Some of a list, and how long it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed<T> {
    pub(crate) total: usize,
    pub(crate) shown: Vec<T>,
}

/// An attachment, or what lies in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) name: Option<String>,
    pub(crate) path: String,
    pub(crate) mime_type: Option<String>,
    pub(crate) octets: u64,
    pub(crate) sha256: Sha256,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hit {
    pub(crate) scanner: String,
    pub(crate) rule: String,
    pub(crate) severity: Severity,
    /// The way to the part; empty for the message itself.
    pub(crate) path: String,
    pub(crate) tags: Vec<String>,
}

/// What a scanner made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Covered {
    pub(crate) scanner: String,
    pub(crate) required: bool,
    pub(crate) outcome: Outcome,
    /// How much it did not look at.
    pub(crate) gaps: usize,
    pub(crate) ruleset: Option<String>,
}

/// What the rules on trial would have said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shadow {
    pub(crate) verdict: Verdict,
    pub(crate) severity: Severity,
    pub(crate) disposition: Disposition,
    pub(crate) ruleset: String,
    pub(crate) differs: bool,
}

/// The lists' members and the texts' octets that are left after each step of [`Notice::reduced`].
const STEPS: &[Bounds] = &[
    Bounds { members: 16, octets: TEXT_OCTETS_MAX },
    Bounds { members: 6, octets: 160 },
    Bounds { members: 2, octets: 96 },
    Bounds { members: 1, octets: 48 },
    Bounds { members: 0, octets: 32 },
    Bounds { members: 0, octets: 12 },
];

/// How many times a notice can be reduced.
pub(crate) const REDUCTIONS: usize = STEPS.len();

#[derive(Clone, Copy)]
struct Bounds {
    members: usize,
    octets: usize,
}

const WHOLE: Bounds = Bounds { members: LIST_MAX, octets: TEXT_OCTETS_MAX };

impl Notice {
    /// What of `event` may be told, at `now`.
    pub(crate) fn of(event: &Event, addresses: Addresses, now: Timestamp) -> Self {
        let Event { record, look } = event;
        let Record { envelope, description, .. } = &**record;
        let Origin::Smtp(origin) = &envelope.origin;
        let judgement = &look.judgement;
        let people = |people: &[sensor_mail::description::Person]| {
            let told = people.iter().filter_map(|person| addresses.of_text(person.address.as_deref()?));
            Listed::of(people.len(), told)
        };
        let recipients = envelope.recipients.iter();
        let notice = Self {
            mail: envelope.id,
            revision: look.revision,
            created: now,
            looked: look.begun,
            arrival: envelope.arrival,
            node: envelope.node.into(),
            tenant: envelope.tenant.0.clone().into_owned(),
            listener: origin.listener.to_string(),
            client: origin.client,
            port: origin.port,
            octets: envelope.octets,
            sha256: envelope.sha256,
            message_id: description.message_id.clone(),
            from: people(&description.from),
            to: people(&description.to),
            cc: people(&description.cc),
            envelope_from: sender(&envelope.reverse_path, addresses),
            envelope_to: Listed::of(
                recipients.len(),
                recipients.filter_map(|recipient| addresses.of_text(recipient.path.as_str())),
            ),
            verdict: judgement.verdict,
            severity: judgement.severity,
            disposition: judgement.disposition,
            tags: Listed::of(judgement.tags.len(), judgement.tags.iter().map(ToString::to_string)),
            notices: Listed::of(judgement.notices.len(), judgement.notices.iter().map(ToString::to_string)),
            rules: Listed::of(judgement.rules.len(), judgement.rules.iter().map(ToString::to_string)),
            ruleset: judgement.ruleset.to_string(),
            files: files(look),
            findings: findings(look),
            coverage: Listed::of(look.coverage.len(), look.coverage.iter().map(Covered::of)),
            owed: look.coverage.iter().any(Coverage::is_owed),
            shadow: look.shadow.as_ref().map(|shadow| Shadow::of(shadow, judgement)),
            cut: false,
        };
        notice.within(WHOLE)
    }

    /// The name of the event: the same whenever it is told.
    pub(crate) fn key(&self) -> String {
        format!("{}-{}", self.mail, self.revision)
    }

    /// The same event in fewer octets, and a mark that says so. `step` counts from 1 to [`REDUCTIONS`]; the last
    /// leaves what names and judges the message.
    pub(crate) fn reduced(&self, step: usize) -> Self {
        let bounds = STEPS[step.clamp(1, REDUCTIONS) - 1];
        Self { cut: true, ..self.clone().within(bounds) }
    }

    fn within(mut self, bounds: Bounds) -> Self {
        let texts = [&mut self.tenant, &mut self.listener, &mut self.ruleset];
        let optional = [&mut self.message_id, &mut self.envelope_from];
        for text in texts.into_iter().chain(optional.into_iter().flatten()) {
            cut_text(text, bounds);
        }
        let lists = [&mut self.from, &mut self.to, &mut self.cc, &mut self.envelope_to];
        for list in lists.into_iter().chain([&mut self.tags, &mut self.notices, &mut self.rules]) {
            list.cut(bounds, |text| cut_text(text, bounds));
        }
        self.files.cut(bounds, |file| file.cut(bounds));
        self.findings.cut(bounds, |hit| hit.cut(bounds));
        self.coverage.cut(bounds, |covered| covered.cut(bounds));
        if let Some(shadow) = &mut self.shadow {
            cut_text(&mut shadow.ruleset, bounds);
        }
        self
    }
}

fn sender(path: &ReversePath, addresses: Addresses) -> Option<String> {
    match path {
        // Nobody's address: it says that the message must not be answered.
        ReversePath::Null => Some(String::new()),
        ReversePath::Mailbox(mailbox) => addresses.of_text(mailbox.as_str()),
    }
}

/// The parts that are files, those in which something was found first: a bound must not hide them.
fn files(look: &Look) -> Listed<File> {
    let is_hit = |part: &Part| look.findings.iter().any(|finding| finding.part == part.id);
    let files: Vec<&Part> = look.parts.iter().filter(|part| is_file(part)).collect();
    let (hit, other): (Vec<_>, Vec<_>) = files.iter().partition(|part| is_hit(part));
    Listed::of(files.len(), hit.into_iter().chain(other).map(File::of))
}

fn is_file(part: &Part) -> bool {
    match part.role {
        Role::Attachment | Role::Enclosed | Role::Member | Role::Embedded => true,
        Role::Body => part.name.is_some(),
        Role::Message | Role::Text => false,
    }
}

/// The gravest first.
fn findings(look: &Look) -> Listed<Hit> {
    let mut findings: Vec<&Finding> = look.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let path = |id: PartId| {
        let part = look.parts.iter().find(|part| part.id == id);
        part.map(|part| part.path.to_string()).unwrap_or_default()
    };
    let hits = findings.iter().take(LIST_MAX).map(|finding| Hit {
        scanner: finding.scanner.to_string(),
        rule: finding.rule.to_string(),
        severity: finding.severity,
        path: path(finding.part),
        tags: finding.tags.iter().take(TAGS_MAX).map(ToString::to_string).collect(),
    });
    Listed::of(findings.len(), hits)
}

/// The most tags of one finding.
const TAGS_MAX: usize = 8;

impl File {
    fn of(part: &Part) -> Self {
        Self {
            name: part.name.as_deref().map(str::to_owned),
            path: part.path.to_string(),
            mime_type: part.detected.as_deref().or(part.declared.as_deref()).map(str::to_owned),
            octets: part.octets,
            sha256: part.sha256,
        }
    }

    /// What the name ends in behind its last dot, in lower case.
    pub(crate) fn extension(&self) -> Option<String> {
        let (stem, extension) = self.name.as_deref()?.rsplit_once('.')?;
        let is_one = !stem.is_empty()
            && (1..=EXTENSION_OCTETS_MAX).contains(&extension.len())
            && extension.chars().all(char::is_alphanumeric);
        is_one.then(|| extension.to_lowercase())
    }

    fn cut(&mut self, bounds: Bounds) {
        cut_text(&mut self.path, bounds);
        self.name.iter_mut().chain(&mut self.mime_type).for_each(|text| cut_text(text, bounds));
    }
}

/// Longer ones are no extensions: `Re: 1.this is the offer`.
const EXTENSION_OCTETS_MAX: usize = 16;

impl Hit {
    fn cut(&mut self, bounds: Bounds) {
        let texts = [&mut self.scanner, &mut self.rule, &mut self.path];
        texts.into_iter().chain(&mut self.tags).for_each(|text| cut_text(text, bounds));
        self.tags.truncate(bounds.members);
    }
}

impl Covered {
    fn of(coverage: &Coverage) -> Self {
        Self {
            scanner: coverage.scanner.to_string(),
            required: coverage.required,
            outcome: coverage.outcome(),
            gaps: coverage.gaps.len(),
            ruleset: coverage.ruleset.as_deref().map(str::to_owned),
        }
    }

    fn cut(&mut self, bounds: Bounds) {
        cut_text(&mut self.scanner, bounds);
        self.ruleset.iter_mut().for_each(|text| cut_text(text, bounds));
    }
}

impl Shadow {
    fn of(shadow: &Judgement, live: &Judgement) -> Self {
        let decided = |judgement: &Judgement| (judgement.verdict, judgement.severity, judgement.disposition);
        Self {
            verdict: shadow.verdict,
            severity: shadow.severity,
            disposition: shadow.disposition,
            ruleset: shadow.ruleset.to_string(),
            differs: decided(shadow) != decided(live),
        }
    }
}

impl<T> Listed<T> {
    fn none() -> Self {
        Self { total: 0, shown: Vec::new() }
    }

    fn of(total: usize, members: impl Iterator<Item = T>) -> Self {
        Self { total, shown: members.take(LIST_MAX).collect() }
    }

    fn cut(&mut self, bounds: Bounds, member: impl FnMut(&mut T)) {
        self.shown.truncate(bounds.members);
        self.shown.iter_mut().for_each(member);
    }
}

fn cut_text(text: &mut String, bounds: Bounds) {
    if text.len() > bounds.octets {
        text.truncate(text.floor_char_boundary(bounds.octets - ELLIPSIS.len()));
        text.push_str(ELLIPSIS);
    }
}

#[cfg(test)]
pub(crate) mod tests;
