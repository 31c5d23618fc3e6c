//! Lines on their way from events to the thread that writes them.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Octets of lines that may wait for the reader; some 300 are one line.
const WAITING_OCTETS_MAX: usize = 4 << 20;

/// How long lines wait for others to leave with.
const GATHER: Duration = Duration::from_millis(20);

/// How long the end of the log waits for a reader that does not read.
const END_WAIT: Duration = Duration::from_secs(2);

/// What lines are written to.
pub(super) trait Sink {
    /// Takes whole lines, as far as it can.
    fn write(&mut self, text: &[u8]);
    /// Writes to `file` from now on.
    fn turn_to(&mut self, file: File);
}

/// The queue. Whoever logs never waits for whoever reads.
#[derive(Default)]
pub(super) struct Lines {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    dropped: u64,
    /// A file to write from now on.
    file: Option<File>,
    stage: Stage,
}

/// What the writing thread found to do.
struct Found {
    file: Option<File>,
    dropped: u64,
    stage: Stage,
}

/// From the start of the log to its last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    Ending,
    Written,
}

impl Lines {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.text.len() + line.len() > WAITING_OCTETS_MAX {
            waiting.dropped += 1;
            return;
        }
        let is_first = waiting.text.is_empty();
        waiting.text.extend_from_slice(line);
        drop(waiting);
        if is_first {
            self.changed.notify_all();
        }
    }

    /// Has lines that wait, and all later ones, written to `file`.
    pub(super) fn write_to(&self, file: File) {
        self.waiting().file = Some(file);
        self.changed.notify_all();
    }

    /// Writes lines until the end. `on_dropped` is told how many were lost, and may log that.
    pub(super) fn write_all(&self, out: &mut impl Sink, on_dropped: impl Fn(u64)) {
        let mut batch = Vec::new();
        loop {
            let found = self.gather(&mut batch);
            if let Some(file) = found.file {
                out.turn_to(file);
            }
            out.write(&batch);
            batch.clear();
            match (found.dropped, found.stage) {
                (1.., _) => on_dropped(found.dropped),
                (0, Stage::Open) => {}
                (0, Stage::Ending | Stage::Written) => break,
            }
        }
        self.waiting().stage = Stage::Written;
        self.changed.notify_all();
    }

    /// Waits for something to do and a moment longer, then swaps what waits with `batch`.
    fn gather(&self, batch: &mut Vec<u8>) -> Found {
        let idle = |waiting: &mut Waiting| {
            waiting.text.is_empty() && waiting.file.is_none() && waiting.stage == Stage::Open
        };
        let waiting = self.changed.wait_while(self.waiting(), idle).unwrap_or_else(PoisonError::into_inner);
        // Only the end of the log, or of its file, is worth less than the whole time to gather.
        let is_open = |waiting: &mut Waiting| waiting.file.is_none() && waiting.stage == Stage::Open;
        let gathered = self.changed.wait_timeout_while(waiting, GATHER, is_open);
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut waiting.text, batch);
        Found {
            file: waiting.file.take(),
            dropped: std::mem::take(&mut waiting.dropped),
            stage: waiting.stage,
        }
    }

    #[cfg(test)]
    pub(super) fn text_waiting(&self) -> String {
        String::from_utf8(self.waiting().text.clone()).expect("lines are text")
    }

    /// Ends the log: what was pushed by now is written, unless its reader hangs.
    pub(super) fn end(&self) {
        let mut waiting = self.waiting();
        waiting.stage = Stage::Ending;
        self.changed.notify_all();
        let is_writing = |waiting: &mut Waiting| waiting.stage != Stage::Written;
        let _hung = self.changed.wait_timeout_while(waiting, END_WAIT, is_writing);
    }
}

thread_local! {
    /// The line that an event of this thread is being formatted into.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What the subscriber holds.
pub(super) struct Writer(pub(super) Arc<Lines>);

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: &self.0, text: LINE.take() }
    }
}

/// One event's line; on its way when dropped.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.lines.push(&self.text);
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        LINE.set(text);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, mpsc};

    use super::*;

    /// A reader that hangs until it is let go.
    struct Hanging {
        reached: Arc<Barrier>,
        go_on: mpsc::Receiver<()>,
        text: Vec<u8>,
    }

    impl Sink for Hanging {
        fn write(&mut self, text: &[u8]) {
            if self.text.is_empty() {
                self.reached.wait();
                let _ = self.go_on.recv();
            }
            self.text.extend_from_slice(text);
        }

        fn turn_to(&mut self, _: File) {
            self.text.extend_from_slice(b"(another file) ");
        }
    }

    #[test]
    fn lines_beyond_the_memory_are_dropped_and_told() {
        let lines = Arc::new(Lines::default());
        let (reached, (go, go_on)) = (Arc::new(Barrier::new(2)), mpsc::channel());
        let mut out = Hanging { reached: Arc::clone(&reached), go_on, text: Vec::new() };
        let written = Arc::clone(&lines);
        let writer = std::thread::spawn(move || {
            let told = |count| written.push(format!("{count} dropped").as_bytes());
            written.write_all(&mut out, told);
            out.text
        });
        lines.push(b"first ");
        reached.wait();
        for _ in 0..7 {
            lines.push(&vec![b'x'; 1 << 20]);
        }
        go.send(()).unwrap();
        lines.end();
        let text = writer.join().unwrap();
        assert_eq!(text.len(), "first ".len() + WAITING_OCTETS_MAX + "3 dropped".len());
        assert!(text.ends_with(b"3 dropped"));
    }

    #[test]
    fn what_waits_when_the_file_changes_goes_to_the_new_one() {
        let lines = Arc::new(Lines::default());
        let (reached, (go, go_on)) = (Arc::new(Barrier::new(2)), mpsc::channel());
        let mut out = Hanging { reached: Arc::clone(&reached), go_on, text: Vec::new() };
        let written = Arc::clone(&lines);
        let writer = std::thread::spawn(move || {
            written.write_all(&mut out, |_| {});
            out.text
        });
        lines.push(b"in work ");
        reached.wait();
        lines.push(b"waiting ");
        lines.write_to(tempfile::tempfile().unwrap());
        lines.push(b"later");
        go.send(()).unwrap();
        lines.end();
        assert_eq!(writer.join().unwrap(), b"in work (another file) waiting later");
    }

    #[test]
    fn a_reader_that_hangs_does_not_hold_up_the_end() {
        let lines = Arc::new(Lines::default());
        let (reached, (go, go_on)) = (Arc::new(Barrier::new(2)), mpsc::channel());
        let mut out = Hanging { reached: Arc::clone(&reached), go_on, text: Vec::new() };
        let written = Arc::clone(&lines);
        let writer = std::thread::spawn(move || written.write_all(&mut out, |_| {}));
        lines.push(b"line");
        reached.wait();
        lines.end();
        assert_ne!(lines.waiting().stage, Stage::Written);
        go.send(()).unwrap();
        writer.join().unwrap();
    }

    #[test]
    fn a_line_arrives_whole() {
        let writer = Writer(Arc::default());
        let mut line = writer.make_writer();
        line.write_all(b"one ").unwrap();
        line.write_all(b"line\n").unwrap();
        drop(line);
        drop(writer.make_writer());
        assert_eq!(writer.0.waiting().text, b"one line\n");
    }
}
