//! Files as sources.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::source::{SOURCE_OCTETS_MAX, Source};

impl Source {
    /// Opens and reads a file. Where that fails, the source is one fault that says why and what to do.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let name = path.display().to_string();
        match read(path) {
            Ok(octets) => Self::file(&name, octets),
            Err(error) => Self::unreadable(&name, format!("cannot be read: {error}; {}", advice(&error))),
        }
    }
}

/// Reads no more than what shows that the file is too large: it may be a device that never ends.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(SOURCE_OCTETS_MAX as u64 + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// The kinds of errors that an administrator causes and undoes; the others are the file system's.
const ADVICE: &[(io::ErrorKind, &str)] = &[
    (io::ErrorKind::NotFound, "write it or name another one"),
    (io::ErrorKind::PermissionDenied, "let this user read it and look into its directory"),
    (io::ErrorKind::IsADirectory, "name a file in it"),
];

fn advice(error: &io::Error) -> &'static str {
    let known = ADVICE.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or("see to its file system or name another one", |(_, advice)| advice)
}
