//! `hash`: lists of SHA-256 and MD5 digests of files that are known to be bad.
//!
//! A list is a file with a digest on each line, in hex: 64 digits are SHA-256, 32 are MD5. What stands behind
//! it, after a space, a colon, a semicolon or a comma, is not read, so that the output of `sha256sum` and ClamAV's
//! `.hdb` and `.hsb` lists can be taken as they are; so are lines that begin with `#`, and empty ones. A line
//! that is none of these is a fault: the list is not taken, and the lists of before stay.
//!
//! An entry costs 32 octets of memory (16 for MD5), a look a binary search a part. The MD5 digests of parts
//! are taken only while there are MD5 entries. Whatever the lists say, the EICAR test file is known.

mod list;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use md5::{Digest, Md5};
use sensor_mail::{PartId, Severity};
use sensor_pipeline::{Budget, Dissected, Looking, Octets, Report, Scanner};

use crate::files::Watch;
use crate::keys::{Key, Shape};
use crate::kind::{Built, Installed, Kind, Reloaded, Surroundings};
use crate::octets::CHUNK_OCTETS_MAX;
use crate::options::{Fault, Given, Options};
use crate::severity::{SEVERITY, severities};
use crate::trial::Sample;
use crate::trouble::Trouble;
use list::Lists;

/// `kind = "hash"`
pub(crate) const KIND: Kind =
    Kind::new("hash", "Lists of SHA-256 and MD5 digests of files.", &[&LISTS, &SEVERITY], build);

const LISTS: Key = Key::new(
    "lists",
    Shape::List("paths of files with a digest in hex on each line, and of directories of such files"),
    "The lists, or directories of nothing but lists. A finding is called by the name of its file.",
)
.required()
.such_as("[\"/etc/mailsensor/known-bad.txt\"]");

fn build(name: &str, given: &Given, _: &Surroundings) -> Built {
    let mut options = Options::new(KIND.keys, given);
    let paths: Vec<PathBuf> = options.list(&LISTS).into_iter().map(PathBuf::from).collect();
    let severity = options.word(&SEVERITY, severities());
    let hash = Hash::of(name, paths, severity).map_err(|problems| options.fault(LISTS.name, problems)).ok();
    options.finish(hash).map(|hash| Arc::new(hash) as _)
}

struct Hash {
    name: Box<str>,
    watch: Watch,
    severity: Severity,
    lists: ArcSwap<Lists>,
}

impl Hash {
    /// Reads the lists, or says what is wrong with them.
    fn of(name: &str, paths: Vec<PathBuf>, severity: Severity) -> Result<Self, String> {
        let (watch, lists) = Watch::begin(paths, |_| true, |files| Lists::read(&files))?;
        Ok(Self { name: name.into(), watch, severity, lists: ArcSwap::from_pointee(lists) })
    }

    async fn look(&self, mail: &Dissected, budget: &Budget, report: &mut Report) -> Result<(), Trouble> {
        let lists = self.lists.load_full();
        report.used(lists.version());
        for piece in mail.parts.iter() {
            if let Some(over) = budget.is_over() {
                return Err(over.into());
            }
            self.tell(lists.named_by_sha256(&piece.part.sha256.0), piece.part.id, report);
            if !lists.has_md5() {
                continue;
            }
            match md5(&piece.octets, budget).await {
                Ok(digest) => self.tell(lists.named_by_md5(&digest), piece.part.id, report),
                Err(trouble @ Trouble::Over(_)) => return Err(trouble),
                Err(trouble) => trouble.tell(Some(piece.part.id), report),
            }
        }
        Ok(())
    }

    fn tell<'a>(&self, names: impl Iterator<Item = &'a str>, part: PartId, report: &mut Report) {
        for name in names {
            report.found(part, name, self.severity);
        }
    }
}

/// The MD5 digest of octets, on a thread of its own.
async fn md5(octets: &Octets, budget: &Budget) -> Result<[u8; 16], Trouble> {
    let (octets, until) = (octets.clone(), budget.clone());
    let digested = tokio::task::spawn_blocking(move || digest(&octets, &until));
    budget.run(digested).await?.map_err(|_| Trouble::failed("the thread that reads the part died"))?
}

fn digest(octets: &Octets, budget: &Budget) -> Result<[u8; 16], Trouble> {
    let (mut digest, mut buffer, mut offset) = (Md5::new(), vec![0; CHUNK_OCTETS_MAX], 0);
    loop {
        if let Some(over) = budget.is_over() {
            return Err(over.into());
        }
        let read = octets.read_at(offset, &mut buffer);
        let count = read.map_err(|error| Trouble::at("the part cannot be read", &error))?;
        if count == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(&buffer[..count]);
        offset += count as u64;
    }
}

impl Scanner for Hash {
    fn name(&self) -> &str {
        &self.name
    }

    fn ruleset(&self) -> Option<Box<str>> {
        Some(self.lists.load().version())
    }

    fn scan<'a>(&'a self, mail: &'a Dissected, budget: &'a Budget, report: &'a mut Report) -> Looking<'a> {
        Box::pin(async move {
            if let Err(trouble) = self.look(mail, budget, report).await {
                trouble.tell(None, report);
            }
        })
    }
}

impl Installed for Hash {
    fn sample(&self) -> Sample {
        Sample::eicar()
    }

    fn advice(&self) -> Box<str> {
        "It knows the EICAR file without a list: report this as a fault of mailsensor.".into()
    }

    fn reload(&self) -> Result<Reloaded, Vec<Fault>> {
        let fault = |problems: String| vec![Fault { key: LISTS.name.into(), expected: problems.into() }];
        let lists = self.watch.again(|files| Lists::read(&files).map_err(fault))?;
        Ok(lists.map_or(Reloaded::Unchanged, |lists| {
            self.lists.store(Arc::new(lists));
            Reloaded::Changed
        }))
    }
}

#[cfg(test)]
mod tests;
