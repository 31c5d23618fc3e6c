//! A directory of the operating system.

use std::fs;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Advice, FlockOperation, fadvise, flock, fstatvfs, syncfs};
use rustix::io::{Errno, pwritev};

use super::{Access, Disk, File, Lock, Space};

/// What is written is somebody's mail: the owner writes, the group reads, others do not.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;

/// A directory of the operating system.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    handle: fs::File,
}

impl RealDisk {
    /// The directory at `root`, made where it is missing, with those above it; then their names are durable.
    ///
    /// # Errors
    /// When it cannot be made or opened.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let new: Vec<&Path> = root.ancestors().take_while(|dir| is_new(dir)).collect();
        for dir in new.into_iter().rev() {
            make_durable(dir)?;
        }
        make_dir_all(&root)?;
        Self::existing(root)
    }

    /// The directory at `root`, which must exist: nothing is made.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn existing(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let handle = fs::File::open(&root)?;
        Ok(Self { root, handle })
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut options = fs::File::options();
        options.read(true).write(true).create_new(true).mode(FILE_MODE);
        Ok(Arc::new(options.open(self.at(path))?))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        let write = access == Access::ReadWrite;
        Ok(Arc::new(fs::File::options().read(true).write(write).open(self.at(path))?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.at(dir))? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn make_dir_all(&self, dir: &Path) -> io::Result<()> {
        make_dir_all(&self.at(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        sync_dir(&self.at(dir))
    }

    fn sync_file_system(&self) -> io::Result<()> {
        Ok(syncfs(&self.handle)?)
    }

    fn space(&self) -> io::Result<Space> {
        let found = fstatvfs(&self.handle)?;
        // btrfs and others make inodes as they go and report none at all.
        let inodes = if found.f_files == 0 { u64::MAX } else { found.f_favail };
        Ok(Space { octets: found.f_bavail.saturating_mul(found.f_frsize), inodes })
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(false).mode(FILE_MODE);
        let file = options.open(self.at(path))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Lock::new(file))
    }
}

fn make_dir_all(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(dir)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Whether the name of a directory may not be durable: it is missing, or a former life made it and was
/// killed before anything was in it.
fn is_new(dir: &Path) -> bool {
    // The empty path stands for the current directory.
    !dir.as_os_str().is_empty()
        && match fs::read_dir(dir) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
}

/// Makes a directory whose parent exists, and its name durable: a loss of power that takes the name takes all
/// that is in it.
fn make_durable(dir: &Path) -> io::Result<()> {
    let made = fs::DirBuilder::new().mode(DIRECTORY_MODE).create(dir);
    let is_ours = match made {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error),
    };
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match sync_dir(parent) {
        // Somebody else made it for us, where we may not read.
        Err(error) if !is_ours && error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

impl File for fs::File {
    fn octets(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn prefetch(&self) {
        // Without it the file is read all the same, only later.
        let _ = fadvise(self, 0, None, Advice::WillNeed);
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(octets, offset)
    }

    fn write_parts_at(&self, parts: &[&[u8]], mut offset: u64) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut rest = &mut slices[..];
        // Empty parts at the front are none, and would look like a disk that takes nothing.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match pwritev(self, rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn begin_writing(&self, offset: u64, octets: u64) {
        // Linux begins to write what is dirty there, and reports no error by it. Without it all is written by the
        // sync, only later.
        let _ = fadvise(self, offset, NonZeroU64::new(octets), Advice::DontNeed);
    }

    fn set_octets(&self, octets: u64) -> io::Result<()> {
        self.set_len(octets)
    }

    fn sync_data(&self) -> io::Result<()> {
        fs::File::sync_data(self)
    }

    fn to_os_file(&self) -> io::Result<Option<fs::File>> {
        self.try_clone().map(Some)
    }
}
