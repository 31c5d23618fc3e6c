//! One file, one thread that writes to it, one sync for all messages that wait.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// A session has at most one message waiting, so this many sessions wait in the channel, the others before it.
const JOBS_WAITING_MAX: usize = 4_096;
/// `pwritev` takes no more slices than this at once (IOV_MAX).
const SLICES_MAX: usize = 1_024;
const ZEROS_OCTETS: usize = 1 << 20;

/// What keeps the file from being prepared.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct StoreError {
    path: PathBuf,
    source: io::Error,
}

/// The message is not on stable storage, and no later one will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not stored")]
pub(super) struct NotStored;

struct Job {
    message: Vec<u8>,
    stored: oneshot::Sender<()>,
}

/// A handle on the committer; it ends when the last handle is dropped.
#[derive(Clone)]
pub(super) struct Store {
    jobs: mpsc::Sender<Job>,
}

impl Store {
    /// Makes the file, `filled` with zeros or empty, and starts the committer.
    pub(super) fn create(path: &Path, capacity: u64, filled: bool) -> Result<Self, StoreError> {
        let store = prepare(path, capacity, filled).and_then(|file| Self::start(file, capacity, filled));
        store.map_err(|source| StoreError { path: path.to_owned(), source })
    }

    /// Starts the committer on a file that is prepared.
    pub(super) fn start(file: File, capacity: u64, filled: bool) -> io::Result<Self> {
        let log = Log { file, end: 0, capacity, filled };
        let (jobs, waiting) = mpsc::channel(JOBS_WAITING_MAX);
        thread::Builder::new().name("commit".into()).spawn(move || commit_all(log, waiting))?;
        Ok(Self { jobs })
    }

    /// Resolves when the message is on stable storage.
    pub(super) async fn commit(&self, message: Vec<u8>) -> Result<(), NotStored> {
        let (stored, wait) = oneshot::channel();
        self.jobs.send(Job { message, stored }).await.map_err(|_| NotStored)?;
        wait.await.map_err(|_| NotStored)
    }
}

/// The zeros are written, not only reserved: else each first write of a block would change the file's
/// extents, and its sync would wait for the journal of the file system.
fn prepare(path: &Path, capacity: u64, filled: bool) -> io::Result<File> {
    let mut file = File::create(path)?;
    if filled {
        let zeros = vec![0; ZEROS_OCTETS];
        for _ in 0..capacity.div_ceil(ZEROS_OCTETS as u64) {
            file.write_all(&zeros)?;
        }
    }
    file.sync_all()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()?;
    Ok(file)
}

/// Whatever arrived while the last sync ran goes into the next one: no timer, no waiting to fill a batch.
fn commit_all(mut log: Log, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(SLICES_MAX);
    while waiting.blocking_recv_many(&mut jobs, SLICES_MAX) > 0 {
        if let Err(error) = log.append(&jobs) {
            // What a failed sync left behind is unknown (fsyncgate, 2018): nothing is promised from here on.
            eprintln!("sensor-bench: the file is given up: {error}");
            return;
        }
        for job in jobs.drain(..) {
            // The session may have been dropped meanwhile; the message is stored all the same.
            let _ = job.stored.send(());
        }
    }
}

struct Log {
    file: File,
    end: u64,
    capacity: u64,
    filled: bool,
}

impl Log {
    fn append(&mut self, jobs: &[Job]) -> io::Result<()> {
        let octets: usize = jobs.iter().map(|job| job.message.len()).sum();
        if self.end > 0 && self.end + octets as u64 > self.capacity {
            self.begin_anew()?;
        }
        let mut slices: Vec<_> = jobs.iter().map(|job| IoSlice::new(&job.message)).collect();
        write_all(&self.file, &mut slices, self.end)?;
        rustix::fs::fdatasync(&self.file)?;
        self.end += octets as u64;
        Ok(())
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        self.end = 0;
        if self.filled { Ok(()) } else { self.file.set_len(0) }
    }
}

/// `pwritev` until all is written: it may write less than asked for.
fn write_all(file: &File, mut slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    // Skips leading empty slices, so that a write of nothing means a full disk.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let (first, _) = slices.split_at(slices.len().min(SLICES_MAX));
        let written = rustix::io::pwritev(file, first, offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        offset += written as u64;
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|number| format!("message {number}\n").into_bytes()).collect()
    }

    fn jobs(messages: &[Vec<u8>]) -> Vec<Job> {
        messages
            .iter()
            .map(|message| Job { message: message.clone(), stored: oneshot::channel().0 })
            .collect()
    }

    fn log(path: &Path, capacity: u64, filled: bool) -> Log {
        Log { file: prepare(path, capacity, filled).unwrap(), end: 0, capacity, filled }
    }

    #[test]
    fn more_messages_than_one_write_takes_are_written_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut messages = messages(3 * SLICES_MAX + 1);
        messages[0].clear();
        log(&path, 1 << 30, false).append(&jobs(&messages)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), messages.concat());
    }

    #[test]
    fn a_full_file_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for (filled, capacity, length) in [(false, 25, 10), (true, 25, 1 << 20)] {
            let mut log = log(&path, capacity, filled);
            for message in messages(3) {
                log.append(&jobs(&[message])).unwrap();
            }
            let kept = std::fs::read(&path).unwrap();
            assert!(kept.starts_with(b"message 2\n"), "filled: {filled}");
            assert_eq!(kept.len(), length, "filled: {filled}");
        }
    }

    #[tokio::test]
    async fn a_message_that_cannot_be_stored_is_not_promised_nor_is_any_after_it() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let store = Store::start(full, 1 << 20, false).unwrap();
        for _ in 0..3 {
            assert_eq!(store.commit(b"lost".to_vec()).await, Err(NotStored));
        }
    }

    #[test]
    fn a_file_that_cannot_be_prepared_is_an_error() {
        assert!(Store::create(Path::new("/nonexistent/log"), 0, false).is_err());
    }
}
