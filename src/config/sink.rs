//! `[[sink]]`: who is told what was judged.

use std::collections::{BTreeMap, HashSet};

use sensor_notify::keys::{self, KindName};
use sensor_notify::{Options, options};
use sensor_settings::{Key, Reload, Table, TableKind};

use super::kinds::{Declared, Given, Shape, Unset, name};

pub(super) fn sinks(root: &Table<'_>) -> Vec<Options> {
    let kinds = KindName::ALL.map(|kind| TableKind { word: kind.word(), doc: kind.doc() });
    let mut names = HashSet::new();
    root.tables_by_kind("sink", KIND, &kinds, |word, table| {
        let kind = KindName::ALL.into_iter().find(|kind| kind.word() == word)?;
        let name = table.read(NAME, &name(), word);
        if table.is_present() && table.is_sound(NAME.name) && !names.insert(name.clone()) {
            table.fault_at(NAME.name, format!("another sink is called {name}"));
        }
        sink(table, &name, kind)
    })
}

fn sink(table: &Table<'_>, name: &str, kind: KindName) -> Option<Options> {
    let mut given = BTreeMap::new();
    for key in keys::of(kind) {
        let value = declared(key).read(table).map(|value| match value {
            Given::Text(text) => text,
            Given::Number(number) => number.to_string(),
            Given::List(list) => list.join(","),
        });
        given.extend(value.map(|value| (key.name, value)));
    }
    match options::read(name, kind, &|key| given.get(key).cloned()) {
        Ok(options) => Some(options),
        Err(faults) => {
            for fault in faults.iter().filter(|fault| table.is_sound(fault.key)) {
                table.fault_at(fault.key, format!("expected {}", fault.expected));
            }
            None
        }
    }
}

fn declared(key: &keys::Key) -> Declared {
    let keys::Key { name, doc, shape, default, example, secret } = *key;
    Declared {
        name,
        doc,
        default: default.map(|text| match shape {
            keys::Shape::Text(_) | keys::Shape::Path | keys::Shape::Words(_) => Unset::Text(text),
            keys::Shape::Number { .. } | keys::Shape::Size { .. } | keys::Shape::Duration { .. } => {
                Unset::Number(text.parse().expect("the default of a number is one"))
            }
        }),
        shape: match shape {
            keys::Shape::Text(expected) => Shape::Text(expected),
            keys::Shape::Path => Shape::Path,
            keys::Shape::Words(words) => Shape::Words(words),
            keys::Shape::Number { min, max } => Shape::Number { min, max },
            keys::Shape::Size { min, max } => Shape::Size { min, max },
            keys::Shape::Duration { min, max } => Shape::Milliseconds { min, max },
        },
        example,
        required: false,
        secret,
        reload: Reload::Restart,
    }
}

const KIND: Key = Key::new("kind", "How it is told: one of the kinds of sinks.", Reload::Restart);
const NAME: Key = Key::new(
    "name",
    "What it is called in the log and in metrics, and its directory in the state directory.",
    Reload::Restart,
);
