//! The small file system that durable things are written through, so that it can be simulated.
//!
//! Paths are relative to the root of the disk. Everything is synchronous: whoever must not wait calls it
//! from a thread of its own. Nothing is durable before the sync that covers it: octets of a file by
//! [`File::sync_data`], the names in a directory by [`Disk::sync_dir`], everything by
//! [`Disk::sync_file_system`].
//!
//! There are two implementations: [`RealDisk`], a directory, and the simulated `SimDisk` (feature
//! `simulation`), which forgets, tears and fails by a seed.

use std::io;
use std::path::Path;
use std::sync::Arc;

mod real;
#[cfg(feature = "simulation")]
mod simulated;

pub use real::RealDisk;
#[cfg(feature = "simulation")]
pub use simulated::{Chance, Counts, Faults, SimDisk};

/// A directory on some file system, or something that behaves like one.
pub trait Disk: Send + Sync + 'static {
    /// Makes a file that must not exist, for reading and writing.
    ///
    /// # Errors
    /// As the system gives them; `AlreadyExists` when the name is taken.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file that must exist.
    ///
    /// # Errors
    /// As the system gives them; `NotFound` when there is none.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>>;

    /// The names in a directory, files and directories alike, sorted.
    ///
    /// # Errors
    /// As the system gives them.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Takes a file's name away; whoever has it open reads on.
    ///
    /// # Errors
    /// As the system gives them.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, replacing what has it.
    ///
    /// # Errors
    /// As the system gives them.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes a directory and those above it, where they are missing.
    ///
    /// # Errors
    /// As the system gives them.
    fn make_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable, not those below it.
    ///
    /// # Errors
    /// As the system gives them.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes everything durable that was written to this file system: one call for many small files.
    ///
    /// # Errors
    /// As the system gives them.
    fn sync_file_system(&self) -> io::Result<()>;

    /// What is left for us.
    ///
    /// # Errors
    /// As the system gives them.
    fn space(&self) -> io::Result<Space>;

    /// Locks the file at `path` (made where missing) against every other process and handle, until the
    /// returned lock is dropped.
    ///
    /// # Errors
    /// `WouldBlock` when somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<Lock>;
}

/// An open file. Offsets are absolute; there is no cursor.
pub trait File: Send + Sync {
    /// Its length in octets.
    ///
    /// # Errors
    /// As the system gives them.
    fn octets(&self) -> io::Result<u64>;

    /// Reads at most `buffer.len()` octets; fewer at the end of the file or when the system likes.
    ///
    /// # Errors
    /// As the system gives them.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Says that all of the file is about to be read, so that the storage may begin with it. Does not wait for
    /// that, and says nothing of what comes of it: whoever reads finds out.
    fn prefetch(&self);

    /// Writes all of `octets`. After an error any part of them may be in the file.
    ///
    /// # Errors
    /// As the system gives them.
    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()>;

    /// Writes all of `parts`, one behind the other. After an error any part of them may be in the file.
    ///
    /// # Errors
    /// As the system gives them.
    fn write_parts_at(&self, parts: &[&[u8]], mut offset: u64) -> io::Result<()> {
        for part in parts {
            self.write_at(part, offset)?;
            offset += part.len() as u64;
        }
        Ok(())
    }

    /// Says that nobody reads these octets soon, so that the storage may begin to take them. Does not wait for that,
    /// promises nothing, and leaves it to [`sync_data`](Self::sync_data) to say what became of them.
    fn begin_writing(&self, offset: u64, octets: u64);

    /// Cuts or extends the file.
    ///
    /// # Errors
    /// As the system gives them.
    fn set_octets(&self, octets: u64) -> io::Result<()>;

    /// Makes the octets written so far durable, and the length of the file. After an error nothing is
    /// known about them, and a later success says nothing about them either.
    ///
    /// # Errors
    /// As the system gives them.
    fn sync_data(&self) -> io::Result<()>;

    /// Another handle of the same file, with the same access, for a process that is to have it; none where it
    /// is no file of the operating system.
    ///
    /// # Errors
    /// As the system gives them.
    fn to_os_file(&self) -> io::Result<Option<std::fs::File>> {
        Ok(None)
    }
}

/// What an opened file may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// Free space, as far as it is ours to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Free octets.
    pub octets: u64,
    /// Free inodes; `u64::MAX` where the file system does not count them.
    pub inodes: u64,
}

/// Held as long as the lock is: dropping it unlocks.
pub struct Lock(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send + Sync>);

impl Lock {
    /// A lock that ends when `guard` is dropped.
    #[must_use]
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lock")
    }
}

/// Fills `buffer` from `offset`; the number of octets is smaller only where the file ends.
///
/// # Errors
/// As [`File::read_at`].
pub fn read_full(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(octets) => filled += octets,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
