//! Files that whoever has their descriptor can read, and nobody can change.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

/// What is gathered before it is written.
const BUFFER_OCTETS: usize = 256 * 1024;

/// A file in memory with what `write` writes. Nobody can change it any more, this process included.
///
/// # Errors
/// When `write` fails, or there is no room.
pub fn sealed(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<File> {
    let descriptor = rustix::fs::memfd_create("sealed", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut out = BufWriter::with_capacity(BUFFER_OCTETS, File::from(descriptor));
    write(&mut out)?;
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SEAL | changes())?;
    Ok(file)
}

/// Whether nobody can change it any more.
pub(super) fn is_sealed(file: BorrowedFd<'_>) -> bool {
    rustix::fs::fcntl_get_seals(file).is_ok_and(|seals| seals.contains(changes()))
}

fn changes() -> SealFlags {
    SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE
}

/// A descriptor of the same file that reads and does not write: a worker that a message took over must not alter
/// the next one in the archive.
pub(super) fn read_only(file: &File) -> io::Result<OwnedFd> {
    let reads_only = rustix::fs::fcntl_getfl(file)? & OFlags::RWMODE == OFlags::RDONLY;
    if reads_only || is_sealed(file.as_fd()) {
        return file.as_fd().try_clone_to_owned();
    }
    // A copy of the descriptor would write as well as it does; one that is opened anew has a mode of its own.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    fn cannot_be_changed(file: &File) {
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(1).is_err() && file.set_len(100).is_err());
        let mut octets = [0; 6];
        file.read_exact_at(&mut octets, 0).unwrap();
        assert_eq!(&octets, b"octets");
    }

    #[test]
    fn what_is_sealed_stays_as_it_is() {
        let file = sealed(|out| out.write_all(b"octets")).unwrap();
        assert!(is_sealed(file.as_fd()));
        cannot_be_changed(&file);
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let again = File::options().read(true).write(true).open(path).unwrap();
        cannot_be_changed(&again);
        assert!(sealed(|_| Err(io::ErrorKind::StorageFull.into())).is_err());
    }

    #[test]
    fn what_others_write_is_handed_on_to_be_read() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"octets", 0).unwrap();
        assert!(!is_sealed(file.as_fd()));
        cannot_be_changed(&File::from(read_only(&file).unwrap()));
        file.write_all_at(b"more", 6).unwrap();
        let sealed = sealed(|out| out.write_all(b"octets")).unwrap();
        cannot_be_changed(&File::from(read_only(&sealed).unwrap()));
    }
}
