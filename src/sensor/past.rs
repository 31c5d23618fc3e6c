//! The rules that hold and those before them that still count, on disk: a restart is no end of the grace.
//!
//! ```text
//! start:   rules.json --> those that held when it was written, if they are others now: replaced at this start
//!                         those before them: replaced when it says
//! change:  history of the door --> rules.json, whole or not at all
//! ```
//!
//! A cache of what the configuration was: without it mail is taken as the rules say, and what they refuse is
//! refused for good. So a fault of it is told and stops nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use sensor_ingress::{Door, History, Terms};
use sensor_policy::{ClientRules, DomainRules, Rules, SizeLimit};
use sensor_settings::replace_file;
use serde::{Deserialize, Serialize};

use crate::config::{BARE, UNCOVERED, shown_path};

const FILE: &str = "rules.json";
/// The layout of the file.
const VERSION: u32 = 1;

/// The file of the rules that were.
#[derive(Debug)]
pub(super) struct Past(PathBuf);

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    in_force: Text,
    former: Vec<Former>,
}

#[derive(Serialize, Deserialize)]
struct Former {
    replaced: Timestamp,
    rules: Text,
}

/// Rules as an administrator types them.
#[derive(Serialize, Deserialize)]
struct Text {
    destination_domains: Vec<String>,
    uncovered: String,
    clients: Vec<String>,
    message_size_limit: String,
    bare_newline: String,
}

impl Past {
    pub(super) fn in_directory(state: &Path) -> Self {
        Self(state.join(FILE))
    }

    /// Tells `door` what held before it was made.
    pub(super) fn recall(&self, door: &Door) {
        let read = self.read().unwrap_or_else(|why| {
            let file = shown_path(&self.0);
            tracing::warn!(file, why, "what the rules were is not known: no grace from before this start");
            None
        });
        let Some(document) = read else { return };
        let start = exactly_now();
        let former =
            document.former.into_iter().chain([Former { replaced: start, rules: document.in_force }]);
        let aged = |Former { replaced, rules }: Former| Some((rules.terms()?, age(replaced, start)));
        door.remember(&former.filter_map(aged).collect::<Vec<_>>());
    }

    /// Writes what holds, and what still counts, to be recalled.
    pub(super) fn keep(&self, door: &Door) {
        if let Err(error) = self.write(&door.history()) {
            let file = shown_path(&self.0);
            tracing::warn!(file, %error, "cannot be written: the grace would end with a restart");
            // An old one would bring back a grace that was ended.
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn read(&self) -> Result<Option<Document>, String> {
        let text = match std::fs::read(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let document: Document = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if document.version == VERSION {
            Ok(Some(document))
        } else {
            Err(format!("it is of version {}, this program knows {VERSION}", document.version))
        }
    }

    fn write(&self, history: &History) -> io::Result<()> {
        let former =
            |(terms, age): &(Arc<Terms>, Duration)| Former { replaced: before(*age), rules: Text::of(terms) };
        let document = Document {
            version: VERSION,
            in_force: Text::of(&history.current),
            former: history.former.iter().map(former).collect(),
        };
        replace_file(&self.0, &serde_json::to_vec(&document)?)
    }
}

/// When the rules were changed last, where the change still counts.
pub(super) fn last_change(door: &Door) -> Option<Timestamp> {
    door.history().former.last().map(|(_, age)| before(*age))
}

/// To the nearest second, so that it reads the same each time.
fn before(age: Duration) -> Timestamp {
    let then = exactly_now() - age;
    then.round(Unit::Second).unwrap_or(then)
}

#[expect(clippy::disallowed_methods, reason = "what outlives the process is told by the clock on the wall")]
fn exactly_now() -> Timestamp {
    Timestamp::now()
}

/// How long ago. A clock that was set back since makes it a moment ago: the grace may last longer by that.
fn age(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

impl Text {
    fn of(Terms { rules, bare_newline }: &Terms) -> Self {
        Self {
            destination_domains: rules.domains.entries().map(str::to_owned).collect(),
            uncovered: word(UNCOVERED, rules.uncovered),
            clients: rules.clients.entries().map(str::to_owned).collect(),
            message_size_limit: rules.size.to_string(),
            bare_newline: word(BARE, *bare_newline),
        }
    }

    /// None where it cannot be read: a version that takes other words wrote it.
    fn terms(&self) -> Option<Terms> {
        let rules = Rules {
            enabled: true,
            domains: DomainRules::parse(&self.destination_domains).ok()?,
            uncovered: meant(UNCOVERED, &self.uncovered)?,
            clients: ClientRules::parse(&self.clients).ok()?,
            size: SizeLimit::parse(&self.message_size_limit).ok()?,
        };
        Some(Terms { rules, bare_newline: meant(BARE, &self.bare_newline)? })
    }
}

fn word<T: PartialEq>(words: &[(&str, T)], meant: T) -> String {
    let found = words.iter().find(|(_, value)| *value == meant);
    found.map(|(word, _)| (*word).to_owned()).expect("each value has its word")
}

fn meant<T: Copy>(words: &[(&str, T)], text: &str) -> Option<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}
