//! Looking into a spool beside its writer.
//!
//! Nothing is locked or written. The writer may use a segment again while it is read: so the headers are
//! looked at before and after, and the log is read once more when they changed. An entry that goes away
//! later fails its checks, which cover the generation of the segment; the log is then read once more for it:
//! copied forward it is elsewhere under the same id, settled it is nowhere and left out.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use crate::body::Body;
use crate::disk::{Access, Disk, read_full};
use crate::error::{BodyError, OpenError};
use crate::index::{Entry, Index};
use crate::record::{Phase, REASON_OCTETS_MAX, Record};
use crate::replay::{Link, Replayed, replay};
use crate::segment::{self, Parsed, Segment, SegmentHeader};
use crate::spool::{EntryId, Header};
use crate::status::Recovery;
use crate::stored::Stored;

/// How often the log is read because the writer moved on while it was read. What is seen at last is as
/// good as any: each entry verifies by itself.
const READS_MAX: usize = 4;

/// A spool as it was when it was opened, read without its lock beside a running writer.
pub struct ReadOnly<H> {
    disk: Arc<dyn Disk>,
    index: Index,
    recovery: Recovery,
    segments: Vec<Arc<Segment>>,
    header: PhantomData<fn() -> H>,
}

/// One entry of a spool that is only looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary<H> {
    /// Its name in the spool.
    pub id: EntryId,
    /// The number it was accepted under; `None` when its commit is in doubt.
    pub sequence: Option<u64>,
    /// Its header.
    pub header: H,
    /// Octets of its body.
    pub octets: u64,
    /// What holds it.
    pub standing: Standing,
    /// How often it was leased. The three counts stop at 255.
    pub attempts: u8,
    /// How often such a try failed: the entry was deferred, or at last set aside.
    pub failures: u8,
    /// How often the program ended while it was leased.
    pub interrupted: u8,
}

/// What holds an entry in the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for a worker.
    Waiting,
    /// A worker has it, or had it when the program ended.
    Leased,
    /// It failed and is due again later.
    Deferred {
        /// When (Unix milliseconds).
        due: u64,
        /// Why.
        reason: String,
    },
    /// It is set aside.
    SetAside {
        /// Why.
        reason: String,
    },
}

/// An entry that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("entry {id}: {fault}")]
pub struct Unlisted {
    /// Its name in the spool.
    pub id: EntryId,
    /// What is wrong with it.
    pub fault: String,
}

