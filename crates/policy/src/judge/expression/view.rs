//! What an expression sees of a message. Every key is always there, empty where nothing is known, so that an
//! expression need not ask whether it is; numbers are signed, so that they compare with what is typed.

use std::collections::BTreeMap;

use cel::{Value, to_value};
use sensor_mail::envelope::{LineEndings, Origin};
use sensor_mail::{
    Coverage, DomainRef, Finding, ForwardPath, Mailbox, Part, Recipient, ReversePath, Severity,
};
use serde::Serialize;

use super::super::Evidence;
use crate::domains::canonical;

/// The variables, in the order of their documentation.
pub(super) const VARIABLES: &[&str] =
    &["findings", "parts", "coverage", "sender", "recipients", "client", "message"];

/// The most that is shown of one text, in octets.
const TEXT_OCTETS_MAX: usize = 1_000;

#[derive(Serialize)]
struct FindingView<'a> {
    scanner: &'a str,
    rule: &'a str,
    /// The path of the part.
    part: &'a str,
    severity: Severity,
    /// The severity as a number, 0 to 4.
    level: i64,
    tags: &'a [Box<str>],
    details: &'a BTreeMap<Box<str>, Box<str>>,
}

#[derive(Serialize)]
struct PartView<'a> {
    path: &'a str,
    role: sensor_mail::part::Role,
    declared: &'a str,
    detected: &'a str,
    name: &'a str,
    size: i64,
    sha256: String,
    entropy: i64,
    flags: &'a [sensor_mail::part::PartFlag],
    unopened: Vec<sensor_mail::part::WhyUnopened>,
}

#[derive(Serialize)]
struct CoverageView<'a> {
    scanner: &'a str,
    required: bool,
    outcome: sensor_mail::finding::Outcome,
    missed: bool,
}

#[derive(Serialize)]
struct SenderView<'a> {
    address: &'a str,
    domain: Box<str>,
}

#[derive(Serialize)]
struct RecipientView<'a> {
    address: &'a str,
    domain: Box<str>,
    provenance: sensor_mail::envelope::Provenance,
}

#[derive(Serialize)]
struct ClientView<'a> {
    address: String,
    helo: &'a str,
    listener: &'a str,
    tls: bool,
}

#[derive(Serialize)]
struct MessageView<'a> {
    size: i64,
    subject: &'a str,
    /// The addresses of the From field.
    from: Vec<&'a str>,
    message_id: &'a str,
    defects: &'a [sensor_mail::description::Defect],
    bare_newlines: i64,
}

/// The variables of a message, by name.
pub(super) fn of(evidence: &Evidence<'_>) -> Vec<(&'static str, Value)> {
    let finding = |finding| FindingView::of(finding, evidence.parts);
    let recipients = evidence.envelope.recipients.iter().chain(evidence.recipients);
    vec![
        ("findings", value(evidence.findings.iter().map(finding).collect::<Vec<_>>())),
        ("parts", value(evidence.parts.iter().map(PartView::of).collect::<Vec<_>>())),
        ("coverage", value(evidence.coverage.iter().map(CoverageView::of).collect::<Vec<_>>())),
        ("sender", value(SenderView::of(&evidence.envelope.reverse_path))),
        ("recipients", value(recipients.map(RecipientView::of).collect::<Vec<_>>())),
        ("client", value(ClientView::of(&evidence.envelope.origin))),
        ("message", value(MessageView::of(evidence))),
    ]
}

/// The variables of a message that never was, with one of everything.
pub(super) fn sample() -> Vec<(&'static str, Value)> {
    let finding = FindingView {
        scanner: "av",
        rule: "Sample",
        part: "1",
        severity: Severity::Info,
        level: 0,
        tags: &["sample".into()],
        details: &BTreeMap::new(),
    };
    let part = PartView {
        path: "1",
        role: sensor_mail::part::Role::Body,
        declared: "text/plain",
        detected: "",
        name: "sample.txt",
        size: 1,
        sha256: "0".repeat(64),
        entropy: 0,
        flags: &[],
        unopened: vec![],
    };
    let outcome = sensor_mail::finding::Outcome::Hit;
    let coverage = CoverageView { scanner: "av", required: true, outcome, missed: false };
    let provenance = sensor_mail::envelope::Provenance::Envelope;
    let recipient = RecipientView { address: "bob@example.com", domain: "example.com".into(), provenance };
    let message = MessageView {
        size: 1,
        subject: "Sample",
        from: vec!["alice@example.com"],
        message_id: "1@example.com",
        defects: &[],
        bare_newlines: 0,
    };
    let client =
        ClientView { address: "192.0.2.1".into(), helo: "mx.example.com", listener: "relay", tls: true };
    vec![
        ("findings", value([finding])),
        ("parts", value([part])),
        ("coverage", value([coverage])),
        ("sender", value(SenderView { address: "alice@example.com", domain: "example.com".into() })),
        ("recipients", value([recipient])),
        ("client", value(client)),
        ("message", value(message)),
    ]
}

