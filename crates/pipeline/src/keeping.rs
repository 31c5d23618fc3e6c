//! The loop: lease, describe, keep, ask for a look, settle.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sensor_mail::Envelope;
use sensor_spool::{Lease, Outcome, Spool};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::job::{Job, commit_jobs};
use crate::keeper::{KeepError, Keeper, StoreError};
use crate::specimen::{ContentError, Specimen};

/// How often a message may fail before it is set aside.
pub const FAILURES_MAX: u8 = 3;

/// How long a message waits after its first failure, and by how much more after each further one.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_FACTOR: u32 = 8;

/// How long a message rests that the spool cannot give now.
const UNREADABLE_REST: Duration = Duration::from_secs(10);

/// How long all mail waits when the store fails, or none can be had from the spool: doubled from the one to
/// the other.
const STORE_PAUSE_MIN: Duration = Duration::from_millis(500);
const STORE_PAUSE_MAX: Duration = Duration::from_secs(30);

/// How the pipeline works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Leave mail in the spool.
    pub paused: bool,
    /// Groups that are worked on at a time. One costs a thread while it works, and the memory of a group.
    pub workers: usize,
    /// The most messages in a group: they share one round of syncs. One costs its own size in memory, twice
    /// where it is small, and at most some 400 KiB.
    pub group_messages_max: usize,
    /// Where blocking work runs.
    pub executor: Executor,
}

impl Default for Options {
    fn default() -> Self {
        Self { paused: false, workers: 2, group_messages_max: 256, executor: Executor::Threads }
    }
}

/// Where blocking work runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// On the runtime's threads for blocking work.
    Threads,
    /// In line, for a simulation that must not depend on threads.
    Inline,
}

/// Takes accepted mail from the spool and has it kept.
pub struct Pipeline {
    spool: Spool<Envelope>,
    keeper: Arc<dyn Keeper>,
    /// Where a look is asked for at each message that is kept; none where nothing looks.
    jobs: Option<Spool<Job>>,
    options: Options,
    clock: sensor_spool::Clock,
    store_error: Mutex<Option<String>>,
}

impl Pipeline {
    /// A pipeline from `spool` to `keeper`, which asks for a look at each message in `jobs` where there are
    /// scanners; nothing happens before [`run`](Self::run).
    #[must_use]
    pub fn new(
        spool: Spool<Envelope>,
        keeper: Arc<dyn Keeper>,
        jobs: Option<Spool<Job>>,
        options: Options,
        clock: sensor_spool::Clock,
    ) -> Arc<Self> {
        Arc::new(Self { spool, keeper, jobs, options, clock, store_error: Mutex::default() })
    }

