//! What the program brings to the pipeline's looks: how worker processes take mail apart, who looks, who judges, who
//! is told.
//!
//! ```text
//!  [scan], [[scanner]] --> Setup { limits, what may be run, settings, rules } --stdin--> mailsensor worker --> Tools
//!                     \--> Post each: in the sensor, or in the worker        } Looker
//!  [[rule]]           ---> Judge                                             }   |
//!  [[sink]]           ---> Sink each <--------------------- Event ---------------+
//! ```

mod dissector;
mod judging;
mod looking;
mod passwords;
mod scanners;
mod unpacker;

use std::path::{Path, PathBuf};

use sensor_content::Limits;
use sensor_pipeline::worker::{self, Setup, Tools};
use serde::{Deserialize, Serialize};

use dissector::Contents;
pub(crate) use judging::{Differences, judge};
pub(crate) use looking::{Going, Looking, Lookout, examiner};
pub(crate) use passwords::passwords;
pub(crate) use scanners::{ScannerFault, Scanners};
use unpacker::Unpacker;

/// Where Debian has it; it makes tar of RAR, CAB, ISO and others.
const UNPACKER: &str = "/usr/bin/bsdtar";
/// Address space of a worker beside what its messages need: code, stacks, rules at work.
const MEMORY_OCTETS: u64 = 1 << 30;
/// How many times the octets of all parts a worker needs: unfolded, and once more handed over, with room to grow.
const COPIES: u64 = 3;
/// Octets of what a worker tells of the parts, beside their own.
const MANIFEST_OCTETS: u64 = 64 << 20;

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
pub(crate) fn setup(limits: &Limits, passwords: Vec<Box<str>>, scanners: &Scanners) -> Setup {
    let unpacker = Some(PathBuf::from(UNPACKER)).filter(|path| path.is_file());
    let Limits { octets, parts, depth, ratio, ratio_floor } = *limits;
    let settings =
        Settings { octets, parts, depth, ratio, ratio_floor, passwords, unpacker: unpacker.clone() };
    let supplies = scanners.supplies();
    Setup {
        limits: worker::Limits {
            memory_octets: MEMORY_OCTETS + COPIES * octets + COPIES * supplies.len() as u64,
            parts_octets: octets + MANIFEST_OCTETS,
            ..worker::Limits::default()
        },
        reads: Vec::new(),
        runs: unpacker.into_iter().collect(),
        settings: serde_json::to_string(&settings).expect("numbers and texts").into(),
        supplies,
    }
}

/// What a worker process works with.
///
/// # Errors
/// When this is not what [`setup`] made.
pub(crate) fn tools(setup: &Setup) -> Result<Tools, String> {
    let Settings { octets, parts, depth, ratio, ratio_floor, passwords, unpacker } =
        serde_json::from_str(&setup.settings).map_err(|error| error.to_string())?;
    let limits = Limits { octets, parts, depth, ratio, ratio_floor };
    let unpacker = unpacker.as_deref().map(|path: &Path| Unpacker::new(path.to_owned()));
    let inspectors = sensor_scan::inspectors(&setup.supplies)?;
    Ok(Tools { dissector: Box::new(Contents::new(limits, passwords, unpacker)), inspectors })
}
