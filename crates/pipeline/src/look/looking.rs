//! One look, from its job to its settlement.

use std::sync::Arc;
use std::time::Duration;

use sensor_mail::Look;
use sensor_spool::{Lease, Outcome};
use tokio_util::sync::CancellationToken;

use super::examining::{Open, Unexamined};
use super::merging::{is_alike, says_more};
use super::plan::{Plan, plan};
use super::register::Owed;
use super::{Post, Shared};
use crate::job::{Job, Why};
use crate::keeper::{KeptMail, StoreError};
use crate::keeping::FAILURES_MAX;

/// How long a message rests when something of ours is not there: a worker, the store, a sink.
pub(super) const REST: Duration = Duration::from_secs(10);
/// How long a message rests that another job has in hand.
const IN_HAND_REST: Duration = Duration::from_secs(1);

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
        let posts = self.examiner.posts();
        let done = match plan(&lease.header, &mail, &posts) {
            Plan::Done => Ok(Outcome::Settle),
            Plan::Finish(last) => self.finish_again(lease, &mail, last).await,
            Plan::GiveUp { last } => {
                let look = self.examiner.given_up(&mail, last, self.examiner.now());
                self.record(lease, &mail, look, &posts).await
            }
            Plan::Look { revision } => self.look(lease, self.open_up(&mail, &posts, stop), revision).await,
            Plan::CatchUp { last, owed } => {
                self.catch_up(lease, self.open_up(&mail, &posts, stop), last, &owed).await
            }
        };
        done.unwrap_or_else(|Early(outcome)| outcome)
    }

    fn open_up<'a>(&self, mail: &'a KeptMail, posts: &'a [Post], stop: &'a CancellationToken) -> Open<'a> {
        let octets = mail.octets.clone().expect("a plan to look is for mail that has its octets");
        Open { mail, octets, posts, begun: self.examiner.now(), stop }
    }

    async fn open(&self, lease: &Lease<Job>) -> Result<Option<KeptMail>, StoreError> {
        let (keeper, id) = (Arc::clone(&self.keeper), lease.header.id);
        self.examiner.block(move || keeper.open(id)).await.unwrap_or_else(|panicked| {
            let source = std::io::Error::other(panicked);
            Err(StoreError { doing: "opening a kept message".to_owned(), source })
        })
    }

    /// All scanners look.
    async fn look(&self, lease: &Lease<Job>, open: Open<'_>, revision: u32) -> Result<Outcome, Early> {
        let (examiner, off) = (&self.examiner, |why| self.put_off(lease, why));
        let posts: Vec<&Post> = open.posts.iter().collect();
        let is_last_try = lease.failures.saturating_add(1) >= FAILURES_MAX;
        let apart = examiner.take_apart(&open, &posts, is_last_try).await.map_err(off)?;
        let look = examiner.scan_and_judge(&open, &posts, apart, None, revision).await.map_err(off)?;
        self.record(lease, open.mail, look, open.posts).await
    }

    /// Those look that owe it; all of them when the message comes apart in another way than the last time, for
    /// findings go by the numbers of parts.
    async fn catch_up(
        &self,
        lease: &Lease<Job>,
        open: Open<'_>,
        last: &Look,
        names: &[Box<str>],
    ) -> Result<Outcome, Early> {
        let (examiner, off) = (&self.examiner, |why| self.put_off(lease, why));
        let waiting = Owed { revision: last.revision, scanners: names.to_vec() };
        let posts: Vec<&Post> = open.posts.iter().filter(|post| names.contains(&post.name)).collect();
        let id = lease.header.id;
        match self.register.waiting(id) {
            Some((other, _)) if other != lease.id && lease.header.why != Why::Retry => {
                return Ok(Outcome::Settle);
            }
            Some((_, told)) if told == last.revision => {}
            noted => {
                self.repeat(lease, open.mail, last).await?;
                let entry = noted.map_or(lease.id, |(entry, _)| entry);
                self.register.owes(id, entry, &waiting);
            }
        }
        if !posts.iter().any(|post| examiner.would_be_asked(post)) {
            return Ok(self.wait(lease, &waiting));
        }
        let apart = examiner.take_apart(&open, &posts, true).await.map_err(off)?;
        let revision = last.revision.saturating_add(1);
        let look = if is_alike(&apart, last) {
            examiner.scan_and_judge(&open, &posts, apart, Some(last), revision).await.map_err(off)?
        } else if apart.gap.is_none() {
            let all: Vec<&Post> = open.posts.iter().collect();
            let apart = examiner.take_apart(&open, &all, true).await.map_err(off)?;
            examiner.scan_and_judge(&open, &all, apart, None, revision).await.map_err(off)?
        } else {
            // It came apart before, and does not now.
            return Ok(self.wait(lease, &waiting));
        };
        if !says_more(&look, last) {
            return Ok(self.wait(lease, &waiting));
        }
        self.record(lease, open.mail, look, open.posts).await
    }

    fn put_off(&self, lease: &Lease<Job>, why: Unexamined) -> Early {
        Early(match why {
            Unexamined::Cancelled => Outcome::Return { rest: Duration::ZERO },
            // The pool has told what is wrong.
            Unexamined::NoWorker(_) => Outcome::Return { rest: REST },
            Unexamined::Failed(why) => self.retry(lease, why),
        })
    }
}
