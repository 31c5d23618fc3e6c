//! A section that reads one key of each kind.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sensor_settings::{Faults, Form, ItemFault, Key, Reader, Reload, Shown, Source, Table};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    None,
    Opportunistic,
    Required,
}

pub(crate) const SECURITY: &[(&str, Security)] =
    &[("none", Security::None), ("opportunistic", Security::Opportunistic), ("required", Security::Required)];

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) security: Security,
    pub(crate) backlog: u16,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) state_dir: PathBuf,
    pub(crate) enabled: bool,
    pub(crate) domains: Vec<String>,
    pub(crate) password: Option<String>,
    pub(crate) recipients: usize,
    pub(crate) idle: Duration,
    pub(crate) listeners: Vec<Listener>,
}

pub(crate) fn read(sources: Vec<Source>) -> (Sample, Result<Shown, Faults>) {
    let reader = Reader::new(sources);
    let sample = sample(&reader);
    (sample, reader.finish())
}

/// One file, named as on a real host.
pub(crate) fn read_file(text: &str) -> (Sample, Result<Shown, Faults>) {
    read(vec![Source::file("mailsensor.toml", text)])
}

pub(crate) fn sample(reader: &Reader) -> Sample {
    let root = reader.root();
    let state_dir = root.read(
        Key::new("state_dir", "Where state is kept.", Reload::Restart),
        &Form::path(),
        "/var/lib/sensor",
    );
    let smtp = reader.table("smtp", "How mail comes in.");
    let enabled =
        smtp.boolean(Key::new("enabled", "Whether mail is taken.", Reload::Live).at_run_time(), true);
    let domains = smtp.list(
        Key::new("destination_domains", "Whose mail is taken.\nEmpty: everybody's.", Reload::Live)
            .at_run_time(),
        "a list of domains such as example.com",
        domains,
    );
    let password = smtp
        .optional(Key::new("password", "Opens the door.", Reload::Live).secret(), &Form::text("a password"));
    let listeners = smtp.tables("listener", "A socket to listen on.", listener);
    let limits = smtp.table("limits", "How much is too much.");
    let recipients = Key::new("recipients", "Recipients of a message.", Reload::Restart).at_run_time();
    let recipients = limits.integer(recipients, 1_000, 1..=100_000);
    let minute = Duration::from_secs(60);
    let idle = limits.read(
        Key::new("idle", "How long a session may be silent.", Reload::Live),
        &Form::duration(Duration::from_secs(1)..=60 * minute),
        "5m",
    );
    if password.is_some() && !enabled {
        smtp.fault_at("password", "is of no use while enabled is false");
    }
    Sample { state_dir, enabled, domains, password, recipients, idle, listeners }
}

fn domains(entries: &[&str]) -> Result<Vec<String>, Vec<ItemFault>> {
    let spaced = entries.iter().enumerate().filter(|(_, entry)| entry.contains(' '));
    let faults: Vec<ItemFault> =
        spaced.map(|(index, _)| ItemFault { index, message: "holds a space".to_owned() }).collect();
    if faults.is_empty() { Ok(entries.iter().map(|&entry| entry.to_owned()).collect()) } else { Err(faults) }
}

fn listener(table: &Table<'_>) -> Option<Listener> {
    let name = table
        .required(Key::new("name", "How it is called in the log.", Reload::Restart), &Form::text("a name"));
    let address = Key::new("address", "Where it listens.", Reload::Restart).example("\"[::]:25\"");
    let address = table.required(address, &Form::socket_address());
    let security = table.read(
        Key::new("security", "What TLS is for.", Reload::Restart),
        &Form::words(SECURITY),
        "opportunistic",
    );
    let queue = table.table("queue", "The queue of the socket.");
    let backlog =
        queue.integer(Key::new("backlog", "Connections not yet accepted.", Reload::Restart), 128, 1..=4_096);
    Some(Listener { name: name?, address: address?, security, backlog })
}
