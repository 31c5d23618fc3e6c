//! The log: human lines on a terminal and in the journal, JSON lines otherwise; on standard error, or in a
//! file that is reopened when it was moved away.
//!
//! Formatting happens where an event does; writing happens on a thread of its own, so that a reader of the
//! log that hangs never holds up mail, nor the end of the program for long. Lines wait for some milliseconds
//! and leave together: waking that thread for each would cost more than the line. When too many wait,
//! further ones are dropped, counted, and the count is logged as soon as there is room again.
//!
//! Where standard error is the journal, each line begins with its priority (`<4>`, sd-daemon(3)), which
//! journald takes off: `journalctl -p warning` works. A line is never two: what would end it within is
//! escaped, so that nobody's text becomes a line of its own.

mod json;
mod lines;
mod output;
mod panics;
mod plain;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format;

use crate::config;
use crate::host::advice;
use json::JsonLines;
use lines::{Lines, Writer};
use output::Output;
pub(crate) use panics::tell_panics;
use plain::Plain;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Human on a terminal and in the journal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Ends the log when dropped: what was logged by then is written.
pub(crate) struct LogGuard(LogFile);

impl LogGuard {
    /// For whoever hears SIGHUP; does not keep the log from ending.
    pub(crate) fn file(&self) -> LogFile {
        self.0.clone()
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.lines.end();
    }
}

/// Where the log is written.
#[derive(Clone)]
pub(crate) struct LogFile {
    lines: Arc<Lines>,
    path: Option<PathBuf>,
}

impl LogFile {
    /// Opens the file anew, after it was renamed. Every line goes whole into one or the other file: lines
    /// that are logged from now on into the new one. Does nothing on standard error. Waits for the disk.
    ///
    /// # Errors
    /// When the file cannot be opened; then the old one is written on.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.lines.write_to(output::open(path)?);
        }
        Ok(())
    }
}

/// Starts the log of this process.
///
/// # Errors
/// When its file cannot be opened, or it runs already.
pub(crate) fn start(settings: &config::Log) -> anyhow::Result<LogGuard> {
    let path = settings.file.clone();
    let mut output = match &path {
        None => Output::StandardError,
        Some(path) => Output::File(output::open(path).map_err(|error| {
            anyhow::anyhow!("cannot open the log file {}: {error}{}", path.display(), advice(&error))
        })?),
    };
    let lines = Arc::new(Lines::default());
    subscribe(settings, Reader::of(&output), &lines)?;
    let written = Arc::clone(&lines);
    std::thread::Builder::new().name("log".into()).spawn(move || {
        written.write_all(&mut output, |count| tracing::error!(count, "log lines dropped"));
    })?;
    Ok(LogGuard(LogFile { lines, path }))
}

/// Who reads the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Terminal,
    Journal,
    /// A program, or a person later.
    Other,
}

impl Reader {
    fn of(output: &Output) -> Self {
        match output {
            Output::File(_) => Self::Other,
            Output::StandardError if io::stderr().is_terminal() => Self::Terminal,
            Output::StandardError if output::is_journal() => Self::Journal,
            Output::StandardError => Self::Other,
        }
    }
}

fn subscribe(settings: &config::Log, reader: Reader, lines: &Arc<Lines>) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&settings.level)?)
        .with_target(false)
        .with_writer(Writer(Arc::clone(lines)));
    let human = || format().with_target(false).with_ansi(false);
    let is_human = match settings.format {
        Format::Auto => reader != Reader::Other,
        Format::Human => true,
        Format::Json => false,
    };
    let started = match (is_human, reader) {
        (true, Reader::Terminal) => builder.with_ansi(true).try_init(),
        // journald knows the time of each line itself.
        (true, Reader::Journal) => {
            builder.with_ansi(false).event_format(Plain::new(human().without_time(), true)).try_init()
        }
        (true, Reader::Other) => builder.with_ansi(false).event_format(Plain::new(human(), false)).try_init(),
        (false, Reader::Journal) => builder.event_format(Plain::new(JsonLines, true)).try_init(),
        // One line by itself, and the quickest.
        (false, Reader::Terminal | Reader::Other) => builder.event_format(JsonLines).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!(error))
}
