//! A message on its way through the pipeline.

use std::io::{self, Write};

use aws_lc_rs::digest;
use sensor_mail::description::HEADER_OCTETS_MAX;
use sensor_mail::{Description, Envelope, Sha256};
use sensor_spool::{Body, BodyError, Lease};
use serde::{Deserialize, Serialize};

/// What is known about a message, as it is stored beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number among the messages that this node accepted, without gaps. None for a message whose
    /// sender was told that it may not be stored, and which was found on the disk all the same.
    pub sequence: Option<u64>,
    /// What was said about it on its way in.
    pub envelope: Envelope,
    /// What its header block says.
    pub description: Description,
}

/// A message that a worker has in hand.
#[derive(Debug)]
pub struct Specimen {
    /// What is known about it.
    pub record: Record,
    content: Content,
}

/// Bodies up to this size are read once and held; of larger ones only pieces of this size are in memory.
const WINDOW_OCTETS: usize = 64 * 1024;

#[derive(Debug)]
enum Content {
    Held(Vec<u8>),
    Spooled(Body),
}

/// The octets of a message are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The spool cannot give them.
    #[error("the spool cannot give the message: {0}")]
    Spool(#[from] BodyError),
    /// They are not those that were accepted.
    #[error("the message has SHA-256 {found}, but {accepted} was accepted")]
    Altered {
        /// The digest taken while the message arrived.
        accepted: Sha256,
        /// The digest of what the spool gave.
        found: Sha256,
    },
    /// Whoever takes them cannot.
    #[error("cannot be written: {0}")]
    Sink(io::Error),
}

impl Specimen {
    /// Reads what a description needs of a leased message.
    ///
    /// # Errors
    /// When the spool cannot give its octets.
    pub fn examine(lease: &Lease<Envelope>) -> Result<Self, BodyError> {
        let octets = lease.body.len();
        let held = usize::try_from(octets).is_ok_and(|octets| octets <= WINDOW_OCTETS);
        let head = read_head(&lease.body, if held { WINDOW_OCTETS } else { HEADER_OCTETS_MAX })?;
        let description = Description::of(&head, head.len() as u64 == octets);
        let record = Record { sequence: lease.sequence, envelope: lease.header.clone(), description };
        let content = if held { Content::Held(head) } else { Content::Spooled(lease.body.clone()) };
        Ok(Self { record, content })
    }

    /// Writes the message's octets to `sink` and proves that they are the accepted ones: on success what
    /// was written has the digest that was taken while the message arrived.
    ///
    /// # Errors
    /// When the octets cannot be had, are others, or `sink` does not take them.
    pub fn write_to(&self, sink: &mut dyn Write) -> Result<(), ContentError> {
        let mut digest = digest::Context::new(&digest::SHA256);
        let mut take = |octets: &[u8]| {
            digest.update(octets);
            sink.write_all(octets).map_err(ContentError::Sink)
        };
        match &self.content {
            Content::Held(octets) => take(octets)?,
            Content::Spooled(body) => for_each_piece(body, take)?,
        }
        let found = Sha256(digest.finish().as_ref().try_into().expect("a SHA-256 digest has 32 octets"));
        let accepted = self.record.envelope.sha256;
        if found == accepted { Ok(()) } else { Err(ContentError::Altered { accepted, found }) }
    }
}

fn for_each_piece(
    body: &Body,
    mut take: impl FnMut(&[u8]) -> Result<(), ContentError>,
) -> Result<(), ContentError> {
    let mut piece = vec![0; WINDOW_OCTETS];
    let mut offset = 0;
    loop {
        let count = body.read_at(offset, &mut piece)?;
        if count == 0 {
            return Ok(());
        }
        take(&piece[..count])?;
        offset += count as u64;
    }
}

/// The first octets of a body, at most `octets_max`.
fn read_head(body: &Body, octets_max: usize) -> Result<Vec<u8>, BodyError> {
    let octets = usize::try_from(body.len()).map_or(octets_max, |octets| octets.min(octets_max));
    let mut head = vec![0; octets];
    let mut filled = 0;
    while filled < head.len() {
        match body.read_at(filled as u64, &mut head[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    head.truncate(filled);
    Ok(head)
}
