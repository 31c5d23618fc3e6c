//! An event as one JSON object: `timestamp`, `level`, then its fields in the order in which they were given.
//!
//! Each message leaves such a line while its sender waits. The formatter that comes with the subscriber
//! takes a fifth of all that the sensor itself computes for a small message; this one appends to one buffer.
//! It knows no spans: there are none here.

use std::cell::RefCell;
use std::fmt::{self, Write};

use jiff::Timestamp;
use jiff::tz::Offset;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as JSON lines.
pub(super) struct JsonLines;

thread_local! {
    static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer::new()) };
}

/// The line in work, and the second that was formatted last.
struct Buffer {
    line: String,
    second: i64,
    second_text: String,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        #[expect(clippy::disallowed_methods, reason = "an event has no other time than that of its logging")]
        let now = Timestamp::now();
        BUFFER.with(|buffer| match buffer.try_borrow_mut() {
            Ok(mut buffer) => out.write_str(buffer.format(event, now)),
            // A value that logs while it is being logged.
            Err(_) => out.write_str(Buffer::new().format(event, now)),
        })
    }
}

impl Buffer {
    const fn new() -> Self {
        Self { line: String::new(), second: i64::MIN, second_text: String::new() }
    }

    fn format(&mut self, event: &Event<'_>, now: Timestamp) -> &str {
        self.line.clear();
        self.line.push_str("{\"timestamp\":\"");
        self.push_time(now);
        self.line.push_str("\",\"level\":\"");
        self.line.push_str(event.metadata().level().as_str());
        self.line.push('"');
        event.record(&mut Fields(&mut self.line));
        self.line.push_str("}\n");
        &self.line
    }

    /// RFC 3339 in UTC, with microseconds.
    fn push_time(&mut self, now: Timestamp) {
        let second = now.as_second();
        if self.second != second {
            let at = Offset::UTC.to_datetime(now);
            self.second_text.clear();
            let (date, time) = (at.date(), at.time());
            let (hour, minute, second_of_minute) = (time.hour(), time.minute(), time.second());
            let _infallible = write!(self.second_text, "{date}T{hour:02}:{minute:02}:{second_of_minute:02}.");
            self.second = second;
        }
        self.line.push_str(&self.second_text);
        // Six digits: the first of seven is put there to keep the zeros behind it.
        let micros = 1_000_000 + now.subsec_microsecond().unsigned_abs();
        self.line.push_str(&itoa::Buffer::new().format(micros)[1..]);
        self.line.push('Z');
    }
}

/// Appends each field as `,"name":value`.
struct Fields<'a>(&'a mut String);

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        self.0.push_str(",\"");
        push_escaped(self.0, field.name());
        self.0.push_str("\":");
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field);
        self.0.push('"');
        let _infallible = write!(Escaped(self.0), "{value:?}");
        self.0.push('"');
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        self.0.push('"');
        push_escaped(self.0, value);
        self.0.push('"');
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.name(field);
        self.0.push_str(if value { "true" } else { "false" });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        self.0.push_str(itoa::Buffer::new().format(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.name(field);
        self.0.push_str(itoa::Buffer::new().format(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field);
        let _infallible =
            if value.is_finite() { write!(self.0, "{value}") } else { self.0.write_str("null") };
    }
}

/// Text that is escaped as it comes.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

/// RFC 8259 section 7: quotation mark, backslash and the C0 controls must be escaped.
fn push_escaped(out: &mut String, text: &str) {
    let must = |octet: u8| matches!(octet, b'"' | b'\\' | 0..=0x1f);
    // All octets are looked at, and many at a time: the compiler makes no vector code of a loop that ends early.
    if !text.bytes().fold(false, |found, octet| found | must(octet)) {
        return out.push_str(text);
    }
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\0'..='\u{1f}' => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::*;

    /// Formats each event at a fixed time.
    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Recorder {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let at = Timestamp::new(1_700_000_000, 42_000).unwrap();
            self.0.lock().unwrap().push(Buffer::new().format(event, at).to_owned());
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Recorder(Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, log);
        lines.lock().unwrap().clone()
    }

    #[test]
    fn a_line_reads_as_it_always_has() {
        let id = 7;
        let written =
            lines(|| tracing::info!(%id, octets = 12_u64, tls = false, to = "a@b.example", "accepted"));
        let expected = concat!(
            r#"{"timestamp":"2023-11-14T22:13:20.000042Z","level":"INFO","message":"accepted","#,
            r#""id":"7","octets":12,"tls":false,"to":"a@b.example"}"#,
            "\n"
        );
        assert_eq!(written, [expected]);
    }

    #[test]
    fn any_text_comes_back_as_it_was() {
        let all: String = ('\0'..='\u{2ff}').chain(['\u{2028}', '\u{1f4e8}']).collect();
        let written =
            lines(|| tracing::warn!(text = all.as_str(), shown = %all, n = f64::NAN, i = -3, "\"\\"));
        let line: Value = serde_json::from_str(&written[0]).unwrap();
        assert_eq!(written[0].matches('\n').count(), 1);
        assert_eq!(line["text"], json!(all));
        assert_eq!(line["shown"], json!(all));
        assert_eq!((&line["n"], &line["i"]), (&Value::Null, &json!(-3)));
        assert_eq!(line["message"], "\"\\");
    }

    #[test]
    fn the_second_is_formatted_anew_when_it_is_another() {
        let mut buffer = Buffer::new();
        for (second, shown) in [
            (59, "1970-01-01T00:00:59.000000Z"),
            (60, "1970-01-01T00:01:00.000000Z"),
            (59, "1970-01-01T00:00:59.000000Z"),
        ] {
            buffer.line.clear();
            buffer.push_time(Timestamp::new(second, 0).unwrap());
            assert_eq!(buffer.line, shown);
        }
    }
}
