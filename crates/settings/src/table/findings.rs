//! What is found wrong with a table.

use crate::convert::Misfit;
use crate::key::{Key, Kind};
use crate::ledger::{Finding, Place};
use crate::tree::{Entry, Node, Tree};

use super::{Layer, Table};

impl Table<'_> {
    /// Whether the value of a key, or the lack of one, is without fault so far. Where it is not, the value
    /// that was read is one that nobody wrote: it proves nothing about other keys.
    #[must_use]
    pub fn is_sound(&self, name: &str) -> bool {
        !self.reader.ledger.borrow().has_finding(&self.path_of(name))
    }

    /// Adds a fault that is found only by looking at several keys, at the value of one of them. `name` may lead
    /// into tables of this one, with dots; empty, it is the table itself.
    pub fn fault_at(&self, name: &str, message: impl Into<String>) {
        self.fault_in(name, None, message.into());
    }

    /// The same at an element of a list, counted from 0.
    pub fn fault_at_item(&self, name: &str, index: usize, message: impl Into<String>) {
        self.fault_in(name, Some(index), message.into());
    }

    fn fault_in(&self, name: &str, item: Option<usize>, message: String) {
        let key = if name.is_empty() { self.path.clone() } else { self.path_of(name) };
        let element = item.map_or(String::new(), |index| format!("[{}]", index + 1));
        self.find(Finding {
            place: self.place_of(name, item),
            key: key + &element,
            message,
            expected: None,
            // Whoever calls this may speak of a secret; nobody needs its line to find it.
            secret: self.is_secret(name),
        });
    }

    /// The value of a key or an element of it, or where it would stand.
    fn place_of(&self, name: &str, item: Option<usize>) -> Option<Place> {
        let value = |layer: &Layer<'_>| {
            let node = node_at(layer.tree, name)?;
            let element = item.and_then(|index| node.value.list()?.get(index));
            Some((layer.source, element.unwrap_or(node).span.clone()))
        };
        let value = self.layers.iter().rev().find_map(value);
        let header = || {
            self.layers
                .last()
                .filter(|_| !self.path.is_empty())
                .map(|layer| (layer.source, layer.header.clone()))
        };
        value.or_else(header).map(|(source, span)| Place { source, span })
    }

    fn is_secret(&self, name: &str) -> bool {
        self.reader.ledger.borrow().is_secret(name)
    }

    pub(super) fn find(&self, finding: Finding) {
        if !self.is_template() {
            self.reader.ledger.borrow_mut().find(finding);
        }
    }

    pub(super) fn find_misfit(&self, key: Key, kind: &Kind, source: usize, misfit: Misfit) {
        let element = misfit.index.map_or(String::new(), |index| format!("[{}]", index + 1));
        self.find(Finding {
            place: Some(Place { source, span: misfit.span }),
            key: self.path_of(key.name) + &element,
            message: misfit.message,
            expected: Some(kind.to_string()),
            secret: key.secret,
        });
    }

    pub(super) fn find_missing(&self, key: Key, kind: &Kind) {
        self.find(Finding {
            place: self.place_of(key.name, None),
            key: self.path_of(key.name),
            message: "is missing".to_owned(),
            expected: Some(kind.to_string()),
            secret: false,
        });
    }

    pub(super) fn find_kind(&self, name: &str, source: usize, entry: &Entry, expected: String) {
        self.find(Finding {
            place: Some(Place { source, span: entry.key_span.clone() }),
            key: self.path_of(name),
            message: format!("is {}", entry.node.value.describe()),
            expected: Some(expected),
            secret: false,
        });
    }

    /// The run-time layer sets what is not for it: its file was written by hand, or by a newer version.
    pub(super) fn find_not_at_run_time(&self, name: &str, source: usize, entry: &Entry) {
        self.find(Finding {
            place: Some(Place { source, span: entry.key_span.clone() }),
            key: self.path_of(name),
            message: "cannot be set at run time; set it in a configuration file".to_owned(),
            expected: None,
            secret: false,
        });
    }
}

fn node_at<'t>(tree: &'t Tree, name: &str) -> Option<&'t Node> {
    match name.split_once('.') {
        Some((table, rest)) => node_at(tree.get(table)?.node.value.table()?, rest),
        None => tree.get(name).map(|entry| &entry.node),
    }
}
