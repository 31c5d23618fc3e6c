//! `mailsensor spool`: what is accepted and not kept yet, read beside a running sensor.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use sensor_mail::{Envelope, MailId};
use sensor_spool::{Body, ReadOnly, RealDisk, Standing, Summary};
use serde_json::json;

use super::{harmless, one_line, print, whereabouts};
use crate::cli::{Place, SpoolCommand};
use crate::config::Whereabouts;

pub(crate) fn spool(place: &Place, command: &SpoolCommand) -> anyhow::Result<ExitCode> {
    let places = match whereabouts(place)? {
        Ok(places) => places,
        Err(status) => return Ok(status),
    };
    let spool = open(&places)?;
    if spool.is_none() {
        eprintln!("there is no spool in {} yet", places.spool_dir().display());
    }
    let wanted = |id: MailId| {
        let found = spool.as_ref().map(|spool| find(spool, id)).transpose()?.flatten();
        found.with_context(|| format!("{id} is not in the spool"))
    };
    match command {
        SpoolCommand::Ls { json } => spool.as_ref().map_or(Ok(ExitCode::SUCCESS), |spool| list(spool, *json)),
        SpoolCommand::Show { id } => {
            let (summary, _) = wanted(*id)?;
            print(|out| writeln!(out, "{}", harmless(&format!("{:#}", shown(&summary)))))
        }
        SpoolCommand::Export { id } => {
            let (_, body) = wanted(*id)?;
            print(|out| write_body(&body, out))
        }
    }
}

/// The spool, read beside its writer; none where it was never made.
pub(crate) fn open(places: &Whereabouts) -> anyhow::Result<Option<ReadOnly<Envelope>>> {
    let directory = places.spool_dir();
    let disk = match RealDisk::existing(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        disk => disk.with_context(|| format!("cannot open {}", directory.display()))?,
    };
    Ok(Some(ReadOnly::open(Arc::new(disk)).with_context(|| format!("cannot read {}", directory.display()))?))
}

/// A message of the spool with its octets.
pub(crate) fn find(
    spool: &ReadOnly<Envelope>,
    id: MailId,
) -> anyhow::Result<Option<(Summary<Envelope>, Body)>> {
    let Some(summary) = spool.find(|entry| entry.header.id == id) else { return Ok(None) };
    let body = spool.body(summary.id)?;
    Ok(body.map(|body| (summary, body)))
}

/// Writes the octets of a message; each piece is verified before it is written.
pub(crate) fn write_body(body: &Body, out: &mut dyn Write) -> io::Result<()> {
    let mut piece = vec![0; 256 * 1024];
    let mut offset = 0;
    loop {
        let count = body.read_at(offset, &mut piece).map_err(io::Error::other)?;
        if count == 0 {
            return Ok(());
        }
        out.write_all(&piece[..count])?;
        offset += count as u64;
    }
}

fn list(spool: &ReadOnly<Envelope>, json: bool) -> anyhow::Result<ExitCode> {
    let mut unreadable = 0;
    let printed = print(|out| {
        for entry in spool.list() {
            match entry {
                Ok(entry) if json => writeln!(out, "{}", harmless(&shown(&entry).to_string()))?,
                Ok(entry) => writeln!(out, "{}", line(&entry))?,
                Err(_) => unreadable += 1,
            }
        }
        Ok(())
    })?;
    if unreadable > 0 {
        bail!("{unreadable} entries cannot be read");
    }
    Ok(printed)
}

fn line(entry: &Summary<Envelope>) -> String {
    let Envelope { id, arrival, reverse_path, recipients, .. } = &entry.header;
    let standing = match &entry.standing {
        Standing::Waiting => "waiting".to_owned(),
        Standing::Leased => "in work".to_owned(),
        Standing::Deferred { reason, .. } => format!("deferred ({reason})"),
        Standing::SetAside { reason } => format!("set aside ({reason})"),
    };
    let to = recipients.first().map_or("", |recipient| recipient.path.as_str());
    let more = if recipients.len() > 1 { format!(" +{}", recipients.len() - 1) } else { String::new() };
    let (from, to) = (one_line(reverse_path.as_str(), 64), one_line(to, 64));
    format!("{id}  {arrival:.3}  {:>10}  <{from}> -> <{to}>{more}  {standing}", entry.octets)
}

fn shown(entry: &Summary<Envelope>) -> serde_json::Value {
    let standing = match &entry.standing {
        Standing::Waiting => json!({ "state": "waiting" }),
        Standing::Leased => json!({ "state": "leased" }),
        Standing::Deferred { due, reason } => {
            json!({ "state": "deferred", "due_unix_millis": due, "reason": reason })
        }
        Standing::SetAside { reason } => json!({ "state": "set_aside", "reason": reason }),
    };
    json!({
        "sequence": entry.sequence,
        "standing": standing,
        "attempts": entry.attempts,
        "failures": entry.failures,
        "interrupted": entry.interrupted,
        "envelope": entry.header,
    })
}
