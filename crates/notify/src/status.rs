//! What a sink says about itself.

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// How a sink stands, at one moment. What is counted is counted since the start of the program; what waits is
/// counted over all its starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name in the configuration.
    pub name: Box<str>,
    /// Its kind in the configuration.
    pub kind: &'static str,
    /// Events that wait, those in hand included.
    pub queued: u64,
    /// Octets that they need in the outbox.
    pub queued_octets: u64,
    /// Events that were delivered; one that is delivered again counts again.
    pub delivered: u64,
    /// Tries that failed, of one event or of many in one go.
    pub failed_tries: u64,
    /// Events that were dropped.
    pub dropped: Drops,
    /// When the oldest event that waits was taken over.
    pub oldest: Option<Timestamp>,
    /// Whether the receiver fails, so that nothing is sent for a while.
    pub is_open: bool,
    /// What failed last.
    pub last_error: Option<LastError>,
}

/// Events that were dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// The outbox held as many as it may, or the disk was full.
    pub full: u64,
    /// The outbox could not be written, or not in time.
    pub storage: u64,
    /// The receiver will never take it.
    pub refused: u64,
    /// It cannot be read any more, or was written by a later version. Counted over all starts.
    pub unreadable: u64,
}

impl Drops {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.full + self.storage + self.refused + self.unreadable
    }
}

/// Something that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What. Nothing of an event is in it, and nothing that a receiver said.
    pub text: String,
}

/// Why an event is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Full,
    Storage,
    Refused,
}

impl Loss {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Full => "the outbox is full",
            Self::Storage => "the outbox cannot be written",
            Self::Refused => "the receiver refused it",
        }
    }
}

/// What a sink counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: u64,
    pub(crate) failed_tries: u64,
    pub(crate) drops: Drops,
    pub(crate) is_open: bool,
    pub(crate) last_error: Option<LastError>,
    pub(crate) said: Said,
}

impl Counts {
    pub(crate) fn lost(&mut self, loss: Loss) {
        let count = match loss {
            Loss::Full => &mut self.drops.full,
            Loss::Storage => &mut self.drops.storage,
            Loss::Refused => &mut self.drops.refused,
        };
        *count += 1;
    }
}

/// What was dropped since the last line in the log about it.
#[derive(Debug, Default)]
pub(crate) struct Said {
    unsaid: u64,
    last: Option<Instant>,
}

/// How long the log is silent about further drops.
const SILENCE: Duration = Duration::from_secs(60);

impl Said {
    /// One was dropped at `now`: how many are to be told, if it is time to.
    pub(crate) fn dropped(&mut self, now: Instant) -> Option<u64> {
        self.unsaid += 1;
        if self.last.is_some_and(|last| now.duration_since(last) < SILENCE) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_log_tells_all_drops_and_not_each() {
        let mut said = Said::default();
        let start = Instant::now();
        for (second, told) in [(0, Some(1)), (1, None), (59, None), (60, Some(3)), (61, None), (180, Some(2))]
        {
            assert_eq!(said.dropped(start + Duration::from_secs(second)), told, "second {second}");
        }
    }
}
