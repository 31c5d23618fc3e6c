//! The subcommands, one file each, and what they share.

pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod message;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod spool;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::Place;
use crate::config::{Loaded, load};

/// EX_CONFIG of sysexits.h: systemd and mail servers know it.
const CONFIG_FAULTS: u8 = 78;

/// The configuration; where it is faulty, its faults are printed and the exit status is given instead.
fn configured(place: &Place) -> anyhow::Result<Result<Loaded, ExitCode>> {
    Ok(load(place)?.map_err(|faults| {
        eprintln!("{faults}");
        ExitCode::from(CONFIG_FAULTS)
    }))
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

/// A text of a stranger as one line of a terminal: no control characters, no reordering of what follows.
fn one_line(text: &str, characters_max: usize) -> String {
    let visible = |c: char| if c.is_control() || is_bidi(c) { '\u{fffd}' } else { c };
    let mut line: String = text.chars().take(characters_max).map(visible).collect();
    if text.chars().nth(characters_max).is_some() {
        line.pop();
        line.push('\u{2026}');
    }
    line
}

/// Unicode's explicit directional formatting characters (UAX 9 section 2).
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
