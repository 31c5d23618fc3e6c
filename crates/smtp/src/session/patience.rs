//! How long a client may make us wait.

use std::time::{Duration, Instant};

/// Adds up the time in which we wait for the client. What the client waits for us does not count: a slow
/// disk of ours is not its fault.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    since: Option<Instant>,
    spent: Duration,
}

impl Patience {
    /// We wait from now on, if we do not already.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// What we waited for is here.
    pub(super) fn end(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.spent = self.spent.saturating_add(now.saturating_duration_since(since));
        }
    }

    /// When patience ends: after `once` of this wait, or after `in_all` of all waits. `None` while we do
    /// not wait, and where that is later than any clock goes.
    pub(super) fn deadline(&self, once: Duration, in_all: Duration) -> Option<Instant> {
        self.since?.checked_add(once.min(in_all.saturating_sub(self.spent)))
    }
}
