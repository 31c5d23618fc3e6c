//! Where the events of one sink wait: a spool of its own, bounded.
//!
//! It promises: an event that [`Outbox::put`] took is on stable storage; nothing waits longer for the storage than
//! [`PUT_MAX`]; beyond its bounds nothing is taken, and the caller is told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sensor_mail::MailId;
use sensor_spool::{
    Clock, Closed, CommitError, Disk, Full, Lease, OpenError, Options, Outcome, ReadOnly, Runner, Spool,
    Standing, Withdrawal,
};

use crate::notice::{Notice, REDUCTIONS, Stored};
use crate::status::Loss;

/// How long the storage may take with an event. Then the pipeline goes on, and the event is dropped.
pub(crate) const PUT_MAX: Duration = Duration::from_secs(2);

/// Octets of a segment: a sink without traffic has two. An event may have an eighth of them.
const SEGMENT_OCTETS: u32 = 2 << 20;

/// Octets of memory for drafts. Events are headers without a body: each has one page, of 4 KiB.
const MEMORY_OCTETS: usize = 1 << 20;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most events.
    pub entries_max: u64,
    /// The most octets that they need in the outbox; on the disk it has at most twice as many, and 4 MiB.
    pub octets_max: u64,
}

/// Where an outbox lies, and how it is run.
#[derive(Clone)]
pub struct Storage {
    /// The directory of this outbox alone.
    pub disk: Arc<dyn Disk>,
    /// Where its writer runs.
    pub runner: Runner,
    /// The time of day.
    pub clock: Clock,
    /// Events are dropped while fewer octets are free on the file system: mail goes first.
    pub reserve_octets: u64,
    /// Events are dropped while fewer inodes are free.
    pub reserve_inodes: u64,
}

pub(crate) struct Outbox {
    spool: Spool<Stored>,
    bounds: Bounds,
    clock: Clock,
    /// Events that are being put, beside those that the spool counts.
    arriving: AtomicU64,
    /// What waits, by age.
    waiting: Mutex<BTreeSet<Age>>,
}

/// When an event was taken over, and its name.
type Age = (Timestamp, MailId, u32);

/// Held while an event is being put.
struct Place<'a>(&'a AtomicU64);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Outbox {
    /// Blocks, as the opening of a spool does.
    pub(crate) fn open(storage: Storage, bounds: Bounds) -> Result<Self, OpenError> {
        let waiting = ages(&storage.disk);
        let options = Options {
            segment_octets: SEGMENT_OCTETS,
            memory_octets: MEMORY_OCTETS,
            reserve_octets: storage.reserve_octets,
            reserve_inodes: storage.reserve_inodes,
            clock: Arc::clone(&storage.clock),
            ..Options::default()
        };
        let (spool, _recovery) = Spool::open(storage.disk, options, storage.runner)?;
        let waiting = Mutex::new(waiting);
        Ok(Self { spool, bounds, clock: storage.clock, arriving: AtomicU64::new(0), waiting })
    }

    pub(crate) fn now(&self) -> Timestamp {
        let millis = i64::try_from((self.clock)()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// Makes an event durable.
    ///
    /// # Cancel safety
    /// Dropped, the event may become durable all the same.
    pub(crate) async fn put(&self, notice: Notice) -> Result<(), Loss> {
        let _place = self.place()?;
        let age = age(&notice);
        self.waiting().insert(age);
        let put = self.commit(notice).await;
        if put.is_err() {
            self.waiting().remove(&age);
        }
        put
    }

    /// Room for one event.
    fn place(&self) -> Result<Place<'_>, Loss> {
        let arriving = self.arriving.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.arriving);
        let status = self.spool.status();
        let waiting = status.in_spool + status.in_doubt + arriving;
        let is_full = waiting >= self.bounds.entries_max || status.live_octets >= self.bounds.octets_max;
        if is_full { Err(Loss::Full) } else { Ok(place) }
    }

    /// An event that is too large for an entry goes in with less in it.
    async fn commit(&self, notice: Notice) -> Result<(), Loss> {
        let mut stored = Stored::V1(Box::new(notice));
        for step in 1..=REDUCTIONS {
            match self.commit_stored(&stored).await {
                Err(CommitError::Header(_)) => {
                    let Stored::V1(notice) = &stored;
                    stored = Stored::V1(Box::new(notice.reduced(step)));
                }
                other => return other.map_err(|error| loss(&error)),
            }
        }
        self.commit_stored(&stored).await.map_err(|error| loss(&error))
    }

    async fn commit_stored(&self, stored: &Stored) -> Result<(), CommitError> {
        let refused = |full| match full {
            Full::Octets | Full::Inodes | Full::Memory => CommitError::Full,
            Full::Storage => CommitError::Storage("it fails".to_owned()),
            Full::Closed => CommitError::Closed,
        };
        let mut pending = self.spool.draft().map_err(refused)?.commit(stored);
        let committed = match tokio::time::timeout(PUT_MAX, &mut pending).await {
            Ok(committed) => committed,
            Err(_) => match pending.withdraw("the storage was too slow") {
                Withdrawal::TooLate(committed) => committed,
                Withdrawal::Withdrawn => Err(CommitError::Storage("it is too slow".to_owned())),
            },
        };
        committed.map(drop)
    }

    /// Takes up to `max` events, oldest first, and waits for the first.
    ///
    /// # Cancel safety
    /// As [`Spool::lease`].
    pub(crate) async fn lease(&self, max: usize) -> Result<Vec<Lease<Stored>>, Closed> {
        self.spool.lease(max).await
    }

    /// Ends leases, each with its outcome.
    pub(crate) async fn conclude(&self, outcomes: Vec<(Lease<Stored>, Outcome)>) -> Result<(), Closed> {
        let settled: Vec<Age> = outcomes.iter().filter_map(settled_age).collect();
        self.spool.conclude(outcomes).await?;
        let mut waiting = self.waiting();
        for age in &settled {
            waiting.remove(age);
        }
        Ok(())
    }

    /// When the oldest event that waits was taken over.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.waiting().first().map(|(created, ..)| *created)
    }

    pub(crate) fn status(&self) -> sensor_spool::Status {
        self.spool.status()
    }

    pub(crate) async fn shut_down(&self) {
        self.spool.shut_down().await;
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<Age>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a former life of the program left. What cannot be read is found by the opening of the spool.
fn ages(disk: &Arc<dyn Disk>) -> BTreeSet<Age> {
    let Ok(view) = ReadOnly::<Stored>::open(Arc::clone(disk)) else { return BTreeSet::new() };
    let waiting = view.list().flatten().filter(|entry| !is_set_aside(&entry.standing));
    waiting
        .map(|entry| {
            let Stored::V1(notice) = &entry.header;
            age(notice)
        })
        .collect()
}

fn is_set_aside(standing: &Standing) -> bool {
    match standing {
        Standing::SetAside { .. } => true,
        Standing::Waiting | Standing::Leased | Standing::Deferred { .. } => false,
    }
}

fn settled_age((lease, outcome): &(Lease<Stored>, Outcome)) -> Option<Age> {
    let Stored::V1(notice) = &lease.header;
    match outcome {
        Outcome::Settle | Outcome::SetAside { .. } => Some(age(notice)),
        Outcome::Defer { .. } | Outcome::Return { .. } => None,
    }
}

fn age(notice: &Notice) -> Age {
    (notice.created, notice.mail, notice.revision)
}

fn loss(error: &CommitError) -> Loss {
    match error {
        CommitError::Full => Loss::Full,
        CommitError::Storage(_) | CommitError::Header(_) | CommitError::Closed => Loss::Storage,
    }
}
