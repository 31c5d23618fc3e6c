//! `mailsensor status | enable | disable | set | reset | reload | drain | end-grace`: asks the running sensor.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use sensor_control::{
    Changed, Client, ClientError, Flags, Grace, Key, Looks, ProblemKind, Reloaded, ScannerState, State,
    Status,
};
use serde_json::{Map, Value, json};

use super::{one_line, print, rough_time, whereabouts};
use crate::cli::{Meant, OperateCommand, Place, Told};

/// As much of a setting's value as fits a line of a terminal.
const VALUE_CHARACTERS_MAX: usize = 200;

pub(crate) fn operate(place: &Place, order: &OperateCommand) -> anyhow::Result<ExitCode> {
    let socket = match whereabouts(place)? {
        Ok(found) => found.control_socket(),
        Err(status) => return Ok(status),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::connect(&socket).await?;
        match order {
            OperateCommand::Status(how) => tell(*how, &client.status().await?, status),
            OperateCommand::Enable(how) => tell(*how, &client.enable(&Flags::default()).await?, changed),
            OperateCommand::Disable(how) => {
                let disabled = client.disable(&Flags::default()).await.map_err(not_disabled)?;
                tell(*how, &disabled, changed)
            }
            OperateCommand::Set { settings, how, meant } => {
                let patch = patch(settings)?;
                tell(*how, &client.change(&patch, &flags(*meant)).await?, changed)
            }
            OperateCommand::Reset { keys, how, meant } => {
                let mut patch = Map::new();
                for name in keys {
                    put(&mut patch, key(name)?, Value::Null);
                }
                tell(*how, &client.change(&Value::Object(patch), &flags(*meant)).await?, changed)
            }
            OperateCommand::Reload(how) => tell(*how, &client.reload().await?, reloaded),
            OperateCommand::Drain(how) => tell(*how, &client.drain().await?, |draining, out| {
                let (connections, seconds) = (draining.connections, draining.deadline_seconds);
                writeln!(
                    out,
                    "going down; {connections} connections have {seconds} s to end what they are at"
                )
            }),
            OperateCommand::EndGrace(how) => {
                tell(*how, &client.end_grace().await?, |ended, out| match &ended.ended {
                    Some(Grace { since, .. }) => writeln!(out, "ended the grace of the change at {since}"),
                    None => writeln!(out, "there was no grace to end"),
                })
            }
        }
    })
}

/// What cannot be kept is not done: else the next start would open the door again. But there is another way.
fn not_disabled(error: ClientError) -> anyhow::Error {
    let is_of_the_disk = match &error {
        ClientError::Refused(problem) => matches!(problem.kind, ProblemKind::NoRoom | ProblemKind::Internal),
        ClientError::NotRunning { .. } | ClientError::NotPermitted { .. } | ClientError::Broken { .. } => {
            false
        }
    };
    if is_of_the_disk {
        anyhow::anyhow!(
            "{error}\nto close the door nevertheless, stop the sensor: mailsensor drain, or its service"
        )
    } else {
        error.into()
    }
}

