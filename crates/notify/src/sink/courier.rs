//! The task that brings the events of one sink to its receiver.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sensor_spool::{Lease, Outcome};
use tokio_util::sync::CancellationToken;

use super::Sink;
use crate::breaker::Breaker;
use crate::notice::Stored;
use crate::status::Loss;
use crate::transport::{Failure, Message, Transport};

/// How long a try may go on when the sensor goes down. What is given up is delivered again after the next start.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How long an event waits that failed alone: more than the receiver is left alone at first, doubled with each
/// failure.
const DEFER_MIN: Duration = Duration::from_secs(2);
const DEFER_MAX: Duration = Duration::from_secs(300);

/// Brings the events of one sink to its receiver.
pub struct Courier {
    sink: Arc<Sink>,
    transport: Box<dyn Transport>,
    breaker: Breaker,
}

/// What came of a try.
enum Tried {
    Delivered,
    Failed(Failure),
    /// The sensor goes down.
    GivenUp,
}

/// Events in hand, and what becomes of them.
type Concluded = Vec<(Lease<Stored>, Outcome)>;

impl Courier {
    pub(super) fn new(sink: Arc<Sink>, transport: Box<dyn Transport>) -> Self {
        Self { sink, transport, breaker: Breaker::new() }
    }

    /// Works until `stop`, or until the outbox is shut down. A try that is under way has a second to end.
    pub async fn run(mut self, stop: CancellationToken) {
        let sink = Arc::clone(&self.sink);
        loop {
            if let Some(wait) = self.breaker.wait() {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
            }
            let leases = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                leased = sink.outbox.lease(self.breaker.window()) => leased,
            };
            let Ok(leases) = leases else { return };
            let concluded = self.deliver(leases, &stop).await;
            if sink.outbox.conclude(concluded).await.is_err() {
                return;
            }
        }
    }

    /// Delivers events until all are, or the receiver fails. What is not concluded is due again at once.
    async fn deliver(&mut self, leases: Vec<Lease<Stored>>, stop: &CancellationToken) -> Concluded {
        let mut concluded = Vec::with_capacity(leases.len());
        let mut waiting = leases.into_iter();
        loop {
            let batch: Vec<_> = waiting.by_ref().take(self.transport.batch_max()).collect();
            if batch.is_empty() {
                return concluded;
            }
            if !self.deliver_batch(batch, &mut concluded, stop).await {
                return concluded;
            }
        }
    }

    /// Delivers one batch; whether to go on with the next.
    async fn deliver_batch(
        &mut self,
        batch: Vec<Lease<Stored>>,
        concluded: &mut Concluded,
        stop: &CancellationToken,
    ) -> bool {
        let messages: Vec<Message> = batch.iter().map(|lease| self.message(lease)).collect();
        match self.send(&messages, stop).await {
            Tried::Delivered => {
                self.delivered(batch, concluded);
                true
            }
            // One of them is to blame, and nobody says which.
            Tried::Failed(Failure::Refused(_)) if batch.len() > 1 => {
                self.deliver_each(batch, &messages, concluded, stop).await
            }
            Tried::Failed(failure) => self.failed(batch, failure, concluded),
            Tried::GivenUp => false,
        }
    }

    /// Delivers each by itself; whether to go on.
    async fn deliver_each(
        &mut self,
        batch: Vec<Lease<Stored>>,
        messages: &[Message],
        concluded: &mut Concluded,
        stop: &CancellationToken,
    ) -> bool {
        for (lease, message) in batch.into_iter().zip(messages) {
            let goes_on = match self.send(std::slice::from_ref(message), stop).await {
                Tried::Delivered => {
                    self.delivered(vec![lease], concluded);
                    true
                }
                Tried::Failed(failure) => self.failed(vec![lease], failure, concluded),
                Tried::GivenUp => false,
            };
            if !goes_on {
                return false;
            }
        }
        true
    }

    async fn send(&mut self, messages: &[Message], stop: &CancellationToken) -> Tried {
        if self.sink.is_moved.swap(false, Ordering::Relaxed) {
            self.transport.reopen();
        }
        let deadline = self.sink.deadline;
        tokio::select! {
            biased;
            sent = tokio::time::timeout(deadline, self.transport.send(messages)) => match sent {
                Ok(Ok(())) => Tried::Delivered,
                Ok(Err(failure)) => Tried::Failed(failure),
                Err(_) => Tried::Failed(Failure::Peer(format!("not done within {deadline:?}"))),
            },
            () = graced(stop) => Tried::GivenUp,
        }
    }

    fn message(&self, lease: &Lease<Stored>) -> Message {
        let Stored::V1(notice) = &lease.header;
        let octets = self.sink.format.write(notice, &self.sink.reporter).into();
        Message { key: notice.key(), octets }
    }

    fn delivered(&mut self, batch: Vec<Lease<Stored>>, concluded: &mut Concluded) {
        self.breaker.succeeded();
        let mut counts = self.sink.counts();
        counts.delivered += batch.len() as u64;
        let was_open = std::mem::replace(&mut counts.is_open, false);
        drop(counts);
        if was_open {
            tracing::info!(sink = %self.sink.name, "the receiver takes events again");
        }
        concluded.extend(batch.into_iter().map(|lease| (lease, Outcome::Settle)));
    }

    /// Concludes what failed; whether to go on.
    fn failed(&mut self, batch: Vec<Lease<Stored>>, failure: Failure, concluded: &mut Concluded) -> bool {
        self.sink.counts().failed_tries += 1;
        self.sink.note_error(failure.to_string());
        match failure {
            Failure::Refused(_) => {
                // It answers: it works.
                self.breaker.succeeded();
                self.sink.counts().is_open = false;
                batch.iter().for_each(|_| self.sink.drop_one(Loss::Refused));
                concluded.extend(batch.into_iter().map(|lease| (lease, Outcome::Settle)));
                true
            }
            Failure::Peer(reason) => {
                self.breaker.failed();
                let was_open = std::mem::replace(&mut self.sink.counts().is_open, true);
                if !was_open {
                    tracing::warn!(sink = %self.sink.name, %reason, "the receiver fails: events wait");
                }
                concluded.extend(self.defer(batch, reason));
                false
            }
        }
    }

    /// An event that failed alone waits, so that others pass it should it be to blame. Of several each may be
    /// innocent: they are dropped here, and due again at once, alone.
    fn defer(&self, batch: Vec<Lease<Stored>>, reason: String) -> Option<(Lease<Stored>, Outcome)> {
        let [lease] = <[_; 1]>::try_from(batch).ok()?;
        let doublings = u32::from(lease.failures).min(16);
        let wait = DEFER_MIN.saturating_mul(1 << doublings).min(DEFER_MAX);
        let due = self.sink.outbox.now() + wait;
        let due = u64::try_from(due.as_millisecond()).unwrap_or_default();
        Some((lease, Outcome::Defer { due, reason }))
    }
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").field("sink", &self.sink).finish_non_exhaustive()
    }
}

async fn graced(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}
