//! A message read back from the archive.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest;
use sensor_mail::{Look, MailId, Sha256};
use sensor_pipeline::{KeptMail, Octets, Record};
use sensor_spool::disk::{File, read_full};

use crate::layout::{self, MESSAGE};
use crate::record::RecordError;

/// A kept message.
pub struct Kept {
    /// Its record.
    pub record: Record,
    /// The looks into it, the oldest first.
    pub looks: Vec<Look>,
    pub(crate) message: Option<Arc<dyn File>>,
}

/// A kept message cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system cannot give a file.
    #[error("{path}: {source}")]
    File {
        /// The file, relative to the archive.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record beside the message cannot be understood.
    #[error("{path}: {source}")]
    Record {
        /// The file, relative to the archive.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordError,
    },
    /// Its octets were removed on purpose: what is known about it stays.
    #[error("{id}: its octets were removed after look {revision}, as the rules say; its record stays")]
    Removed {
        /// The message.
        id: MailId,
        /// The look that had them removed.
        revision: u32,
    },
    /// The file holds other bytes than those that were accepted.
    #[error("{path}: altered since it was kept: it has SHA-256 {found}, but {accepted} was accepted")]
    Altered {
        /// The file, relative to the archive.
        path: PathBuf,
        /// The digest taken at acceptance.
        accepted: Sha256,
        /// The digest of the file.
        found: Sha256,
    },
}

impl Kept {
    /// Whether there are octets to be had.
    ///
    /// # Errors
    /// [`ReadError::Removed`] when they were removed.
    pub fn has_octets(&self) -> Result<(), ReadError> {
        match &self.message {
            Some(_) => Ok(()),
            None => Err(ReadError::Removed {
                id: self.record.envelope.id,
                revision: self.looks.last().map_or(0, |look| look.revision),
            }),
        }
    }

    /// Proves that the file holds the bytes that were accepted.
    ///
    /// # Errors
    /// When it cannot be read, holds others, or was removed.
    pub fn verify(&self) -> Result<(), ReadError> {
        self.has_octets()?;
        let mut digest = digest::Context::new(&digest::SHA256);
        self.for_each_piece(|octets| {
            digest.update(octets);
            Ok(())
        })
        .map_err(|source| ReadError::File { path: self.path(), source })?;
        let found = Sha256(digest.finish().as_ref().try_into().expect("a SHA-256 digest has 32 octets"));
        let accepted = self.record.envelope.sha256;
        if found == accepted {
            Ok(())
        } else {
            Err(ReadError::Altered { path: self.path(), accepted, found })
        }
    }

    /// Writes the message's bytes to `sink`.
    ///
    /// # Errors
    /// As reading and writing give them; `NotFound` when they were removed.
    pub fn write_to(&self, sink: &mut dyn Write) -> io::Result<()> {
        self.for_each_piece(|octets| sink.write_all(octets))
    }

    fn for_each_piece(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let message = self.message.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut piece = vec![0; PIECE_OCTETS];
        let mut offset = 0;
        loop {
            let count = read_full(&**message, &mut piece, offset)?;
            if count == 0 {
                return Ok(());
            }
            take(&piece[..count])?;
            offset += count as u64;
        }
    }

    /// The message as the pipeline takes it: a file of the system where it is one, else in memory.
    pub(crate) fn into_mail(self) -> io::Result<KeptMail> {
        let Self { record, looks, message } = self;
        let octets = message.map(|message| match message.to_os_file()? {
            Some(file) => Ok::<_, io::Error>(Octets::Filed(Arc::new(file), 0..message.octets()?)),
            None => Ok(Octets::Held(read_all(&*message)?.into())),
        });
        Ok(KeptMail { record: Arc::new(record), looks, octets: octets.transpose()? })
    }

    fn path(&self) -> PathBuf {
        let id = self.record.envelope.id;
        layout::directory_of(layout::day_of(id)).join(layout::name(id, MESSAGE))
    }
}

/// How much of a message is in memory when it is read back.
const PIECE_OCTETS: usize = 256 * 1024;

/// A whole file.
pub(crate) fn read_all(file: &dyn File) -> io::Result<Vec<u8>> {
    let octets = usize::try_from(file.octets()?).map_err(io::Error::other)?;
    let mut content = vec![0; octets];
    let count = read_full(file, &mut content, 0)?;
    content.truncate(count);
    Ok(content)
}
