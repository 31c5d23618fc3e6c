//! One entry of `destination_domains`, read strictly.

use std::net::IpAddr;

use sensor_mail::Mailbox;

use super::name;
use crate::entries::signed;
use crate::fault::{DomainProblem, EntryProblem};

/// The largest name, in octets, as A-labels without a trailing dot (RFC 1035 section 2.3.4).
const NAME_OCTETS_MAX: usize = 253;
/// The largest label, in octets.
const LABEL_OCTETS_MAX: usize = 63;

/// What an entry is about.
pub(super) enum Covers {
    /// A domain and its subdomains, in canonical form.
    Name(Box<str>),
    /// One address.
    Literal(IpAddr),
}

/// Reads an entry; the flag says that it begins with `!`.
pub(super) fn parse(typed: &str) -> Result<(Covers, bool), EntryProblem> {
    let (text, negated) = signed(typed)?;
    unsigned(text).map(|covers| (covers, negated)).map_err(|problem| {
        let sign = if negated { "!" } else { "" };
        let meant = meant(text, problem).map(|meant| format!("{sign}{meant}"));
        EntryProblem::Domain { problem, meant }
    })
}

fn unsigned(text: &str) -> Result<Covers, DomainProblem> {
    if text.starts_with('[') { literal(text) } else { domain(text) }
}

/// `[192.0.2.7]`, `[IPv6:2001:db8::7]`: as in mail to it (RFC 5321 section 4.1.3).
fn literal(text: &str) -> Result<Covers, DomainProblem> {
    let mailbox = Mailbox::parse(&format!("postmaster@{text}")).map_err(|_| DomainProblem::Literal)?;
    mailbox.domain().address().map(Covers::Literal).ok_or(DomainProblem::Literal)
}

fn domain(text: &str) -> Result<Covers, DomainProblem> {
    if let Some(problem) = mistaken(text) {
        return Err(problem);
    }
    if text.split('.').rev().skip(usize::from(text.ends_with('.'))).any(str::is_empty) {
        return Err(DomainProblem::EmptyLabel);
    }
    let name = name::to_ascii(text).ok_or(DomainProblem::NotAnIdn)?;
    if name.len() > NAME_OCTETS_MAX || name.split('.').any(|label| label.len() > LABEL_OCTETS_MAX) {
        return Err(DomainProblem::TooLong);
    }
    if name.split('.').all(is_label) { Ok(Covers::Name(name)) } else { Err(DomainProblem::NotAName) }
}

/// What other programs take and this one does not.
fn mistaken(text: &str) -> Option<DomainProblem> {
    if text.contains('@') {
        Some(DomainProblem::Address)
    } else if text.contains('*') {
        Some(DomainProblem::Wildcard)
    } else if text.starts_with('.') && text.len() > 1 {
        Some(DomainProblem::LeadingDot)
    } else if text.parse::<IpAddr>().is_ok() {
        Some(DomainProblem::BareIpAddress)
    } else {
        None
    }
}

/// The labels that a recipient's domain can have; others would never match.
fn is_label(label: &str) -> bool {
    let inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// What the administrator may have meant, if that would be taken.
fn meant(text: &str, problem: DomainProblem) -> Option<String> {
    let meant = match problem {
        DomainProblem::Wildcard => text.trim_start_matches(['*', '.']).to_owned(),
        DomainProblem::LeadingDot => text.trim_start_matches('.').to_owned(),
        DomainProblem::Address => text.rsplit_once('@')?.1.to_owned(),
        DomainProblem::BareIpAddress => as_literal(text.parse().ok()?),
        DomainProblem::Literal => as_literal(text.trim_matches(['[', ']']).parse().ok()?),
        DomainProblem::EmptyLabel => {
            text.split('.').filter(|label| !label.is_empty()).collect::<Vec<_>>().join(".")
        }
        DomainProblem::TooLong | DomainProblem::NotAName | DomainProblem::NotAnIdn => return None,
    };
    unsigned(&meant).is_ok().then_some(meant)
}

fn as_literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}
