//! `[scan]`: how kept mail is taken apart and looked into.

use std::path::PathBuf;
use std::time::Duration;

use sensor_content::Limits;
use sensor_settings::{Form, Key, Reload, Table};

use super::{duration, size};

#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) enabled: bool,
    /// Messages that are looked into at a time.
    pub(crate) concurrency: usize,
    pub(crate) workers: usize,
    /// Messages with more octets are not taken apart.
    pub(crate) size_max: u64,
    /// How long taking one apart may take.
    pub(crate) deadline: Duration,
    pub(crate) limits: Limits,
    pub(crate) passwords: Option<PathBuf>,
}

impl Scan {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let Limits { parts, depth, ratio, ratio_floor, .. } = Limits::default();
        Self {
            enabled: table.boolean(ENABLED, true),
            concurrency: table.integer(CONCURRENCY, 16, 1..=1_024),
            workers: table.integer(WORKERS, 2, 1..=64),
            size_max: table.read(SIZE_MAX, &memory_size(), "256 MiB"),
            deadline: table.read(DEADLINE, &duration(1, 3_600), "60s"),
            limits: Limits {
                octets: table.read(UNFOLDED_MAX, &memory_size(), "512 MiB"),
                parts: table.integer(PARTS_MAX, parts, 1..=100_000),
                depth: table.integer(DEPTH_MAX, depth, 1..=256),
                ratio: table.integer(RATIO_MAX, ratio, 2..=1_000_000),
                ratio_floor,
            },
            passwords: table.optional(PASSWORDS, &Form::path()),
        }
    }
}

/// A size of what is held in memory.
fn memory_size() -> Form<u64> {
    Form::new("a size from 1 MiB to 4 GiB", |text| {
        let octets = size(text)?;
        if (1 << 20..=4 << 30).contains(&octets) { Ok(octets) } else { Err("out of range".into()) }
    })
}

const ENABLED: Key = Key::new(
    "enabled",
    "Whether kept mail is taken apart, looked into by the scanners, and judged by the rules.",
    Reload::Restart,
);
const CONCURRENCY: Key = Key::new(
    "concurrency",
    "Messages that are looked into at a time: as many as scanners elsewhere are asked at once.",
    Reload::Restart,
);
const WORKERS: Key = Key::new(
    "workers",
    "Worker processes that take messages apart, one message each at a time. One needs as much memory as\n\
     the message and its parts do.",
    Reload::Restart,
);
const SIZE_MAX: Key = Key::new(
    "size_max",
    "Messages that are larger are not taken apart; scanners that take whole messages get them all the same.",
    Reload::Restart,
);
const DEADLINE: Key = Key::new("deadline", "How long taking one message apart may take.", Reload::Restart);
const UNFOLDED_MAX: Key = Key::new(
    "unfolded_max",
    "How much all parts of a message may hold together. What is beyond is not looked into, and recorded so.",
    Reload::Restart,
);
const PARTS_MAX: Key = Key::new("parts_max", "How many parts of a message are looked into.", Reload::Restart);
const DEPTH_MAX: Key = Key::new("depth_max", "How deep parts are looked for within parts.", Reload::Restart);
const RATIO_MAX: Key = Key::new(
    "ratio_max",
    "How many times its own size an archive may unfold to before it counts as a bomb.",
    Reload::Restart,
);
const PASSWORDS: Key = Key::new(
    "passwords",
    "A file of passwords, one a line, that encrypted archives are tried with, beside those found in the\n\
     text of the message.",
    Reload::Restart,
)
.example("\"/etc/mailsensor/passwords.txt\"");
