//! The one way in: a transaction that becomes a durable message, or never was.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use aws_lc_rs::digest;
use jiff::Timestamp;
use sensor_mail::envelope::{LineEndings, Origin, Parameter, Recipient, Tenant};
use sensor_mail::{Envelope, MailId, MailIds, NodeId, Refusal, ReversePath, Sha256};
use sensor_spool::{Clock, CommitError, Draft, Full, Pending, Spool, Withdrawal, WriteError};
use tokio::time::Instant;

use crate::alarm::Alarm;

/// Opens transactions. One for each process; every way in shares it.
pub struct Intake {
    spool: Spool<Envelope>,
    ids: MailIds,
    node: NodeId,
    clock: Clock,
    commit_deadline: Duration,
}

/// A message that is coming in. Dropped before it is accepted, it never was.
pub struct Transaction {
    draft: Draft<Envelope>,
    digest: digest::Context,
    reverse_path: ReversePath,
    mail_parameters: Vec<Parameter>,
    recipients: Vec<Recipient>,
    /// What is left for more recipients in the header that the spool stores. A thousand addresses fit into
    /// its 1 MiB many times over; a thousand with the longest parameters do not, nor do some dozens where
    /// its segments are small. Not looked at here, it would be found out when the message is whole, again
    /// and again.
    room: usize,
    /// How long octets may wait for the storage.
    deadline: Duration,
}

/// The most that the rest of an envelope takes where it is stored, beside its sender, the parameters of MAIL
/// and its recipients: HELO, the name of the listener and the server name of TLS, each with 255 octets that
/// JSON doubles, digest, numbers, and the names of all members.
const REST_OCTETS_MAX: usize = 2 * 1024;

/// A message that is on stable storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its name.
    pub id: MailId,
    /// Its number among those that this node accepted.
    pub sequence: u64,
    /// Its size.
    pub octets: u64,
}

/// A transaction that did not become a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// It is not in the spool; this is what its sender is told.
    Refused(Refusal),
    /// The spool ended before it knew. The next start may find it whole, so its sender is told nothing: it
    /// sends again, as after any connection that breaks.
    Unknown,
}

impl Intake {
    /// An intake into `spool`. A commit that takes longer than `commit_deadline` is withdrawn, and a message
    /// whose octets wait longer for the storage is refused.
    #[must_use]
    pub fn new(
        spool: Spool<Envelope>,
        ids: MailIds,
        node: NodeId,
        clock: Clock,
        commit_deadline: Duration,
    ) -> Self {
        Self { spool, ids, node, clock, commit_deadline }
    }

    /// The largest message that can be stored at all. Under the size limit of the rules, which may be none.
    #[must_use]
    pub fn octets_max(&self) -> u64 {
        self.spool.body_octets_max()
    }

    /// Begins a message.
    ///
    /// # Errors
    /// When there is no room for it now, in the words of a refusal.
    pub fn open(
        &self,
        reverse_path: ReversePath,
        mail_parameters: Vec<Parameter>,
    ) -> Result<Transaction, Refusal> {
        let draft = self.spool.draft().map_err(no_draft)?;
        let digest = digest::Context::new(&digest::SHA256);
        let taken = REST_OCTETS_MAX
            + stored_text_octets_max(reverse_path.as_str())
            + stored_parameters_octets_max(&mail_parameters);
        let room = self.spool.header_octets_max().saturating_sub(taken);
        Ok(Transaction {
            draft,
            digest,
            reverse_path,
            mail_parameters,
            recipients: Vec::new(),
            room,
            deadline: self.commit_deadline,
        })
    }

    /// Ends a transaction: when this returns a message, it is on stable storage. `alarm` is whoever asks's.
    ///
    /// # Cancel safety
    /// Dropped, the commit still runs to its end: the message may be in the spool without its sender knowing.
    ///
    /// # Errors
    /// When it could not be made durable, or not in time; then it is not accepted.
    pub async fn accept(
        &self,
        transaction: Transaction,
        origin: Origin,
        line_endings: LineEndings,
        alarm: &mut Alarm,
    ) -> Result<Accepted, NotAccepted> {
        let now = (self.clock)();
        let octets = transaction.octets();
        let Transaction { draft, digest, reverse_path, mail_parameters, recipients, .. } = transaction;
        assert!(!recipients.is_empty(), "a session lets no body begin without a recipient");
        let id = self.ids.next(now);
        let sha256 = Sha256(digest.finish().as_ref().try_into().expect("a SHA-256 digest has 32 octets"));
        let envelope = Envelope {
            id,
            tenant: Tenant::default(),
            node: self.node,
            arrival: timestamp(now),
            origin,
            reverse_path,
            mail_parameters,
            recipients,
            octets,
            sha256,
            line_endings,
        };
        let sequence = self.durable(id, draft.commit(&envelope), alarm).await?;
        Ok(Accepted { id, sequence, octets })
    }

