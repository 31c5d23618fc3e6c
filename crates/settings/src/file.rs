//! Files as sources.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::source::{SOURCE_OCTETS_MAX, Source};

/// The most files of a drop-in directory.
pub const DROP_INS_MAX: usize = 256;

impl Source {
    /// Opens and reads a file. Where that fails, the source is one fault that says why and what to do; so it
    /// is where the file is blank: a disk that was full leaves that, more often than somebody writes it.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        Self::taken(path, Self::file, "if it is meant to set nothing, put a comment into it")
    }

    /// The file that the program writes itself; nothing where there is none yet.
    pub(crate) fn read_runtime(path: &Path) -> Self {
        match (fs::symlink_metadata(path), path.parent()) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Self::runtime(&shown(path), ""),
            // Whoever named the directory knows nothing of this file.
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotADirectory => {
                Self::unreadable(&shown(parent), "is no directory; name another one, or move what is there")
            }
            (Ok(_) | Err(_), _) => Self::taken(path, Self::runtime, "remove it, and nothing is set in it"),
        }
    }

    fn taken(path: &Path, take: impl FnOnce(&str, Vec<u8>) -> Self, advice: &str) -> Self {
        let name = shown(path);
        match read(path, SOURCE_OCTETS_MAX) {
            Ok(octets) if octets.trim_ascii().is_empty() => {
                Self::unreadable(&name, format!("is empty, as a full disk leaves it; {advice}"))
            }
            Ok(octets) => take(&name, octets),
            Err(error) => Self::unreadable(&name, why(&error)),
        }
    }

    /// The files of a directory whose names end in `.toml` and do not begin with a dot, in the order of their
    /// names. A directory that is not there holds none.
    pub(crate) fn read_drop_ins(directory: &Path) -> Vec<Self> {
        let unusable = |why: String| vec![Self::unreadable(&shown(directory), why)];
        match names(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => unusable(why(&error)),
            Ok(names) if names.len() > DROP_INS_MAX => {
                unusable(format!("holds more than {DROP_INS_MAX} files; write some of them together"))
            }
            Ok(names) => names.iter().map(|name| Self::read(&directory.join(name))).collect(),
        }
    }
}

fn names(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let is_drop_in = |name: &[u8]| name.ends_with(b".toml") && !name.starts_with(b".");
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if is_drop_in(name.as_encoded_bytes()) {
            names.push(name);
        }
        if names.len() > DROP_INS_MAX {
            break;
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Reads no more than one octet beyond the limit, which shows that the file is too large.
pub(crate) fn read(path: &Path, octets_max: usize) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    open(path)?.take(octets_max as u64 + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Waits for nobody: a pipe that is never written to would hold up every change of the settings.
fn open(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    let kind = file.metadata()?.file_type();
    // Reading a directory fails by itself, in the words of the system.
    if kind.is_file() || kind.is_dir() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe or a device"))
    }
}

/// Why a file cannot be read, behind its name.
pub(crate) fn why(error: &io::Error) -> String {
    let known = ADVICE.iter().find(|(kind, _)| *kind == error.kind());
    let advice = known.map_or("see to its file system or name another one", |(_, advice)| advice);
    format!("cannot be read: {error}; {advice}")
}

/// The kinds of errors that an administrator causes and undoes; the others are the file system's.
const ADVICE: &[(io::ErrorKind, &str)] = &[
    (io::ErrorKind::NotFound, "write it or name another one"),
    (io::ErrorKind::PermissionDenied, "let this user read it and look into its directory"),
    (io::ErrorKind::IsADirectory, "name a file in it"),
    (io::ErrorKind::InvalidInput, "name a file"),
];
