//! A small file system of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{is_root, skip};

/// A tmpfs; unmounted when dropped.
pub(crate) struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Mounts `octets` at `folder`. None where this machine does not let us: counted as a skip of `test`.
    pub(crate) fn mount(test: &str, folder: &Path, octets: u64) -> Option<Self> {
        if !is_root() {
            skip(test, "needs root to mount a tmpfs");
            return None;
        }
        fs::create_dir_all(folder).unwrap();
        let options = format!("size={octets},mode=755");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "mailsensor-test"])
            .arg(folder)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { folder: folder.to_owned() }),
            refused => {
                skip(test, &format!("cannot mount a tmpfs: {refused:?}"));
                None
            }
        }
    }

    /// Gives it another size.
    pub(crate) fn resize(&self, octets: u64) {
        let options = format!("remount,size={octets}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.folder).status().unwrap();
        assert!(status.success());
    }

    /// Takes all the space that is left.
    pub(crate) fn fill(&self) {
        let mut ballast = fs::File::create(self.folder.join("ballast")).unwrap();
        let mut piece = vec![1; 64 * 1024];
        while !piece.is_empty() {
            match std::io::Write::write(&mut ballast, &piece) {
                Ok(written) => assert!(written > 0),
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                    piece.truncate(piece.len() / 2)
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.folder).status();
    }
}
