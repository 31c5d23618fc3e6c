//! One message examined: taken apart, looked into by all scanners, judged. Nothing is recorded or told here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use sensor_mail::finding::Missed;
use sensor_mail::part::{Unopened, WhyUnopened};
use sensor_mail::{Judgement, Look, MailId};
use tokio_util::sync::CancellationToken;

use super::breaker::Breaker;
use super::merging::{in_order, say_for_the_silent};
use super::scanning::Account;
use super::status::Counts;
use super::whole::whole;
use super::{Judge, LookInput, LookOptions, Place, Post, lock};
use crate::keeper::KeptMail;
use crate::keeping::{Executor, guarded};
use crate::scanner::{Dissected, Octets, Piece};
use crate::specimen::Record;
use crate::taker::{Assignment, NoWorker, Taken, Taker, Task};

/// Has messages taken apart, scanners look into them, and rules judge what they say.
pub struct Examiner {
    taker: Arc<dyn Taker>,
    judge: Mutex<Judge>,
    posts: Mutex<Arc<[Post]>>,
    options: LookOptions,
    clock: sensor_spool::Clock,
    breakers: Mutex<BTreeMap<Box<str>, Breaker>>,
    counts: Mutex<Counts>,
}

/// A message was not examined to the end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexamined {
    /// Nobody wants it any more.
    #[error("cancelled")]
    Cancelled,
    /// Nobody takes messages apart now.
    #[error(transparent)]
    NoWorker(NoWorker),
    /// It was the message's fault, or its storage's.
    #[error("{0}")]
    Failed(String),
}

/// A message that is examined.
pub(super) struct Open<'a> {
    pub(super) mail: &'a KeptMail,
    pub(super) octets: Octets,
    pub(super) posts: &'a [Post],
    pub(super) begun: Timestamp,
    pub(super) stop: &'a CancellationToken,
}

impl Open<'_> {
    pub(super) fn id(&self) -> MailId {
        self.mail.record.envelope.id
    }
}

/// A message as it came back from being taken apart.
pub(super) struct Apart {
    pub(super) taken: Taken,
    /// Why it is only the message, and nothing in it.
    pub(super) gap: Option<Missed>,
}

impl Examiner {
    /// An examiner with these means.
    #[must_use]
    pub fn new(
        taker: Arc<dyn Taker>,
        posts: Vec<Post>,
        judge: Judge,
        options: LookOptions,
        clock: sensor_spool::Clock,
    ) -> Self {
        Self {
            taker,
            judge: Mutex::new(judge),
            posts: Mutex::new(posts.into()),
            options,
            clock,
            breakers: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// A first look at a message that nobody keeps: what a kept one would have in its record.
    ///
    /// # Errors
    /// When it cannot be had whole, or nobody takes it apart.
    pub async fn examine(
        &self,
        record: Arc<Record>,
        octets: Octets,
        stop: &CancellationToken,
    ) -> Result<Look, Unexamined> {
        let mail = KeptMail { record, looks: Vec::new(), octets: Some(octets.clone()) };
        let posts = self.posts();
        let open = Open { mail: &mail, octets, posts: &posts, begun: self.now(), stop };
        let all: Vec<&Post> = posts.iter().collect();
        let apart = self.take_apart(&open, &all, true).await?;
        self.scan_and_judge(&open, &all, apart, None, 1).await
    }

    pub(super) fn renew(&self, posts: Vec<Post>, judge: Judge) {
        *lock(&self.posts) = posts.into();
        *lock(&self.judge) = judge;
    }

    pub(super) fn options(&self) -> &LookOptions {
        &self.options
    }

    pub(super) fn millis(&self) -> u64 {
        (self.clock)()
    }

    pub(super) fn now(&self) -> Timestamp {
        let millis = i64::try_from(self.millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    pub(super) fn posts(&self) -> Arc<[Post]> {
        Arc::clone(&lock(&self.posts))
    }

    pub(super) fn breakers(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Breaker>> {
        lock(&self.breakers)
    }

    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }

    pub(super) fn would_be_asked(&self, post: &Post) -> bool {
        let now = tokio::time::Instant::now();
        match post.place {
            Place::Worker => true,
            Place::Sensor(_) => {
                self.breakers().get(&post.name).is_none_or(|breaker| breaker.would_admit(now))
            }
        }
    }

    /// Where its worker dies it is tried again later; in the last try, what there is of it has to do.
    pub(super) async fn take_apart(
        &self,
        open: &Open<'_>,
        posts: &[&Post],
        is_last_try: bool,
    ) -> Result<Apart, Unexamined> {
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
            () = open.stop.cancelled() => return Err(Unexamined::Cancelled),
            taken = self.taker.take(task) => taken,
        };
        // The pool has told what is wrong.
        let mut taken = taken.map_err(Unexamined::NoWorker)?;
        let Some(death) = &taken.death else { return Ok(Apart { taken, gap: None }) };
        let (id, why) = (open.id(), death.to_string());
        tracing::warn!(%id, %why, is_last_try, "a message ended its worker process");
        if !is_last_try {
            return Err(Unexamined::Failed(why));
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
    ) -> Result<Apart, Unexamined> {
        let octets = open.octets.clone();
        let read = self.block(move || whole(&octets, gap)).await;
        let piece = read
            .and_then(|read| read.map_err(|error| error.to_string()))
            .and_then(|piece| unaltered(piece, open.mail))
            .map_err(|why| {
                tracing::error!(id = %open.id(), %why, "a kept message cannot be read");
                Unexamined::Failed(why)
            })?;
        self.counts().not_taken_apart += 1;
        let mut taken = Taken { pieces: vec![piece], ..Taken::default() };
        say_for_the_silent(&mut taken, posts, &why);
        Ok(Apart { taken, gap: Some(why) })
    }

    pub(super) async fn scan_and_judge(
        &self,
        open: &Open<'_>,
        posts: &[&Post],
        apart: Apart,
        last: Option<&Look>,
        revision: u32,
    ) -> Result<Look, Unexamined> {
        let Apart { taken: Taken { pieces, mut recipients, reports, death: _ }, gap } = apart;
        // The worker, which named the others, knows nothing of the envelope.
        sensor_content::name_sub_addresses(&open.mail.record.envelope.recipients, &mut recipients);
        let parts = pieces.iter().map(|piece| piece.part.clone()).collect();
        let record = Arc::clone(&open.mail.record);
        let dissected = Dissected { record, parts: pieces.into() };
        let here = self.scan(posts, &dissected, open.stop).await;
        if open.stop.is_cancelled() {
            return Err(Unexamined::Cancelled);
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
    pub(super) fn given_up(&self, mail: &KeptMail, last: &Look, begun: Timestamp) -> Look {
        let mut look = Look { revision: last.revision.saturating_add(1), begun, ..last.clone() };
        for coverage in look.coverage.iter_mut().filter(|coverage| coverage.is_owed()) {
            for gap in coverage.gaps.iter_mut().filter(|gap| gap.why.is_worth_a_retry()) {
                gap.why = Missed::Skipped("given up by the operator".into());
            }
        }
        self.judged(mail, look)
    }

    /// Work that waits for the storage.
    pub(super) async fn block<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
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
