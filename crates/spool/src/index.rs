//! The index: what memory holds of each entry, and who is due.
//!
//! One entry costs 32 octets and its key 8; in a B-tree that is about 90 octets. A deferred entry costs
//! about 30 more in the queue of what is due and about 30 for the place of its reason. Headers and bodies
//! stay on disk.
//!
//! ```text
//!   Fresh (id >= cursor) --take--> Open --remove----> gone
//!   Deferred (due, id)   --take-->   |  \-give back-> Deferred, due at once or after a rest;
//!                                    |                or, once interrupted, Suspect
//!   Suspect, alone       --take-->   +--set aside---> Aside
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::frame::Place;
use crate::record::{History, Phase, Tag};

mod holders;

use holders::Holders;

/// Marks an entry without a sequence.
const IN_DOUBT: u32 = u32::MAX;
/// Frames are multiples of this, so lengths are kept in it.
const UNIT: u64 = 8;

/// What memory holds of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its Commit frame.
    pub(crate) place: Place,
    /// As the log tells it, until [`Index::retime`].
    due: u64,
    /// Its id minus its sequence: commits that failed used up an id and no sequence.
    behind: u32,
    /// The oldest generation that holds a part of it.
    pub(crate) first: u32,
    units: u32,
    pub(crate) attempts: u8,
    pub(crate) failures: u8,
    pub(crate) interrupted: u8,
    pub(crate) phase: Phase,
}

/// Where an entry lies and how much of the log it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) place: Place,
    pub(crate) first: u32,
    pub(crate) octets: u64,
}

/// How an entry came to lie where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was committed there.
    New,
    /// It was copied forward; with a reason, its Commit frame holds it.
    Copied {
        /// Whether it was deferred or set aside before.
        with_reason: bool,
    },
}

impl Entry {
    pub(crate) fn new(id: u64, sequence: u64, extent: Extent, history: History) -> Self {
        let History { attempts, failures, interrupted, phase, due } = history;
        // A damaged log may claim anything; what does not fit is treated as in doubt.
        let behind = match sequence {
            0 => IN_DOUBT,
            _ => id.checked_sub(sequence).and_then(|n| u32::try_from(n).ok()).unwrap_or(IN_DOUBT),
        };
        let Extent { place, first, octets } = extent;
        let units = u32::try_from(octets / UNIT).unwrap_or(u32::MAX);
        Self { place, due, behind, first, units, attempts, failures, interrupted, phase }
    }

    pub(crate) fn in_doubt(&self) -> bool {
        self.behind == IN_DOUBT
    }

    /// The sequence of the entry with this id.
    pub(crate) fn sequence(&self, id: u64) -> Option<u64> {
        (!self.in_doubt()).then(|| id - u64::from(self.behind))
    }

    pub(crate) fn tag(&self, id: u64) -> Tag {
        Tag { id, in_doubt: self.in_doubt() }
    }

    /// Octets of the log that it needs.
    pub(crate) fn octets(&self) -> u64 {
        u64::from(self.units) * UNIT
    }

    pub(crate) fn history(&self) -> History {
        let Self { attempts, failures, interrupted, phase, due, .. } = *self;
        History { attempts, failures, interrupted, phase, due }
    }
}

/// How many entries are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) in_spool: u64,
    pub(crate) set_aside: u64,
    pub(crate) in_doubt: u64,
    pub(crate) leased: u64,
    pub(crate) octets: u64,
}

/// All entries of a spool.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: BTreeMap<u64, Entry>,
    /// The frames that hold the reasons of deferred and set-aside entries.
    reasons: BTreeMap<u64, Place>,
    holders: Holders,
    census: Census,
    queue: BTreeSet<(u64, u64)>,
    suspects: BTreeSet<u64>,
    fresh: u64,
    /// Fresh entries are at or after it.
    cursor: u64,
    /// Entries at or after it came in this life of the program.
    horizon: u64,
    suspect_was_last: bool,
}