    async fn durable(&self, id: MailId, mut pending: Pending, alarm: &mut Alarm) -> Result<u64, NotAccepted> {
        let deadline = Instant::now() + self.commit_deadline;
        let in_time = tokio::select! {
            biased;
            outcome = &mut pending => Some(outcome),
            () = alarm.rings(deadline) => None,
        };
        let outcome = match in_time {
            Some(outcome) => outcome,
            None => match pending.withdraw("not durable in time") {
                Withdrawal::TooLate(outcome) => outcome,
                Withdrawal::Withdrawn => {
                    let after = self.commit_deadline;
                    tracing::error!(%id, ?after, "the storage is too slow: message withdrawn");
                    return Err(NotAccepted::Refused(Refusal::StorageSlow));
                }
            },
        };
        outcome.map(|position| position.sequence).map_err(|error| {
            tracing::error!(%id, %error, "message not stored");
            not_committed(&error)
        })
    }
}

impl Transaction {
    /// Adds a recipient.
    ///
    /// # Errors
    /// When no more fit with what came with them; the message goes on for the others.
    pub fn recipient(&mut self, recipient: Recipient) -> Result<(), Refusal> {
        let Some(room) = self.room.checked_sub(stored_recipient_octets_max(&recipient)) else {
            let limit = u32::try_from(self.recipients.len()).unwrap_or(u32::MAX);
            return Err(Refusal::Recipients { limit });
        };
        self.room = room;
        self.recipients.push(recipient);
        Ok(())
    }

    /// Leaves so much room in the stored header for what else is known of who sends.
    pub(crate) fn set_aside(&mut self, octets: usize) {
        self.room = self.room.saturating_sub(octets);
    }

    /// Recipients so far.
    #[must_use]
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// Who sends.
    #[must_use]
    pub fn reverse_path(&self) -> &ReversePath {
        &self.reverse_path
    }

    /// Octets so far.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.draft.octets()
    }

    /// Takes more of the message; waits while the storage is behind, as long as a commit may take. It never
    /// waits for memory: a message has some from its beginning, and where more is not to be had it goes to
    /// the storage in smaller pieces.
    ///
    /// # Errors
    /// When it cannot be stored, or not in time; drop the transaction then.
    pub async fn write(&mut self, octets: &[u8]) -> Result<(), Refusal> {
        self.digest.update(octets);
        let mut written = pin!(self.draft.write(octets));
        // Most octets stay in memory for now: only those that wait are worth a timer.
        let written = match poll_fn(|context| Poll::Ready(written.as_mut().poll(context))).await {
            Poll::Ready(written) => written,
            Poll::Pending => {
                let in_time = tokio::time::timeout(self.deadline, written).await;
                in_time.map_err(|_| too_slow(self.deadline))?
            }
        };
        written.map_err(|error| not_written(&error))
    }
}

fn stored_recipient_octets_max(recipient: &Recipient) -> usize {
    96 + stored_text_octets_max(recipient.path.as_str()) + stored_parameters_octets_max(&recipient.parameters)
}

/// The names of the members come on top of what they hold.
fn stored_parameters_octets_max(parameters: &[Parameter]) -> usize {
    let text = stored_text_octets_max;
    let stored =
        |parameter: &Parameter| 32 + text(&parameter.keyword) + parameter.value.as_deref().map_or(0, text);
    parameters.iter().map(stored).sum()
}

/// JSON: at worst each octet is escaped by a second one, for no command has control characters.
pub(crate) fn stored_text_octets_max(text: &str) -> usize {
    2 * text.len()
}

fn timestamp(unix_millis: u64) -> Timestamp {
    let millis = i64::try_from(unix_millis).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

fn no_draft(full: Full) -> Refusal {
    match full {
        Full::Octets | Full::Inodes => Refusal::StorageLow,
        Full::Memory => Refusal::MemoryLow,
        Full::Storage => Refusal::StorageFailed,
        Full::Closed => Refusal::Draining,
    }
}

fn too_slow(after: Duration) -> Refusal {
    tracing::error!(?after, "the storage is too slow: message refused while it came in");
    Refusal::StorageSlow
}

fn not_written(error: &WriteError) -> Refusal {
    match error {
        WriteError::Full => Refusal::StorageLow,
        WriteError::Storage(_) => Refusal::StorageFailed,
        // Whole pieces would have been enough for all that the door lets in: they were small for want of memory.
        WriteError::TooLarge { .. } => Refusal::MemoryLow,
        WriteError::Closed => Refusal::Draining,
    }
}

fn not_committed(error: &CommitError) -> NotAccepted {
    match error {
        CommitError::Full => NotAccepted::Refused(Refusal::StorageLow),
        CommitError::Storage(_) | CommitError::Header(_) => NotAccepted::Refused(Refusal::StorageFailed),
        CommitError::Closed => NotAccepted::Unknown,
    }
}
