//! How often a receiver that fails is tried, and with how much.
//!
//! ```text
//!   closed --fails--> open (waits 1 s, 2 s, 4 s, ... 60 s) --wait over--> half open: one event
//!     ^  window doubles with each success, from 1                            |     |
//!     +------------------------------ succeeds ------------------------------+     +-- fails: open, longer
//! ```
//!
//! One event alone, after a failure, also finds the one that a receiver fails on: it is deferred by itself, and the
//! others pass it.

use std::time::Duration;

/// The most events in hand at a time.
pub(crate) const WINDOW_MAX: usize = 256;

const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    /// In a row.
    failures: u32,
    window: usize,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { failures: 0, window: 1 }
    }

    /// How many events may be tried now.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// How long nothing is tried; none while the receiver works.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let doublings = self.failures.checked_sub(1)?;
        Some(WAIT_MIN.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(WAIT_MAX))
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.window = (self.window * 2).min(WINDOW_MAX);
    }

    pub(crate) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.window = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_one_success_ends_them() {
        let mut breaker = Breaker::new();
        assert_eq!(breaker.wait(), None);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            breaker.failed();
            assert_eq!((breaker.wait(), breaker.window()), (Some(Duration::from_secs(seconds)), 1));
        }
        breaker.failures = u32::MAX;
        breaker.failed();
        assert_eq!(breaker.wait(), Some(WAIT_MAX));
        for window in [2, 4, 8, 16, 32, 64, 128, 256, 256] {
            breaker.succeeded();
            assert_eq!((breaker.wait(), breaker.window()), (None, window));
        }
    }
}
