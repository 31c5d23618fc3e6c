//! `mailsensor message`: reads mail back, from the archive or, before it is kept, from the spool.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use jiff::civil::Date;
use sensor_archive::{DirectoryArchive, Kept};
use sensor_control::What;
use sensor_mail::{Disposition, Envelope, Look, MailId, Verdict};
use sensor_pipeline::Record;
use sensor_spool::{Body, RealDisk};

use super::spool::{self, write_body};
use super::unscanned::order;
use super::{harmless, one_line, print, whereabouts};
use crate::cli::{MessageCommand, Place};
use crate::config::Whereabouts;

pub(crate) fn message(place: &Place, command: &MessageCommand) -> anyhow::Result<ExitCode> {
    let places = match whereabouts(place)? {
        Ok(places) => places,
        Err(status) => return Ok(status),
    };
    match command {
        MessageCommand::Ls { limit, day, json } => list(&places, *limit, *day, *json),
        MessageCommand::Show { id } => show(&places, *id),
        MessageCommand::Rescan { ids } => order(&places, What::Rescan, ids, false),
        MessageCommand::Cat { id, quarantined } => cat(&places, *id, *quarantined),
    }
}

pub(super) fn archive(places: &Whereabouts) -> anyhow::Result<Option<DirectoryArchive>> {
    let directory = places.archive_dir()?;
    match RealDisk::existing(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot open {}", directory.display())),
        Ok(disk) => Ok(Some(DirectoryArchive::new(Arc::new(disk)))),
    }
}

fn list(places: &Whereabouts, limit: usize, day: Option<Date>, json: bool) -> anyhow::Result<ExitCode> {
    let Some(archive) = archive(places)? else {
        eprintln!("there is no archive in {} yet", places.archive_dir()?.display());
        return Ok(ExitCode::SUCCESS);
    };
    let days = match day {
        Some(day) => vec![day],
        None => archive.days()?,
    };
    let mut ids = Vec::new();
    for day in days {
        ids.extend(archive.ids(day)?);
        if ids.len() >= limit {
            break;
        }
    }
    ids.truncate(limit);
    let mut unreadable = Vec::new();
    let printed = print(|out| {
        for id in ids {
            match archive.find(id) {
                Ok(Some(kept)) if json => writeln!(out, "{}", json_line(&kept.record)?)?,
                Ok(Some(kept)) => writeln!(out, "{}", line(&kept.record, kept.looks.last()))?,
                Ok(None) => {}
                Err(error) => unreadable.push(format!("{id}: {error}")),
            }
        }
        Ok(())
    })?;
    if !unreadable.is_empty() {
        bail!("records that cannot be read:\n{}", unreadable.join("\n"));
    }
    Ok(printed)
}

fn line(record: &Record, look: Option<&Look>) -> String {
    let Record { envelope, description, .. } = record;
    let to = envelope.recipients.first().map_or("", |recipient| recipient.path.as_str());
    let (from, to) = (one_line(envelope.reverse_path.as_str(), 48), one_line(to, 48));
    let subject = one_line(description.subject.as_deref().unwrap_or(""), 60);
    let Envelope { id, arrival, octets, .. } = envelope;
    let verdict = look.map_or("not looked at", |look| match look.judgement.verdict {
        Verdict::Clean => "clean",
        Verdict::Undetermined => "undetermined",
        Verdict::Suspect => "suspect",
        Verdict::Hostile => "hostile",
    });
    format!("{id}  {arrival:.3}  {octets:>10}  {verdict:<13}  <{from}> -> <{to}>  {subject}")
}

fn json_line(record: &Record) -> io::Result<String> {
    Ok(harmless(&serde_json::to_string(record).map_err(io::Error::other)?))
}

/// Where a message was found.
enum Found {
    Kept(Box<Kept>),
    Spooled(Box<Envelope>, Body),
}

/// Looks for a message where it is in the end, then where it comes from, then once more where it is in the
/// end: it may have gone from the one to the other between two looks.
fn find(places: &Whereabouts, id: MailId) -> anyhow::Result<Found> {
    if let Some(kept) = kept(places, id)? {
        return Ok(Found::Kept(kept));
    }
    if let Some(spool) = spool::open(places)?
        && let Some((summary, body)) = spool::find(&spool, id)?
    {
        return Ok(Found::Spooled(Box::new(summary.header), body));
    }
    match kept(places, id)? {
        Some(kept) => Ok(Found::Kept(kept)),
        None => bail!(
            "{id} is neither in {} nor in {}",
            places.archive_dir()?.display(),
            places.spool_dir().display()
        ),
    }
}

fn kept(places: &Whereabouts, id: MailId) -> anyhow::Result<Option<Box<Kept>>> {
    let Some(archive) = archive(places)? else { return Ok(None) };
    Ok(archive.find(id)?.map(Box::new))
}

fn show(places: &Whereabouts, id: MailId) -> anyhow::Result<ExitCode> {
    let text = match find(places, id)? {
        Found::Kept(kept) => {
            if let Err(removed) = kept.has_octets() {
                eprintln!("{removed}");
            }
            serde_json::to_string_pretty(&shown(&kept)?)?
        }
        Found::Spooled(envelope, _) => {
            eprintln!("not kept yet: this is its envelope in the spool");
            serde_json::to_string_pretty(&envelope)?
        }
    };
    print(|out| writeln!(out, "{}", harmless(&text)))
}

/// The record, with the looks where there are any.
fn shown(kept: &Kept) -> serde_json::Result<serde_json::Value> {
    let mut shown = serde_json::to_value(&kept.record)?;
    if !kept.looks.is_empty()
        && let Some(record) = shown.as_object_mut()
    {
        record.insert("looks".to_owned(), serde_json::to_value(&kept.looks)?);
    }
    Ok(shown)
}

fn cat(places: &Whereabouts, id: MailId, quarantined: bool) -> anyhow::Result<ExitCode> {
    match find(places, id)? {
        Found::Kept(kept) => {
            let disposition = kept.looks.last().map(|look| look.judgement.disposition).unwrap_or_default();
            if disposition == Disposition::Quarantine && !quarantined {
                bail!("{id} is quarantined, and perhaps dangerous: --quarantined gives it out");
            }
            kept.verify()?;
            print(|out| kept.write_to(out))
        }
        Found::Spooled(_, body) => print(|out| write_body(&body, out)),
    }
}