fn tell<T: serde::Serialize>(
    how: Told,
    answer: &T,
    human: impl FnOnce(&T, &mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<ExitCode> {
    print(|out| match how.json {
        true => writeln!(out, "{:#}", json!(answer)),
        false => human(answer, out),
    })
}

fn flags(meant: Meant) -> Flags {
    Flags { dry_run: meant.dry_run, confirm: meant.confirm, if_match: None }
}

/// `KEY=VALUE` as a JSON Merge Patch of the settings.
fn patch(settings: &[String]) -> anyhow::Result<Value> {
    let mut patch = Map::new();
    for setting in settings {
        let (name, text) = setting.split_once('=').with_context(|| format!("{setting}: not KEY=VALUE"))?;
        let key = key(name)?;
        let value = match key {
            Key::Enabled => {
                Value::Bool(text.parse().ok().with_context(|| format!("{setting}: true or false"))?)
            }
            Key::DestinationDomains | Key::Clients => {
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
            }
            Key::Uncovered | Key::MessageSizeLimit | Key::TlsSecurity => Value::from(text),
        };
        put(&mut patch, key, value);
    }
    Ok(Value::Object(patch))
}

fn key(name: &str) -> anyhow::Result<Key> {
    let found = Key::ALL.into_iter().find(|key| name == key.name() || name == key.path());
    found.with_context(|| {
        let names: Vec<_> = Key::ALL.iter().map(|key| key.name()).collect();
        format!("{name} cannot be set at run time; what can: {}", names.join(", "))
    })
}

fn put(patch: &mut Map<String, Value>, key: Key, value: Value) {
    match key.name().split_once('.') {
        Some((table, name)) => {
            let inner = patch.entry(table).or_insert_with(|| Value::Object(Map::new()));
            inner[name] = value;
        }
        None => drop(patch.insert(key.name().to_owned(), value)),
    }
}

fn changed(changed: &Changed, out: &mut dyn Write) -> io::Result<()> {
    if changed.dry_run {
        writeln!(out, "would change:")?;
    }
    differences(&changed.differences, out)?;
    flips(&changed.flips, if changed.dry_run { ", for which it needs --confirm" } else { "" }, out)?;
    for key in Key::ALL {
        if changed.differences.iter().any(|difference| difference.key == key.path())
            && let Some(about) = changed.smtp.about.get(&key)
        {
            writeln!(out, "{key}: {}", about.meaning)?;
        }
    }
    Ok(())
}

fn reloaded(reloaded: &Reloaded, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "reloaded")?;
    match &reloaded.certificate {
        Some(fingerprint) => {
            writeln!(out, "listeners show another certificate: SHA-256 {fingerprint}")?;
            each_difference(&reloaded.differences, out)?;
        }
        None => differences(&reloaded.differences, out)?,
    }
    flips(&reloaded.flips, "", out)
}

fn flips(flips: &[sensor_control::Flip], what_for: &str, out: &mut dyn Write) -> io::Result<()> {
    for sensor_control::Flip { key, before, after } in flips {
        writeln!(out, "{key}: a default turns around{what_for}: before, {before}; after, {after}")?;
    }
    Ok(())
}

fn differences(differences: &[sensor_control::Difference], out: &mut dyn Write) -> io::Result<()> {
    if differences.is_empty() {
        return writeln!(out, "nothing is different");
    }
    each_difference(differences, out)
}

fn each_difference(differences: &[sensor_control::Difference], out: &mut dyn Write) -> io::Result<()> {
    for difference in differences {
        let shown = |value: &Option<String>| {
            value.as_deref().map_or_else(|| "not set".to_owned(), |text| one_line(text, VALUE_CHARACTERS_MAX))
        };
        let when = if difference.needs_restart { " (with the next start)" } else { "" };
        writeln!(out, "{}: {} -> {}{when}", difference.key, shown(&difference.old), shown(&difference.new))?;
    }
    Ok(())
}

fn status(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let state = match status.state {
        State::Enabled => "takes mail",
        State::Disabled => "takes no mail: it is switched off",
        State::Draining => "is going down",
    };
    writeln!(out, "mailsensor {} on {} {state}, since {}", status.version, status.hostname, status.started)?;
    for listener in &status.listeners {
        let is = if listener.listening { "listens on" } else { "closed, would listen on" };
        writeln!(out, "  {}: {is} {} (TLS {})", listener.name, listener.address, listener.security)?;
    }
    writeln!(out, "connections: {}", status.connections)?;
    let balance = &status.conservation;
    writeln!(
        out,
        "accepted {} = in spool {} + kept {} + set aside {} + withdrawn {} + lost {}",
        balance.accepted, balance.in_spool, balance.kept, balance.set_aside, balance.withdrawn, balance.lost
    )?;
    let space = &status.space;
    writeln!(out, "spool: {} octets of files, {} free on its disk", space.octets, space.free_octets)?;
    if let Some(looks) = &status.looks {
        about_looks(looks, out)?;
    }
    for certificate in &status.certificates {
        writeln!(out, "certificate: SHA-256 {}, until {}", certificate.fingerprint, certificate.expires)?;
    }
    if let Some(Grace { since, until }) = &status.grace {
        let softened = status.softened;
        writeln!(
            out,
            "gentle since {since} until {until}: {softened} refusals were softened (end-grace ends it)"
        )?;
    }
    for file in &status.files {
        writeln!(out, "settings from {file}")?;
    }
    for warning in &status.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    Ok(())
}

fn about_looks(looks: &Looks, out: &mut dyn Write) -> io::Result<()> {
    let total: u64 = looks.verdicts.values().sum();
    writeln!(
        out,
        "looks since the start: {total}{}; waiting {}, unscanned {}",
        listed(&looks.verdicts),
        looks.jobs,
        looks.unscanned
    )?;
    if looks.shadow_differences > 0 {
        writeln!(out, "  the rules on trial would have judged {} otherwise", looks.shadow_differences)?;
    }
    for scanner in &looks.scanners {
        let is_asked = if scanner.circuit == "closed" { "" } else { ", left alone because it fails" };
        writeln!(
            out,
            "  scanner {}: {} messages{}{is_asked}{}",
            scanner.name,
            scanner.outcomes.values().sum::<u64>(),
            listed(&scanner.outcomes),
            still_to_see(scanner)
        )?;
    }
    for sink in &looks.sinks {
        let dropped: u64 = sink.dropped.values().sum();
        let (delivered, waiting) = (sink.delivered, sink.waiting);
        writeln!(out, "  sink {}: delivered {delivered}, waiting {waiting}, dropped {dropped}", sink.name)?;
    }
    Ok(())
}

/// `, still to see 3, the oldest for 2h 5m`, or nothing.
fn still_to_see(scanner: &ScannerState) -> String {
    match scanner.unscanned {
        0 => String::new(),
        count => {
            format!(", still to see {count}, the oldest for {}", rough_time(scanner.oldest_unscanned_seconds))
        }
    }
}

/// ` (clean 3, hostile 1)`, or nothing.
fn listed(counts: &BTreeMap<String, u64>) -> String {
    let counts: Vec<_> = counts.iter().map(|(word, count)| format!("{word} {count}")).collect();
    if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) }
}
