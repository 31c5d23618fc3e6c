//! The log: human lines on a terminal, JSON lines otherwise, on standard error.
//!
//! Formatting happens where an event does; writing happens on a thread of its own, so that a reader of the
//! log that hangs never holds up mail. When the queue between the two is full, lines are dropped, counted,
//! and the count is logged as soon as there is room again.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::JoinHandle;

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

/// Lines that may wait for the reader; some 300 octets each.
const QUEUE_LINES_MAX: usize = 8 * 1024;

/// Ends the log when dropped: what was logged by then is written.
pub(crate) struct LogGuard {
    queue: Option<Queue>,
    writer: Option<JoinHandle<()>>,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            // An empty line is the sign to end: the subscriber's own sender lives as long as the process.
            let _ = queue.lines.send(Vec::new());
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Starts the log of this process. `level` is a directive such as `info` or `info,sensor_spool=debug`.
pub(crate) fn start(format: Format, level: &str) -> anyhow::Result<LogGuard> {
    let (lines, received) = mpsc::sync_channel(QUEUE_LINES_MAX);
    let queue = Queue { lines, dropped: Arc::default() };
    let dropped = Arc::clone(&queue.dropped);
    let writer =
        std::thread::Builder::new().name("log".into()).spawn(move || write_lines(&received, &dropped))?;
    let terminal = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(level)?)
        .with_target(false)
        .with_writer(queue.clone());
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
    Ok(LogGuard { queue: Some(queue), writer: Some(writer) })
}

#[derive(Clone)]
struct Queue {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { queue: self, text: Vec::with_capacity(384) }
    }
}

/// One event's line; queued when complete.
struct Line<'a> {
    queue: &'a Queue,
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
        if self.text.is_empty() {
            return;
        }
        match self.queue.lines.try_send(std::mem::take(&mut self.text)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.queue.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The most that is gathered for one write.
const WRITE_OCTETS_MAX: usize = 64 * 1024;

fn write_lines(received: &Receiver<Vec<u8>>, dropped: &AtomicU64) {
    let mut batch = Vec::with_capacity(WRITE_OCTETS_MAX);
    while let Ok(first) = received.recv() {
        let mut ended = first.is_empty();
        batch.extend_from_slice(&first);
        while batch.len() < WRITE_OCTETS_MAX && !ended {
            let Ok(line) = received.try_recv() else { break };
            ended = line.is_empty();
            batch.extend_from_slice(&line);
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ =
                writeln!(batch, "{{\"level\":\"WARN\",\"message\":\"log lines dropped\",\"count\":{lost}}}");
        }
        // Where standard error cannot be written there is nobody to tell.
        let _ = io::stderr().write_all(&batch);
        batch.clear();
        if ended {
            return;
        }
    }
}
