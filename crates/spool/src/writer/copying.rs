//! How what is live in the oldest segment is copied forward, with its history, so that its file can go.
//!
//! Pieces of open drafts go first, then entries, some of each cycle's budget at a time: commits do not wait long.
//! A piece that cannot be read any more costs its message its health (it is set aside as damaged) and nobody else.

use std::io;

use crate::error::WriteError;
use crate::frame::{Kind, Place, span};
use crate::record::{Commit, Extent, Phase, REASON_OCTETS_MAX, Record};
use crate::segment::ReadFrame;

use super::{Effect, Purpose, Writer};

/// Octets that are copied forward in one cycle, so that commits do not wait long.
const COPY_OCTETS_MAX: u64 = 1 << 20;
/// Entries that are copied forward in one cycle.
const COPY_ENTRIES_MAX: usize = 256;
pub(super) const DAMAGED: &str = "part of the body is damaged on the storage";

/// An entry that is copied forward over several cycles.
pub(super) struct Moving {
    id: u64,
    from: Place,
    payload: Vec<u8>,
    extents: Vec<Extent>,
    damaged: bool,
}

impl Writer {
    /// Copies what is live in the oldest segment: pieces of open drafts, then entries.
    pub(super) fn copy_forward(&mut self) -> io::Result<()> {
        let Some(oldest) = self.log.closed().front().map(|extant| extant.segment.generation()) else {
            return Ok(());
        };
        let mut budget = COPY_OCTETS_MAX.min(u64::from(self.log.segment_octets()) / 4);
        self.copy_drafts(oldest, &mut budget)?;
        for id in self.index.held_in(oldest, COPY_ENTRIES_MAX) {
            if budget == 0 || self.broken.is_some() {
                break;
            }
            self.copy_entry(id, oldest, &mut budget)?;
        }
        Ok(())
    }

    fn copy_drafts(&mut self, oldest: u32, budget: &mut u64) -> io::Result<()> {
        let mut ids: Vec<_> =
            self.drafts.iter().filter(|(_, d)| d.holds(oldest)).map(|(&id, _)| id).collect();
        // The order of a map is another one in each run.
        ids.sort_unstable();
        for id in ids {
            let Some(draft) = self.drafts.get_mut(&id) else { continue };
            let mut extents = std::mem::take(&mut draft.extents);
            let poisonings = self.housekeeper.poisonings;
            let copied = self.copy_extents(&mut extents, oldest, budget);
            let lost = extents.iter().any(|extent| extent.place.generation == 0);
            let Some(draft) = self.drafts.get_mut(&id) else { continue };
            draft.replace(extents);
            if lost || self.housekeeper.poisonings > poisonings {
                draft.failed = Some(WriteError::Storage("a piece of the body was lost".to_owned()));
            }
            copied?;
        }
        Ok(())
    }

    /// Copies the pieces in `oldest` while the budget lasts; whether all are copied.
    fn copy_extents(&mut self, extents: &mut [Extent], oldest: u32, budget: &mut u64) -> io::Result<bool> {
        for extent in extents.iter_mut().filter(|extent| extent.place.generation == oldest) {
            if *budget == 0 {
                return Ok(false);
            }
            let octets = span(extent.octets as usize);
            let Some(frame) = self.read(extent.place, octets)?.filter(|frame| frame.kind == Kind::Chunk)
            else {
                tracing::error!(place = ?extent.place, "a piece of a body is damaged");
                extent.place = Place::default();
                continue;
            };
            let Ok(place) = self.append(&Record::Chunk(&frame.payload), Purpose::Upkeep) else {
                return Ok(false);
            };
            extent.place = place;
            *budget = budget.saturating_sub(octets as u64);
        }
        Ok(true)
    }

