//! Changes at run time: checked first, then kept in the run-time layer.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::durable::{self, Failure};
use crate::fault::{Fault, Faults};
use crate::layers::{Effective, Layers, evaluate};
use crate::source::{Origin, Source};

/// What the file of the run-time layer begins with.
const HEADER: &str = "\
# Written by mailsensor: what was changed at run time. It wins over the configuration files.\n\
# To undo a change, make it in the way in which it was made, or remove its line and reload.\n\n";

/// The most parts of a key: some more than any key has, and few enough to be walked by recursion.
const KEY_PARTS_MAX: usize = 16;

/// One change of the run-time layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The key, such as `smtp.enabled`.
    pub key: String,
    /// Its new value; none: the run-time layer says nothing about it any more.
    pub value: Option<Value>,
}

impl Change {
    /// Gives a key a value.
    #[must_use]
    pub fn set(key: &str, value: impl Into<Value>) -> Self {
        Self { key: key.to_owned(), value: Some(value.into()) }
    }

    /// Takes the value of a key out of the run-time layer.
    #[must_use]
    pub fn reset(key: &str) -> Self {
        Self { key: key.to_owned(), value: None }
    }
}

/// Why changes are not made, none of them.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A layer above sets the key, so that the change would have no effect. In HTTP: 409.
    #[error("{}", shown_list(.0))]
    Overridden(Vec<Overridden>),
    /// The settings would be faulty: a value that cannot be used, a key that is unknown or not for run time.
    /// In HTTP: 422. Places are those in the run-time layer as it would be, which nobody has: tell the keys.
    #[error(transparent)]
    Faulty(#[from] Faults),
}

/// A key that is set above the run-time layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// The key.
    pub key: String,
    /// The variable or the option that sets it.
    pub by: Origin,
}

/// Why a checked change is not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The old file is in place, and the old settings are.
    #[error("cannot write {}: {source}; the change is not made", path.display())]
    Unwritten {
        /// The file of the run-time layer.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The new file is in place, is not durable and cannot be undone. The old settings are in force; the next
    /// reload or start may take the new ones.
    #[error("cannot make {} durable: {source}; the change is not made, but may be with the next reload or start", path.display())]
    NotDurable {
        /// The file of the run-time layer.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Settings as changes would make them. It holds the layers, so that no other change comes in between.
#[derive(Debug)]
pub struct Proposal<'a, T> {
    layers: &'a mut Layers<T>,
    runtime: Source,
    effective: Effective<T>,
}

impl<'a, T> Proposal<'a, T> {
    pub(crate) fn new(layers: &'a mut Layers<T>, changes: &[Change]) -> Result<Self, Refused> {
        let at = layers.runtime_at();
        let overridden = overridden(&layers.sources[at + 1..], changes);
        if !overridden.is_empty() {
            return Err(Refused::Overridden(overridden));
        }
        let text = changed(layers.sources[at].text(), changes)?;
        let proposed = Source::runtime(layers.sources[at].name(), text);
        let mut sources = std::mem::take(&mut layers.sources);
        let loaded = std::mem::replace(&mut sources[at], proposed);
        let (effective, mut sources) = evaluate(layers.read, layers.places.credentials.clone(), sources);
        let runtime = std::mem::replace(&mut sources[at], loaded);
        layers.sources = sources;
        Ok(Self { layers, runtime, effective: effective? })
    }

    /// The settings as they would be.
    #[must_use]
    pub fn effective(&self) -> &Effective<T> {
        &self.effective
    }

    /// Makes the run-time layer durable with the changes, and gives the settings that are in force from now on.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`KeepError`]: the settings that were loaded stay in force.
    pub fn keep(self) -> Result<Effective<T>, KeepError> {
        let Self { layers, runtime, effective } = self;
        let at = layers.runtime_at();
        // Also where nothing is new: somebody may have removed the file since it was loaded.
        write(&layers.runtime, layers.sources[at].text(), runtime.text())?;
        layers.sources[at] = runtime;
        Ok(effective)
    }
}

impl<T> Layers<T> {
    fn runtime_at(&self) -> usize {
        self.sources.iter().position(Source::is_runtime).expect("layers without fault have a run-time layer")
    }
}

/// `old` is empty where there was no file.
fn write(path: &Path, old: &str, new: &str) -> Result<(), KeepError> {
    let old = Some(old.as_bytes()).filter(|old| !old.is_empty());
    durable::change_file(path, old, new.as_bytes()).map_err(|failure| {
        let path = path.to_owned();
        match failure {
            Failure::Before(source) => KeepError::Unwritten { path, source },
            Failure::After(source) => KeepError::NotDurable { path, source },
        }
    })
}

fn overridden(above: &[Source], changes: &[Change]) -> Vec<Overridden> {
    let by = |key: &str| above.iter().rev().find_map(|source| source.origin_of(key));
    let overridden = |change: &Change| Some(Overridden { key: change.key.clone(), by: by(&change.key)? });
    changes.iter().filter_map(overridden).collect()
}

/// The text of the run-time layer with changes. What they make of it is for the reader to judge.
fn changed(text: &str, changes: &[Change]) -> Result<String, Faults> {
    let mut table: Table = text.parse().expect("the layer was read without fault");
    let mut faults = Vec::new();
    for Change { key, value } in changes {
        if key.split('.').count() > KEY_PARTS_MAX {
            faults.push(Fault::of_key("", "a key with too many parts"));
            continue;
        }
        match value {
            None => reset(&mut table, key),
            Some(Value::Table(_)) => {
                faults.push(Fault::of_key(key, "is a table; set its keys one by one"));
            }
            Some(value) => set(&mut table, key, value.clone()),
        }
    }
    if faults.is_empty() { Ok(format!("{HEADER}{table}")) } else { Err(Faults(faults)) }
}

fn set(table: &mut Table, key: &str, value: Value) {
    let Some((part, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return;
    };
    let entry = table.entry(part).or_insert_with(|| Table::new().into());
    if !entry.is_table() {
        // No key of the program is a table and a value: reading finds the fault.
        *entry = Table::new().into();
    }
    set(entry.as_table_mut().expect("it is one by now"), rest, value);
}

/// Removes a key and the tables that hold nothing without it.
fn reset(table: &mut Table, key: &str) {
    let Some((part, rest)) = key.split_once('.') else {
        table.remove(key);
        return;
    };
    if let Some(Value::Table(inner)) = table.get_mut(part) {
        reset(inner, rest);
        if inner.is_empty() {
            table.remove(part);
        }
    }
}

impl fmt::Display for Overridden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is set by {}, which wins; change it there", self.key, self.by)
    }
}

fn shown_list(overridden: &[Overridden]) -> String {
    overridden.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