impl<H: Header> ReadOnly<H> {
    /// Reads the log once. Nothing is written and no lock is taken.
    ///
    /// # Errors
    /// As [`Spool::open`](crate::Spool::open), but for the lock.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let mut replayed = replay(&*disk, Access::Read);
        for _ in 1..READS_MAX {
            if replayed.as_ref().is_ok_and(|replayed| is_unchanged(&*disk, replayed)) {
                break;
            }
            replayed = replay(&*disk, Access::Read);
        }
        let Replayed { index, report, links, .. } = replayed?;
        let segments = links.into_iter().map(|link| link.segment).collect();
        Ok(Self { disk, index, recovery: report, segments, header: PhantomData })
    }

    /// What reading the log found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The entries, oldest first. One that the writer settled meanwhile, and whose octets are gone, is left
    /// out.
    pub fn list(&self) -> impl Iterator<Item = Result<Summary<H>, Unlisted>> + '_ {
        let mut later = None;
        self.index.iter().filter_map(move |(id, entry)| match self.summary(id, entry) {
            Ok(summary) => Some(Ok(summary)),
            Err(_) if self.is_gone(entry) => self.summary_later(id, &mut later).transpose(),
            Err(fault) => Some(Err(Unlisted { id: EntryId(id), fault })),
        })
    }

    /// An entry that is not where it was. `later` is a newer view, which is made newer still where need be.
    fn summary_later(&self, id: u64, later: &mut Option<Self>) -> Result<Option<Summary<H>>, Unlisted> {
        let unlisted = |fault| Unlisted { id: EntryId(id), fault };
        for _ in 0..READS_MAX {
            if let Some(view) = later {
                let Some(entry) = view.index.find(id) else { return Ok(None) };
                match view.summary(id, entry) {
                    Ok(summary) => return Ok(Some(summary)),
                    Err(_) if view.is_gone(entry) => {}
                    Err(fault) => return Err(unlisted(fault)),
                }
            }
            let view = Self::open(Arc::clone(&self.disk)).map_err(|error| unlisted(error.to_string()))?;
            *later = Some(view);
        }
        Err(unlisted("it is moved faster than it can be read".to_owned()))
    }

    /// The oldest entry that can be read and that `wanted` says yes to.
    pub fn find(&self, wanted: impl Fn(&Summary<H>) -> bool) -> Option<Summary<H>> {
        self.list().filter_map(Result::ok).find(wanted)
    }

    /// The octets of an entry; `None` when it is gone. Where the writer uses its segments again before all
    /// are read, reading says that it is damaged: ask for it anew.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn body(&self, id: EntryId) -> Result<Option<Body>, BodyError> {
        let mut later: Option<Self> = None;
        for _ in 0..READS_MAX {
            let view = later.as_ref().unwrap_or(self);
            let Some(entry) = view.index.find(id.0) else { return Ok(None) };
            let stored = view.stored(entry);
            // Its Commit frame may still be there when a piece of the body is not.
            if !view.is_gone(entry) {
                return stored.map(|stored| Some(stored.body));
            }
            later = Self::open(Arc::clone(&self.disk)).ok();
        }
        Ok(None)
    }

    fn summary(&self, id: u64, entry: &Entry) -> Result<Summary<H>, String> {
        let stored = self.stored(entry).map_err(|error| error.to_string())?;
        let reason = || self.reason(id, entry, &stored);
        let history = entry.history();
        let standing = match history.phase {
            Phase::Fresh => Standing::Waiting,
            Phase::Open | Phase::Suspect => Standing::Leased,
            Phase::Deferred => match reason() {
                // Its lease was given back, it did not fail.
                reason if history.due == 0 || reason.is_empty() => Standing::Waiting,
                reason => Standing::Deferred { due: history.due, reason },
            },
            Phase::Aside => Standing::SetAside { reason: reason() },
        };
        Ok(Summary {
            id: EntryId(id),
            sequence: entry.sequence(id),
            header: stored.header()?,
            octets: stored.body.len(),
            standing,
            attempts: entry.attempts,
            failures: entry.failures,
            interrupted: entry.interrupted,
        })
    }

    fn stored(&self, entry: &Entry) -> Result<Stored, BodyError> {
        let held = entry.first..=entry.place.generation;
        let segments = self.segments.iter().filter(|segment| held.contains(&segment.generation()));
        let segments: Vec<_> = segments.cloned().collect();
        Stored::read(&segments, entry.place.offset, entry.octets())
    }

    fn reason(&self, id: u64, entry: &Entry, stored: &Stored) -> String {
        let Some(place) = self.index.reason(id).filter(|&place| place != entry.place) else {
            return stored.reason.clone();
        };
        let segment = self.segments.iter().find(|segment| segment.generation() == place.generation);
        let frame = segment.and_then(|segment| segment.read(place.offset, REASON_OCTETS_MAX).ok().flatten());
        let reason = frame.and_then(|frame| {
            let record = Record::parse(frame.kind, &frame.payload)?;
            Some(String::from_utf8_lossy(record.reason()?).into_owned())
        });
        reason.unwrap_or_default()
    }

    fn is_gone(&self, entry: &Entry) -> bool {
        let held = entry.first..=entry.place.generation;
        let mut segments = self.segments.iter().filter(|segment| held.contains(&segment.generation()));
        segments.any(|segment| !is_in_place(&*self.disk, segment))
    }
}

impl<H> std::fmt::Debug for ReadOnly<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadOnly").field("recovery", &self.recovery).finish_non_exhaustive()
    }
}

/// Whether all that was read is still there, and nothing seemed damaged because it was being written.
fn is_unchanged(disk: &dyn Disk, replayed: &Replayed) -> bool {
    replayed.report.missing_segments.is_empty()
        && replayed.report.damaged_places == 0
        && replayed.links.iter().all(|Link { segment, .. }| is_in_place(disk, segment))
}

fn is_in_place(disk: &dyn Disk, segment: &Segment) -> bool {
    let mut octets = [0; segment::HEADER];
    let there = disk.open(Path::new(&segment::name(segment.generation())), Access::Read).is_ok();
    let read = read_full(&*segment.file, &mut octets, 0);
    let header = read.map_or(Parsed::None, |read| SegmentHeader::parse(&octets[..read]));
    there && matches!(header, Parsed::Header(header) if header.key == segment.key)
}
