//! The log: human lines on a terminal, JSON lines otherwise, on standard error.
//!
//! Formatting happens where an event does; writing happens on a thread of its own, so that a reader of the
//! log that hangs never holds up mail, nor the end of the program for long. Lines wait for some milliseconds
//! and leave together: waking that thread for each would cost more than the line. When too many wait,
//! further ones are dropped, counted, and the count is logged as soon as there is room again.

mod json;
mod lines;

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;

use json::JsonLines;
use lines::{Lines, Writer};

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

/// Ends the log when dropped: what was logged by then is written.
pub(crate) struct LogGuard(Arc<Lines>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Starts the log of this process. `level` is a directive such as `info` or `info,sensor_spool=debug`.
pub(crate) fn start(format: Format, level: &str) -> anyhow::Result<LogGuard> {
    let lines = Arc::new(Lines::default());
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
        builder.event_format(JsonLines).init();
    }
    let written = Arc::clone(&lines);
    std::thread::Builder::new().name("log".into()).spawn(move || {
        written.write_all(&mut io::stderr(), |count| tracing::error!(count, "log lines dropped"));
    })?;
    Ok(LogGuard(lines))
}
