//! The log: human lines on a terminal, JSON lines otherwise, on standard error.
//!
//! Formatting happens where an event does; writing happens on a thread of its own, so that a reader of the
//! log that hangs never holds up mail. Lines wait for at most [`GATHER`] and leave together: waking that
//! thread for each would cost more than the line. When they wait for more memory than [`WAITING_OCTETS_MAX`],
//! further ones are dropped, counted, and the count is logged as soon as there is room again.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Octets of lines that may wait for the reader; some 300 are one line.
const WAITING_OCTETS_MAX: usize = 4 << 20;

/// How long lines wait for others to leave with.
const GATHER: Duration = Duration::from_millis(20);

/// Ends the log when dropped: what was logged by then is written.
pub(crate) struct LogGuard {
    lines: Arc<Lines>,
    writer: Option<JoinHandle<()>>,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.lines.waiting().ended = true;
        self.lines.arrived.notify_one();
        if let Some(writer) = self.writer.take() {
            // It only ends badly when standard error does, and then there is nobody to tell.
            let _ = writer.join();
        }
    }
}

/// Starts the log of this process. `level` is a directive such as `info` or `info,sensor_spool=debug`.
pub(crate) fn start(format: Format, level: &str) -> anyhow::Result<LogGuard> {
    let lines = Arc::new(Lines::default());
    let written = Arc::clone(&lines);
    let thread = std::thread::Builder::new().name("log".into()).spawn(move || written.write_all())?;
    let terminal = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(level)?)
        .with_target(false)
        .with_writer(Writer(Arc::clone(&lines)));
    let human = match format {
        Format::Auto => terminal,
        Format::Human => true,
        Format::Json => false,
    };
    if human {
        builder.with_ansi(terminal).init();
    } else {
        builder.json().flatten_event(true).with_current_span(false).init();
    }
    Ok(LogGuard { lines, writer: Some(thread) })
}

/// Lines on their way from events to the thread that writes.
#[derive(Default)]
struct Lines {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    dropped: u64,
    ended: bool,
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
            self.arrived.notify_one();
        }
    }

    fn write_all(&self) {
        let mut batch = Vec::new();
        loop {
            let mut waiting = self.waiting();
            while waiting.text.is_empty() && !waiting.ended {
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            // Only the end of the log is worth less than the whole time to gather.
            let gathered = self.arrived.wait_timeout_while(waiting, GATHER, |waiting| !waiting.ended);
            let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            let (ended, dropped) = (waiting.ended, std::mem::take(&mut waiting.dropped));
            std::mem::swap(&mut waiting.text, &mut batch);
            drop(waiting);
            if dropped > 0 {
                batch.extend_from_slice(dropped_line(dropped).as_bytes());
            }
            // Where standard error cannot be written there is nobody to tell.
            let _ = io::stderr().write_all(&batch);
            batch.clear();
            if ended {
                return;
            }
        }
    }
}

fn dropped_line(count: u64) -> String {
    format!("{{\"level\":\"WARN\",\"message\":\"log lines dropped\",\"count\":{count}}}\n")
}

thread_local! {
    /// The line that an event of this thread is being formatted into.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What the subscriber holds.
struct Writer(Arc<Lines>);

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: &self.0, text: LINE.take() }
    }
}

/// One event's line; on its way when dropped.
struct Line<'a> {
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
    use super::*;

    #[test]
    fn lines_beyond_the_memory_are_dropped_and_counted() {
        let lines = Lines::default();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..7 {
            lines.push(&line);
        }
        let waiting = lines.waiting();
        assert_eq!((waiting.text.len(), waiting.dropped), (WAITING_OCTETS_MAX, 3));
        assert_eq!(dropped_line(3), "{\"level\":\"WARN\",\"message\":\"log lines dropped\",\"count\":3}\n");
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
