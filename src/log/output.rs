//! Where lines go: standard error, or a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::lines::Sink;

/// What systemd says of the journal that it connected: device and inode, with `:` between.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// For its owner, and a group that may read; nothing of mail but addresses is in it.
const MODE: u32 = 0o640;

pub(super) enum Output {
    StandardError,
    File(File),
}

impl Sink for Output {
    /// What a file does not take (a full disk) goes to standard error, from the octet on
    /// at which the file stopped; where that cannot be written either there is nobody to tell.
    fn write(&mut self, mut text: &[u8]) {
        if let Self::File(file) = self {
            match write_all(file, &mut text) {
                Ok(()) => return,
                Err(error) => {
                    let _ = writeln!(io::stderr(), "mailsensor: the log file cannot be written: {error}");
                }
            }
        }
        let _ = io::stderr().write_all(text);
    }

    fn turn_to(&mut self, file: File) {
        *self = Self::File(file);
    }
}

/// Leaves in `text` what was not written.
fn write_all(out: &mut impl Write, text: &mut &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *text = text.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens a log file to append to; makes it where there is none.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(MODE).open(path)
}

/// Whether standard error is what systemd connected to the journal, and has not been led elsewhere since.
pub(super) fn is_journal() -> bool {
    let said = std::env::var(JOURNAL_STREAM).unwrap_or_default();
    rustix::fs::fstat(rustix::stdio::stderr())
        .is_ok_and(|status| said == format!("{}:{}", status.st_dev, status.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many octets, three at a time.
    struct Full(Vec<u8>, usize);

    impl Write for Full {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let count = text.len().min(3).min(self.1 - self.0.len());
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&text[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_left() {
        for (space, left) in [(0, "one\ntwo\n"), (5, "wo\n"), (8, "")] {
            let mut text: &[u8] = b"one\ntwo\n";
            let mut full = Full(Vec::new(), space);
            let outcome = write_all(&mut full, &mut text);
            assert_eq!(outcome.is_err(), !left.is_empty());
            assert_eq!(text, left.as_bytes(), "{space} octets of space");
            assert_eq!([&full.0, text].concat(), b"one\ntwo\n");
        }
    }
}
