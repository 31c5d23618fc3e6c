//! The configuration: every section, composed.
//!
//! Layers, later ones win: what is built in, the file, `conf.d/*.toml` beside it, `runtime.toml` in the state
//! directory, the environment (`MAILSENSOR__SMTP__ENABLED`), the command line. They are taken whole or not at
//! all.

mod control;
mod kinds;
mod listener;
mod load;
mod rule;
mod scan;
mod scanner;
mod sink;
mod smtp;
mod whereabouts;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sensor_ingress::AddressLog;
use sensor_mail::NodeId;
use sensor_policy::Octets;
use sensor_policy::judge::RuleSets;
use sensor_settings::{Form, Key, Reader, Reload, Shown, Table};

use crate::log;
pub(crate) use control::Control;
pub(crate) use listener::{Certificates, ListenerConfig};
pub(crate) use load::{Loaded, glance, load, strange_variables};
pub(crate) use scan::Scan;
pub(crate) use scanner::ScannerConfig;
pub(crate) use smtp::{BARE, Smtp, UNCOVERED};
pub(crate) use whereabouts::Whereabouts;
use whereabouts::{archive_of, jobs_of, socket_of, spool_of};

/// Everything that can be configured.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) state_dir: PathBuf,
    pub(crate) hostname: String,
    pub(crate) node: NodeId,
    pub(crate) threads: usize,
    pub(crate) smtp: Smtp,
    pub(crate) spool: Spool,
    pub(crate) pipeline: Pipeline,
    pub(crate) archive_dir: PathBuf,
    pub(crate) scan: Scan,
    pub(crate) scanners: Vec<ScannerConfig>,
    pub(crate) judging: RuleSets,
    pub(crate) sinks: Vec<sensor_notify::Options>,
    pub(crate) log: Log,
    pub(crate) control: Control,
    /// For how long a narrowing of the rules is gentle.
    pub(crate) grace: Duration,
    pub(crate) drain_deadline: Duration,
}

#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) segment: u32,
    pub(crate) prepared: u64,
    pub(crate) reserve: u64,
    pub(crate) reserve_inodes: u64,
    pub(crate) memory: usize,
    pub(crate) commit_deadline: Duration,
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) paused: bool,
    pub(crate) workers: usize,
    pub(crate) group: usize,
}

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) file: Option<PathBuf>,
    pub(crate) format: log::Format,
    pub(crate) level: String,
    pub(crate) addresses: AddressLog,
}

/// Every key with its meaning and default, whatever is set.
pub(crate) fn described() -> Shown {
    let reader = Reader::new(Vec::new());
    Config::read(&reader);
    reader.finish().expect("nothing was read that could be faulty")
}

impl Config {
    fn read(reader: &Reader) -> Self {
        let root = reader.root();
        let state_dir = state_dir(reader);
        let hostname =
            root.optional(HOSTNAME, &Form::new("a host name", hostname)).unwrap_or_else(own_hostname);
        let node = root.integer(NODE, 0, 0..=NodeId::MAX);
        let threads = root.integer(THREADS, 0, 0..=1_024);
        let smtp = Smtp::read(&reader.table("smtp", "What is taken by SMTP, and from whom."));
        let spool = Spool::read(&reader.table("spool", "Where accepted mail waits until it is kept."));
        let pipeline = Pipeline::read(&reader.table("pipeline", "What happens to accepted mail."));
        let archive = reader.table("archive", "Where mail is kept.");
        let archive_dir = archive.optional(ARCHIVE_DIRECTORY, &Form::path());
        let scan = Scan::read(&reader.table("scan", "How kept mail is taken apart and looked into."));
        let scanners = scanner::scanners(&root);
        let judging = rule::rules(&root, &scanners);
        let sinks = sink::sinks(&root);
        let log = Log::read(&reader.table("log", "What is logged, and where."));
        let control =
            Control::read(&reader.table("control", "How a running sensor is watched and told things."));
        let grace = control::grace(&reader.table("rules", "How changes of the rules are taken."));
        let drain = reader.table("drain", "How the sensor goes down.");
        Self {
            archive_dir: archive_dir.unwrap_or_else(|| archive_of(&state_dir)),
            state_dir,
            hostname,
            node: NodeId::try_from(node).expect("the range is that of node numbers"),
            threads,
            smtp,
            spool,
            pipeline,
            scan,
            scanners,
            judging,
            sinks,
            log,
            control,
            grace,
            drain_deadline: drain.read(DRAIN_DEADLINE, &duration(0, 3_600), "30s"),
        }
    }

