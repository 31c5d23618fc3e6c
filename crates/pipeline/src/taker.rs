//! The port through which kept mail is taken apart.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sensor_mail::Recipient;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dissector::Dissection;
use crate::scanner::{Budget, Octets, Piece, Report};
use crate::specimen::Record;
use crate::worker::{Death, Tools, inspect};

/// Has messages taken apart: in processes of their own (a [`Pool`](crate::worker::Pool)) or, in a simulation, in
/// line.
pub trait Taker: Send + Sync + 'static {
    /// Takes one message apart, and has the scanners look that are at home where that is done.
    fn take(&self, task: Task) -> Taking<'_>;
}

/// A message is being taken apart.
pub type Taking<'a> = Pin<Box<dyn Future<Output = Result<Taken, NoWorker>> + Send + 'a>>;

/// A message to be taken apart.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is known about it.
    pub record: Arc<Record>,
    /// Its octets.
    pub octets: Octets,
    /// How long taking it apart may take.
    pub patience: Duration,
    /// The inspectors that are to look into it, one after the other.
    pub inspectors: Vec<Assignment>,
}

/// Who is to look, and for how long at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The scanner's name.
    pub name: Box<str>,
    /// Its own time.
    pub deadline: Duration,
}

/// What came of it: all that was said before whoever said it died.
#[derive(Debug, Default)]
pub struct Taken {
    /// The parts by number; none where it did not come to that.
    pub pieces: Vec<Piece>,
    /// Whom the message names as recipients.
    pub recipients: Vec<Recipient>,
    /// What inspectors said, in the order of their assignments, and how long each took.
    pub reports: Vec<(Report, Duration)>,
    /// Why not all of it is here.
    pub death: Option<Death>,
}

/// Nobody is there to take mail apart; no message is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no worker process: {0}")]
pub struct NoWorker(pub String);

/// Takes mail apart in the process and thread of who asks: for a simulation that must not depend on processes,
/// and for mail that is the caller's own.
pub struct Inline(Tools);

impl Inline {
    /// With these tools.
    #[must_use]
    pub fn new(tools: Tools) -> Self {
        Self(tools)
    }

    fn take_now(&self, task: &Task) -> Result<Taken, NoWorker> {
        let message = read_all(&task.octets).map_err(|error| NoWorker(error.to_string()))?;
        let Dissection { parts, recipients } = self.0.dissector.dissect(message, &budget(task.patience));
        let reports = task.inspectors.iter().map(|Assignment { name, deadline }| {
            let begun = Instant::now();
            (inspect(&self.0, name, &parts, &budget(*deadline)), begun.elapsed())
        });
        let reports = reports.collect();
        let pieces = parts.into_iter().map(|(part, octets)| Piece { part, octets: Octets::Held(octets) });
        Ok(Taken { pieces: pieces.collect(), recipients, reports, death: None })
    }
}

impl Taker for Inline {
    fn take(&self, task: Task) -> Taking<'_> {
        Box::pin(async move { self.take_now(&task) })
    }
}

/// A budget of this much time from now on.
pub(crate) fn budget(time: Duration) -> Budget {
    Budget::new(Instant::now() + time, CancellationToken::new())
}

fn read_all(octets: &Octets) -> std::io::Result<Bytes> {
    if let Octets::Held(held) = octets {
        return Ok(held.clone());
    }
    let mut all = vec![0; usize::try_from(octets.len()).map_err(std::io::Error::other)?];
    octets.read_at(0, &mut all)?;
    Ok(all.into())
}
