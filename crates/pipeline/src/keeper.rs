//! The port behind which mail is kept.

use std::io;
use std::sync::Arc;

use sensor_mail::{Disposition, Look, MailId};
use sensor_spool::BodyError;

use crate::scanner::Octets;
use crate::specimen::{ContentError, Record, Specimen};

/// Keeps mail for good.
///
/// A keeper is idempotent by [`MailId`]: a message that is kept again, because the program ended between keeping
/// and settling, is kept once, and its looks stay. Should it panic over a group, it is given each half of it, so
/// that only the message that is to blame fails.
pub trait Keeper: Send + Sync + 'static {
    /// Keeps a group. What is reported as kept is on stable storage when this returns; the outcomes are in
    /// the order of the group. Blocks.
    ///
    /// # Errors
    /// When the store itself fails: then nothing is known about any of the group, and it is tried again.
    fn keep(&self, group: &[Specimen]) -> Result<Vec<Result<(), KeepError>>, StoreError>;

    /// The message of that id, with all that was seen in it; none where it is not kept. Blocks.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn open(&self, id: MailId) -> Result<Option<KeptMail>, StoreError>;

    /// Adds a look to each of these messages, and carries out what it says of them: of a message of which only
    /// metadata is to stay, and of which nothing is owed any more, the octets are removed, after the look is on
    /// stable storage. A look is never replaced: where one of its revision is there already, that one is made
    /// durable and carried out, for a former try may have been cut short. The outcomes are in the order of the group,
    /// which has a message once. Blocks.
    ///
    /// # Errors
    /// When the store itself fails: then nothing is known about any of the group.
    fn amend(&self, group: &[(MailId, Arc<Look>)]) -> Result<Vec<Result<(), KeepError>>, StoreError>;
}

/// A message as it is kept.
#[derive(Clone, Debug)]
pub struct KeptMail {
    /// What was known about it when it was kept.
    pub record: Arc<Record>,
    /// The looks into it, the oldest first.
    pub looks: Vec<Look>,
    /// Its octets; none where a look had them removed.
    pub octets: Option<Octets>,
}

impl KeptMail {
    /// What is to become of it, by the last look.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        self.looks.last().map(|look| look.judgement.disposition).unwrap_or_default()
    }
}

/// Whether a look says that the octets go. Not while a required scanner has still to see them.
#[must_use]
pub fn removes_octets(look: &Look) -> bool {
    match look.judgement.disposition {
        Disposition::MetadataOnly => !look.coverage.iter().any(sensor_mail::Coverage::is_owed),
        Disposition::Keep | Disposition::Quarantine => false,
    }
}

/// One message cannot be kept, others can.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Its octets cannot be had from the spool, or are not those that were accepted.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The store refuses this one.
    #[error("cannot be filed: {0}")]
    Refused(io::Error),
    /// A bug of ours. What the panic said is not repeated: it may quote the message.
    #[error("the program panicked over it; standard error says where")]
    Panicked,
}

impl KeepError {
    /// Whether the storage of the spool is to blame, and not the message: read later it may be whole.
    pub(crate) fn is_of_the_storage(&self) -> bool {
        matches!(self, Self::Content(ContentError::Spool(BodyError::Io(_))))
    }
}

/// The store fails; the operator must act. No message is to blame.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct StoreError {
    /// What was tried.
    pub doing: String,
    /// What the system said.
    pub source: io::Error,
}
