//! Puts a file in place whole or not at all, and durably.
//!
//! ```text
//! create NAME.new (0640) -> write -> sync it -> rename it over NAME -> sync the directory
//!         a fault or a crash here: NAME is the old file          | here: old or new, each whole
//! ```
//!
//! What a crash leaves of `NAME.new` is removed by the next write. Only one writer at a time: the state
//! directory has one owner.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Written by the owner; read also by the group that may read the archive, whose commands need the settings.
/// There is no secret in it: those stand in files of their own.
const MODE: u32 = 0o640;

/// Why a file was not put in place.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The old file is in place.
    Before(io::Error),
    /// The new file is in place; a loss of power may bring the old one back.
    After(io::Error),
}

/// What a directory does; simulated in tests, where it fails and forgets.
pub(crate) trait Directory {
    type File: Write;

    /// A file that did not exist.
    fn create(&self, name: &Path) -> io::Result<Self::File>;
    fn sync_file(&self, file: &Self::File) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, name: &Path) -> io::Result<()>;
    /// Makes its names durable.
    fn sync(&self) -> io::Result<()>;
}

/// Puts a file in place, whole or not at all, and durably; there is one writer at a time. Mode 0640, `*.new`
/// beside it meanwhile.
///
/// # Errors
/// The old file is in place, or the new one is and a loss of power may take it back.
///
/// # Panics
/// Where `path` names no file.
pub fn replace_file(path: &Path, octets: &[u8]) -> io::Result<()> {
    replace(&RealDirectory::of(path), file_name(path), octets).map_err(|failure| match failure {
        Failure::Before(error) | Failure::After(error) => error,
    })
}

/// Changes a file from `old`, none where it did not exist: a change that is not durable is undone.
pub(crate) fn change_file(path: &Path, old: Option<&[u8]>, new: &[u8]) -> Result<(), Failure> {
    change(&RealDirectory::of(path), file_name(path), old, new)
}

fn file_name(path: &Path) -> &Path {
    Path::new(path.file_name().expect("the path names a file"))
}

fn change(directory: &impl Directory, name: &Path, old: Option<&[u8]>, new: &[u8]) -> Result<(), Failure> {
    let error = match replace(directory, name, new) {
        Err(Failure::After(error)) => error,
        done @ (Ok(()) | Err(Failure::Before(_))) => return done,
    };
    // Else the next start would take what was refused. That this is not durable either cannot be helped.
    let undone = match old {
        Some(old) => match replace(directory, name, old) {
            Ok(()) | Err(Failure::After(_)) => Ok(()),
            Err(Failure::Before(error)) => Err(error),
        },
        None => directory.remove(name),
    };
    Err(if undone.is_ok() { Failure::Before(error) } else { Failure::After(error) })
}

fn replace(directory: &impl Directory, name: &Path, octets: &[u8]) -> Result<(), Failure> {
    let fresh = name.with_added_extension("new");
    let prepared = prepare(directory, &fresh, octets).and_then(|()| directory.rename(&fresh, name));
    prepared.map_err(|error| {
        // On a full disk it would only take up room. The error that counts is the first one.
        let _ = directory.remove(&fresh);
        Failure::Before(error)
    })?;
    directory.sync().map_err(Failure::After)
}

fn prepare(directory: &impl Directory, fresh: &Path, octets: &[u8]) -> io::Result<()> {
    match directory.remove(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = directory.create(fresh)?;
    file.write_all(octets)?;
    directory.sync_file(&file)
}

/// A directory of the file system.
pub(crate) struct RealDirectory(PathBuf);

impl RealDirectory {
    /// The directory that holds `path`.
    pub(crate) fn of(path: &Path) -> Self {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Self(parent.unwrap_or(Path::new(".")).to_owned())
    }
}

impl Directory for RealDirectory {
    type File = File;

    fn create(&self, name: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(MODE).open(self.0.join(name))
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &Path) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

#[cfg(test)]
mod tests;
