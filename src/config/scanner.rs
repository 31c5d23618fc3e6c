//! `[[scanner]]`: who looks into mail.

use std::collections::HashSet;
use std::time::Duration;

use sensor_scan as scan;
use sensor_settings::{Key, Reload, Table, TableKind};

use super::duration;
use super::kinds::{Declared, Given, Shape, Unset, name};

/// A scanner as it is configured.
#[derive(Clone, Debug)]
pub(crate) struct ScannerConfig {
    /// Where it stands, as in `scanner[2]`.
    pub(crate) path: String,
    pub(crate) name: Box<str>,
    pub(crate) kind: &'static scan::Kind,
    pub(crate) required: bool,
    pub(crate) deadline: Duration,
    pub(crate) given: scan::Given,
}

pub(super) fn scanners(root: &Table<'_>) -> Vec<ScannerConfig> {
    let kinds: Vec<_> = scan::KINDS.iter().map(|kind| TableKind { word: kind.word, doc: kind.doc }).collect();
    let mut names = HashSet::new();
    root.tables_by_kind("scanner", KIND, &kinds, |word, table| {
        let kind = scan::Kind::named(word).expect("the word is that of a kind");
        let scanner = scanner(table, kind);
        if table.is_present() && table.is_sound(NAME.name) && !names.insert(scanner.name.clone()) {
            table.fault_at(NAME.name, format!("another scanner is called {}", scanner.name));
        }
        Some(scanner)
    })
}

fn scanner(table: &Table<'_>, kind: &'static scan::Kind) -> ScannerConfig {
    let name = table.read(NAME, &name(), kind.word);
    let required = table.boolean(REQUIRED, true);
    let deadline = table.read(DEADLINE, &duration(1, 3_600), "30s");
    let mut given = scan::Given::new();
    for key in kind.keys {
        if let Some(value) = declared(key).read(table) {
            given.insert(key.name.to_owned(), handed_over(value));
        }
    }
    ScannerConfig { path: table.path().to_owned(), name: name.into(), kind, required, deadline, given }
}

fn declared(key: &scan::keys::Key) -> Declared {
    let scan::keys::Key { name, doc, shape, default, example, required, secret } = *key;
    Declared {
        name,
        doc,
        shape: match shape {
            scan::keys::Shape::Text(expected) => Shape::Text(expected),
            scan::keys::Shape::Path => Shape::Path,
            scan::keys::Shape::Words(words) => Shape::Words(words),
            scan::keys::Shape::List(expected) => Shape::List(expected),
            scan::keys::Shape::Number { min, max } => Shape::Number { min, max },
            scan::keys::Shape::Size { min, max } => Shape::Size { min, max },
            scan::keys::Shape::Duration { min, max } => Shape::Milliseconds { min, max },
        },
        default: default.map(|default| match default {
            scan::keys::Unset::Text(text) => Unset::Text(text),
            scan::keys::Unset::List(list) => Unset::List(list),
            scan::keys::Unset::Number(number) => Unset::Number(number),
        }),
        example,
        required,
        secret,
        reload: Reload::Live,
    }
}

fn handed_over(value: Given) -> scan::Value {
    match value {
        Given::Text(text) => scan::Value::Text(text),
        Given::List(list) => scan::Value::List(list),
        Given::Number(number) => scan::Value::Number(number),
    }
}

const KIND: Key = Key::new("kind", "Who looks: one of the kinds of scanners.", Reload::Live);
const NAME: Key = Key::new("name", "What it is called in records, rules and metrics.", Reload::Live);
const REQUIRED: Key = Key::new(
    "required",
    "Whether a message counts as unscanned until it has looked: then it is asked again until it has,\n\
     or somebody gives it up (mailsensor unscanned).",
    Reload::Live,
);
const DEADLINE: Key = Key::new("deadline", "How long it may take over one message.", Reload::Live);
