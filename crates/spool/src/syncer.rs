//! Where a stretch of the log is synced while the writer goes on behind it.
//!
//! ```text
//!   writer   | write | write | write | write | collect: the group begins behind the stretch, or is poisoned
//!                    \ begin                 /
//!   syncer            fdatasync ------------+
//! ```
//!
//! One stretch at a time, and never beside another sync of its file: the system tells an error of it to one
//! caller only, and that must not be one that was about to say "durable". So whoever syncs the file waits for
//! the stretch first, and takes its error for his own.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use crate::disk::File;

/// Syncs on a thread of its own, or at once.
pub(crate) struct Syncer {
    bench: Bench,
    /// Where the stretch that is being synced ends.
    end: Option<u32>,
}

/// How a sync went.
type Synced = io::Result<()>;

/// What became of a stretch of the log, and where it ends.
pub(crate) type Stretch = (u32, Synced);

enum Bench {
    Inline(Inline),
    Thread { files: mpsc::Sender<Arc<dyn File>>, done: mpsc::Receiver<Synced> },
}

/// The simulation is to see the writer go on meanwhile: what becomes of a stretch is told a turn late. The first stretch
/// is synced when it begins, the next when it is told of, with all that was written behind it, and so on.
#[derive(Default)]
struct Inline {
    file: Option<Arc<dyn File>>,
    synced: Option<Synced>,
    was_asked: bool,
    /// Whether the next one is.
    is_late: bool,
}

impl Inline {
    fn begin(&mut self, file: &Arc<dyn File>) {
        self.was_asked = false;
        match self.is_late {
            true => self.file = Some(Arc::clone(file)),
            false => self.synced = Some(file.sync_data()),
        }
        self.is_late = !self.is_late;
    }

    fn end(&mut self) -> Option<Synced> {
        self.file.take().map(|file| file.sync_data()).or_else(|| self.synced.take())
    }
}

impl Syncer {
    pub(crate) fn inline() -> Self {
        Self { bench: Bench::Inline(Inline::default()), end: None }
    }

    /// `on_done` is called when a sync has ended.
    pub(crate) fn on_thread(on_done: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (files, work) = mpsc::channel::<Arc<dyn File>>();
        let (finished, done) = mpsc::channel();
        thread::Builder::new().name("spool-sync".to_owned()).spawn(move || {
            // Ends when the syncer is dropped; then nobody is left to be told.
            for file in work {
                let _ended = finished.send(file.sync_data());
                on_done();
            }
        })?;
        Ok(Self { bench: Bench::Thread { files, done }, end: None })
    }

    /// Where the stretch that is being synced ends, if one is.
    pub(crate) fn end(&self) -> Option<u32> {
        self.end
    }

    /// Whether [`Syncer::poll`] is to be asked without being called for.
    pub(crate) fn wants_poll(&self) -> bool {
        self.end.is_some() && matches!(self.bench, Bench::Inline(_))
    }

    /// Begins to sync what `file` holds, up to `end` of the log.
    pub(crate) fn begin(&mut self, file: &Arc<dyn File>, end: u32) {
        assert!(self.end.is_none(), "one stretch at a time");
        self.end = Some(end);
        match &mut self.bench {
            Bench::Inline(inline) => inline.begin(file),
            // A thread that died is found gone by who asks what became of the stretch.
            Bench::Thread { files, .. } => drop(files.send(Arc::clone(file))),
        }
    }

    /// What became of the stretch, when that is known.
    pub(crate) fn poll(&mut self) -> Option<Stretch> {
        let end = self.end?;
        let synced = match &mut self.bench {
            Bench::Inline(inline) if !inline.was_asked => {
                inline.was_asked = true;
                None
            }
            Bench::Inline(inline) => inline.end(),
            Bench::Thread { done, .. } => match done.try_recv() {
                Ok(synced) => Some(synced),
                Err(mpsc::TryRecvError::Empty) => None,
                Err(mpsc::TryRecvError::Disconnected) => Some(gone()),
            },
        }?;
        self.end = None;
        Some((end, synced))
    }

    /// Waits for the stretch, if there is one.
    pub(crate) fn wait(&mut self) -> Option<Stretch> {
        let end = self.end.take()?;
        let synced = match &mut self.bench {
            Bench::Inline(inline) => inline.end().unwrap_or_else(gone),
            Bench::Thread { done, .. } => done.recv().unwrap_or_else(|_| gone()),
        };
        Some((end, synced))
    }
}

/// Whoever was to say how it went is gone: nothing is known.
fn gone() -> Synced {
    Err(io::ErrorKind::BrokenPipe.into())
}