impl<'a> FindingView<'a> {
    fn of(finding: &'a Finding, parts: &'a [Part]) -> Self {
        // Parts are numbered in their order; a finding that names one that is not there names the message.
        let at = usize::try_from(finding.part.0).ok();
        let part = at.and_then(|at| parts.get(at)).filter(|part| part.id == finding.part);
        Self {
            scanner: &finding.scanner,
            rule: cut(&finding.rule),
            part: part.map_or("", |part| cut(&part.path.0)),
            severity: finding.severity,
            level: level(finding.severity),
            tags: &finding.tags,
            details: &finding.details,
        }
    }
}

impl<'a> PartView<'a> {
    fn of(part: &'a Part) -> Self {
        Self {
            path: cut(&part.path.0),
            role: part.role,
            declared: text(part.declared.as_deref()),
            detected: text(part.detected.as_deref()),
            name: text(part.name.as_deref()),
            size: number(part.octets),
            sha256: part.sha256.to_string(),
            entropy: part.entropy.into(),
            flags: &part.flags,
            unopened: part.gaps.iter().map(|gap| gap.why).collect(),
        }
    }
}

impl<'a> CoverageView<'a> {
    fn of(coverage: &'a Coverage) -> Self {
        Self {
            scanner: &coverage.scanner,
            required: coverage.required,
            outcome: coverage.outcome(),
            missed: !coverage.gaps.is_empty(),
        }
    }
}

impl<'a> SenderView<'a> {
    fn of(path: &'a ReversePath) -> Self {
        match path {
            ReversePath::Null => Self { address: "", domain: "".into() },
            ReversePath::Mailbox(mailbox) => Self { address: mailbox.as_str(), domain: domain(mailbox) },
        }
    }
}

impl<'a> RecipientView<'a> {
    fn of(recipient: &'a Recipient) -> Self {
        let domain = match &recipient.path {
            ForwardPath::Postmaster => "".into(),
            ForwardPath::Mailbox(mailbox) => domain(mailbox),
        };
        Self { address: recipient.path.as_str(), domain, provenance: recipient.provenance }
    }
}

impl<'a> ClientView<'a> {
    fn of(origin: &'a Origin) -> Self {
        let Origin::Smtp(origin) = origin;
        Self {
            address: origin.client.to_string(),
            helo: text(origin.helo.as_deref()),
            listener: &origin.listener,
            tls: origin.tls.is_some(),
        }
    }
}

impl<'a> MessageView<'a> {
    fn of(evidence: &'a Evidence<'_>) -> Self {
        let Evidence { envelope, description, .. } = evidence;
        let LineEndings { bare_cr, bare_lf } = envelope.line_endings;
        Self {
            size: number(envelope.octets),
            subject: text(description.subject.as_deref()),
            from: description.from.iter().map(|person| text(person.address.as_deref())).collect(),
            message_id: text(description.message_id.as_deref()),
            defects: &description.defects,
            bare_newlines: number(bare_cr.saturating_add(bare_lf)),
        }
    }
}

/// The domain as names of domains are compared; an address literal with its brackets.
fn domain(mailbox: &Mailbox) -> Box<str> {
    match mailbox.domain() {
        DomainRef::Name(name) => canonical(name).unwrap_or_else(|| name.into()),
        DomainRef::Literal(literal) => format!("[{literal}]").into(),
    }
}

fn level(severity: Severity) -> i64 {
    match severity {
        Severity::Info => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn text(text: Option<&str>) -> &str {
    cut(text.unwrap_or(""))
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_OCTETS_MAX)]
}

fn value(view: impl Serialize) -> Value {
    to_value(view).expect("text, numbers and lists of them have a value")
}
