//! One look, from its job to its settlement.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sensor_mail::finding::Missed;
use sensor_mail::part::{Unopened, WhyUnopened};
use sensor_mail::{Judgement, Look};
use sensor_spool::{Lease, Outcome};
use tokio_util::sync::CancellationToken;

use super::merging::{in_order, is_alike, say_for_the_silent, says_more};
use super::plan::{Plan, plan};
use super::register::Owed;
use super::scanning::Account;
use super::whole::whole;
use super::{LookInput, Place, Post, Shared, lock};
use crate::job::{Job, Why};
use crate::keeper::{KeptMail, StoreError};
use crate::keeping::{Executor, FAILURES_MAX, guarded};
use crate::scanner::{Dissected, Octets, Piece};
use crate::taker::{Assignment, NoWorker, Taken, Task};

/// How long a message rests when something of ours is not there: a worker, the store, a sink.
pub(super) const REST: Duration = Duration::from_secs(10);
/// How long a message rests that another job has in hand.
const IN_HAND_REST: Duration = Duration::from_secs(1);

/// What is in hand of a message that is looked into.
struct Open<'a> {
    lease: &'a Lease<Job>,
    mail: &'a KeptMail,
    octets: Octets,
    posts: &'a [Post],
    begun: Timestamp,
    stop: &'a CancellationToken,
}

/// A message as it came back from being taken apart.
pub(super) struct Apart {
    pub(super) taken: Taken,
    /// Why it is only the message, and nothing in it.
    pub(super) gap: Option<Missed>,
}

/// The look ends here: this becomes of the job.
pub(super) struct Early(pub(super) Outcome);

impl Shared {
    pub(super) async fn look_at(&self, lease: &Lease<Job>, stop: &CancellationToken) -> Outcome {
        let id = lease.header.id;
        let Some(_in_hand) = self.register.take(id) else { return Outcome::Return { rest: IN_HAND_REST } };
        let mail = match self.open(lease).await {
            Ok(Some(mail)) => mail,
            Ok(None) => {
                tracing::warn!(%id, "a message that was to be looked into is not in the archive any more");
                return Outcome::Settle;
            }
            Err(error) => {
                tracing::error!(%id, %error, "a message cannot be looked into now");
                return self.retry(lease, error.to_string());
            }
        };
        let posts = self.posts();
        let done = match plan(&lease.header, &mail, &posts) {
            Plan::Done => Ok(Outcome::Settle),
            Plan::Finish(last) => self.finish_again(lease, &mail, last).await,
            Plan::GiveUp { last } => {
                let look = self.given_up(&mail, last, self.now());
                self.record(lease, &mail, look, &posts).await
            }
            Plan::Look { revision } => self.look(self.open_up(lease, &mail, &posts, stop), revision).await,
            Plan::CatchUp { last, owed } => {
                self.catch_up(self.open_up(lease, &mail, &posts, stop), last, &owed).await
            }
        };
        done.unwrap_or_else(|Early(outcome)| outcome)
    }

