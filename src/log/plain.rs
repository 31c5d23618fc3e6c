//! Lines for whoever is no terminal: one event is one line, whatever text is in it, with its priority in
//! front where journald reads it.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

pub(super) struct Plain<F> {
    format: F,
    has_priority: bool,
}

impl<F> Plain<F> {
    pub(super) fn new(format: F, has_priority: bool) -> Self {
        Self { format, has_priority }
    }
}

impl<S, N, F> FormatEvent<S, N> for Plain<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.format.format_event(context, Writer::new(&mut text), event)?;
        if self.has_priority {
            write!(out, "<{}>", priority(*event.metadata().level()))?;
        }
        push_line(&mut out, text.trim_end_matches('\n'))
    }
}

/// syslog(3)'s number of a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// What ends a line is escaped: an error that quotes a file or a client would forge lines with it.
fn push_line(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    for (number, line) in text.split('\n').enumerate() {
        out.write_str(if number == 0 { "" } else { "\\n" })?;
        out.write_str(line)?;
    }
    out.write_char('\n')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::fmt::format;

    use super::super::lines::{Lines, Writer as Queue};
    use super::*;

    fn logged(has_priority: bool, log: impl FnOnce()) -> String {
        let lines = Arc::new(Lines::default());
        let plain = Plain::new(format().with_target(false).with_ansi(false).without_time(), has_priority);
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .event_format(plain)
            .with_writer(Queue(Arc::clone(&lines)))
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        lines.text_waiting()
    }

    #[test]
    fn the_journal_is_told_how_grave_a_line_is() {
        for (begin, log) in [
            ("<3>", (|| tracing::error!(n = 1, "a line")) as fn()),
            ("<4>", || tracing::warn!(n = 1, "a line")),
            ("<6>", || tracing::info!(n = 1, "a line")),
            ("<7>", || tracing::debug!(n = 1, "a line")),
            ("<7>", || tracing::trace!(n = 1, "a line")),
        ] {
            let line = logged(true, log);
            assert!(line.starts_with(begin) && line.ends_with("a line n=1\n"), "{line:?}");
            assert_eq!(logged(false, log), line[begin.len()..]);
        }
    }

    #[test]
    fn nobodys_text_becomes_a_line_of_its_own() {
        let hostile = "no such file\n<0>everything is lost\n";
        let line = logged(true, || tracing::warn!(error = %hostile, text = hostile, "cannot read"));
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        assert!(line.ends_with('\n'), "{line:?}");
    }
}
