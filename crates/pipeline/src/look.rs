//! Looks into kept mail: has it taken apart, has scanners look, has it judged, records and tells it.
//!
//! ```text
//!  lease a Job -> Keeper::open -> Taker: worker process -> scanners, all at once -> judge
//!        ^                          |                                                |
//!        |        died: again,      |                                                v
//!        |        the third time    |                    Keeper::amend (durable) -> EventSinks -> settle
//!        |        without parts     v                                                |
//!        +----- deferred <----------+----------- a required scanner owes its coverage
//! ```
//!
//! It promises: keeping and acceptance never wait for it, a backlog is bounded by the disk alone; every message
//! has a look in the end, with the reason for whatever was not looked at; a look is on stable storage before it is
//! told, and told before its job is gone. Cut short anywhere, it is begun again, and makes no second look of one
//! revision. It decides nothing: what follows from findings is the judge's to say.

mod amending;
mod breaker;
mod examining;
mod looking;
mod merging;
mod plan;
mod recording;
mod register;
mod scanning;
mod status;
mod whole;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sensor_mail::finding::{Coverage, Finding};
use sensor_mail::{Judgement, Look, MailId, Part, Recipient};
use sensor_spool::{Closed, Lease, ReadOnly, Spool};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::event::EventSink;
use crate::job::{Job, JobError, Why, commit_jobs};
use crate::keeper::Keeper;
use crate::keeping::Executor;
use crate::scanner::Scanner;
use crate::specimen::Record;
use crate::taker::Taker;

use amending::Amender;
pub use breaker::{Circuit, FAILURES_OPEN};
pub use examining::{Examiner, Unexamined};
pub use register::Owed;
use register::Register;
pub use status::{LookStatus, ScannerStatus};

/// A scanner's place in the configuration.
#[derive(Clone)]
pub struct Post {
    /// The scanner's name.
    pub name: Box<str>,
    /// Whether a message counts as unscanned without it.
    pub required: bool,
    /// How long it may take over one message.
    pub deadline: Duration,
    /// Where it works.
    pub place: Place,
}

/// Where a scanner works.
#[derive(Clone)]
pub enum Place {
    /// Here.
    Sensor(Arc<dyn Scanner>),
    /// In the worker process, as an [`Inspector`](crate::Inspector) of its name.
    Worker,
}

/// What a judgement is made from.
#[derive(Clone, Copy, Debug)]
pub struct LookInput<'a> {
    /// What was known about the message when it was kept.
    pub record: &'a Record,
    /// What it consists of.
    pub parts: &'a [Part],
    /// Whom it names as recipients.
    pub recipients: &'a [Recipient],
    /// What was found.
    pub findings: &'a [Finding],
    /// What each scanner made of it.
    pub coverage: &'a [Coverage],
    /// The looks before this one.
    pub looks: &'a [Look],
}

/// Judges a message: by the rules in force, and by those on trial where there are any. Pure.
pub type Judge = Arc<dyn Fn(&LookInput<'_>) -> (Judgement, Option<Judgement>) + Send + Sync>;

/// Whom a looker works with.
pub struct Crew {
    /// Where jobs are.
    pub jobs: Spool<Job>,
    /// Where mail is.
    pub keeper: Arc<dyn Keeper>,
    /// Takes it apart.
    pub taker: Arc<dyn Taker>,
    /// Look into it, in the order of the configuration.
    pub posts: Vec<Post>,
    /// Says what follows.
    pub judge: Judge,
    /// Are told.
    pub sinks: Vec<Arc<dyn EventSink>>,
}

/// How a looker works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookOptions {
    /// Messages that are looked into at a time. One costs what its scanners take, and no memory for its octets.
    pub concurrency: usize,
    /// Messages with more octets are not taken apart; scanners that take whole messages get them all the same.
    pub size_max: u64,
    /// How long taking one apart may take.
    pub patience: Duration,
    /// Where blocking work runs.
    pub executor: Executor,
}

impl Default for LookOptions {
    fn default() -> Self {
        Self {
            concurrency: 16,
            size_max: 256 << 20,
            patience: Duration::from_secs(60),
            executor: Executor::Threads,
        }
    }
}

/// Looks into kept mail.
pub struct Looker {
    shared: Arc<Shared>,
}

struct Shared {
    jobs: Spool<Job>,
    keeper: Arc<dyn Keeper>,
    examiner: Examiner,
    sinks: Vec<Arc<dyn EventSink>>,
    amender: Amender,
    register: Register,
}

impl Looker {
    /// A looker; nothing happens before [`run`](Self::run). Must be called within a runtime.
    #[must_use]
    pub fn new(crew: Crew, options: LookOptions, clock: sensor_spool::Clock) -> Self {
        let Crew { jobs, keeper, taker, posts, judge, sinks } = crew;
        let shared = Shared {
            amender: Amender::start(Arc::clone(&keeper), options.executor),
            jobs,
            keeper,
            examiner: Examiner::new(taker, posts, judge, options, clock),
            sinks,
            register: Register::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Notes what a former life of the program left owed.
    pub fn recall(&self, jobs: &ReadOnly<Job>) {
        self.shared.register.recall(jobs);
    }

    /// Works by other scanners and rules from the next look on.
    pub fn renew(&self, posts: Vec<Post>, judge: Judge) {
        self.shared.examiner.renew(posts, judge);
    }

    /// Works until `stop`, or until the spool of jobs is shut down. A look in hand at `stop` is cut short, and
    /// begun again by the next life of the program.
    pub async fn run(&self, stop: CancellationToken) {
        let lookers = TaskTracker::new();
        for _ in 0..self.shared.examiner.options().concurrency.max(1) {
            lookers.spawn(Arc::clone(&self.shared).work(stop.clone()));
        }
        lookers.close();
        lookers.wait().await;
    }

    /// Has messages looked at anew by all scanners, what is owed of them tried now, or what is owed given up, each
    /// given with the revision of its last look. Durable when it returns.
    ///
    /// # Errors
    /// When the spool of jobs takes nothing, or not all.
    pub async fn ask(&self, messages: &[(MailId, u32)], why: Why) -> Result<(), JobError> {
        let jobs: Vec<Job> = messages.iter().map(|(id, revision)| Job::of(*id, *revision, why)).collect();
        commit_jobs(&self.shared.jobs, &jobs).await
    }

    /// The messages that are owed a look, each with the revision of its last one; the oldest first.
    #[must_use]
    pub fn owed(&self) -> Vec<(MailId, u32)> {
        self.shared.register.all()
    }

    /// What there is to know.
    #[must_use]
    pub fn status(&self) -> LookStatus {
        self.shared.status()
    }
}

impl Shared {
    async fn work(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let leased = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                leased = self.jobs.lease(1) => leased,
            };
            let Ok(leases) = leased else { return };
            for lease in leases {
                if self.conclude(lease, &stop).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn conclude(&self, lease: Lease<Job>, stop: &CancellationToken) -> Result<(), Closed> {
        let outcome = self.look_at(&lease, stop).await;
        self.jobs.conclude(vec![(lease, outcome)]).await
    }
}

/// What is behind it is whole between two statements, whoever panicked.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