    fn open_up<'a>(
        &self,
        lease: &'a Lease<Job>,
        mail: &'a KeptMail,
        posts: &'a [Post],
        stop: &'a CancellationToken,
    ) -> Open<'a> {
        let octets = mail.octets.clone().expect("a plan to look is for mail that has its octets");
        Open { lease, mail, octets, posts, begun: self.now(), stop }
    }

    async fn open(&self, lease: &Lease<Job>) -> Result<Option<KeptMail>, StoreError> {
        let (keeper, id) = (Arc::clone(&self.keeper), lease.header.id);
        self.block(move || keeper.open(id)).await.unwrap_or_else(|panicked| {
            let source = std::io::Error::other(panicked);
            Err(StoreError { doing: "opening a kept message".to_owned(), source })
        })
    }

    /// All scanners look.
    async fn look(&self, open: Open<'_>, revision: u32) -> Result<Outcome, Early> {
        let posts: Vec<&Post> = open.posts.iter().collect();
        let is_last_try = open.lease.failures.saturating_add(1) >= FAILURES_MAX;
        let apart = self.take_apart(&open, &posts, is_last_try).await?;
        let look = self.scan_and_judge(&open, &posts, apart, None, revision).await?;
        self.record(open.lease, open.mail, look, open.posts).await
    }

    /// Those look that owe it; all of them when the message comes apart in another way than the last time, for
    /// findings go by the numbers of parts.
    async fn catch_up(&self, open: Open<'_>, last: &Look, names: &[Box<str>]) -> Result<Outcome, Early> {
        let waiting = Owed { revision: last.revision, scanners: names.to_vec() };
        let posts: Vec<&Post> = open.posts.iter().filter(|post| names.contains(&post.name)).collect();
        let id = open.lease.header.id;
        match self.register.waiting(id) {
            Some((other, _)) if other != open.lease.id && open.lease.header.why != Why::Retry => {
                return Ok(Outcome::Settle);
            }
            Some((_, told)) if told == last.revision => {}
            noted => {
                self.repeat(open.lease, open.mail, last).await?;
                let entry = noted.map_or(open.lease.id, |(entry, _)| entry);
                self.register.owes(id, entry, &waiting);
            }
        }
        if !posts.iter().any(|post| self.would_be_asked(post)) {
            return Ok(self.wait(open.lease, &waiting));
        }
        let apart = self.take_apart(&open, &posts, true).await?;
        let revision = last.revision.saturating_add(1);
        let look = if is_alike(&apart, last) {
            self.scan_and_judge(&open, &posts, apart, Some(last), revision).await?
        } else if apart.gap.is_none() {
            let all: Vec<&Post> = open.posts.iter().collect();
            let apart = self.take_apart(&open, &all, true).await?;
            self.scan_and_judge(&open, &all, apart, None, revision).await?
        } else {
            // It came apart before, and does not now.
            return Ok(self.wait(open.lease, &waiting));
        };
        if !says_more(&look, last) {
            return Ok(self.wait(open.lease, &waiting));
        }
        self.record(open.lease, open.mail, look, open.posts).await
    }

    fn would_be_asked(&self, post: &Post) -> bool {
        let now = tokio::time::Instant::now();
        match post.place {
            Place::Worker => true,
            Place::Sensor(_) => {
                self.breakers().get(&post.name).is_none_or(|breaker| breaker.would_admit(now))
            }
        }
    }

    /// Where its worker dies it is tried again later; in the last try, what there is of it has to do.
    async fn take_apart(&self, open: &Open<'_>, posts: &[&Post], is_last_try: bool) -> Result<Apart, Early> {
        if open.octets.len() > self.options.size_max {
            let gap = Unopened { why: WhyUnopened::OctetsMax, detail: None };
            let why = Missed::Skipped(format!("larger than {} octets", self.options.size_max).into());
            return self.only_whole(open, posts, gap, why).await;
        }
        let inspectors = posts.iter().filter(|post| matches!(post.place, Place::Worker));
        let assignment = |post: &&Post| Assignment { name: post.name.clone(), deadline: post.deadline };
        let task = Task {
            record: Arc::clone(&open.mail.record),
            octets: open.octets.clone(),
            patience: self.options.patience,
            inspectors: inspectors.map(assignment).collect(),
        };
        let taken = tokio::select! {
            biased;
            () = open.stop.cancelled() => return Err(Early(Outcome::Return { rest: Duration::ZERO })),
            taken = self.taker.take(task) => taken,
        };
        // The pool has told what is wrong.
        let mut taken = taken.map_err(|NoWorker(_)| Early(Outcome::Return { rest: REST }))?;
        let Some(death) = &taken.death else { return Ok(Apart { taken, gap: None }) };
        let (id, why) = (open.lease.header.id, death.to_string());
        tracing::warn!(%id, %why, failures = open.lease.failures, "a message ended its worker process");
        if !is_last_try {
            return Err(Early(self.retry(open.lease, why)));
        }
        let missed = Missed::Failed(why.as_str().into());
        if taken.pieces.is_empty() {
            let gap = Unopened { why: WhyUnopened::Failed, detail: Some(why.into()) };
            return self.only_whole(open, posts, gap, missed).await;
        }
        say_for_the_silent(&mut taken, posts, &missed);
        Ok(Apart { taken, gap: None })
    }

    /// The message is not taken apart, for this reason.
    async fn only_whole(
        &self,
        open: &Open<'_>,
        posts: &[&Post],
        gap: Unopened,
        why: Missed,
    ) -> Result<Apart, Early> {
        let octets = open.octets.clone();
        let read = self.block(move || whole(&octets, gap)).await;
        let piece = read
            .and_then(|read| read.map_err(|error| error.to_string()))
            .and_then(|piece| unaltered(piece, open.mail))
            .map_err(|why| {
                tracing::error!(id = %open.lease.header.id, %why, "a kept message cannot be read");
                Early(self.retry(open.lease, why))
            })?;
        self.counts().not_taken_apart += 1;
        let mut taken = Taken { pieces: vec![piece], ..Taken::default() };
        say_for_the_silent(&mut taken, posts, &why);
        Ok(Apart { taken, gap: Some(why) })
    }

    async fn scan_and_judge(
        &self,
        open: &Open<'_>,
        posts: &[&Post],
        apart: Apart,
        last: Option<&Look>,
        revision: u32,
    ) -> Result<Look, Early> {
        let Apart { taken: Taken { pieces, recipients, reports, death: _ }, gap } = apart;
        let parts = pieces.iter().map(|piece| piece.part.clone()).collect();
        let record = Arc::clone(&open.mail.record);
        let dissected = Dissected { record, parts: pieces.into() };
        let here = self.scan(posts, &dissected, open.stop).await;
        if open.stop.is_cancelled() {
            return Err(Early(Outcome::Return { rest: Duration::ZERO }));
        }
        let inspected = reports.into_iter().filter_map(|(report, took)| {
            let post = posts.iter().find(|post| *post.name == *report.scanner())?;
            Some(Account::of(post, report, took))
        });
        let mut accounts: Vec<Account> = inspected.collect();
        accounts.extend(here.into_iter().map(|account| account.with_gap(gap.as_ref())));
        let counts = &mut self.counts();
        accounts.iter().for_each(|account| counts.covered(&account.coverage));
        let (findings, coverage) = in_order(open.posts, accounts, last);
        let begun = open.begun;
        let (judgement, shadow) = (Judgement::default(), None);
        let look = Look { revision, begun, parts, recipients, findings, coverage, judgement, shadow };
        Ok(self.judged(open.mail, look))
    }

    /// A rule that panics decides nothing: what was seen is recorded all the same.
    fn judged(&self, mail: &KeptMail, mut look: Look) -> Look {
        let judge = Arc::clone(&lock(&self.judge));
        let Look { parts, recipients, findings, coverage, .. } = &look;
        let input =
            LookInput { record: &mail.record, parts, recipients, findings, coverage, looks: &mail.looks };
        let judged = guarded(|| judge(&input));
        if judged.is_err() {
            tracing::error!(id = %mail.record.envelope.id, "the program panicked while it judged a message");
        }
        (look.judgement, look.shadow) = judged.unwrap_or_else(|_| (Judgement::default(), None));
        look
    }

    /// The last look once more, with what is owed given up.
    fn given_up(&self, mail: &KeptMail, last: &Look, begun: Timestamp) -> Look {
        let mut look = Look { revision: last.revision.saturating_add(1), begun, ..last.clone() };
        for coverage in look.coverage.iter_mut().filter(|coverage| coverage.is_owed()) {
            for gap in coverage.gaps.iter_mut().filter(|gap| gap.why.is_worth_a_retry()) {
                gap.why = Missed::Skipped("given up by the operator".into());
            }
        }
        self.judged(mail, look)
    }

    /// Work that waits for the storage.
    async fn block<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
        let work = move || guarded(work).map_err(|panicked| panicked.to_string());
        match self.options.executor {
            Executor::Inline => work(),
            Executor::Threads => {
                tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
            }
        }
    }
}

/// The octets of an archive may have changed since they were kept.
fn unaltered(piece: Piece, mail: &KeptMail) -> Result<Piece, String> {
    let (accepted, found) = (mail.record.envelope.sha256, piece.part.sha256);
    match found == accepted {
        true => Ok(piece),
        false => Err(format!("altered since it was kept: SHA-256 {found}, but {accepted} was accepted")),
    }
}
