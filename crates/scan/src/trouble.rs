//! What keeps a scanner from looking at something, and how it is told.

use std::io;

use sensor_mail::PartId;
use sensor_mail::finding::Missed;
use sensor_pipeline::{Over, Report};

/// Why something was not looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The budget ended first.
    #[error("{0}")]
    Over(#[from] Over),
    /// It is nothing for this scanner, now and later.
    #[error("{0}")]
    Unfit(Box<str>),
    /// The scanner, its peer or a file failed: another try may go well.
    #[error("{0}")]
    Failed(Box<str>),
}

impl Trouble {
    pub(crate) fn unfit(why: impl Into<Box<str>>) -> Self {
        Self::Unfit(why.into())
    }

    pub(crate) fn failed(why: impl Into<Box<str>>) -> Self {
        Self::Failed(why.into())
    }

    /// An error at `doing`, such as "no answer from clamd".
    pub(crate) fn at(doing: &str, error: &io::Error) -> Self {
        Self::failed(format!("{doing}: {}", said(error)))
    }

    /// Tells of it in a report: of a part, or with `None` of the whole message.
    pub(crate) fn tell(self, part: Option<PartId>, report: &mut Report) {
        match self {
            Self::Over(over) => report.over(part, over),
            Self::Unfit(why) => report.missed(part, Missed::Skipped(why)),
            Self::Failed(why) => report.missed(part, Missed::Failed(why)),
        }
    }
}

/// An error in words that need no number.
fn said(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::UnexpectedEof {
        "it closed the connection".to_owned()
    } else if kind == io::ErrorKind::ConnectionReset || kind == io::ErrorKind::BrokenPipe {
        "it broke the connection".to_owned()
    } else {
        error.to_string()
    }
}

/// Failures in a row after which the rest of a message is given up: a peer that fails on each part would use
/// up the time of all of them.
const FAILURES_MAX: u32 = 3;

/// The parts of a message, one after the other, as far as trouble lets them.
#[derive(Default)]
pub(crate) struct Sweep {
    failures: u32,
}

impl Sweep {
    /// Tells what became of a part. Whether the next one is to be looked at.
    pub(crate) fn goes_on(&mut self, part: PartId, result: Result<(), Trouble>, report: &mut Report) -> bool {
        match result {
            Ok(()) => self.failures = 0,
            Err(trouble @ Trouble::Unfit(_)) => trouble.tell(Some(part), report),
            Err(trouble @ Trouble::Over(_)) => {
                trouble.tell(None, report);
                return false;
            }
            Err(trouble @ Trouble::Failed(_)) => {
                self.failures += 1;
                let is_last = self.failures == FAILURES_MAX;
                trouble.tell(if is_last { None } else { Some(part) }, report);
                return !is_last;
            }
        }
        true
    }
}
