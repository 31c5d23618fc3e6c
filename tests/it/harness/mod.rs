//! What the tests share: the sensor as a child process, a client that says exactly what it is told, a proxy
//! that records, and mail servers.

pub(crate) mod api;
pub(crate) mod clamd;
pub(crate) mod client;
pub(crate) mod containers;
pub(crate) mod load;
pub(crate) mod netns;
pub(crate) mod postfix;
pub(crate) mod random;
pub(crate) mod recorder;
pub(crate) mod sensor;
pub(crate) mod store;
pub(crate) mod tmpfs;
pub(crate) mod tracer;

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a test waits for a state before it fails. Generous: the machines are shared.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `state` gives something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut state: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(reached) = state() {
            return reached;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An address of the loopback network that no other process's test uses: a port of it that a killed sensor
/// leaves is not taken by the sensor of another test.
pub(crate) fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | (high & 63), middle, low)
}

/// Prints and counts that a test cannot run here.
pub(crate) fn skip(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
    if let Some(path) = std::env::var_os("SENSOR_TEST_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{test}: {why}").unwrap();
    }
}

/// The path of an installed program.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders.map(|folder| PathBuf::from(folder).join(name)).find(|candidate| candidate.is_file())
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    std::process::Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// All files below a folder, in order.
pub(crate) fn files_below(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Where the archive keeps a message, derived from its id alone.
pub(crate) fn archived(state: &std::path::Path, id: &str) -> PathBuf {
    let millis = i64::from_str_radix(&id.replace('-', "")[..12], 16).unwrap();
    let accepted = jiff::Timestamp::from_millisecond(millis).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    state.join("archive").join(accepted.strftime("%Y/%m/%d").to_string()).join(format!("{id}.eml"))
}
