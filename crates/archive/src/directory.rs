//! The archive as a directory tree.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use sensor_mail::{Look, MailId};
use sensor_pipeline::{ContentError, KeepError, Keeper, KeptMail, Specimen, StoreError, removes_octets};
use sensor_spool::disk::{Access, Disk, File};

use crate::kept::{Kept, ReadError, read_all};
use crate::layout::{self, MESSAGE, RECORD};
use crate::record;

mod amending;

/// Keeps each message as a file, with its record beside it.
pub struct DirectoryArchive {
    disk: Arc<dyn Disk>,
}

impl DirectoryArchive {
    /// An archive on `disk`, whose root is the archive's directory.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// The message of that id, if it is kept.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn find(&self, id: MailId) -> Result<Option<Kept>, ReadError> {
        let directory = layout::directory_of(layout::day_of(id));
        let path = directory.join(layout::name(id, RECORD));
        let Some(file) = self.open_if_there(&path)? else { return Ok(None) };
        let octets = read_all(&*file).map_err(|source| ReadError::File { path: path.clone(), source })?;
        let record = record::decode(&octets).map_err(|source| ReadError::Record { path, source })?;
        let looks = self.looks(id)?.decoded;
        let path = directory.join(layout::name(id, MESSAGE));
        let message = match self.open_if_there(&path)? {
            None if looks.last().is_some_and(removes_octets) => None,
            None => return Err(ReadError::File { path, source: io::ErrorKind::NotFound.into() }),
            message => message,
        };
        Ok(Some(Kept { record, looks, message }))
    }

    /// The days that have mail, newest first.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    pub fn days(&self) -> Result<Vec<Date>, ReadError> {
        let mut days = Vec::new();
        for year in self.numbers(Path::new(""))? {
            let in_year = PathBuf::from(&year);
            for month in self.numbers(&in_year)? {
                for day in self.numbers(&in_year.join(&month))? {
                    days.extend(format!("{year}-{month}-{day}").parse::<Date>());
                }
            }
        }
        days.sort_unstable_by(|a, b| b.cmp(a));
        Ok(days)
    }

    /// The ids of the messages of a day, newest first.
    ///
    /// # Errors
    /// When its directory cannot be listed.
    pub fn ids(&self, day: Date) -> Result<Vec<MailId>, ReadError> {
        let names = self.list(&layout::directory_of(day))?;
        let mut ids: Vec<MailId> = names.iter().filter_map(|name| layout::id_of_record(name)).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    fn numbers(&self, directory: &Path) -> Result<Vec<String>, ReadError> {
        let mut names = self.list(directory)?;
        names.retain(|name| name.bytes().all(|octet| octet.is_ascii_digit()));
        Ok(names)
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>, ReadError> {
        match self.disk.list(directory) {
            // Somebody's file with the name of a year holds no mail.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(Vec::new())
            }
            listed => listed.map_err(|source| ReadError::File { path: directory.to_owned(), source }),
        }
    }

    fn open_if_there(&self, path: &Path) -> Result<Option<Arc<dyn File>>, ReadError> {
        match self.disk.open(path, Access::Read) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ReadError::File { path: path.to_owned(), source }),
        }
    }
}

impl Keeper for DirectoryArchive {
    /// All files of the group are written under names of their own, made durable by one call, given their
    /// names, and the names made durable: by the time a message has its name, its bytes are on the disk.
    fn keep(&self, group: &[Specimen]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        let days: BTreeSet<PathBuf> = group.iter().map(directory).collect();
        for day in &days {
            self.disk.make_dir_all(day).map_err(store("making a directory"))?;
        }
        let mut outcomes = Vec::with_capacity(group.len());
        for specimen in group {
            outcomes.push(settle_blame(self.write_parts(specimen))?);
        }
        self.disk.sync_file_system().map_err(store("syncing mail"))?;
        // The message first, on its own: where the record is, the message is, whatever the file system makes
        // of the order of renames when the power goes.
        for suffix in [MESSAGE, RECORD] {
            for (specimen, outcome) in group.iter().zip(&mut outcomes) {
                if outcome.is_ok() {
                    *outcome = settle_blame(self.name_part(specimen, suffix))?;
                }
            }
            for day in &days {
                self.disk.sync_dir(day).map_err(store("syncing a directory"))?;
            }
        }
        Ok(outcomes)
    }

    fn open(&self, id: MailId) -> Result<Option<KeptMail>, StoreError> {
        let kept = self.find(id).map_err(|error| StoreError {
            doing: "opening a kept message".to_owned(),
            source: io::Error::other(error.to_string()),
        })?;
        kept.map(Kept::into_mail).transpose().map_err(store("opening a kept message"))
    }

    fn amend(&self, group: &[(MailId, Arc<Look>)]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        self.add_looks(group)
    }
}

impl DirectoryArchive {
    fn write_parts(&self, specimen: &Specimen) -> Result<(), KeepError> {
        let id = specimen.record.envelope.id;
        let directory = directory(specimen);
        let part = directory.join(layout::part_name(id, MESSAGE));
        let mut sink = Sink { file: self.create_anew(&part)?, offset: 0 };
        if let Err(error) = specimen.write_to(&mut sink) {
            drop(sink);
            // Of a message that cannot be kept nothing half is left; if it cannot be removed, the next try
            // replaces it.
            let _ = self.disk.remove(&part);
            return Err(error.into());
        }
        let record = self.create_anew(&directory.join(layout::part_name(id, RECORD)))?;
        record.write_at(&record::encode(&specimen.record), 0).map_err(KeepError::Refused)
    }

    fn name_part(&self, specimen: &Specimen, suffix: &str) -> Result<(), KeepError> {
        let id = specimen.record.envelope.id;
        let directory = directory(specimen);
        let part = directory.join(layout::part_name(id, suffix));
        self.disk.rename(&part, &directory.join(layout::name(id, suffix))).map_err(KeepError::Refused)
    }

    /// A part that a former try left is replaced.
    fn create_anew(&self, path: &Path) -> Result<Arc<dyn File>, KeepError> {
        match self.disk.create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(path).and_then(|()| self.disk.create(path))
            }
            created => created,
        }
        .map_err(KeepError::Refused)
    }
}

fn directory(specimen: &Specimen) -> PathBuf {
    layout::directory_of(layout::day_of(specimen.record.envelope.id))
}

fn store(doing: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError { doing: doing.to_owned(), source }
}

/// Tells what is wrong with one message from what is wrong with the store. Only what can be true of one
/// name alone is the message's; a full disk or a missing permission would set all mail aside.
fn settle_blame(outcome: Result<(), KeepError>) -> Result<Result<(), KeepError>, StoreError> {
    let error = match outcome {
        Err(KeepError::Refused(error) | KeepError::Content(ContentError::Sink(error))) => error,
        other => return Ok(other),
    };
    let of_one = matches!(
        error.kind(),
        io::ErrorKind::IsADirectory
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::DirectoryNotEmpty
            // A file of looks that is none.
            | io::ErrorKind::InvalidData
            // More than the file system, or ulimit -f, lets a file have.
            | io::ErrorKind::FileTooLarge
    );
    if of_one { Ok(Err(KeepError::Refused(error))) } else { Err(store("writing mail")(error)) }
}

/// Writes a file from its begin to its end.
struct Sink {
    file: Arc<dyn File>,
    offset: u64,
}

impl Write for Sink {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.file.write_at(octets, self.offset)?;
        self.offset += octets.len() as u64;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
