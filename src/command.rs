//! The subcommands, one file each, and what they share.

pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod message;
pub(crate) mod operate;
pub(crate) mod pages;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod scanners;
pub(crate) mod send;
pub(crate) mod spool;
mod trial;
pub(crate) mod unscanned;
pub(crate) mod worker;

use std::io::{self, Write};
use std::process::ExitCode;

use sensor_mail::terminal::acts;

use crate::cli::Place;
use crate::config::{Loaded, Whereabouts, glance, load};

/// EX_CONFIG of sysexits.h: systemd and mail servers know it.
const CONFIG_FAULTS: u8 = 78;

/// The configuration; where it is faulty, its faults are printed and the exit status is given instead.
fn configured(place: &Place) -> anyhow::Result<Result<Loaded, ExitCode>> {
    Ok(load(place)?.map_err(|faults| {
        eprintln!("{faults}");
        ExitCode::from(CONFIG_FAULTS)
    }))
}

/// Where the things of the sensor are. A faulty configuration is told and stops nobody who only looks for them: the
/// sensor that runs does not depend on it.
fn whereabouts(place: &Place) -> anyhow::Result<Result<Whereabouts, ExitCode>> {
    let faults = match load(place)? {
        Ok(loaded) => return Ok(Ok(loaded.config.whereabouts())),
        Err(faults) => faults,
    };
    eprintln!("{faults}\n");
    Ok(match glance(place)? {
        Some(found) => {
            eprintln!("warning: the configuration is faulty; the state is looked for in {}", found.shown());
            Ok(found)
        }
        None => {
            eprintln!("where the state is cannot be told from this configuration: name it (--state-dir)");
            Err(ExitCode::from(CONFIG_FAULTS))
        }
    })
}

/// Prints which version this is.
#[expect(clippy::unnecessary_wraps, reason = "all commands have one form")]
pub(crate) fn version() -> anyhow::Result<ExitCode> {
    println!("mailsensor {}", env!("CARGO_PKG_VERSION"));
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output; a reader that has seen enough is no error.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Seconds in the two largest units that they fill: `3d 4h`, `12s`.
fn rough_time(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// A text of a stranger as one line of a terminal: no control characters, no reordering of what follows.
fn one_line(text: &str, characters_max: usize) -> String {
    let start = text.chars().take(characters_max);
    let mut line: String = start.map(|c| if acts(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(characters_max).is_some() {
        line.pop();
        line.push('\u{2026}');
    }
    line
}

/// JSON with what moves a terminal's text escaped: JSON itself lets some of it stand. Such a character can
/// only be in a string, where its escape means the same; but for the ends of the lines.
fn harmless(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && acts(c) {
            shown += &format!("\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_stranger_does_nothing_to_a_terminal() {
        const HOSTILE: &str = "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{2028}b\nc\u{7f}";
        assert_eq!(one_line(HOSTILE, 99).chars().filter(|&c| c == '\u{fffd}').count(), 7);
        assert_eq!(one_line("12345", 4), "123\u{2026}");
        let json = serde_json::json!({ "subject": HOSTILE });
        for written in [json.to_string(), format!("{json:#}")] {
            let shown = harmless(&written);
            assert!(!shown.chars().any(|c| c != '\n' && acts(c)), "{shown:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), json);
        }
    }
}