impl Index {
    pub(crate) fn find(&self, id: u64) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(&id, entry)| (id, entry))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn census(&self) -> Census {
        self.census
    }

    pub(crate) fn reason(&self, id: u64) -> Option<Place> {
        self.reasons.get(&id).copied()
    }

    /// Puts an entry in, or in the place of its older copy.
    pub(crate) fn insert(&mut self, id: u64, entry: Entry, origin: Origin) {
        self.remove(id);
        self.holders.add(id, &entry, origin);
        self.count(&entry, 1);
        self.arrange(id, &entry);
        self.entries.insert(id, entry);
        if origin == (Origin::Copied { with_reason: true }) {
            self.reasons.insert(id, entry.place);
        }
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.holders.remove(entry.first);
        self.count(&entry, -1);
        self.disarrange(id, &entry);
        self.reasons.remove(&id);
        Some(entry)
    }

    /// The entry was copied forward.
    pub(crate) fn relocate(&mut self, id: u64, extent: Extent) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Extent { place, first, octets } = extent;
        let old = *entry;
        (entry.place, entry.first) = (place, first);
        entry.units = u32::try_from(octets / UNIT).unwrap_or(u32::MAX);
        let new = *entry;
        self.holders.remove(old.first);
        self.holders.add(id, &new, Origin::Copied { with_reason: false });
        self.count(&old, -1);
        self.count(&new, 1);
        if let Some(reason) = self.reasons.get_mut(&id) {
            *reason = place;
        }
    }

    /// The entry is leased: one attempt more.
    pub(crate) fn attempt(&mut self, id: u64) {
        self.change(id, |entry| {
            entry.attempts = entry.attempts.saturating_add(1);
            entry.phase = Phase::Open;
        });
    }

    /// The entry is nobody's to lease, though no attempt is made.
    pub(crate) fn hold(&mut self, id: u64) {
        self.change(id, |entry| entry.phase = Phase::Open);
    }

    /// Whether [`Index::take`] would find any.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        self.queue.first().is_some_and(|&(due, _)| due <= now) || !self.suspects.is_empty() || self.fresh > 0
    }

    /// The lease ended without an outcome.
    pub(crate) fn give_back(&mut self, id: u64) {
        self.change(id, |entry| {
            if entry.phase == Phase::Open {
                entry.due = 0;
                entry.phase = if entry.interrupted > 0 { Phase::Suspect } else { Phase::Deferred };
            }
        });
    }

    /// As [`Index::give_back`], but due at `due`: also an entry that was interrupted, which for this once is no
    /// suspect. That it cannot be had is no sign that it ended the program.
    pub(crate) fn rest(&mut self, id: u64, due: u64) {
        self.change(id, |entry| {
            if entry.phase == Phase::Open {
                (entry.phase, entry.due) = (Phase::Deferred, due);
            }
        });
    }

    /// The lease failed; the frame at `reason` says why.
    pub(crate) fn defer(&mut self, id: u64, due: u64, reason: Place) {
        self.change(id, |entry| {
            entry.failures = entry.failures.saturating_add(1);
            (entry.phase, entry.due) = (Phase::Deferred, due);
        });
        self.note(id, reason);
    }

    /// As [`Index::set_aside`], by whoever holds it: then its last try failed too. What the spool sets aside
    /// itself, because it is damaged, was not tried.
    pub(crate) fn give_up(&mut self, id: u64, reason: Place) {
        self.change(id, |entry| {
            if entry.phase == Phase::Open {
                entry.failures = entry.failures.saturating_add(1);
            }
        });
        self.set_aside(id, reason);
    }

    /// The entry is never leased again; the frame at `reason` says why.
    pub(crate) fn set_aside(&mut self, id: u64, reason: Place) {
        self.change(id, |entry| (entry.phase, entry.due) = (Phase::Aside, 0));
        self.note(id, reason);
    }

    /// The program ended while the entry was leased.
    pub(crate) fn interrupt(&mut self, id: u64) {
        self.change(id, |entry| {
            if entry.phase == Phase::Open {
                entry.interrupted = entry.interrupted.saturating_add(1);
                entry.phase = Phase::Suspect;
            }
        });
    }

    /// Entries from here on came in this life of the program: suspects wait for those before.
    pub(crate) fn begin_life(&mut self, next_id: u64) {
        self.horizon = next_id;
    }

    /// Tells the time of each deferred entry by another clock. What is due at once stays so.
    pub(crate) fn retime(&mut self, told: impl Fn(u64) -> u64) {
        for (due, id) in std::mem::take(&mut self.queue) {
            let due = if due == 0 { 0 } else { told(due) };
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.due = due;
                self.queue.insert((due, id));
            }
        }
    }

    /// Leases up to `max` entries that are due at `now`, oldest first. A suspect comes alone, when all that
    /// was here before had its turn, and takes turns with what comes in.
    pub(crate) fn take(&mut self, max: usize, now: u64) -> Vec<u64> {
        let suspect = self.suspects.first().copied().filter(|_| self.is_turn_of_suspects(now));
        let mut ids: Vec<u64> = suspect.into_iter().collect();
        if ids.is_empty() {
            ids.extend(self.queue.iter().take_while(|&&(due, _)| due <= now).take(max).map(|&(_, id)| id));
            self.take_fresh(&mut ids, max);
        }
        if ids.is_empty() {
            ids.extend(self.suspects.first());
        }
        self.suspect_was_last = suspect.is_some();
        ids.iter().for_each(|&id| self.attempt(id));
        ids
    }

    /// When the next deferred entry is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.queue.first().map(|&(due, _)| due)
    }

    /// Entries, oldest first, that hold a part in `generation`; at most `max`.
    pub(crate) fn held_in(&mut self, generation: u32, max: usize) -> Vec<u64> {
        self.holders.list(generation, &self.entries, max)
    }

    /// Whether any entry holds a part in `generation`.
    pub(crate) fn holds(&self, generation: u32) -> bool {
        self.holders.count(generation) > 0
    }

    fn is_turn_of_suspects(&self, now: u64) -> bool {
        let none_is_due = self.queue.first().is_none_or(|&(due, _)| due > now);
        let old_ones_went = self.fresh == 0 || self.cursor >= self.horizon;
        !self.suspect_was_last && none_is_due && old_ones_went
    }

    fn take_fresh(&mut self, ids: &mut Vec<u64>, max: usize) {
        let room = max.saturating_sub(ids.len());
        // Counted, so that nothing is looked at when all are leased or deferred.
        let room = room.min(usize::try_from(self.fresh).unwrap_or(usize::MAX));
        let waiting = self.entries.range(self.cursor..).filter(|(_, entry)| entry.phase == Phase::Fresh);
        let fresh: Vec<u64> = waiting.map(|(&id, _)| id).take(room).collect();
        self.cursor = self.cursor.max(fresh.last().map_or(0, |&id| id + 1));
        ids.extend(fresh);
    }

    fn change(&mut self, id: u64, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let old = *entry;
        change(entry);
        let new = *entry;
        self.count(&old, -1);
        self.count(&new, 1);
        self.disarrange(id, &old);
        self.arrange(id, &new);
    }

    fn note(&mut self, id: u64, reason: Place) {
        if self.entries.contains_key(&id) {
            self.reasons.insert(id, reason);
        }
    }

    fn arrange(&mut self, id: u64, entry: &Entry) {
        match entry.phase {
            Phase::Fresh => {
                self.fresh += 1;
                self.cursor = self.cursor.min(id);
            }
            Phase::Deferred => {
                self.queue.insert((entry.due, id));
            }
            Phase::Suspect => {
                self.suspects.insert(id);
            }
            Phase::Open | Phase::Aside => {}
        }
    }

    fn disarrange(&mut self, id: u64, entry: &Entry) {
        match entry.phase {
            Phase::Fresh => self.fresh -= 1,
            Phase::Deferred => {
                self.queue.remove(&(entry.due, id));
            }
            Phase::Suspect => {
                self.suspects.remove(&id);
            }
            Phase::Open | Phase::Aside => {}
        }
    }

    fn count(&mut self, entry: &Entry, step: i64) {
        let census = &mut self.census;
        let standing = if entry.in_doubt() {
            &mut census.in_doubt
        } else if entry.phase == Phase::Aside {
            &mut census.set_aside
        } else {
            &mut census.in_spool
        };
        *standing = standing.wrapping_add_signed(step);
        if entry.phase == Phase::Open {
            census.leased = census.leased.wrapping_add_signed(step);
        }
        let octets = i64::try_from(entry.octets()).expect("below 2^35");
        census.octets = census.octets.wrapping_add_signed(octets * step);
    }
}

#[cfg(test)]
mod tests;
