//! What a reload changes.

use std::collections::BTreeMap;

use crate::key::Reload;
use crate::shown::{Record, Shown};

/// A key whose value is another one than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// The whole path, such as `smtp.limits.recipients` or `smtp.listener[2].name`.
    pub path: &'a str,
    /// When the change takes effect.
    pub reload: Reload,
    /// The value before, as TOML; none where it was not set. `"***"` for a secret.
    pub old: Option<&'a str>,
    /// The value now.
    pub new: Option<&'a str>,
}

impl Shown {
    /// The keys whose values differ from those of `old`, in the order in which they are read; those that only
    /// `old` has come last. Values are compared as they are typed: `60s` is not `1m`.
    #[must_use]
    pub fn differences<'a>(&'a self, old: &'a Self) -> Vec<Difference<'a>> {
        let by_path = |shown: &'a Self| -> BTreeMap<&'a str, &'a Record> {
            shown.iter().map(|record| (record.path.as_str(), record)).collect()
        };
        let (before, now) = (by_path(old), by_path(self));
        let changed = self.iter().filter_map(|new| match before.get(new.path.as_str()) {
            Some(old) if is_same(old, new) => None,
            old => Some(Difference { old: old.and_then(|old| old.value.as_deref()), ..difference(new) }),
        });
        let gone = old.iter().filter(|old| !now.contains_key(old.path.as_str()));
        let gone = gone.map(|old| Difference { old: old.value.as_deref(), new: None, ..difference(old) });
        changed.chain(gone).collect()
    }
}

fn difference(record: &Record) -> Difference<'_> {
    Difference { path: &record.path, reload: record.key.reload, old: None, new: record.value.as_deref() }
}

fn is_same(old: &Record, new: &Record) -> bool {
    let is_same_secret = match (&old.secret, &new.secret) {
        (Some(old), Some(new)) => old.expose() == new.expose(),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    old.value == new.value && is_same_secret
}
