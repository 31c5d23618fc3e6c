//! What a rule looks for in the evidence. All that is given has to hold, of one and the same finding, part,
//! scanner or recipient; of a list any entry will do.

use sensor_mail::envelope::{Origin, Provenance};
use sensor_mail::finding::Outcome;
use sensor_mail::part::{PartFlag, Role, WhyUnopened};
use sensor_mail::{Coverage, Finding, ForwardPath, Mailbox, Part, ReversePath, Severity};

use super::Evidence;
use super::address::Address;
use super::expression::{Expression, Subject, Troubled};
use super::pattern::Patterns;
use crate::clients::{ClientDefault, ClientRules};
use crate::domains::DomainRules;

/// The conditions of a rule; with none of them it always holds.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub(super) finding: Option<FindingCondition>,
    pub(super) part: Option<PartCondition>,
    pub(super) coverage: Option<CoverageCondition>,
    pub(super) sender: Option<SenderCondition>,
    pub(super) recipient: Option<RecipientCondition>,
    pub(super) client: Option<ClientRules>,
    pub(super) when: Option<Expression>,
}

/// A rule holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    /// The gravest of the findings that meet its condition.
    pub(super) gravest: Severity,
}

impl Conditions {
    /// Whether they hold; none says no. The expression is asked last, so that it costs only where the rest holds.
    ///
    /// # Errors
    /// When the expression has no answer.
    pub(super) fn on(&self, subject: &Subject<'_>) -> Result<Option<Holds>, Troubled> {
        let Some(holds) = self.typed(subject.evidence) else { return Ok(None) };
        match &self.when {
            Some(expression) => Ok(expression.holds(subject)?.then_some(holds)),
            None => Ok(Some(holds)),
        }
    }

    fn typed(&self, evidence: &Evidence<'_>) -> Option<Holds> {
        let gravest = match &self.finding {
            Some(finding) => finding.gravest(evidence.findings)?,
            None => Severity::Info,
        };
        let of_some = holds(self.part.as_ref(), |part| evidence.parts.iter().any(|found| part.meets(found)))
            && holds(self.coverage.as_ref(), |wanted| {
                evidence.coverage.iter().any(|found| wanted.meets(found))
            })
            && holds(self.sender.as_ref(), |sender| sender.meets(&evidence.envelope.reverse_path))
            && holds(self.recipient.as_ref(), |recipient| recipient.meets_any(evidence))
            && holds(self.client.as_ref(), |clients| is_from(clients, &evidence.envelope.origin));
        of_some.then_some(Holds { gravest })
    }
}

/// A condition that is not given holds.
fn holds<C>(condition: Option<C>, check: impl FnOnce(C) -> bool) -> bool {
    condition.is_none_or(check)
}

/// Entries of a list any of which will do; an empty list is not given.
fn any<T>(list: &[T], is_it: impl Fn(&T) -> bool) -> bool {
    list.is_empty() || list.iter().any(is_it)
}

/// Findings of some kind.
#[derive(Debug)]
pub(super) struct FindingCondition {
    pub(super) scanner: Vec<Box<str>>,
    pub(super) rule: Option<Patterns>,
    pub(super) tag: Vec<Box<str>>,
    pub(super) severity_min: Severity,
}

impl FindingCondition {
    fn gravest(&self, findings: &[Finding]) -> Option<Severity> {
        findings.iter().filter(|finding| self.meets(finding)).map(|finding| finding.severity).max()
    }

    fn meets(&self, finding: &Finding) -> bool {
        finding.severity >= self.severity_min
            && any(&self.scanner, |scanner| *scanner == finding.scanner)
            && holds(self.rule.as_ref(), |rule| rule.fit(&finding.rule))
            && any(&self.tag, |tag| finding.tags.contains(tag))
    }
}

/// Parts of some kind.
#[derive(Debug)]
pub(super) struct PartCondition {
    pub(super) declared: Option<Patterns>,
    pub(super) detected: Option<Patterns>,
    pub(super) name: Option<Patterns>,
    /// In lower case, each with the dot before it.
    pub(super) extension: Vec<Box<str>>,
    pub(super) flag: Vec<PartFlag>,
    pub(super) role: Vec<Role>,
    pub(super) unopened: Vec<WhyUnopened>,
    pub(super) size_min: u64,
}