    pub(crate) fn whereabouts(&self) -> Whereabouts {
        Whereabouts::new(self.state_dir.clone(), self.archive_dir.clone())
    }

    pub(crate) fn spool_dir(&self) -> PathBuf {
        spool_of(&self.state_dir)
    }

    /// Where the command line finds the control plane.
    pub(crate) fn control_socket(&self) -> PathBuf {
        socket_of(&self.state_dir)
    }

    /// Where jobs wait: what is still to be looked into.
    pub(crate) fn jobs_dir(&self) -> PathBuf {
        jobs_of(&self.state_dir)
    }

    /// Where events wait for a sink.
    pub(crate) fn events_dir(&self, sink: &str) -> PathBuf {
        self.state_dir.join("events").join(sink)
    }

    pub(crate) fn tls_dir(&self) -> PathBuf {
        self.state_dir.join("tls")
    }
}

fn state_dir(reader: &Reader) -> PathBuf {
    reader.root().read(STATE_DIR, &Form::path(), DEFAULT_STATE_DIR)
}

const DEFAULT_STATE_DIR: &str = "./mailsensor-data";

const STATE_DIR: Key = Key::new(
    "state_dir",
    "The directory for everything that the sensor writes: spool, archive, certificate.\n\
     On local storage that keeps what it has synced; a relative path starts at the working directory.",
    Reload::Restart,
);
const HOSTNAME: Key = Key::new(
    "hostname",
    "The name in the greeting and in the self-signed certificate. Not set: the name of this host.",
    Reload::Live,
)
.example("\"sensor.example.com\"");
const NODE: Key = Key::new(
    "node",
    "The number of this sensor among those behind one name; part of every mail id.",
    Reload::Restart,
);
const THREADS: Key =
    Key::new("threads", "Threads that serve connections. 0: one for every two processors.", Reload::Restart);
const ARCHIVE_DIRECTORY: Key = Key::new(
    "directory",
    "The directory that mail is kept in, as YYYY/MM/DD/<mail id>.eml and .json (days in UTC).\n\
     Not set: `archive` in the state directory.",
    Reload::Restart,
)
.example("\"/srv/mail\"");
const DRAIN_DEADLINE: Key = Key::new(
    "deadline",
    "How long transactions in progress may take to end when the sensor goes down.",
    Reload::Live,
);

impl Spool {
    fn read(table: &Table<'_>) -> Self {
        let segment = Form::new("a size from 64 KiB to 256 MiB, a multiple of 4 KiB", |text| {
            let octets = size(text)?;
            let fits = (64 << 10..=256 << 20).contains(&octets) && octets.is_multiple_of(4096);
            if fits {
                Ok(u32::try_from(octets).expect("at most 256 MiB"))
            } else {
                Err("out of range".into())
            }
        });
        Self {
            segment: table.read(SEGMENT, &segment, "64 MiB"),
            prepared: table.read(PREPARED, &Form::new("a size such as 1 GiB, or 0", size), "0 B"),
            reserve: table.read(RESERVE, &Form::new("a size such as 1 GiB", size), "256 MiB"),
            reserve_inodes: table.integer(RESERVE_INODES, 1_000, 0..=1 << 40),
            memory: table.read(MEMORY, &Form::new("a size of at least 4 MiB", memory), "64 MiB"),
            commit_deadline: table.read(COMMIT_DEADLINE, &duration(1, 600), "60s"),
        }
    }
}

