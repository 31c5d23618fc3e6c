//! What follows a look: it is recorded, told, and its job settled or put off.

use std::sync::Arc;
use std::time::Duration;

use sensor_mail::{Judgement, Look};
use sensor_spool::{Lease, Outcome};

use super::amending::AmendError;
use super::looking::{Early, REST};
use super::plan::owed;
use super::register::Owed;
use super::{Post, Shared};
use crate::event::Event;
use crate::job::Job;
use crate::keeper::{KeptMail, removes_octets};

/// How long a message waits whose worker died, and by how much more after each further death.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_FACTOR: u32 = 8;
/// How long a message waits first for a scanner that owes its coverage: doubled each time, up to the limit, which
/// is the longest that the spool lets an entry wait.
const OWED_WAIT_MIN: Duration = Duration::from_secs(60);
const OWED_WAIT_MAX: Duration = sensor_spool::DEFER_MAX;
/// How long a sink may take to take an event over. It should not wait at all.
const EMIT_PATIENCE: Duration = Duration::from_secs(30);

impl Shared {
    /// Recorded, then told, then settled or waiting.
    pub(super) async fn record(
        &self,
        lease: &Lease<Job>,
        mail: &KeptMail,
        look: Look,
        posts: &[Post],
    ) -> Result<Outcome, Early> {
        let (id, look) = (lease.header.id, Arc::new(look));
        self.amend(lease, &look).await?;
        self.examiner.counts().looked(look.judgement.verdict);
        self.tell(mail, &look).await?;
        let Judgement { verdict, severity, disposition, .. } = &look.judgement;
        let (revision, findings) = (look.revision, look.findings.len());
        tracing::info!(%id, revision, ?verdict, ?severity, ?disposition, findings, "looked into");
        let owed = Owed { revision: look.revision, scanners: owed(&look, posts) };
        if owed.scanners.is_empty() {
            self.register.is_covered(id);
            return Ok(Outcome::Settle);
        }
        Ok(self.wait(lease, &owed))
    }

    async fn amend(&self, lease: &Lease<Job>, look: &Arc<Look>) -> Result<(), Early> {
        let id = lease.header.id;
        match self.amender.amend(id, Arc::clone(look)).await {
            Ok(()) => Ok(()),
            Err(AmendError::Message(error)) => {
                tracing::error!(%id, %error, "what was seen in a message cannot be recorded");
                Err(Early(self.retry(lease, error.to_string())))
            }
            Err(AmendError::Store(error)) => {
                tracing::error!(%id, %error, "the archive takes no looks; they are made again");
                Err(Early(Outcome::Return { rest: REST }))
            }
        }
    }

    async fn tell(&self, mail: &KeptMail, look: &Arc<Look>) -> Result<(), Early> {
        let event = Event { record: Arc::clone(&mail.record), look: Arc::clone(look) };
        for sink in &self.sinks {
            if tokio::time::timeout(EMIT_PATIENCE, sink.emit(&event)).await.is_err() {
                tracing::error!(sink = sink.name(), "a sink does not take events over; they are told again");
                return Err(Early(Outcome::Return { rest: REST }));
            }
        }
        Ok(())
    }

    /// The look is there; the program may have ended before it was durable or told, or after the message was kept
    /// again and has octets that are not to stay.
    pub(super) async fn repeat(&self, lease: &Lease<Job>, mail: &KeptMail, last: &Look) -> Result<(), Early> {
        let last = Arc::new(last.clone());
        self.amend(lease, &last).await?;
        self.tell(mail, &last).await
    }

    /// There is nothing to do but what may not have been done.
    pub(super) async fn finish_again(
        &self,
        lease: &Lease<Job>,
        mail: &KeptMail,
        last: &Look,
    ) -> Result<Outcome, Early> {
        let id = lease.header.id;
        let has_to_go = removes_octets(last) && mail.octets.is_some();
        let was_told = self.register.waiting(id).is_some_and(|(_, told)| told == last.revision);
        if has_to_go || !was_told {
            self.repeat(lease, mail, last).await?;
        }
        self.register.is_covered(id);
        Ok(Outcome::Settle)
    }

    /// The job waits for scanners, unless another of the same message does.
    pub(super) fn wait(&self, lease: &Lease<Job>, owed: &Owed) -> Outcome {
        let id = lease.header.id;
        let waiting = self.register.waiting(id).map_or(lease.id, |(entry, _)| entry);
        self.register.owes(id, waiting, owed);
        if waiting != lease.id {
            return Outcome::Settle;
        }
        let doubled = OWED_WAIT_MIN.saturating_mul(1 << u32::from(lease.failures).min(16));
        self.defer(doubled.min(OWED_WAIT_MAX), owed.to_string())
    }

    pub(super) fn retry(&self, lease: &Lease<Job>, reason: String) -> Outcome {
        let factor = RETRY_FACTOR.saturating_pow(u32::from(lease.failures));
        self.defer(RETRY.saturating_mul(factor).min(OWED_WAIT_MAX), reason)
    }

    fn defer(&self, wait: Duration, reason: String) -> Outcome {
        let wait = u64::try_from(wait.as_millis()).expect("an hour at most");
        Outcome::Defer { due: self.examiner.millis().saturating_add(wait), reason }
    }
}