impl PartCondition {
    fn meets(&self, part: &Part) -> bool {
        let fits = |patterns: &Option<Patterns>, text: &Option<Box<str>>| {
            holds(patterns.as_ref(), |patterns| text.as_ref().is_some_and(|text| patterns.fit(text)))
        };
        part.octets >= self.size_min
            && fits(&self.declared, &part.declared)
            && fits(&self.detected, &part.detected)
            && fits(&self.name, &part.name)
            && self.has_extension(part.name.as_deref())
            && any(&self.flag, |flag| part.flags.contains(flag))
            && any(&self.role, |role| *role == part.role)
            && any(&self.unopened, |why| part.gaps.iter().any(|gap| gap.why == *why))
    }

    fn has_extension(&self, name: Option<&str>) -> bool {
        if self.extension.is_empty() {
            return true;
        }
        // Windows drops dots and spaces at the end of a name: `invoice.exe. ` runs.
        let name = name.unwrap_or("").trim_end_matches(|end: char| end == '.' || end.is_whitespace());
        let name = name.to_lowercase();
        self.extension.iter().any(|extension| name.ends_with(&**extension))
    }
}

/// What a scanner made of the message.
#[derive(Debug)]
pub(super) struct CoverageCondition {
    pub(super) scanner: Vec<Box<str>>,
    pub(super) outcome: Vec<Outcome>,
    pub(super) required: Option<bool>,
    pub(super) missed: Option<bool>,
}

impl CoverageCondition {
    fn meets(&self, coverage: &Coverage) -> bool {
        any(&self.scanner, |scanner| *scanner == coverage.scanner)
            && any(&self.outcome, |outcome| *outcome == coverage.outcome())
            && holds(self.required, |required| required == coverage.required)
            && holds(self.missed, |missed| missed != coverage.gaps.is_empty())
    }
}

/// Domains and addresses, one of which a sender or recipient has to have.
#[derive(Debug, Default)]
pub(super) struct Correspondents {
    pub(super) domain: Option<DomainRules>,
    pub(super) address: Vec<Address>,
}

impl Correspondents {
    fn include(&self, mailbox: &Mailbox) -> bool {
        holds(self.domain.as_ref(), |domains| domains.accept(mailbox.domain()))
            && any(&self.address, |address| address.is(mailbox))
    }
}

/// The sender of the envelope.
#[derive(Debug, Default)]
pub(super) struct SenderCondition {
    pub(super) among: Correspondents,
    /// `<>` is one of the addresses.
    pub(super) empty: bool,
}

impl SenderCondition {
    fn meets(&self, sender: &ReversePath) -> bool {
        match sender {
            ReversePath::Null => self.empty && self.among.domain.is_none(),
            // With `<>` as the only address no other one will do.
            ReversePath::Mailbox(_) if self.empty && self.among.address.is_empty() => false,
            ReversePath::Mailbox(mailbox) => self.among.include(mailbox),
        }
    }
}

/// A recipient.
#[derive(Debug)]
pub(super) struct RecipientCondition {
    pub(super) among: Correspondents,
    /// `postmaster` without a domain is one of the addresses.
    pub(super) postmaster: bool,
    /// Not empty.
    pub(super) provenance: Vec<Provenance>,
}

impl RecipientCondition {
    fn meets_any(&self, evidence: &Evidence<'_>) -> bool {
        let all = evidence.envelope.recipients.iter().chain(evidence.recipients);
        let mut known = all.filter(|recipient| self.provenance.contains(&recipient.provenance));
        known.any(|recipient| self.meets(&recipient.path))
    }

    fn meets(&self, path: &ForwardPath) -> bool {
        let Correspondents { domain, address } = &self.among;
        match path {
            ForwardPath::Postmaster => domain.is_none() && (self.postmaster || address.is_empty()),
            ForwardPath::Mailbox(_) if self.postmaster && address.is_empty() => false,
            ForwardPath::Mailbox(mailbox) => self.among.include(mailbox),
        }
    }
}

/// As in `smtp.clients` the longest prefix decides, and with exceptions alone all others are meant.
fn is_from(clients: &ClientRules, origin: &Origin) -> bool {
    let Origin::Smtp(origin) = origin;
    match clients.longest_prefix(origin.client.to_canonical()) {
        Some(position) => !position.negated,
        None => match clients.default_answer(false) {
            ClientDefault::AcceptRest => true,
            ClientDefault::Refuse | ClientDefault::AnyClient | ClientDefault::OwnSubnets => false,
        },
    }
}