    /// Whether mail is left in the spool.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.options.paused
    }

    /// Why the store could not be written when that was last tried; none where it could. What is to be kept
    /// waits in the spool meanwhile.
    #[must_use]
    pub fn store_error(&self) -> Option<String> {
        self.store_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Works until `stop`, or until the spool is shut down. Groups in hand are finished first.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        if self.options.paused {
            tracing::warn!("the pipeline is paused: accepted mail stays in the spool");
            return tokio::select! {
                () = stop.cancelled() => {}
                () = self.spool.ended() => {}
            };
        }
        let workers = TaskTracker::new();
        for _ in 0..self.options.workers {
            workers.spawn(Arc::clone(&self).work(stop.clone()));
        }
        workers.close();
        workers.wait().await;
    }

    async fn work(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = STORE_PAUSE_MIN;
        loop {
            let leases = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                leased = self.spool.lease(self.options.group_messages_max) => match leased {
                    Ok(leases) => leases,
                    Err(sensor_spool::Closed) => return,
                },
            };
            let kept = match self.keep(leases).await {
                Ok(outcomes) => self.ask_for_looks(&outcomes).await.map(|()| outcomes),
                Err(error) => Err(error),
            };
            self.note(kept.as_ref().err());
            match kept {
                Ok(outcomes) => {
                    let nothing_was_read = outcomes.iter().all(|(_, outcome)| is_return(outcome));
                    if self.spool.conclude(outcomes).await.is_err() {
                        return;
                    }
                    if !nothing_was_read {
                        pause = STORE_PAUSE_MIN;
                        continue;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, pause = ?pause, "mail cannot be kept; it waits in the spool");
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(STORE_PAUSE_MAX),
            }
        }
    }

    /// Before the messages are settled: ended in between, the program keeps them again and asks again.
    async fn ask_for_looks(&self, outcomes: &[(Lease<Envelope>, Outcome)]) -> Result<(), StoreError> {
        let Some(spool) = &self.jobs else { return Ok(()) };
        let kept = outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Settle);
        let jobs: Vec<Job> = kept.map(|(lease, _)| Job::first(lease.header.id)).collect();
        commit_jobs(spool, &jobs).await.map_err(|error| StoreError {
            doing: "asking for a look".to_owned(),
            source: std::io::Error::other(error.to_string()),
        })
    }

    fn note(&self, error: Option<&StoreError>) {
        let mut noted = self.store_error.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = error.map(ToString::to_string);
    }

    /// Keeps a group; says what becomes of each lease. On an error the leases are dropped: due again.
    async fn keep(
        self: &Arc<Self>,
        leases: Vec<Lease<Envelope>>,
    ) -> Result<Vec<(Lease<Envelope>, Outcome)>, StoreError> {
        let worker = Arc::clone(self);
        match self.options.executor {
            Executor::Inline => worker.keep_blocking(leases),
            Executor::Threads => tokio::task::spawn_blocking(move || worker.keep_blocking(leases))
                .await
                .unwrap_or_else(|panicked| {
                    let source = std::io::Error::other(panicked.to_string());
                    Err(StoreError { doing: "keeping a group".into(), source })
                }),
        }
    }

    fn keep_blocking(
        &self,
        leases: Vec<Lease<Envelope>>,
    ) -> Result<Vec<(Lease<Envelope>, Outcome)>, StoreError> {
        let mut concluded = Vec::with_capacity(leases.len());
        let mut readable = Vec::with_capacity(leases.len());
        let mut group = Vec::with_capacity(leases.len());
        for lease in leases {
            match examine(&lease) {
                Ok(specimen) => {
                    group.push(specimen);
                    readable.push(lease);
                }
                Err(error) => concluded.push(self.failure(lease, &error)),
            }
        }
        let outcomes = self.keep_group(&group)?;
        assert_eq!(outcomes.len(), group.len(), "a keeper answers for each specimen");
        for (lease, outcome) in readable.into_iter().zip(outcomes) {
            concluded.push(match outcome {
                Ok(()) => (lease, Outcome::Settle),
                Err(error) => self.failure(lease, &error),
            });
        }
        Ok(concluded)
    }

    /// Has a group kept; where that panics, each half of it, down to the message that is to blame.
    fn keep_group(&self, group: &[Specimen]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        if group.is_empty() {
            return Ok(Vec::new());
        }
        match guarded(|| self.keeper.keep(group)) {
            Ok(kept) => kept,
            Err(panicked) if group.len() == 1 => Ok(vec![Err(panicked)]),
            Err(_) => {
                let (first, second) = group.split_at(group.len() / 2);
                let mut outcomes = self.keep_group(first)?;
                outcomes.extend(self.keep_group(second)?);
                Ok(outcomes)
            }
        }
    }

    fn failure(&self, lease: Lease<Envelope>, error: &KeepError) -> (Lease<Envelope>, Outcome) {
        if error.is_of_the_storage() {
            tracing::error!(id = %lease.header.id, %error, "the spool cannot be read; trying again");
            return (lease, Outcome::Return { rest: UNREADABLE_REST });
        }
        let reason = error.to_string();
        let failures = lease.failures.saturating_add(1);
        if failures >= FAILURES_MAX {
            tracing::error!(id = %lease.header.id, %reason, failures, "message set aside: it cannot be kept");
            return (lease, Outcome::SetAside { reason });
        }
        let wait = RETRY * RETRY_FACTOR.pow(u32::from(failures) - 1);
        tracing::warn!(id = %lease.header.id, %reason, failures, ?wait, "message cannot be kept, trying again");
        let wait = u64::try_from(wait.as_millis()).expect("a few seconds");
        (lease, Outcome::Defer { due: (self.clock)() + wait, reason })
    }
}

fn is_return(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Return { .. } => true,
        Outcome::Settle | Outcome::Defer { .. } | Outcome::SetAside { .. } => false,
    }
}

fn examine(lease: &Lease<Envelope>) -> Result<Specimen, KeepError> {
    guarded(|| Specimen::examine(lease))?.map_err(|error| ContentError::from(error).into())
}

/// A panic is a failed try of the message it came over: a bug of ours, or one that somebody's mail was made to
/// find, must not hold up other mail. Nothing is left half done: specimens are only read, and a keeper is
/// asked again for what it was cut short in.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, KeepError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| KeepError::Panicked)
}

#[cfg(test)]
mod tests;
