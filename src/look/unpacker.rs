//! `bsdtar`, a program that knows formats that nothing here reads. It runs within the confinement of the worker
//! process that starts it, and ends with it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use rustix::fs::MemfdFlags;
use sensor_content::{AidError, Tarred};

/// The most that is kept of what it complains about, in octets.
const COMPLAINT_OCTETS_MAX: u64 = 200;

/// Makes a tar archive of others.
pub(super) struct Unpacker {
    program: PathBuf,
}

impl Unpacker {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    pub(super) fn to_tar(&self, archive: &[u8], octets_max: u64) -> Result<Tarred, AidError> {
        self.run(archive, octets_max).unwrap_or_else(|error| Err(AidError::Failed(error.to_string().into())))
    }

    fn run(&self, archive: &[u8], octets_max: u64) -> io::Result<Result<Tarred, AidError>> {
        // Files in memory and no pipes: nobody can be stuck between writing the one and reading the other.
        let (input, mut complaints) = (in_memory(archive)?, in_memory(b"")?);
        let mut child = Command::new(&self.program)
            .args(["-cf", "-", "@-"])
            .env_clear()
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(complaints.try_clone()?)
            .spawn()?;
        let mut octets = Vec::new();
        let read = read_some(&mut child, &mut octets, octets_max);
        let cut = octets.len() as u64 > octets_max;
        if cut || read.is_err() {
            child.kill()?;
        }
        let status = child.wait()?;
        read?;
        let complaint = complaint(&mut complaints)?;
        if cut {
            octets.truncate(usize::try_from(octets_max).unwrap_or(usize::MAX));
        } else if !status.success() && octets.iter().all(|octet| *octet == 0) {
            return Ok(Err(refusal(complaint)));
        }
        let complaint = Some(complaint).filter(|text| !text.is_empty()).map(Into::into);
        Ok(Ok(Tarred { octets: Bytes::from(octets), cut, complaint }))
    }
}

fn read_some(child: &mut Child, octets: &mut Vec<u8>, octets_max: u64) -> io::Result<usize> {
    let output = child.stdout.take().expect("it is piped");
    output.take(octets_max.saturating_add(1)).read_to_end(octets)
}

/// In the words of libarchive, which says "encrypted" or "passphrase" of each format.
fn refusal(complaint: String) -> AidError {
    let said = complaint.to_lowercase();
    if said.contains("encrypt") || said.contains("passphrase") {
        AidError::Encrypted
    } else if complaint.is_empty() {
        AidError::Damaged("nothing came of it".into())
    } else {
        AidError::Damaged(complaint.into())
    }
}

fn complaint(file: &mut File) -> io::Result<String> {
    let mut octets = Vec::new();
    file.rewind()?;
    file.take(COMPLAINT_OCTETS_MAX).read_to_end(&mut octets)?;
    let text = String::from_utf8_lossy(&octets);
    Ok(text.trim().trim_start_matches("bsdtar: ").to_owned())
}

fn in_memory(octets: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("unpacker", MemfdFlags::CLOEXEC)?);
    file.write_all(octets)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of this host in the place of the unpacker.
    fn unpacker(script: &str) -> (tempfile::TempDir, Unpacker) {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("unpacker");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        (directory, Unpacker::new(path))
    }

    #[test]
    fn what_the_program_says_is_taken_as_it_is_meant() {
        for (script, octets_max, expected) in [
            ("cat", 10, Ok(("archive", false))),
            ("cat", 3, Ok(("arc", true))),
            ("cat; echo bsdtar: odd >&2; exit 1", 10, Ok(("archive", false))),
            ("echo 'bsdtar: Encrypted file' >&2; exit 1", 10, Err(AidError::Encrypted)),
            ("echo 'bsdtar: Truncated' >&2; exit 1", 10, Err(AidError::Damaged("Truncated".into()))),
            ("exit 1", 10, Err(AidError::Damaged("nothing came of it".into()))),
            ("yes", 4, Ok(("y\ny\n", true))),
        ] {
            let (_directory, unpacker) = unpacker(script);
            let tarred = unpacker.to_tar(b"archive", octets_max).map(|tarred| (tarred.octets, tarred.cut));
            assert_eq!(tarred, expected.map(|(octets, cut)| (Bytes::from(octets), cut)), "{script}");
        }
        let missing = Unpacker::new("/nonexistent/bsdtar".into()).to_tar(b"", 1);
        assert!(matches!(missing, Err(AidError::Failed(_))), "{missing:?}");
    }
}
