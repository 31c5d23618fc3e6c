//! What a sensor has stored, read without it: files of the archive, entries of the spool, its last words.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};

use aws_lc_rs::digest;
use serde_json::Value;

use super::files_below;
use super::sensor::Home;
use super::wait_for;

/// A kept message.
pub(crate) struct Kept {
    pub(crate) message: Vec<u8>,
    pub(crate) record: Value,
}

/// The counts of the line that a sensor logs when it has stopped.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) in_spool: u64,
    pub(crate) kept: u64,
    pub(crate) set_aside: u64,
    pub(crate) withdrawn: u64,
}

impl Home {
    /// All that is kept, by id: each message has its record, each record tells size and digest of its message,
    /// and there is nothing else but looks.
    #[track_caller]
    pub(crate) fn archive(&self) -> BTreeMap<String, Kept> {
        let folder = self.state().join("archive");
        let mut kept = BTreeMap::new();
        let mut files = 0;
        for path in files_below(&folder) {
            // What was seen in a message comes later, or not at all.
            files += usize::from(!path.to_str().unwrap().contains(".looks.jsonl"));
            let name = path.file_name().unwrap().to_str().unwrap();
            let Some(id) = name.strip_suffix(".eml") else { continue };
            let message = fs::read(&path).unwrap();
            let record: Value =
                serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
            assert_eq!(record["envelope"]["id"], id);
            assert_eq!(record["envelope"]["octets"], message.len(), "{id}");
            assert_eq!(record["envelope"]["sha256"], sha256(&message), "{id}");
            kept.insert(id.to_owned(), Kept { message, record });
        }
        assert_eq!(files, 2 * kept.len(), "half a message in {:?}", files_below(&folder));
        kept
    }

    /// The messages of the archive, by id.
    #[track_caller]
    pub(crate) fn archived_messages(&self) -> BTreeMap<String, Vec<u8>> {
        self.archive().into_iter().map(|(id, kept)| (id, kept.message)).collect()
    }

    /// What `spool ls --json` lists.
    #[track_caller]
    pub(crate) fn spooled(&self) -> Vec<Value> {
        let listed = String::from_utf8(self.output(&["spool", "ls", "--json"])).unwrap();
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The messages of the spool, by id, as `spool export` gives them.
    #[track_caller]
    pub(crate) fn spooled_messages(&self) -> BTreeMap<String, Vec<u8>> {
        let id = |entry: &Value| entry["envelope"]["id"].as_str().unwrap().to_owned();
        self.spooled().iter().map(id).map(|id| (id.clone(), self.output(&["spool", "export", &id]))).collect()
    }

    /// Waits until all that was accepted is kept.
    #[track_caller]
    pub(crate) fn wait_drained(&self) {
        wait_for("an empty spool", || self.spooled().is_empty().then_some(()));
    }

    /// Lines of the log with this message.
    pub(crate) fn logged(&self, message: &str) -> Vec<Value> {
        let log = self.log();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["message"] == message).collect()
    }

    /// The log from now on.
    pub(crate) fn follow_log(&self) -> LogFollower {
        let mut follower =
            LogFollower { log: BufReader::new(File::open(self.log_path()).unwrap()), line: String::new() };
        while follower.next_event().is_some() {}
        follower
    }

    /// How many messages were accepted so far, as the log tells.
    pub(crate) fn accepted(&self) -> usize {
        self.logged("accepted").len()
    }

    /// What the sensor counted when it stopped last; it must add up.
    #[track_caller]
    pub(crate) fn counts(&self) -> Counts {
        let stopped = self.logged("stopped").pop().expect("the sensor says when it has stopped");
        let count = |name: &str| stopped[name].as_u64().unwrap_or_else(|| panic!("no {name} in {stopped}"));
        let counts = Counts {
            accepted: count("accepted"),
            in_spool: count("in_spool"),
            kept: count("kept"),
            set_aside: count("set_aside"),
            withdrawn: count("withdrawn"),
        };
        let Counts { accepted, in_spool, kept, set_aside, withdrawn } = counts;
        assert_eq!(accepted, in_spool + kept + set_aside + withdrawn, "{stopped}");
        assert_eq!(count("lost"), 0, "{stopped}");
        counts
    }
}

/// Reads a log while it is written, each event once.
pub(crate) struct LogFollower {
    log: BufReader<File>,
    /// The begin of a line of which the rest is not written yet.
    line: String,
}

impl LogFollower {
    /// The next event, where there is one already.
    pub(crate) fn next_event(&mut self) -> Option<Value> {
        loop {
            self.log.read_line(&mut self.line).unwrap();
            if !self.line.ends_with('\n') {
                return None;
            }
            let line = std::mem::take(&mut self.line);
            if let Ok(event) = serde_json::from_str(&line) {
                return Some(event);
            }
        }
    }
}

/// The sequences of records or entries, sorted; what is in doubt has none.
pub(crate) fn sequences<'a>(records: impl IntoIterator<Item = &'a Value>) -> Vec<u64> {
    let mut sequences: Vec<u64> =
        records.into_iter().filter_map(|record| record["sequence"].as_u64()).collect();
    sequences.sort_unstable();
    sequences
}

fn sha256(octets: &[u8]) -> String {
    digest::digest(&digest::SHA256, octets).as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}
