//! Versions of rules: those of a peer as far as they are known by now, and our own by their digest.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{self, Digest, SHA256};

/// The version of rules that have none: a digest of their text.
pub(crate) fn version_of(rules: &[u8]) -> String {
    version_by(&digest::digest(&SHA256, rules))
}

/// The same, of a digest that was taken of it: as much of it as tells sets of rules apart.
pub(crate) fn version_by(digest: &Digest) -> String {
    digest.as_ref().iter().take(8).map(|octet| format!("{octet:02x}")).collect()
}

/// What a peer said last of its rules.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Option<Box<str>>>);

impl Known {
    pub(crate) fn told(&self, version: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.into());
    }

    pub(crate) fn version(&self) -> Option<Box<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
