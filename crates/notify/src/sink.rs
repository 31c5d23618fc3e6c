//! A sink: an outbox that takes events, and a courier that brings them to the receiver.
//!
//! ```text
//!  pipeline --emit--> Sink --put--> Outbox (spool) --lease--> Courier --> Transport --> receiver
//!              |        counts         ^                         |
//!              +-- full, slow:         +-- settle: delivered ----+
//!                  dropped, counted    +-- defer: after a wait --+
//! ```
//!
//! It promises: an event that [`EventSink::emit`] left without counting it as dropped is delivered at least once,
//! across any end of the program, or counted as refused; `emit` takes at most two seconds; no sink waits for
//! another, nor the pipeline for any receiver. Order is that of the events while nothing fails.

mod courier;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sensor_pipeline::{Emitting, Event, EventSink};
use tokio::time::Instant;

use crate::format::{Format, Reporter};
use crate::notice::{Addresses, Notice};
use crate::options::Options;
use crate::outbox::{Outbox, Storage};
use crate::status::{Counts, Drops, LastError, Loss, Status};
use crate::transport::Transport;
use crate::transport::tls::TlsError;

pub use courier::Courier;

/// Takes events over for one receiver.
pub struct Sink {
    name: Box<str>,
    kind: &'static str,
    addresses: Addresses,
    deadline: Duration,
    format: Format,
    reporter: Reporter,
    outbox: Outbox,
    counts: Mutex<Counts>,
    /// Whether what is written to was moved away.
    is_moved: AtomicBool,
}

/// A sink cannot be opened; the operator must act.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its outbox.
    #[error("the outbox cannot be opened: {0}")]
    Outbox(#[from] sensor_spool::OpenError),
    /// Its TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Sink {
    /// Opens the outbox; nothing is delivered before [`Courier::run`]. Blocks, for seconds where millions of
    /// events wait.
    ///
    /// # Errors
    /// When the outbox, or a certificate, cannot be used.
    pub fn open(
        options: &Options,
        storage: Storage,
        reporter: &Reporter,
    ) -> Result<(Arc<Self>, Courier), OpenError> {
        let transport = options.kind.transport(&storage.clock)?;
        Self::with_transport(options, storage, reporter, transport)
    }

    pub(crate) fn with_transport(
        options: &Options,
        storage: Storage,
        reporter: &Reporter,
        transport: Box<dyn Transport>,
    ) -> Result<(Arc<Self>, Courier), OpenError> {
        let sink = Arc::new(Self {
            name: options.name.clone(),
            kind: options.kind.word(),
            addresses: options.addresses,
            deadline: options.deadline,
            format: options.kind.format(),
            reporter: reporter.clone(),
            outbox: Outbox::open(storage, options.bounds)?,
            counts: Mutex::default(),
            is_moved: AtomicBool::new(false),
        });
        Ok((Arc::clone(&sink), Courier::new(sink, transport)))
    }

    /// Has a file opened anew before the next event is written: it was moved away. For who hears SIGHUP.
    pub fn reopen(&self) {
        self.is_moved.store(true, Ordering::Relaxed);
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let spool = self.outbox.status();
        let oldest = self.outbox.oldest();
        let counts = self.counts();
        Status {
            name: self.name.clone(),
            kind: self.kind,
            queued: spool.in_spool + spool.in_doubt,
            queued_octets: spool.live_octets,
            delivered: counts.delivered,
            failed_tries: counts.failed_tries,
            dropped: Drops { unreadable: spool.set_aside + spool.lost, ..counts.drops },
            oldest,
            is_open: counts.is_open,
            last_error: counts.last_error.clone(),
        }
    }

    /// Ends the outbox: what it took is durable, what comes later is dropped and counted.
    pub async fn shut_down(&self) {
        self.outbox.shut_down().await;
    }

    async fn take(&self, event: &Event) {
        let notice = Notice::of(event, self.addresses, self.outbox.now());
        if let Err(loss) = self.outbox.put(notice).await {
            self.note_error(loss.reason().to_owned());
            self.drop_one(loss);
        }
    }

    fn note_error(&self, text: String) {
        self.counts().last_error = Some(LastError { at: self.outbox.now(), text });
    }

    /// Counts an event that is dropped, and tells it now and then.
    fn drop_one(&self, loss: Loss) {
        let mut counts = self.counts();
        counts.lost(loss);
        let untold = counts.said.dropped(Instant::now());
        drop(counts);
        if let Some(events) = untold {
            tracing::error!(sink = %self.name, events, reason = loss.reason(), "events dropped");
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for Sink {
    fn name(&self) -> &str {
        &self.name
    }

    fn emit<'a>(&'a self, event: &'a Event) -> Emitting<'a> {
        Box::pin(self.take(event))
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
