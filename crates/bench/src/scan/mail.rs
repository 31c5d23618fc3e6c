//! The mail of all rows, in memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sensor_content::yardstick;

use super::{Options, ScanError};

/// The most octets of all messages together.
pub(super) const OCTETS_MAX: u64 = 2 << 30;

/// Mail to look into.
pub(super) struct Corpus {
    pub(super) messages: Vec<Bytes>,
    /// It is sound: all that cannot be opened in it is an error.
    pub(super) is_sound: bool,
}

impl Corpus {
    /// What was asked for: of found mail as many messages as of generated, from all of it.
    pub(super) fn of(options: &Options) -> Result<Self, ScanError> {
        let wanted = options.messages as usize;
        let Some(directory) = &options.mail else {
            return Ok(Self { messages: yardstick::corpus(options.seed, wanted), is_sound: true });
        };
        let files = found(directory).map_err(ScanError::Mail)?;
        let messages = read(&spread(&files, wanted))?;
        if messages.is_empty() { Err(ScanError::NoMail) } else { Ok(Self { messages, is_sound: false }) }
    }

    pub(super) fn octets(&self) -> u64 {
        self.messages.iter().map(|message| message.len() as u64).sum()
    }
}

/// The files named *.eml below a directory, in the order of their paths. Links are not followed.
fn found(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut directories) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_dir() {
                directories.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "eml") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// So many of all, at equal distances.
fn spread(files: &[PathBuf], wanted: usize) -> Vec<&PathBuf> {
    let count = files.len().min(wanted);
    (0..count).map(|at| &files[at * files.len() / count]).collect()
}

fn read(files: &[&PathBuf]) -> Result<Vec<Bytes>, ScanError> {
    let mut octets = 0;
    let mut messages = Vec::with_capacity(files.len());
    for file in files {
        octets += fs::metadata(file).map_err(ScanError::Mail)?.len();
        if octets > OCTETS_MAX {
            return Err(ScanError::TooMuch);
        }
        messages.push(fs::read(file).map_err(ScanError::Mail)?.into());
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_found_in_all_directories_and_taken_from_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(found(&dir.path().join("nowhere")).is_err());
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        for name in ["a/1.eml", "a/b/2.eml", "3.eml", "a/4.txt", "eml"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/again")).unwrap();
        let files = found(dir.path()).unwrap();
        for (wanted, expected) in [
            (9, &["3.eml", "a/1.eml", "a/b/2.eml"][..]),
            (2, &["3.eml", "a/1.eml"]),
            (1, &["3.eml"]),
            (0, &[]),
        ] {
            assert_eq!(read(&spread(&files, wanted)).unwrap(), expected, "{wanted}");
        }
        assert!(read(&[&dir.path().join("gone.eml")]).is_err());
        assert!(spread(&[], 5).is_empty());
    }
}
