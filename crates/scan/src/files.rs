//! Files of rules: which there are, and whether they are still those that were read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::options::Fault;

/// How deep directories of rules may be nested.
const DEPTH_MAX: usize = 8;
/// The most files.
const FILES_MAX: usize = 20_000;
/// How often faults are given again before the same files are read once more: what could not be read for a
/// moment does not stay a fault, and rules that do not compile are not compiled all the time.
const FAULTS_AGAIN_MAX: u32 = 20;

/// Files to be read, in the order of their names, and what is wrong with paths.
pub(crate) struct Files {
    pub(crate) found: Vec<PathBuf>,
    pub(crate) faults: Vec<String>,
}

impl Files {
    /// Files that are named, and in directories those that are `wanted`.
    pub(crate) fn of(paths: &[PathBuf], wanted: fn(&Path) -> bool) -> Self {
        let mut files = Self { found: Vec::new(), faults: Vec::new() };
        for path in paths {
            if let Err(error) = files.find(path, |_| true, wanted, DEPTH_MAX) {
                files.faults.push(format!("{}: {error}", path.display()));
            }
        }
        files
    }

    fn find(
        &mut self,
        path: &Path,
        is_wanted: fn(&Path) -> bool,
        wanted_within: fn(&Path) -> bool,
        depth: usize,
    ) -> io::Result<()> {
        if !fs::metadata(path)?.is_dir() {
            self.found.extend(is_wanted(path).then(|| path.to_owned()));
        } else if depth == 0 {
            return Err(io::Error::other(format!("its directories are nested deeper than {DEPTH_MAX}")));
        } else {
            for entry in entries(path)? {
                self.find(&entry, wanted_within, wanted_within, depth - 1)?;
            }
        }
        match self.found.len() > FILES_MAX {
            true => Err(io::Error::other(format!("there are more than {FILES_MAX} files"))),
            false => Ok(()),
        }
    }
}

/// Hidden files are no rules: editors keep their copies there, and Kubernetes all former versions.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut shown = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            shown.push(entry.path());
        }
    }
    shown.sort();
    Ok(shown)
}

/// A file as it was at a time. One that is written anew within the same tick of the file system's clock (4 ms)
/// and with the same length passes for unchanged.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    identity: Option<(u64, u64)>,
    octets: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: PathBuf) -> Self {
        match fs::metadata(&path) {
            Ok(is) => Self {
                path,
                identity: Some((is.dev(), is.ino())),
                octets: is.len(),
                changed: (is.ctime(), is.ctime_nsec()),
            },
            Err(_) => Self { path, identity: None, octets: 0, changed: (0, 0) },
        }
    }
}

/// Remembers what files were when they were read last, and what was wrong with them.
pub(crate) struct Watch {
    paths: Vec<PathBuf>,
    wanted: fn(&Path) -> bool,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    stamps: Vec<Stamp>,
    problems: Vec<String>,
    faults: Vec<Fault>,
    faults_given: u32,
}

impl Watch {
    /// Begins with the first reading of some paths, and gives what `read` makes of them.
    pub(crate) fn begin<T, E>(
        paths: Vec<PathBuf>,
        wanted: fn(&Path) -> bool,
        read: impl FnOnce(Files) -> Result<T, E>,
    ) -> Result<(Self, T), E> {
        let (last, files) = look(&paths, wanted);
        let made = read(files)?;
        Ok((Self { paths, wanted, last: Mutex::new(last) }, made))
    }

    /// What `read` makes of the files, if they are others than those that were read last; none where they are the
    /// same. The faults of a reading are given again for a while, or until the files change.
    pub(crate) fn again<T>(
        &self,
        read: impl FnOnce(Files) -> Result<T, Vec<Fault>>,
    ) -> Result<Option<T>, Vec<Fault>> {
        // Held while files are read: two reloads at once would read them twice.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: what changes meanwhile is seen the next time.
        let (mut now, files) = look(&self.paths, self.wanted);
        if now.stamps == last.stamps && now.problems == last.problems {
            if last.faults.is_empty() {
                return Ok(None);
            } else if last.faults_given < FAULTS_AGAIN_MAX {
                last.faults_given += 1;
                return Err(last.faults.clone());
            }
        }
        let made = read(files);
        now.faults = made.as_ref().err().cloned().unwrap_or_default();
        *last = now;
        made.map(Some)
    }
}

fn look(paths: &[PathBuf], wanted: fn(&Path) -> bool) -> (Last, Files) {
    let files = Files::of(paths, wanted);
    let stamps = files.found.iter().cloned().map(Stamp::of).collect();
    (Last { stamps, problems: files.faults.clone(), ..Last::default() }, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_text(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "txt")
    }

    fn written(directory: &Path, files: &[&str]) {
        for file in files {
            let path = directory.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn directories_give_what_is_wanted_and_not_hidden() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        written(root, &["b.txt", "a/2.txt", "a/1.txt", "a/1.dat", ".old/c.txt", ".c.txt", "named.dat"]);
        std::os::unix::fs::symlink("nowhere", root.join("a/.#1.txt")).unwrap();
        let Files { found, faults } = Files::of(&[root.to_owned(), root.join("named.dat")], is_text);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(found, ["a/1.txt", "a/2.txt", "b.txt", "named.dat"].map(|file| root.join(file)));
    }

    #[test]
    fn a_directory_within_itself_is_a_fault() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(".", directory.path().join("again")).unwrap();
        let Files { faults, .. } = Files::of(&[directory.path().to_owned()], is_text);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].ends_with("nested deeper than 8"), "{faults:?}");
    }

    #[test]
    fn files_are_read_again_when_they_change_and_faults_stay_until_then() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        written(root, &["a.txt"]);
        let read = |files: Files| Ok::<_, ()>(files.found.len());
        let (watch, first) = Watch::begin(vec![root.to_owned()], is_text, read).unwrap();
        assert_eq!(first, 1);
        let unread = |_: Files| -> Result<usize, Vec<Fault>> { panic!("nothing has changed") };
        assert_eq!(watch.again(unread), Ok(None));
        written(root, &["c.dat"]);
        assert_eq!(watch.again(unread), Ok(None));
        written(root, &["b.txt"]);
        assert_eq!(watch.again(|files| Ok(files.found.len())), Ok(Some(2)));
        fs::write(root.join("b.txt"), "changed").unwrap();
        let fault = || vec![Fault { key: "rules".into(), expected: "other rules".into() }];
        assert_eq!(watch.again(|_| Err::<usize, _>(fault())), Err(fault()));
        for _ in 0..FAULTS_AGAIN_MAX {
            assert_eq!(watch.again(unread), Err(fault()));
        }
        assert_eq!(watch.again(|files| Ok(files.found.len())), Ok(Some(2)));
        assert_eq!(watch.again(unread), Ok(None));
        fs::remove_file(root.join("b.txt")).unwrap();
        assert_eq!(watch.again(|files| Ok(files.found.len())), Ok(Some(1)));
        fs::remove_file(root.join("a.txt")).unwrap();
        fs::remove_file(root.join("c.dat")).unwrap();
        fs::remove_dir(root).unwrap();
        assert_eq!(watch.again(|files| Ok(files.faults.len())), Ok(Some(1)));
        assert_eq!(watch.again(unread), Ok(None));
    }
}
