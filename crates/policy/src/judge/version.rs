//! The version of a rule set: a digest of what it says, whatever it looks like in the file.

use super::written::{WrittenRule, WrittenSender};
use crate::size::Octets;

/// How many of the digest's hex digits name a version: 128 bits.
const DIGITS: usize = 32;

/// The version of `rules`, in their order, which matters where one of them stops. The order of entries in a
/// list, repetitions, case where it means nothing and the unit of a size do not count.
pub(super) fn version<'a>(rules: impl Iterator<Item = &'a WrittenRule>) -> Box<str> {
    let normalised: Vec<WrittenRule> = rules.map(normalised).collect();
    let text = serde_json::to_vec(&normalised).expect("texts, flags and lists of texts have a form in JSON");
    blake3::hash(&text).to_hex()[..DIGITS].into()
}

fn normalised(rule: &WrittenRule) -> WrittenRule {
    let mut rule = WrittenRule { shadow: false, ..rule.clone() };
    for list in [&mut rule.tags, &mut rule.notices] {
        settle(list, str::to_owned);
    }
    settle(&mut rule.client, folded);
    if let Some(finding) = &mut rule.finding {
        settle(&mut finding.scanner, str::to_owned);
        settle(&mut finding.tag, str::to_owned);
        settle(&mut finding.rule, folded);
    }
    if let Some(part) = &mut rule.part {
        for list in [&mut part.declared, &mut part.detected, &mut part.name, &mut part.extension] {
            settle(list, folded);
        }
        for list in [&mut part.flag, &mut part.role, &mut part.unopened] {
            settle(list, str::to_owned);
        }
        part.size_min = part.size_min.as_deref().map(in_octets);
    }
    if let Some(coverage) = &mut rule.coverage {
        settle(&mut coverage.scanner, str::to_owned);
        settle(&mut coverage.outcome, str::to_owned);
    }
    if let Some(WrittenSender { domain, address }) = &mut rule.sender {
        settle(domain, folded);
        settle(address, folded);
    }
    if let Some(recipient) = &mut rule.recipient {
        settle(&mut recipient.domain, folded);
        settle(&mut recipient.address, folded);
        settle(&mut recipient.provenance, str::to_owned);
    }
    rule.when = rule.when.map(|when| when.trim().to_owned());
    rule
}

fn settle(list: &mut Vec<String>, form: impl Fn(&str) -> String) {
    list.iter_mut().for_each(|entry| *entry = form(entry));
    list.sort_unstable();
    list.dedup();
}

fn folded(entry: &str) -> String {
    entry.trim().to_lowercase()
}

fn in_octets(size: &str) -> String {
    Octets::parse(size).map_or_else(|_| size.to_owned(), |octets| octets.count().to_string())
}
