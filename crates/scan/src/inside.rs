//! Scanners that work within worker processes, on their way there.
//!
//! ```text
//!  sensor                                           worker
//!  [Installed] --supplies--> Setup::supplies -----> inspectors --> Tools::inspectors
//!
//!  [ {"kind", "name", "octets"}, ... ] LF | octets of the first | of the second | ...
//! ```

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use sensor_pipeline::{Inspector, Place};
use serde::{Deserialize, Serialize};

use crate::kind::{Installed, Kind};

/// A scanner and how much of what follows is its.
#[derive(Serialize, Deserialize)]
struct Entry {
    kind: String,
    name: String,
    octets: usize,
}

/// Where a scanner works.
#[must_use]
pub fn place(scanner: &Arc<dyn Installed>) -> Place {
    match scanner.in_worker() {
        Some(_) => Place::Worker,
        None => Place::Sensor(Arc::clone(scanner) as _),
    }
}

/// What worker processes need for those scanners that work there. Empty where none does.
#[must_use]
pub fn supplies(scanners: &[Arc<dyn Installed>]) -> Bytes {
    let shares: Vec<_> =
        scanners.iter().filter_map(|one| one.in_worker().map(|share| (one.name(), share))).collect();
    if shares.is_empty() {
        return Bytes::new();
    }
    let entries = shares.iter().map(|(name, share)| {
        let octets = share.octets.len();
        Entry { kind: share.kind.word.to_owned(), name: (*name).to_owned(), octets }
    });
    let head = serde_json::to_vec(&entries.collect::<Vec<_>>()).expect("texts and numbers are JSON");
    let mut supplies = BytesMut::from(&head[..]);
    supplies.put_u8(b'\n');
    shares.iter().for_each(|(_, share)| supplies.extend_from_slice(&share.octets));
    supplies.freeze()
}

/// In a worker process: what works there, made of [`supplies`]. Only the sensor may have written them: they are
/// trusted. To be called once in the life of a process: what inspectors are made of stays in memory.
///
/// # Errors
/// When they are not what this very program wrote.
pub fn inspectors(supplies: &[u8]) -> Result<Vec<Box<dyn Inspector>>, String> {
    if supplies.is_empty() {
        return Ok(Vec::new());
    }
    let end = memchr::memchr(b'\n', supplies).ok_or("the supplies of scanners have no head")?;
    let (head, mut rest) = (&supplies[..end], &supplies[end + 1..]);
    let entries: Vec<Entry> = serde_json::from_slice(head).map_err(|error| error.to_string())?;
    let made = entries.iter().map(|Entry { kind, name, octets }| {
        let (own, others) = rest.split_at_checked(*octets).ok_or("the supplies of scanners end early")?;
        rest = others;
        let make = Kind::named(kind).and_then(|kind| kind.inspector);
        make.ok_or_else(|| format!("{kind} is nothing for a worker process"))?(name, own)
            .map_err(|why| format!("{name}: {why}"))
    });
    made.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supplies_that_were_not_written_here_are_told() {
        assert!(inspectors(b"").is_ok_and(|none| none.is_empty()));
        for (supplies, told) in [
            (&b"no head"[..], "no head"),
            (b"{}\n", "invalid type"),
            (b"[{\"kind\":\"hash\",\"name\":\"a\",\"octets\":0}]\n", "hash is nothing for a worker process"),
            (b"[{\"kind\":\"none\",\"name\":\"a\",\"octets\":0}]\n", "none is nothing for a worker process"),
            (b"[{\"kind\":\"yara\",\"name\":\"a\",\"octets\":9}]\nshort", "end early"),
            (b"[{\"kind\":\"yara\",\"name\":\"a\",\"octets\":5}]\nrules", "a: "),
        ] {
            let why = inspectors(supplies).err().unwrap_or_default();
            assert!(why.contains(told), "{why:?} does not say {told:?}");
        }
    }
}
