//! The layers of one program: where they are, what was read from them, and what a reload makes of them.
//!
//! ```text
//! Places --open--> Layers + Effective            start
//!                    |--reload--> Effective      all layers again: whole, or faults and nothing changes
//!                    `--propose(changes)--> Proposal { effective } --keep--> run-time layer on disk, Effective
//! ```
//!
//! A change at run time is put on the layers as they were loaded last, and not on what stands in the files by
//! now: a change does what it says, also while somebody edits the files, and brings nothing else with it.
//!
//! What was found at the start stays so: a main file that was there and is gone is a fault, and not a return
//! to the defaults; the run-time layer stays where it was, though a file may say by now where it will be
//! after the next start.

use std::path::{Path, PathBuf};

use crate::fault::Faults;
use crate::proposal::{Change, Proposal, Refused};
use crate::reader::Reader;
use crate::shown::Shown;
use crate::source::Source;

/// Where the layers are; each wins over those before it.
#[derive(Clone, Debug)]
pub struct Places {
    /// The main file.
    pub file: MainFile,
    /// The directory of further files; each `*.toml` in it is read, in the order of their names.
    pub drop_ins: PathBuf,
    /// The file of what is changed at run time. Where it is may be a setting of the other layers.
    pub runtime: fn(&Reader) -> PathBuf,
    /// What comes from the environment and from the command line.
    pub above: Vec<Source>,
    /// Where systemd puts credentials.
    pub credentials: Option<PathBuf>,
}

/// The main file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MainFile {
    /// It must be there.
    Required(PathBuf),
    /// It is read where it is there.
    IfPresent(PathBuf),
}

/// Settings, and what there is to say about each.
#[derive(Debug)]
pub struct Effective<T> {
    /// The settings as the program uses them.
    pub settings: T,
    /// Each value with its origin.
    pub shown: Shown,
}

/// Layers that were read without fault.
#[derive(Debug)]
pub struct Layers<T> {
    pub(crate) places: Places,
    pub(crate) read: fn(&Reader) -> T,
    pub(crate) runtime: PathBuf,
    /// What was read last; the run-time layer is always among them, if only with nothing in it.
    pub(crate) sources: Vec<Source>,
}

/// By hand, because settings need not be cloned for it: a program keeps the layers that are in force while it
/// tries others.
impl<T> Clone for Layers<T> {
    fn clone(&self) -> Self {
        let Self { places, read, runtime, sources } = self;
        Self { places: places.clone(), read: *read, runtime: runtime.clone(), sources: sources.clone() }
    }
}

impl<T> Layers<T> {
    /// Reads all layers. `read` asks for all keys.
    ///
    /// # Errors
    /// Every fault of every layer.
    pub fn open(places: Places, read: fn(&Reader) -> T) -> Result<(Self, Effective<T>), Faults> {
        let (runtime, sources) = places.sources(None);
        let (effective, sources) = evaluate(read, places.credentials.clone(), sources);
        let mut layers = Self { places, read, runtime, sources };
        layers.pin_file();
        Ok((layers, effective?))
    }

    /// Reads all layers again.
    ///
    /// # Errors
    /// Every fault of every layer; what was loaded before stays in force.
    pub fn reload(&mut self) -> Result<Effective<T>, Faults> {
        let (_, sources) = self.places.sources(Some(&self.runtime));
        let (effective, sources) = evaluate(self.read, self.places.credentials.clone(), sources);
        if effective.is_ok() {
            self.sources = sources;
            self.pin_file();
        }
        effective
    }

    /// Checks what `changes` of the run-time layer would make of the settings. Nothing is changed before the
    /// proposal is kept; dropping it is a dry run.
    ///
    /// # Errors
    /// [`Refused`]: what stands in the way of the changes; none of them is made.
    pub fn propose(&mut self, changes: &[Change]) -> Result<Proposal<'_, T>, Refused> {
        Proposal::new(self, changes)
    }

    /// The names of the files that settings came from, in the order of reading.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().filter(|source| source.is_file()).map(Source::name)
    }

    fn pin_file(&mut self) {
        let path = self.places.file.path();
        if self.files().any(|name| name == path.display().to_string()) {
            self.places.file = MainFile::Required(path.to_owned());
        }
    }
}

/// Reads sources and gives them back.
pub(crate) fn evaluate<T>(
    read: fn(&Reader) -> T,
    credentials: Option<PathBuf>,
    sources: Vec<Source>,
) -> (Result<Effective<T>, Faults>, Vec<Source>) {
    let reader = Reader::new(sources).with_credentials(credentials);
    let settings = read(&reader);
    let (shown, sources) = reader.end();
    (shown.map(|shown| Effective { settings, shown }), sources)
}

impl MainFile {
    fn path(&self) -> &Path {
        match self {
            Self::Required(path) | Self::IfPresent(path) => path,
        }
    }

    fn source(&self) -> Option<Source> {
        match self {
            Self::Required(path) => Some(Source::read(path)),
            // What must not be looked at is not passed over: the defaults are another program.
            Self::IfPresent(path) => path.try_exists().unwrap_or(true).then(|| Source::read(path)),
        }
    }
}

impl Places {
    /// All layers but the run-time one, and how many of them are below it.
    pub(crate) fn written(&self) -> (usize, Vec<Source>) {
        let mut sources: Vec<Source> = self.file.source().into_iter().collect();
        sources.extend(Source::read_drop_ins(&self.drop_ins));
        let below = sources.len();
        sources.extend(self.above.iter().cloned());
        (below, sources)
    }

    /// All layers, and the place of the run-time layer.
    fn sources(&self, runtime: Option<&Path>) -> (PathBuf, Vec<Source>) {
        let (below, sources) = self.written();
        let reader = Reader::new(sources);
        let runtime = runtime.map_or_else(|| (self.runtime)(&reader), Path::to_owned);
        let mut sources = reader.sources;
        sources.insert(below, Source::read_runtime(&runtime));
        (runtime, sources)
    }
}
