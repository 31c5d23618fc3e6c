//! A message as scanners saw it, written down in TOML.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sensor_mail::envelope::{Origin, Provenance};
use sensor_mail::finding::Gap;
use sensor_mail::part::{PartFlag, PartPath, Role, Unopened, WhyUnopened};
use sensor_mail::{
    Blake3, Coverage, Description, Envelope, Finding, ForwardPath, MailIds, Mailbox, NodeId, Part, PartId,
    Recipient, ReversePath, Severity, Sha256,
};
use sensor_policy::judge::{Evidence, RuleSets, Ruling, WrittenRule};
use serde::Deserialize;

/// What differs from a message of nobody to `bob@example.com` that nobody looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) header_recipients: Vec<String>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) subject: Option<String>,
    pub(crate) parts: Vec<Piece>,
    pub(crate) findings: Vec<Found>,
    pub(crate) coverage: Vec<Covered>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Piece {
    path: Box<str>,
    role: Option<Role>,
    declared: Option<Box<str>>,
    detected: Option<Box<str>>,
    name: Option<Box<str>>,
    size: u64,
    flags: Vec<PartFlag>,
    unopened: Vec<WhyUnopened>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Found {
    pub(crate) scanner: Box<str>,
    pub(crate) rule: Box<str>,
    pub(crate) part: u32,
    pub(crate) severity: Severity,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) details: BTreeMap<Box<str>, Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Covered {
    pub(crate) scanner: Box<str>,
    pub(crate) required: bool,
    pub(crate) hit: bool,
    pub(crate) gaps: Vec<Gap>,
}

/// What evidence borrows from.
pub(crate) struct Seen {
    envelope: Envelope,
    description: Description,
    parts: Vec<Part>,
    recipients: Vec<Recipient>,
    findings: Vec<Finding>,
    coverage: Vec<Coverage>,
}

impl Message {
    pub(crate) fn read(text: &str) -> Self {
        toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen {
            envelope: self.envelope(),
            description: Description { subject: self.subject.clone(), ..Description::default() },
            parts: self.parts.iter().zip(0..).map(|(piece, id)| piece.part(id)).collect(),
            recipients: recipients(&self.header_recipients, Provenance::Header),
            findings: self.findings.iter().cloned().map(Found::finding).collect(),
            coverage: self.coverage.iter().map(Covered::coverage).collect(),
        }
    }

    fn envelope(&self) -> Envelope {
        let mut envelope =
            sensor_mail::fixture::envelope(MailIds::new(NodeId::default(), 1).next(1), 10, Sha256([0; 32]));
        if !self.sender.is_empty() {
            envelope.reverse_path = ReversePath::Mailbox(Mailbox::parse(&self.sender).unwrap());
        }
        if !self.recipients.is_empty() {
            envelope.recipients = recipients(&self.recipients, Provenance::Envelope);
        }
        let Origin::Smtp(origin) = &mut envelope.origin;
        origin.client = self.client.unwrap_or(origin.client);
        envelope
    }
}

fn recipients(addresses: &[String], provenance: Provenance) -> Vec<Recipient> {
    let recipient = |address: &String| Recipient {
        path: ForwardPath::parse(address).unwrap(),
        parameters: vec![],
        provenance,
        unscanned: false,
    };
    addresses.iter().map(recipient).collect()
}

impl Piece {
    fn part(&self, id: u32) -> Part {
        Part {
            id: PartId(id),
            parent: None,
            path: PartPath(self.path.clone()),
            role: self.role.unwrap_or(Role::Attachment),
            declared: self.declared.clone(),
            detected: self.detected.clone(),
            name: self.name.clone(),
            octets: self.size,
            sha256: Sha256([0; 32]),
            blake3: Blake3([0; 32]),
            entropy: 0,
            flags: self.flags.clone(),
            gaps: self.unopened.iter().map(|why| Unopened { why: *why, detail: None }).collect(),
        }
    }
}

impl Found {
    fn finding(self) -> Finding {
        let Self { scanner, rule, part, severity, tags, details } = self;
        Finding { scanner, rule, part: PartId(part), severity, tags, details }
    }
}

impl Covered {
    pub(crate) fn coverage(&self) -> Coverage {
        let Self { scanner, required, hit, gaps } = self.clone();
        Coverage { scanner, required, hit, gaps, ruleset: None, micros: 1 }
    }
}

impl Seen {
    pub(crate) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            envelope: &self.envelope,
            description: &self.description,
            parts: &self.parts,
            recipients: &self.recipients,
            findings: &self.findings,
            coverage: &self.coverage,
        }
    }
}

/// The rules of a file with nothing else in it.
pub(crate) fn written(text: &str) -> Vec<WrittenRule> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        rule: Vec<WrittenRule>,
    }
    let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    file.rule
}

pub(crate) fn rules(text: &str) -> RuleSets {
    RuleSets::parse(&written(text)).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"))
}

pub(crate) fn judged(rules: &RuleSets, message: &str) -> Ruling {
    rules.judge(&Message::read(message).seen().evidence())
}
