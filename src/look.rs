//! What the program brings to the pipeline's looks: how a worker process takes mail apart, and with what aids.
//!
//! ```text
//!  config --> Setup { limits, what may be run, settings } --stdin--> mailsensor worker --> Tools
//! ```

mod dissector;
mod unpacker;

use std::path::{Path, PathBuf};

use sensor_content::Limits;
use sensor_pipeline::worker::{self, Setup, Tools};
use serde::{Deserialize, Serialize};

use dissector::Contents;
use unpacker::Unpacker;

/// Where Debian has it; it makes tar of RAR, CAB, ISO and others.
const UNPACKER: &str = "/usr/bin/bsdtar";

/// What a worker process is told of the configuration.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    octets: u64,
    parts: u32,
    depth: u16,
    ratio: u32,
    ratio_floor: u64,
    passwords: Vec<Box<str>>,
    unpacker: Option<PathBuf>,
}

/// What a worker process is to be.
pub(crate) fn setup(limits: &Limits, passwords: Vec<Box<str>>) -> Setup {
    let unpacker = Some(PathBuf::from(UNPACKER)).filter(|path| path.is_file());
    let Limits { octets, parts, depth, ratio, ratio_floor } = *limits;
    let settings =
        Settings { octets, parts, depth, ratio, ratio_floor, passwords, unpacker: unpacker.clone() };
    Setup {
        // The message, its parts while they are unfolded and once more while they are handed over; code, stacks.
        limits: worker::Limits { memory_octets: (1 << 30) + 3 * octets, ..worker::Limits::default() },
        reads: Vec::new(),
        runs: unpacker.into_iter().collect(),
        settings: serde_json::to_string(&settings).expect("numbers and texts").into(),
        ..Setup::default()
    }
}

/// What a worker process works with.
///
/// # Errors
/// When these are not the settings that [`setup`] wrote.
pub(crate) fn tools(settings: &str) -> Result<Tools, String> {
    let Settings { octets, parts, depth, ratio, ratio_floor, passwords, unpacker } =
        serde_json::from_str(settings).map_err(|error| error.to_string())?;
    let limits = Limits { octets, parts, depth, ratio, ratio_floor };
    let unpacker = unpacker.as_deref().map(|path: &Path| Unpacker::new(path.to_owned()));
    Ok(Tools { dissector: Box::new(Contents::new(limits, passwords, unpacker)), inspectors: Vec::new() })
}