    fn copy_entry(&mut self, id: u64, oldest: u32, budget: &mut u64) -> io::Result<()> {
        let poisonings = self.housekeeper.poisonings;
        let Some(mut moving) = self.begin_move(id)? else { return Ok(()) };
        let mut extents = std::mem::take(&mut moving.extents);
        let all = self.copy_extents(&mut extents, oldest, budget)?;
        moving.damaged |= extents.iter().any(|extent| extent.place.generation == 0);
        moving.extents = extents;
        let octets = span(moving.payload.len() + REASON_OCTETS_MAX);
        let room = if all { self.ensure(octets, Purpose::Upkeep) } else { Ok(()) };
        // Pieces copied into a group that failed are lost: the entry is copied anew.
        if room.is_err() || self.housekeeper.poisonings > poisonings {
            return Ok(());
        }
        if !all {
            self.housekeeper.moving = Some(moving);
            return Ok(());
        }
        *budget = budget.saturating_sub(octets as u64);
        self.write_copy(moving)
    }

    /// Goes on with the entry that is half copied, or reads its Commit frame.
    fn begin_move(&mut self, id: u64) -> io::Result<Option<Moving>> {
        let Some(&entry) = self.index.find(id) else { return Ok(None) };
        let begun = self.housekeeper.moving.take();
        if let Some(moving) = begun.filter(|moving| moving.id == id && moving.from == entry.place) {
            return Ok(Some(moving));
        }
        let expected = usize::try_from(entry.octets()).unwrap_or(usize::MAX).min(256 << 10);
        let frame = self.read(entry.place, expected)?.filter(|frame| frame.kind == Kind::Commit);
        let parsed = frame.and_then(|frame| {
            let extents = Commit::parse(&frame.payload)?.extents;
            Some(Moving { id, from: entry.place, payload: frame.payload, extents, damaged: false })
        });
        if parsed.is_none() {
            self.lose(id);
        }
        Ok(parsed)
    }

    /// Nothing can be known about the entry any more.
    fn lose(&mut self, id: u64) {
        if let Some(entry) = self.index.remove(id) {
            self.counters.lost += u64::from(!entry.in_doubt());
            tracing::error!(
                id,
                sequence = entry.sequence(id),
                "an entry is damaged beyond recognition and lost"
            );
        }
    }

    fn write_copy(&mut self, moving: Moving) -> io::Result<()> {
        let Some(&entry) = self.index.find(moving.id) else { return Ok(()) };
        let Some(commit) = Commit::parse(&moving.payload) else { return Ok(()) };
        let mut history = self.clocks.for_log(entry.history());
        let damaged = moving.damaged && history.phase != Phase::Aside;
        let mut reason = self.reason(moving.id, entry.place, commit.reason)?;
        if damaged {
            (history.phase, history.due) = (Phase::Aside, 0);
            reason = DAMAGED.as_bytes().to_vec();
        }
        let sequence = entry.sequence(moving.id).unwrap_or(0);
        let (id, extents, reason) = (moving.id, moving.extents, &reason[..]);
        let copy = Commit { id, sequence, history, copied: true, reason, extents, ..commit };
        if let Ok(extent) = self.append_commit(copy, Purpose::Upkeep) {
            self.effects.push(Effect::Copied { id, extent, damaged });
        }
        Ok(())
    }

    /// Why an entry is deferred or set aside.
    fn reason(&self, id: u64, place: Place, own: &[u8]) -> io::Result<Vec<u8>> {
        let Some(at) = self.index.reason(id).filter(|&at| at != place) else { return Ok(own.to_vec()) };
        let frame = self.read(at, span(16 + REASON_OCTETS_MAX))?;
        let reason =
            frame.and_then(|frame| Record::parse(frame.kind, &frame.payload)?.reason().map(<[u8]>::to_vec));
        Ok(reason.unwrap_or_default())
    }

    fn read(&self, place: Place, expected: usize) -> io::Result<Option<ReadFrame>> {
        let segment = self.log.segments(place.generation, place.generation).next();
        segment.map_or(Ok(None), |segment| segment.read(place.offset, expected))
    }
}
