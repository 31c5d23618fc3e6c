//! The version of a peer's rules, as far as it is known by now.

use std::sync::{Mutex, PoisonError};

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