const SEGMENT: Key = Key::new(
    "segment_size",
    "The size of a file of the spool. Two or three exist when there is nothing to do.",
    Reload::Restart,
);
const PREPARED: Key = Key::new(
    "prepared_size",
    "How much is filled with zeros ahead, so that a burst of mail is written at the full speed of the\n\
     storage; filled again when the burst is over. 0: one file, when it is about to be needed.",
    Reload::Restart,
);
const RESERVE: Key = Key::new(
    "reserve",
    "Free space on the file system below which mail is answered 452, so that what was accepted\n\
     can still be kept.",
    Reload::Restart,
);
const RESERVE_INODES: Key = Key::new("reserve_inodes", "The same for free inodes.", Reload::Restart);
const MEMORY: Key = Key::new(
    "memory",
    "Memory for the bodies of messages that are coming in, over all connections.\n\
     While it is in use, bodies go to the storage in smaller pieces, and new mail is asked\n\
     for later (452).",
    Reload::Restart,
);
const COMMIT_DEADLINE: Key = Key::new(
    "commit_deadline",
    "How long the storage may take to make a message durable, or to take a piece of a large one;\n\
     then the sender is told to come back (451) and the message is withdrawn.",
    Reload::Restart,
);

impl Pipeline {
    fn read(table: &Table<'_>) -> Self {
        Self {
            paused: table.boolean(PAUSED, false),
            workers: table.integer(WORKERS, 2, 1..=64),
            group: table.integer(GROUP, 256, 1..=4096),
        }
    }
}

const PAUSED: Key =
    Key::new("paused", "Leave accepted mail in the spool. It waits there safely.", Reload::Restart);
const WORKERS: Key = Key::new("workers", "Groups of messages that are kept at a time.", Reload::Restart);
const GROUP: Key = Key::new(
    "group",
    "The most messages that are kept together, with one round of syncs.\n\
     One costs what it needs of memory, at most some 400 KiB.",
    Reload::Restart,
);

impl Log {
    fn read(table: &Table<'_>) -> Self {
        const FORMATS: &[(&str, log::Format)] =
            &[("auto", log::Format::Auto), ("human", log::Format::Human), ("json", log::Format::Json)];
        const ADDRESSES: &[(&str, AddressLog)] =
            &[("full", AddressLog::Full), ("domain", AddressLog::Domain), ("none", AddressLog::None)];
        const LEVELS: &[(&str, &str)] =
            &[("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];
        Self {
            file: table.optional(LOG_FILE, &Form::path()),
            format: table.read(FORMAT, &Form::words(FORMATS), "auto"),
            level: table.read(LEVEL, &Form::words(LEVELS), "info").to_owned(),
            addresses: table.read(ADDRESSES_SHOWN, &Form::words(ADDRESSES), "full"),
        }
    }
}

const LOG_FILE: Key = Key::new(
    "file",
    "The file that lines are appended to; SIGHUP opens it anew, so that it can be renamed before.\n\
     Not set: standard error.",
    Reload::Restart,
)
.example("\"/var/log/mailsensor/sensor.log\"");
const FORMAT: Key = Key::new(
    "format",
    "How lines look; auto is human on a terminal and in the journal, and json otherwise.",
    Reload::Restart,
);
const LEVEL: Key = Key::new(
    "level",
    "The least that is logged. info has one line for each message; error needs a person.",
    Reload::Restart,
);
const ADDRESSES_SHOWN: Key = Key::new(
    "addresses",
    "How much of envelope addresses is logged. Bodies and subjects never are.",
    Reload::Live,
);

fn duration(least_seconds: u64, most_seconds: u64) -> Form<Duration> {
    Form::duration(Duration::from_secs(least_seconds)..=Duration::from_secs(most_seconds))
}

fn size(text: &str) -> Result<u64, String> {
    Octets::parse(text).map(|octets| octets.count()).map_err(|fault| fault.to_string())
}

fn memory(text: &str) -> Result<usize, String> {
    let octets = size(text)?;
    if octets < 4 << 20 {
        Err("too small".into())
    } else {
        usize::try_from(octets).map_err(|e| e.to_string())
    }
}

fn hostname(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    let fits = text.len() <= 253 && text.split('.').all(label);
    if fits { Ok(text.to_owned()) } else { Err("not a host name".into()) }
}

fn own_hostname() -> String {
    let own = rustix::system::uname();
    hostname(&own.nodename().to_string_lossy()).unwrap_or_else(|_| "localhost".to_owned())
}

/// How a path is shown to a person.
pub(crate) fn shown_path(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
