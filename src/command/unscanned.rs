//! `mailsensor unscanned`: what a required scanner has still to see, and what becomes of it.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use jiff::Timestamp;
use sensor_archive::DirectoryArchive;
use sensor_control::{Client, LookOrder, LooksOrdered, What};
use sensor_mail::{Coverage, MailId};
use sensor_pipeline::{Job, Owed};
use sensor_spool::{ReadOnly, RealDisk, Standing, Summary};
use serde_json::json;

use super::message::archive;
use super::{print, rough_time, whereabouts};
use crate::assemble::unix_millis;
use crate::cli::{Place, UnscannedCommand};
use crate::config::Whereabouts;

pub(crate) fn unscanned(place: &Place, command: &UnscannedCommand) -> anyhow::Result<ExitCode> {
    let places = match whereabouts(place)? {
        Ok(places) => places,
        Err(status) => return Ok(status),
    };
    match command {
        UnscannedCommand::Ls { scanner, json } => list(&places, scanner.as_deref(), *json),
        UnscannedCommand::Retry(chosen) => order(&places, What::Retry, &chosen.ids, chosen.all),
        UnscannedCommand::Drop(chosen) => order(&places, What::Drop, &chosen.ids, chosen.all),
    }
}

/// Tells the running sensor to look, and says what became of that.
pub(super) fn order(places: &Whereabouts, what: What, ids: &[MailId], all: bool) -> anyhow::Result<ExitCode> {
    let order = LookOrder { what, ids: ids.iter().map(ToString::to_string).collect(), all };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let LooksOrdered { messages, unknown } =
        runtime.block_on(async { Client::connect(&places.control_socket()).await?.look(&order).await })?;
    let done = match what {
        What::Rescan => "are looked into anew",
        What::Retry => "are tried again",
        What::Drop => "are given up",
    };
    println!("{messages} messages {done}");
    if unknown.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let why = match what {
        What::Rescan => "not in the archive",
        What::Retry | What::Drop => "nothing is owed of it",
    };
    bail!("{why}: {}", unknown.join(", "));
}

/// A message that is owed a look.
struct Entry {
    id: MailId,
    owed: Owed,
    /// When it is tried next.
    due: Timestamp,
    tries: u8,
}

fn list(places: &Whereabouts, scanner: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let Some(jobs) = open(places)? else {
        eprintln!("nothing was looked into yet: there is no {}", places.jobs_dir().display());
        return Ok(ExitCode::SUCCESS);
    };
    let mut unreadable = 0;
    let mut entries = Vec::new();
    for job in jobs.list() {
        match job {
            Ok(job) => entries.extend(entry(&job)),
            Err(_) => unreadable += 1,
        }
    }
    if let Some(archive) = archive(places)? {
        entries.retain(|entry| is_owed(&archive, entry.id));
    }
    entries.retain(|entry| scanner.is_none_or(|name| entry.owed.scanners.iter().any(|owes| **owes == *name)));
    entries.sort_by_key(|entry| entry.id);
    let printed = print(|out| {
        for entry in &entries {
            match json {
                true => writeln!(out, "{}", as_json(entry))?,
                false => writeln!(out, "{}", line(entry))?,
            }
        }
        Ok(())
    })?;
    if unreadable > 0 {
        bail!("{unreadable} entries cannot be read");
    }
    Ok(printed)
}

/// A job that waits may have been overtaken by a retry, or by who gave it up: the record tells. One that cannot be
/// read is listed.
fn is_owed(archive: &DirectoryArchive, id: MailId) -> bool {
    let Ok(Some(kept)) = archive.find(id) else { return true };
    kept.looks.last().is_none_or(|look| look.coverage.iter().any(Coverage::is_owed))
}

/// The spool of jobs, read beside its writer; none where it was never made.
fn open(places: &Whereabouts) -> anyhow::Result<Option<ReadOnly<Job>>> {
    let directory = places.jobs_dir();
    let disk = match RealDisk::existing(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        disk => disk.with_context(|| format!("cannot open {}", directory.display()))?,
    };
    Ok(Some(ReadOnly::open(Arc::new(disk)).with_context(|| format!("cannot read {}", directory.display()))?))
}

fn entry(job: &Summary<Job>) -> Option<Entry> {
    let Standing::Deferred { due, reason } = &job.standing else { return None };
    let due = Timestamp::from_millisecond(i64::try_from(*due).ok()?).ok()?;
    Some(Entry { id: job.header.id, owed: Owed::parse(reason)?, due, tries: job.failures })
}

/// The id tells when the message was accepted.
fn accepted(id: MailId) -> Timestamp {
    let millis = i64::try_from(id.unix_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

fn line(entry: &Entry) -> String {
    let Entry { id, owed: Owed { scanners, .. }, due, tries } = entry;
    let accepted = accepted(*id);
    let waits = rough_time(unix_millis().saturating_sub(id.unix_millis()) / 1_000);
    format!(
        "{id}  {accepted:.3}  {}  waits {waits}, tried {tries} times, again {due:.0}",
        scanners.join(", ")
    )
}

fn as_json(entry: &Entry) -> serde_json::Value {
    let Entry { id, owed: Owed { revision, scanners }, due, tries } = entry;
    json!({
        "id": id.to_string(),
        "accepted": accepted(*id),
        "revision": revision,
        "scanners": scanners,
        "tries": tries,
        "due": due,
    })
}
