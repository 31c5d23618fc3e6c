use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use super::*;

const NAME: &str = "runtime.toml";
const OLD: &[u8] = b"the old file";
const NEW: &[u8] = b"the new file, which is longer than the old one";

/// The octets of a file: what was written, and how much of it is on the medium.
#[derive(Clone, Default)]
struct Inode {
    written: Vec<u8>,
    durable: usize,
}

type Names = BTreeMap<PathBuf, Rc<RefCell<Inode>>>;

/// A directory whose steps `fails` fail; names and octets are durable when they are synced.
#[derive(Default)]
struct Simulated {
    steps: RefCell<usize>,
    fails: Range<usize>,
    names: RefCell<Names>,
    durable: RefCell<Names>,
}

impl Simulated {
    /// Holds the old file, durably.
    fn new(fails: Range<usize>) -> Self {
        let old = Inode { written: OLD.to_vec(), durable: OLD.len() };
        let names = Names::from([(NAME.into(), Rc::new(RefCell::new(old)))]);
        Self { fails, names: RefCell::new(names.clone()), durable: RefCell::new(names), ..Self::default() }
    }

    fn step(&self) -> io::Result<()> {
        let step = self.steps.replace_with(|step| *step + 1);
        if self.fails.contains(&step) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// What a program sees that goes on.
    fn seen(&self) -> Vec<u8> {
        self.names.borrow()[Path::new(NAME)].borrow().written.clone()
    }

    fn names(&self) -> Vec<PathBuf> {
        self.names.borrow().keys().cloned().collect()
    }

    /// What the power leaves, where it kept the names that were not yet synced, and where it lost them.
    fn left(&self) -> [Vec<u8>; 2] {
        [&self.names, &self.durable].map(|names| {
            let names = names.borrow();
            let inode = names[Path::new(NAME)].borrow();
            inode.written[..inode.durable].to_vec()
        })
    }
}

struct Handle<'a> {
    directory: &'a Simulated,
    inode: Rc<RefCell<Inode>>,
}

impl Write for Handle<'_> {
    /// Takes seven octets at a time, so that a disk can be full in between.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.directory.step()?;
        let taken = &octets[..octets.len().min(7)];
        self.inode.borrow_mut().written.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// So that the handle may borrow the directory.
impl<'a> Directory for &'a Simulated {
    type File = Handle<'a>;

    fn create(&self, name: &Path) -> io::Result<Handle<'a>> {
        self.step()?;
        let inode = Rc::default();
        let held = self.names.borrow_mut().insert(name.to_owned(), Rc::clone(&inode));
        assert!(held.is_none(), "the file existed");
        Ok(Handle { directory: self, inode })
    }

    fn sync_file(&self, file: &Handle<'a>) -> io::Result<()> {
        self.step()?;
        let mut inode = file.inode.borrow_mut();
        inode.durable = inode.written.len();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let mut names = self.names.borrow_mut();
        let inode = names.remove(from).unwrap();
        names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &Path) -> io::Result<()> {
        self.step()?;
        self.names.borrow_mut().remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        self.step()?;
        *self.durable.borrow_mut() = self.names.borrow().clone();
        Ok(())
    }
}

#[test]
fn whatever_fails_and_whenever_the_power_goes_a_whole_file_is_there() {
    let whole = Simulated::new(0..0);
    replace(&&whole, Path::new(NAME), NEW).unwrap();
    assert_eq!((whole.seen(), whole.left()), (NEW.to_vec(), [NEW.to_vec(), NEW.to_vec()]));
    let steps = whole.steps.take();
    for fails_at in 0..steps {
        let directory = Simulated::new(fails_at..fails_at + 1);
        let (seen, expected) = match replace(&&directory, Path::new(NAME), NEW).unwrap_err() {
            Failure::Before(_) => (directory.seen(), OLD),
            Failure::After(_) => (directory.seen(), NEW),
        };
        assert_eq!(seen, expected, "step {fails_at}");
        let is_last = fails_at == steps - 1;
        assert_eq!(expected == NEW, is_last, "only the sync of the names comes behind the rename");
        for left in directory.left() {
            assert!(left == OLD || (is_last && left == NEW), "step {fails_at}: {left:?}");
        }
        assert_eq!(directory.names(), [Path::new(NAME)], "step {fails_at} leaves something behind");
    }
}

#[test]
fn a_change_that_is_not_durable_is_undone() {
    let whole = Simulated::new(0..0);
    change(&&whole, Path::new(NAME), Some(OLD), NEW).unwrap();
    let steps = whole.steps.take();
    for fails_at in 0..steps {
        let directory = Simulated::new(fails_at..fails_at + 1);
        let failure = change(&&directory, Path::new(NAME), Some(OLD), NEW).unwrap_err();
        assert!(matches!(failure, Failure::Before(_)), "step {fails_at}: {failure:?}");
        assert_eq!(
            (directory.seen(), directory.names()),
            (OLD.to_vec(), vec![NAME.into()]),
            "step {fails_at}"
        );
    }
    // The disk is gone for good behind the rename: what was refused stands there, and that is said.
    let directory = Simulated::new(steps - 1..usize::MAX);
    let failure = change(&&directory, Path::new(NAME), Some(OLD), NEW).unwrap_err();
    assert!(matches!(failure, Failure::After(_)), "{failure:?}");
    assert_eq!(directory.seen(), NEW);
    // Where there was none, there is none.
    let directory = Simulated { fails: steps - 1..steps, ..Simulated::default() };
    let failure = change(&&directory, Path::new(NAME), None, NEW).unwrap_err();
    assert!(matches!(failure, Failure::Before(_)), "{failure:?}");
    assert_eq!(directory.names(), [] as [PathBuf; 0]);
}

#[test]
fn what_a_crash_left_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let directory = RealDirectory::of(&path);
    fs::write(folder.path().join("runtime.toml.new"), "half of a fi").unwrap();
    replace(&directory, Path::new(NAME), OLD).unwrap();
    replace(&directory, Path::new(NAME), NEW).unwrap();
    assert_eq!(fs::read(&path).unwrap(), NEW);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_cannot_be_put_in_place_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    fs::create_dir(&path).unwrap();
    fs::write(path.join("inside"), OLD).unwrap();
    let failure = replace(&RealDirectory::of(&path), Path::new(NAME), NEW).unwrap_err();
    assert!(matches!(failure, Failure::Before(_)), "{failure:?}");
    assert_eq!(fs::read(path.join("inside")).unwrap(), OLD);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let gone = folder.path().join("gone/runtime.toml");
    let failure = replace(&RealDirectory::of(&gone), Path::new(NAME), NEW).unwrap_err();
    assert!(matches!(failure, Failure::Before(error) if error.kind() == io::ErrorKind::NotFound));
}
