//! The port behind which mail is kept.

use std::io;

use sensor_spool::BodyError;

use crate::specimen::{ContentError, Specimen};

/// Keeps mail for good.
///
/// A keeper is idempotent by [`MailId`](sensor_mail::MailId): a message that is kept again, because the
/// program ended between keeping and settling, is kept once. Should it panic over a group, it is given each
/// half of it, so that only the message that is to blame fails.
pub trait Keeper: Send + Sync + 'static {
    /// Keeps a group. What is reported as kept is on stable storage when this returns; the outcomes are in
    /// the order of the group. Blocks.
    ///
    /// # Errors
    /// When the store itself fails: then nothing is known about any of the group, and it is tried again.
    fn keep(&self, group: &[Specimen]) -> Result<Vec<Result<(), KeepError>>, StoreError>;
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
