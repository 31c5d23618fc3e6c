//! Adds looks to records: whatever came while the last group was made durable is the next group.

use std::sync::Arc;

use sensor_mail::{Look, MailId};
use tokio::sync::{mpsc, oneshot};

use crate::keeper::{KeepError, Keeper, StoreError};
use crate::keeping::{Executor, guarded};

/// The most looks in a group. One costs its record in memory, twice.
const GROUP_MAX: usize = 64;

/// A look could not be recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum AmendError {
    /// It is this message's fault.
    #[error(transparent)]
    Message(#[from] KeepError),
    /// The store fails, or the program ends.
    #[error("{0}")]
    Store(String),
}

struct Request {
    id: MailId,
    look: Arc<Look>,
    done: oneshot::Sender<Result<(), AmendError>>,
}

/// Hands looks to the keeper in groups.
pub(super) struct Amender(mpsc::Sender<Request>);

impl Amender {
    pub(super) fn start(keeper: Arc<dyn Keeper>, executor: Executor) -> Self {
        let (requests, queue) = mpsc::channel(GROUP_MAX);
        tokio::spawn(run(queue, keeper, executor));
        Self(requests)
    }

    /// Returns when the look is on stable storage.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, the look may be recorded all the same.
    pub(super) async fn amend(&self, id: MailId, look: Arc<Look>) -> Result<(), AmendError> {
        let gone = || AmendError::Store("nobody adds looks any more".to_owned());
        let (done, amended) = oneshot::channel();
        self.0.send(Request { id, look, done }).await.map_err(|_| gone())?;
        amended.await.map_err(|_| gone())?
    }
}

/// Until the looker is dropped.
async fn run(mut queue: mpsc::Receiver<Request>, keeper: Arc<dyn Keeper>, executor: Executor) {
    let mut requests = Vec::with_capacity(GROUP_MAX);
    while queue.recv_many(&mut requests, GROUP_MAX).await > 0 {
        let (group, replies): (Vec<_>, Vec<_>) =
            requests.drain(..).map(|request| ((request.id, request.look), request.done)).unzip();
        let keeper = Arc::clone(&keeper);
        let work = move || amend(&*keeper, &group);
        let outcomes = match executor {
            Executor::Inline => work(),
            Executor::Threads => tokio::task::spawn_blocking(work).await.unwrap_or_default(),
        };
        // Whose outcome is missing learns that by the end of its reply.
        for (done, outcome) in replies.into_iter().zip(outcomes) {
            let _nobody_waits = done.send(outcome);
        }
    }
}

/// A group; where that panics, each message by itself.
fn amend(keeper: &dyn Keeper, group: &[(MailId, Arc<Look>)]) -> Vec<Result<(), AmendError>> {
    match guarded(|| keeper.amend(group)) {
        Ok(Ok(outcomes)) => outcomes.into_iter().map(|outcome| outcome.map_err(AmendError::from)).collect(),
        Ok(Err(error)) => group.iter().map(|_| Err(store(&error))).collect(),
        Err(panicked) if group.len() == 1 => vec![Err(panicked.into())],
        Err(_) => group.chunks(1).flat_map(|one| amend(keeper, one)).collect(),
    }
}

fn store(error: &StoreError) -> AmendError {
    AmendError::Store(error.to_string())
}
