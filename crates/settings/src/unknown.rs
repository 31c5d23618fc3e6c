//! Keys that nobody asked for, and the names that they may have been meant to have.

use crate::ledger::{Finding, Ledger, Member, Place};
use crate::source::Source;
use crate::table::FILE_SUFFIX;
use crate::tree::{Tree, Value, shown_key};

/// How many edits a name may be away from the one that was meant: one for each so many characters.
const CHARACTERS_PER_EDIT: usize = 3;
/// The longest name that is compared, in octets: comparing takes space in proportion to it.
const NAME_OCTETS_MAX: usize = 64;

/// Notes each key and each table of the sources that is not known.
pub(crate) fn check(sources: &[Source], ledger: &mut Ledger) {
    let mut findings = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let mut walk = Walk { ledger, source: index, findings: &mut findings };
        walk.table(source.root(), "", "");
    }
    findings.into_iter().for_each(|finding| ledger.find(finding));
}

struct Walk<'a> {
    ledger: &'a Ledger,
    source: usize,
    findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn table(&mut self, tree: &Tree, path: &str, pattern: &str) {
        for (name, entry) in tree {
            let path = joined(path, &shown_key(name));
            match (self.member(pattern, name), &entry.node.value) {
                (None, _) => {
                    let place = Place { source: self.source, span: entry.key_span.clone() };
                    self.findings.push(self.unknown(pattern, name, path, place));
                }
                (Some(Member::Table), Value::Table(tree)) => self.table(tree, &path, &joined(pattern, name)),
                (Some(Member::Tables), Value::List(nodes)) => {
                    let pattern = format!("{}[]", joined(pattern, name));
                    for (index, node) in nodes.iter().enumerate() {
                        if let Value::Table(tree) = &node.value {
                            self.table(tree, &format!("{path}[{}]", index + 1), &pattern);
                        }
                    }
                }
                (Some(Member::TablesByKind(kind)), Value::List(nodes)) => {
                    let pattern = format!("{}[]", joined(pattern, name));
                    for (index, node) in nodes.iter().enumerate() {
                        self.table_of_kind(kind, &node.value, &format!("{path}[{}]", index + 1), &pattern);
                    }
                }
                // Whoever asked for the key has seen what it is.
                (Some(Member::Value | Member::Table | Member::Tables | Member::TablesByKind(_)), _) => {}
            }
        }
    }

    /// Of a table of no kind, or of an unknown one, nobody can say which keys it should have.
    fn table_of_kind(&mut self, kind: &str, value: &Value, path: &str, pattern: &str) {
        if let Value::Table(tree) = value
            && let Some(word) = tree.get(kind).and_then(|entry| entry.node.value.text())
            && self.ledger.known.contains_key(&of_kind(pattern, word))
        {
            self.table(tree, path, &of_kind(pattern, word));
        }
    }

    fn member(&self, pattern: &str, name: &str) -> Option<Member> {
        self.ledger.known.get(pattern)?.get(name).copied()
    }

    fn unknown(&self, pattern: &str, name: &str, path: String, place: Place) -> Finding {
        let siblings = self.siblings(pattern);
        let near = nearest(name, siblings.iter().map(|(typed, _)| *typed));
        let meant = near.and_then(|near| siblings.iter().find(|(typed, _)| *typed == near));
        let elsewhere = || {
            let mut tables = self.ledger.known.iter();
            tables
                .find(|(_, keys)| keys.contains_key(name))
                .map(|(pattern, _)| joined(without_kind(pattern), name))
        };
        let message = match meant.map(|(_, key)| (*key).to_owned()).or_else(elsewhere) {
            Some(meant) => format!("unknown key; did you mean {meant}?"),
            None => "unknown key".to_owned(),
        };
        // Behind a mistyped `password` stands a password.
        let secret = near.is_some_and(|near| self.ledger.is_secret(near));
        Finding { place: Some(place), key: path, message, expected: None, secret }
    }

    /// What may have been typed for the keys of a table, each with the key. Whoever forgets the end of
    /// `password_file` has written the password itself.
    fn siblings(&self, pattern: &str) -> Vec<(&'static str, &'static str)> {
        let keys = || self.ledger.known.get(pattern).into_iter().flat_map(|keys| keys.keys().copied());
        let stem = |key: &'static str| Some((key.strip_suffix(FILE_SUFFIX)?, key));
        let is_secret = |(stem, _): &(&str, &str)| self.ledger.is_secret(stem);
        keys().map(|key| (key, key)).chain(keys().filter_map(stem).filter(is_secret)).collect()
    }
}

/// The pattern of those tables of an array that are of one kind.
pub(crate) fn of_kind(pattern: &str, word: &str) -> String {
    format!("{pattern}<{word}>")
}

fn without_kind(pattern: &str) -> &str {
    pattern.split_once('<').map_or(pattern, |(array, _)| array)
}

pub(crate) fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The candidate that `name` is a slip of the finger away from.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_OCTETS_MAX {
        return None;
    }
    let name = name.to_lowercase().replace('-', "_");
    let edits_max = (name.chars().count() / CHARACTERS_PER_EDIT).max(1);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&name, candidate), candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min()
        .map(|(_, candidate)| candidate)
}
