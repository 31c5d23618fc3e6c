//! The port behind which scanners look into mail that was taken apart.

use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sensor_mail::finding::{Coverage, Finding, Gap, Missed, Severity};
use sensor_mail::part::{Part, PartId};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::specimen::Record;

/// Looks into mail, and never decides anything.
///
/// Every part that it does not look at is in its report with the reason; a report without gaps says that it
/// looked at everything. What takes long or blocks belongs on a thread of its own.
pub trait Scanner: Send + Sync + 'static {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// The version of its rules or signatures, in its own words, as far as it is known by now.
    fn ruleset(&self) -> Option<Box<str>>;

    /// Looks into a message, and says in `report` what it found and what it did not look at.
    ///
    /// It ends when the budget does: by [`Budget::run`] around each wait, or by [`Budget::is_over`] between
    /// two steps. One that does not is given up shortly after, and what it had reported by then counts.
    fn scan<'a>(&'a self, mail: &'a Dissected, budget: &'a Budget, report: &'a mut Report) -> Looking<'a>;
}

/// A look that goes on.
pub type Looking<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A kept message, taken apart once for all scanners.
#[derive(Clone, Debug)]
pub struct Dissected {
    /// What is known about it.
    pub record: Arc<Record>,
    /// Its parts by number; the first is the message.
    pub parts: Arc<[Piece]>,
}

/// A part with its octets.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What it is.
    pub part: Part,
    /// What it holds, decoded.
    pub octets: Octets,
}

/// Octets that nobody can change any more. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Octets {
    /// In memory.
    Held(Bytes),
    /// A range of a file: of an archive, or a sealed one in memory.
    Filed(Arc<std::fs::File>, Range<u64>),
}

impl Octets {
    /// How many there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty part is nothing special")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Held(octets) => octets.len() as u64,
            Self::Filed(_, range) => range.end - range.start,
        }
    }

    /// All of them, where they are in memory.
    #[must_use]
    pub fn as_slice(&self) -> Option<&[u8]> {
        match self {
            Self::Held(octets) => Some(octets),
            Self::Filed(..) => None,
        }
    }

    /// Reads from `offset` on: as many as fit `buffer` and are there; 0 at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or ends before the range.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        let buffer = &mut buffer[..count];
        match self {
            // A count above zero says that the offset lies within.
            Self::Held(octets) if count > 0 => {
                let start = usize::try_from(offset).map_err(io::Error::other)?;
                buffer.copy_from_slice(&octets[start..start + count]);
            }
            Self::Filed(file, range) if count > 0 => file.read_exact_at(buffer, range.start + offset)?,
            Self::Held(_) | Self::Filed(..) => {}
        }
        Ok(count)
    }
}

/// How long a scanner may take.
#[derive(Clone, Debug)]
pub struct Budget {
    deadline: Instant,
    cancelled: CancellationToken,
}

/// The budget ended before the work did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// The deadline passed.
    #[error("out of time")]
    TimedOut,
    /// The sensor goes down, or nobody wants the result any more.
    #[error("cancelled")]
    Cancelled,
}

impl Budget {
    /// Ends at `deadline`, or when `cancelled` is.
    #[must_use]
    pub fn new(deadline: Instant, cancelled: CancellationToken) -> Self {
        Self { deadline, cancelled }
    }

    /// What is left of the time.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether to stop, and why.
    #[must_use]
    pub fn is_over(&self) -> Option<Over> {
        if self.cancelled.is_cancelled() {
            Some(Over::Cancelled)
        } else if self.left().is_zero() {
            Some(Over::TimedOut)
        } else {
            None
        }
    }

    /// Waits for `work` as long as the budget lasts.
    ///
    /// # Errors
    /// When the budget ends first; `work` is dropped then.
    pub async fn run<F: Future>(&self, work: F) -> Result<F::Output, Over> {
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(Over::Cancelled),
            done = work => Ok(done),
            () = tokio::time::sleep_until(self.deadline) => Err(Over::TimedOut),
        }
    }
}

/// What one scanner says of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    scanner: Box<str>,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
    ruleset: Option<Box<str>>,
    /// What was said beyond the limits.
    unsaid: u64,
}

/// The most findings in a report; the rest is counted.
pub const FINDINGS_MAX: usize = 1_000;
/// The most gaps in a report; with more, the whole message counts as missed.
pub const GAPS_MAX: usize = 1_000;

