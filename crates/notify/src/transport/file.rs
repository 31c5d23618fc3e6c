//! Lines in a file, or on standard output.
//!
//! Writing may block for as long as it likes (a pipe that nobody reads, a file system that hangs), so a thread of
//! its own does it, and at most one write is under way. Other programs rotate the file: [`Transport::reopen`]
//! has it opened anew. A line that a full disk or the end of the program cut is ended before the next one.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::{Failure, Message, Sending, Transport};

/// The most lines in one go: they share a sync.
const BATCH_MAX: usize = 256;

/// For its owner, and a group that may read.
const MODE: u32 = 0o640;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard output.
    StandardOutput,
    /// The end of a file, which is made where it is missing.
    Path(PathBuf),
}

pub(crate) struct File {
    place: Place,
    writer: Option<Writer>,
    /// Whether the file is to be opened anew.
    is_moved: bool,
}

/// The other side of the thread that writes.
struct Writer {
    jobs: mpsc::SyncSender<Job>,
    /// What a write that was given up on will say.
    unfinished: Option<oneshot::Receiver<io::Result<()>>>,
}

struct Job {
    lines: Vec<u8>,
    reopen: bool,
    done: oneshot::Sender<io::Result<()>>,
}

impl File {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, writer: None, is_moved: false }
    }

    async fn write(&mut self, messages: &[Message]) -> Result<(), Failure> {
        let gone = || Failure::Peer("the thread that writes has ended".to_owned());
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::start(self.place.clone()).map_err(|error| Failure::peer("no thread", error))?,
        };
        let writer = self.writer.insert(writer);
        if let Some(unfinished) = &mut writer.unfinished {
            // Whatever became of it, the caller sends its lines again.
            let _outcome = unfinished.await;
            writer.unfinished = None;
        }
        let (done, outcome) = oneshot::channel();
        let job = Job { lines: lines(messages), reopen: std::mem::take(&mut self.is_moved), done };
        if writer.jobs.try_send(job).is_err() {
            self.writer = None;
            return Err(gone());
        }
        let outcome = writer.unfinished.insert(outcome).await;
        writer.unfinished = None;
        match outcome {
            Ok(written) => written.map_err(|error| Failure::peer("cannot be written", error)),
            Err(_) => {
                self.writer = None;
                Err(gone())
            }
        }
    }
}

impl Transport for File {
    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    fn send<'a>(&'a mut self, messages: &'a [Message]) -> Sending<'a> {
        Box::pin(self.write(messages))
    }

    fn reopen(&mut self) {
        self.is_moved = true;
    }
}

/// A formatter leaves no line end in a message.
fn lines(messages: &[Message]) -> Vec<u8> {
    let mut lines = Vec::new();
    for message in messages {
        lines.extend_from_slice(&message.octets);
        lines.push(b'\n');
    }
    lines
}

impl Writer {
    fn start(place: Place) -> io::Result<Self> {
        let (jobs, todo) = mpsc::sync_channel::<Job>(1);
        std::thread::Builder::new().name("events".to_owned()).spawn(move || {
            let mut output = None;
            for Job { lines, reopen, done } in todo {
                if reopen {
                    output = None;
                }
                // Who gave up on it sends the same lines again.
                let _ = done.send(write(&place, &mut output, &lines));
            }
        })?;
        Ok(Self { jobs, unfinished: None })
    }
}

fn write(place: &Place, output: &mut Option<fs::File>, lines: &[u8]) -> io::Result<()> {
    let written = match place {
        Place::StandardOutput => {
            let mut stdout = io::stdout().lock();
            return stdout.write_all(lines).and_then(|()| stdout.flush());
        }
        Place::Path(path) => open(path, output).and_then(|file| append(file, lines)),
    };
    if written.is_err() {
        // The line may be cut: opening looks at how the file ends.
        *output = None;
    }
    written
}

fn append(file: &mut fs::File, lines: &[u8]) -> io::Result<()> {
    file.write_all(lines)?;
    // A pipe or a device has nothing to sync.
    if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) }
}

fn open<'a>(path: &PathBuf, output: &'a mut Option<fs::File>) -> io::Result<&'a mut fs::File> {
    let file = match output.take() {
        Some(file) => file,
        None => {
            let mut file = OpenOptions::new().create(true).append(true).mode(MODE).open(path)?;
            if file.metadata()?.is_file() && ends_within_a_line(path)? {
                file.write_all(b"\n")?;
            }
            file
        }
    };
    Ok(output.insert(file))
}

fn ends_within_a_line(path: &PathBuf) -> io::Result<bool> {
    let mut file = fs::File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
