//! What is still to be done about kept mail: an entry of a second spool.
//!
//! ```text
//!  kept --> Job in the spool of jobs --> message settled in the first spool
//!             |  ^
//!             v  | deferred while a required scanner owes its coverage
//!           a look, recorded, told --> job settled
//! ```
//!
//! A job says little: what there is to do follows from it and from the looks in the record. So a second job for
//! the same message, made because the program ended between two steps, finds everything done and is settled.

use sensor_mail::MailId;
use sensor_spool::{CommitError, Full, Spool};
use serde::{Deserialize, Serialize};

/// A look that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The layout of the rest. Another one is refused, and the entry set aside with its octets.
    version: Version,
    /// Which message.
    pub id: MailId,
    /// The revision of the look that was there when the job was made; 0 where there was none. It is done when
    /// there is a later one that owes nothing.
    pub revision: u32,
    /// What for.
    pub why: Why,
}

/// What a job is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was kept, and nobody has looked yet.
    First,
    /// Somebody wants it looked at anew, by all scanners.
    Rescan,
    /// The operator wants what is owed tried now.
    Retry,
    /// The operator gives up what is owed.
    GiveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
struct Version;

/// The layout that is written, and the only one there has been.
const VERSION: u16 = 1;

impl From<Version> for u16 {
    fn from(Version: Version) -> Self {
        VERSION
    }
}

impl TryFrom<u16> for Version {
    type Error = String;

    fn try_from(version: u16) -> Result<Self, String> {
        match version {
            VERSION => Ok(Self),
            _ => Err(format!("a job of version {version}; this program reads {VERSION}")),
        }
    }
}

impl Job {
    /// The first look into a message.
    #[must_use]
    pub fn first(id: MailId) -> Self {
        Self::of(id, 0, Why::First)
    }

    /// A job for a message whose last look has this revision.
    #[must_use]
    pub fn of(id: MailId, revision: u32, why: Why) -> Self {
        Self { version: Version, id, revision, why }
    }
}

/// Jobs cannot be stored now.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// There is no room for them.
    #[error("the spool of jobs takes no more: {0}")]
    Full(#[from] Full),
    /// They could not be made durable.
    #[error("the spool of jobs: {0}")]
    Commit(#[from] CommitError),
}

/// The most jobs that are in memory on their way to the spool.
const JOBS_IN_FLIGHT_MAX: usize = 256;

/// Makes jobs durable, in a group where they are few. After an error some of them may be.
///
/// # Errors
/// When the spool has no room or its storage fails.
pub async fn commit_jobs(spool: &Spool<Job>, jobs: &[Job]) -> Result<(), JobError> {
    for group in jobs.chunks(JOBS_IN_FLIGHT_MAX) {
        let mut pending = Vec::with_capacity(group.len());
        for job in group {
            pending.push(spool.draft()?.commit(job));
        }
        for commit in pending {
            commit.await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sensor_mail::{MailIds, NodeId};

    use super::*;

    #[test]
    fn a_job_of_another_version_is_refused() {
        let job = Job::first(MailIds::new(NodeId::default(), 0).next(1));
        let text = serde_json::to_string(&job).unwrap();
        assert!(text.starts_with(r#"{"version":1,"#), "{text}");
        assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job);
        let later = text.replacen(":1", ":2", 1);
        let error = serde_json::from_str::<Job>(&later).unwrap_err();
        assert!(error.to_string().starts_with("a job of version 2"), "{error}");
    }
}