impl Report {
    /// An empty report: nothing was found, and nothing missed.
    #[must_use]
    pub fn of(scanner: &str) -> Self {
        Self { scanner: scanner.into(), findings: Vec::new(), gaps: Vec::new(), ruleset: None, unsaid: 0 }
    }

    /// Something was found. The finding that is returned takes tags and details.
    pub fn found(&mut self, part: PartId, rule: &str, severity: Severity) -> Option<&mut Finding> {
        if self.findings.len() == FINDINGS_MAX {
            self.unsaid += 1;
            return None;
        }
        self.findings.push(Finding {
            scanner: self.scanner.clone(),
            rule: rule.into(),
            part,
            severity,
            tags: Vec::new(),
            details: std::collections::BTreeMap::new(),
        });
        self.findings.last_mut()
    }

    /// A part, or with `None` the message, was not looked at.
    pub fn missed(&mut self, part: Option<PartId>, why: Missed) {
        if self.gaps.len() < GAPS_MAX {
            self.gaps.push(Gap { part, why });
        } else {
            self.gaps = vec![Gap { part: None, why }];
        }
    }

    /// The budget ended before this part, or with `None` the message, was looked at.
    pub fn over(&mut self, part: Option<PartId>, why: Over) {
        self.missed(
            part,
            match why {
                Over::TimedOut => Missed::TimedOut,
                Over::Cancelled => Missed::Failed("cancelled".into()),
            },
        );
    }

    /// Which rules or signatures were used.
    pub fn used(&mut self, ruleset: impl Into<Box<str>>) {
        self.ruleset = Some(ruleset.into());
    }

    /// Whose report it is.
    #[must_use]
    pub fn scanner(&self) -> &str {
        &self.scanner
    }

    /// The words of gaps and the version of the rules.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let reasons = self.gaps.iter().filter_map(|gap| match &gap.why {
            Missed::Skipped(why) | Missed::Failed(why) => Some(&**why),
            Missed::TimedOut => None,
        });
        reasons.chain(self.ruleset.as_deref())
    }

    /// What was found by now.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was missed by now.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The findings, and the account of how much was looked at.
    #[must_use]
    pub fn conclude(mut self, required: bool, took: Duration) -> (Vec<Finding>, Coverage) {
        if self.unsaid > 0 {
            let why = format!("{} findings more than a report holds", self.unsaid);
            self.missed(None, Missed::Skipped(why.into()));
        }
        let coverage = Coverage {
            scanner: self.scanner,
            required,
            hit: !self.findings.is_empty(),
            gaps: self.gaps,
            ruleset: self.ruleset,
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        };
        (self.findings, coverage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_read_alike_wherever_they_are() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"..0123456789..", 0).unwrap();
        let filed = Octets::Filed(Arc::new(file), 2..12);
        let held = Octets::Held(Bytes::from_static(b"0123456789"));
        for octets in [filed, held] {
            assert_eq!(octets.len(), 10);
            for (offset, room, expected) in
                [(0, 4, "0123"), (7, 9, "789"), (10, 4, ""), (99, 4, ""), (3, 0, "")]
            {
                let mut buffer = vec![0; room];
                let count = octets.read_at(offset, &mut buffer).unwrap();
                assert_eq!(&buffer[..count], expected.as_bytes(), "{octets:?} at {offset}");
            }
        }
    }

    #[test]
    fn a_file_that_ends_early_is_an_error_and_not_an_end() {
        let octets = Octets::Filed(Arc::new(tempfile::tempfile().unwrap()), 0..5);
        assert!(octets.read_at(0, &mut [0; 5]).is_err());
    }

    #[test]
    fn what_a_report_does_not_hold_is_told() {
        let mut report = Report::of("av");
        for _ in 0..FINDINGS_MAX + 2 {
            report.found(PartId::MESSAGE, "X", Severity::High);
        }
        let (findings, coverage) = report.conclude(true, Duration::ZERO);
        assert_eq!(findings.len(), FINDINGS_MAX);
        let why = Missed::Skipped("2 findings more than a report holds".into());
        assert_eq!(coverage.gaps, [Gap { part: None, why }]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_ends_by_time_or_by_cancellation() {
        let token = CancellationToken::new();
        let budget = Budget::new(Instant::now() + Duration::from_secs(1), token.clone());
        assert_eq!(budget.run(async { 7 }).await, Ok(7));
        assert_eq!(budget.run(std::future::pending::<()>()).await, Err(Over::TimedOut));
        assert_eq!(budget.is_over(), Some(Over::TimedOut));
        token.cancel();
        assert_eq!(budget.run(async { 7 }).await, Err(Over::Cancelled));
    }
}
