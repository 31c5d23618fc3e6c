//! Values of keys on their way to a scanner: checked against the table of its kind, all faults at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::keys::{Key, Shape, Unset};

/// What a key was set to.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number; a size in octets, or a duration in milliseconds.
    Number(u64),
    /// A text, a path or a word.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

impl std::fmt::Debug for Value {
    /// Without what it holds, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(***)")
    }
}

/// What the keys of a scanner were set to, by their names.
pub type Given = BTreeMap<String, Value>;

/// A key whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}")]
pub struct Fault {
    /// The key.
    pub key: Box<str>,
    /// What is expected there. Never the value: it may be a secret.
    pub expected: Box<str>,
}

/// Reads values by the table of a kind. A faulty value is noted, and an empty one stands in for it.
pub(crate) struct Options<'a> {
    given: &'a Given,
    faults: Vec<Fault>,
}

impl<'a> Options<'a> {
    /// Holds what is given against `keys`: every name must be one of them, every value of its shape, and every
    /// key that has to be set must be there.
    pub(crate) fn new(keys: &[&Key], given: &'a Given) -> Self {
        let mut options = Self { given, faults: Vec::new() };
        for (name, value) in given {
            match keys.iter().find(|key| key.name == name) {
                None => options.fault(name, format!("one of {}", names(keys))),
                Some(key) if !fits(&key.shape, value) => options.fault(name, key.shape.expected()),
                Some(_) => {}
            }
        }
        for key in keys.iter().filter(|key| key.required && !given.contains_key(key.name)) {
            options.fault(key.name, key.shape.expected());
        }
        options
    }

    pub(crate) fn fault(&mut self, key: &str, expected: impl Into<Box<str>>) {
        let fault = Fault { key: key.into(), expected: expected.into() };
        // One fault a key: what follows from the first says nothing new.
        if self.faults.iter().all(|other| other.key != fault.key) {
            self.faults.push(fault);
        }
    }

    /// A number, in the unit of its shape.
    pub(crate) fn number(&self, key: &Key) -> u64 {
        match (self.given.get(key.name), key.default) {
            (Some(Value::Number(value)), _) => *value,
            (_, Some(Unset::Number(value))) => value,
            (_, _) => 0,
        }
    }

    pub(crate) fn duration(&self, key: &Key) -> Duration {
        Duration::from_millis(self.number(key))
    }

    /// A text that is not empty, set or by default.
    pub(crate) fn text(&self, key: &Key) -> Option<String> {
        let text = match (self.given.get(key.name), key.default) {
            (Some(Value::Text(text)), _) => Some(text.clone()),
            (_, Some(Unset::Text(text))) => Some(text.to_owned()),
            (_, _) => None,
        };
        text.filter(|text| !text.is_empty())
    }

    pub(crate) fn path(&self, key: &Key) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    pub(crate) fn list(&self, key: &Key) -> Vec<String> {
        match (self.given.get(key.name), key.default) {
            (Some(Value::List(list)), _) => list.clone(),
            (_, Some(Unset::List(list))) => list.iter().map(|text| (*text).to_owned()).collect(),
            (_, _) => Vec::new(),
        }
    }

    /// A text with a grammar of its own. `None`, with a fault noted, when `parse` does not take it.
    pub(crate) fn parsed<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(&self.text(key)?);
        if parsed.is_none() {
            self.fault(key.name, key.shape.expected());
        }
        parsed
    }

    /// One of the words that a key takes, by what it stands for.
    ///
    /// # Panics
    /// Where `words` are others than those of the key: a mistake of the program.
    pub(crate) fn word<T: Copy>(&self, key: &Key, words: &[(&str, T)]) -> T {
        let text = self.text(key).unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == text).or(words.first());
        found.map(|(_, value)| *value).expect("a key of words has words")
    }

    /// What was made of the values, if every one of them could be used.
    pub(crate) fn finish<T>(self, made: Option<T>) -> Result<T, Vec<Fault>> {
        match made {
            Some(made) if self.faults.is_empty() => Ok(made),
            _ => {
                assert!(!self.faults.is_empty(), "what cannot be made has a fault that says why");
                Err(self.faults)
            }
        }
    }
}

fn names(keys: &[&Key]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    names.join(", ")
}

fn fits(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::List(_), Value::List(_)) => true,
        (Shape::Text(_), Value::Text(text)) => !text.is_empty(),
        (Shape::Path, Value::Text(text)) => !text.is_empty() && !text.contains('\0'),
        (Shape::Words(words), Value::Text(text)) => words.contains(&text.as_str()),
        (
            Shape::Number { min, max } | Shape::Size { min, max } | Shape::Duration { min, max },
            Value::Number(number),
        ) => (min..=max).contains(&number),
        (_, _) => false,
    }
}
