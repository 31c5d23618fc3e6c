//! The two clocks of the writer.
//!
//! Every wait is measured by the one that only goes forward: nothing waits longer, or not long enough, because
//! somebody set the time of day. The log outlives the program and the machine's uptime, so it has times of day
//! in it. This page is where the one becomes the other.

use tokio::time::Instant;

use crate::options::{Clock, DEFER_MAX};
use crate::record::{History, Phase};

pub(super) struct Clocks {
    time_of_day: Clock,
    start: Instant,
}

impl Clocks {
    pub(super) fn new(time_of_day: Clock) -> Self {
        Self { time_of_day, start: Instant::now() }
    }

    /// Milliseconds since the start, and one: 0 is the time of what is due at once.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// When it will be `unix` by the time of day, [`DEFER_MAX`] from now at the latest: what was deferred while
    /// the clock was years ahead must not wait for those years.
    pub(super) fn of_unix(&self, unix: u64) -> u64 {
        let longest = u64::try_from(DEFER_MAX.as_millis()).unwrap_or(u64::MAX);
        let wait = unix.saturating_sub((self.time_of_day)()).min(longest);
        self.now().saturating_add(wait)
    }

    /// A history as the log tells it. What waits is never due at 0 there, the time of what is due at once.
    pub(super) fn for_log(&self, mut history: History) -> History {
        let waits = history.phase == Phase::Deferred && history.due > 0;
        history.due = if waits { self.to_unix(history.due).max(1) } else { 0 };
        history
    }

    fn to_unix(&self, at: u64) -> u64 {
        (self.time_of_day)().saturating_add(at).saturating_sub(self.now())
    }
}
