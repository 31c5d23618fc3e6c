//! Where spare segments are made, so that the log can go on in a new file without waiting for it.
//!
//! A new file is filled with written zeros and synced once: later syncs then carry no metadata. A file
//! that was freed is only renamed. Either has its name made durable before it is used, and is named by
//! the generation it will be; its header says otherwise until the log goes on in it.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use crate::disk::{Access, Disk, File};
use crate::segment;

const ZEROS: usize = 1 << 20;
const SYNC_OCTETS: u64 = 8 << 20;

/// A file that is ready to be a segment.
pub(crate) struct Spare {
    pub(crate) generation: u32,
    pub(crate) file: Arc<dyn File>,
    pub(crate) octets: u32,
}

/// What the workshop is asked for.
enum Job {
    Prepare { generation: u32, octets: u32, old_name: Option<String> },
    Remove { name: String },
}

/// Makes and removes segment files: on a thread of its own, or at once.
pub(crate) struct Workshop {
    disk: Arc<dyn Disk>,
    bench: Bench,
    in_flight: usize,
}

enum Bench {
    Inline(VecDeque<io::Result<Spare>>),
    Thread(Apprentice),
}

/// The thread that makes files.
struct Apprentice {
    /// None when it is to end.
    jobs: Option<mpsc::Sender<Job>>,
    done: mpsc::Receiver<io::Result<Spare>>,
    is_closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Apprentice {
    /// Waits for the job in hand: whoever opens the spool next must not meet a file that is still being made.
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // That it panicked was told when it did.
            let _ended = thread.join();
        }
    }
}

impl Workshop {
    pub(crate) fn inline(disk: Arc<dyn Disk>) -> Self {
        Self { disk, bench: Bench::Inline(VecDeque::new()), in_flight: 0 }
    }

    /// `on_done` is called when a spare is ready.
    pub(crate) fn on_thread(disk: Arc<dyn Disk>, on_done: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (jobs, work) = mpsc::channel::<Job>();
        let (finished, done) = mpsc::channel();
        let own = Arc::clone(&disk);
        let is_closing = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_closing);
        let thread = thread::Builder::new().name("spool-segments".to_owned()).spawn(move || {
            // Ends when the workshop is dropped. A result nobody waits for is a spare for the next start.
            for job in work {
                if matches!(job, Job::Prepare { .. }) && ends.load(Ordering::Relaxed) {
                    continue;
                }
                if let Some(result) = job.run(&*own) {
                    let _ended = finished.send(result);
                    on_done();
                }
            }
        })?;
        let apprentice = Apprentice { jobs: Some(jobs), done, is_closing, thread: Some(thread) };
        Ok(Self { disk, bench: Bench::Thread(apprentice), in_flight: 0 })
    }

    /// Spares on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Orders a spare, made anew or from a file that is not needed any more.
    pub(crate) fn prepare(&mut self, generation: u32, octets: u32, old_name: Option<String>) {
        self.in_flight += 1;
        self.give(Job::Prepare { generation, octets, old_name });
    }

    /// Has a file removed. That it stays where this fails is harmless: the next start removes it.
    pub(crate) fn remove(&mut self, name: String) {
        self.give(Job::Remove { name });
    }

    /// A spare that is ready, or why it could not be made.
    pub(crate) fn poll(&mut self) -> Option<io::Result<Spare>> {
        let result = match &mut self.bench {
            Bench::Inline(done) => done.pop_front(),
            Bench::Thread(Apprentice { done, .. }) => done.try_recv().ok(),
        }?;
        self.in_flight -= 1;
        Some(result)
    }

    /// Waits for a spare that was ordered.
    pub(crate) fn wait(&mut self) -> Option<io::Result<Spare>> {
        if self.in_flight == 0 {
            return None;
        }
        let result = match &mut self.bench {
            Bench::Inline(done) => done.pop_front(),
            Bench::Thread(Apprentice { done, .. }) => done.recv().ok(),
        };
        self.in_flight -= 1;
        result
    }

    fn give(&mut self, job: Job) {
        match &mut self.bench {
            Bench::Inline(done) => done.extend(job.run(&*self.disk)),
            Bench::Thread(Apprentice { jobs, .. }) => {
                let jobs = jobs.as_ref().expect("it is there until this is dropped");
                jobs.send(job).expect("the thread ends after its sender");
            }
        }
    }
}

impl Job {
    fn run(self, disk: &dyn Disk) -> Option<io::Result<Spare>> {
        match self {
            Self::Prepare { generation, octets, old_name } => {
                Some(prepare(disk, generation, octets, old_name.as_deref()))
            }
            Self::Remove { name } => {
                if let Err(error) = disk.remove(Path::new(&name)) {
                    tracing::debug!(%name, %error, "a segment that is not needed could not be removed");
                }
                None
            }
        }
    }
}

fn prepare(disk: &dyn Disk, generation: u32, octets: u32, old_name: Option<&str>) -> io::Result<Spare> {
    let name = segment::name(generation);
    let file = match old_name {
        Some(old) => {
            disk.rename(Path::new(old), &name)?;
            disk.open(&name, Access::ReadWrite)?
        }
        None => create(disk, &name, octets)?,
    };
    if let Err(error) = disk.sync_dir(Path::new("")) {
        disk.remove(&name)?;
        return Err(error);
    }
    Ok(Spare { generation, file, octets })
}

fn create(disk: &dyn Disk, name: &Path, octets: u32) -> io::Result<Arc<dyn File>> {
    let file = disk.create(name)?;
    if let Err(error) = fill(&*file, octets) {
        // Half a file would keep others from the space it has.
        disk.remove(name)?;
        return Err(error);
    }
    Ok(file)
}

fn fill(file: &dyn File, octets: u32) -> io::Result<()> {
    let octets = u64::from(octets);
    let zeros = vec![0; ZEROS.min(usize::try_from(octets).unwrap_or(ZEROS))];
    let mut at = 0;
    while at < octets {
        let part = usize::try_from(octets - at).unwrap_or(ZEROS).min(zeros.len());
        file.write_at(&zeros[..part], at)?;
        at += part as u64;
        if at.is_multiple_of(SYNC_OCTETS) {
            // In parts, so that commits do not wait for all of them at once.
            file.sync_data()?;
        }
    }
    file.sync_data()
}
