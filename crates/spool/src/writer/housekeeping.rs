//! What keeps the log small and ready: freeing, copying forward, spare segments, free space.
//!
//! ```text
//!   oldest                                     active
//!   [ dead dead LIVE dead ] [ ... ] [ ... ] [ frames | free ]     when the files take more than
//!                 |                             ^                 2 x live + 2 segments
//!                 +------- copied, with state --+
//!   then a Trim record, then the file is a spare
//! ```

use std::io;

use crate::disk::Space;
use crate::error::Full;
use crate::frame::{Kind, Place, span};
use crate::record::{Commit, Extent, Phase, REASON_OCTETS_MAX, Record};
use crate::segment::ReadFrame;
use crate::status::Status;

use super::{Effect, Purpose, SPACE_EVERY_GROUPS, SPACE_RETRY_MILLIS, Writer};

/// Spare segments that are kept at most, unless more are to be prepared.
const SPARES_MAX: usize = 2;
/// Octets that are copied forward in one cycle, so that commits do not wait long.
const COPY_OCTETS_MAX: u64 = 1 << 20;
/// Entries that are copied forward in one cycle.
const COPY_ENTRIES_MAX: usize = 256;
/// How long no segment was begun before more are filled ahead: filling takes the storage and the processors from
/// the very burst that is to have them.
const LULL_MILLIS: u64 = 5_000;
/// How long housekeeping rests after a failure.
const REST_MILLIS: u64 = 1_000;
pub(super) const DAMAGED: &str = "part of the body is damaged on the storage";

pub(super) struct Housekeeper {
    pub(super) reserve: Space,
    /// Spare segments that are made ahead, where there is room for them.
    prepared: usize,
    /// Octets that the pieces of open drafts need.
    pub(super) draft_octets: u64,
    space: Space,
    space_looked_at: (u64, u64),
    moving: Option<Moving>,
    /// How many groups failed.
    poisonings: u64,
    rests_until: u64,
    order_after: u64,
    prepare_after: u64,
}

/// An entry that is copied forward over several cycles.
struct Moving {
    id: u64,
    from: Place,
    payload: Vec<u8>,
    extents: Vec<Extent>,
    damaged: bool,
}

impl Housekeeper {
    pub(super) fn new(reserve: Space, prepared: usize, space: Space) -> Self {
        Self {
            reserve,
            prepared,
            draft_octets: 0,
            space,
            space_looked_at: (0, 0),
            moving: None,
            poisonings: 0,
            rests_until: 0,
            order_after: 0,
            prepare_after: 0,
        }
    }

    /// What was copied into the failed group is copied again.
    pub(super) fn poisoned(&mut self) {
        self.moving = None;
        self.poisonings += 1;
    }

    /// A segment could not be made, whatever was last seen of the space.
    pub(super) fn no_space(&mut self) {
        self.space.octets = 0;
    }

    /// The log went on in a new segment.
    pub(super) fn has_rolled(&mut self, now: u64) {
        self.prepare_after = now.saturating_add(LULL_MILLIS);
    }
}

impl Writer {
    pub(super) fn keep_house(&mut self) {
        let now = self.clocks.now();
        if self.broken.is_some() || !self.owed.is_empty() {
            return;
        }
        self.tend_spares(now);
        self.trim();
        if self.wants_copying(now)
            && let Err(error) = self.copy_forward()
        {
            tracing::warn!(%error, "the oldest segment cannot be read; it is kept");
            self.board.set_error(Some(error.to_string()));
            self.housekeeper.moving = None;
            self.housekeeper.rests_until = now.saturating_add(REST_MILLIS);
        }
    }

    pub(super) fn has_housework(&mut self, now: u64) -> bool {
        let is_due = self.oldest_held() > self.oldest || self.has_surplus() || self.wants_prepared(now);
        is_due || self.wants_copying(now)
    }

    fn has_surplus(&self) -> bool {
        let (spares, prepared) = (self.log.ready_spares(), self.housekeeper.prepared);
        spares > prepared.max(SPARES_MAX) || (spares > prepared.max(1) && self.log.size().1 > self.bound())
    }

    /// Whether new mail may take room: what drains the spool must find some after it.
    pub(super) fn has_slack(&mut self) -> bool {
        self.log.has_spare() || self.housekeeper.space.octets >= u64::from(self.log.segment_octets())
    }

    fn live_octets(&self) -> u64 {
        self.index.census().octets + self.housekeeper.draft_octets
    }

    /// Octets that all files together may take.
    fn bound(&self) -> u64 {
        let segments = 2 + self.housekeeper.prepared as u64;
        2 * self.live_octets() + segments * u64::from(self.log.segment_octets())
    }

    fn wants_copying(&mut self, now: u64) -> bool {
        if self.log.closed().is_empty() || now < self.housekeeper.rests_until {
            return false;
        }
        let closed: u64 = self.log.closed().iter().map(|extant| u64::from(extant.octets)).sum();
        let segment = u64::from(self.log.segment_octets());
        let gains = closed.saturating_sub(self.live_octets()) >= segment;
        let wanted = self.log.size().1 > self.bound() || (gains && !self.has_slack());
        wanted && self.has_room_for_copies()
    }

    /// On a full disk the room that is left belongs to outcomes: copies may not use it up half-way.
    fn has_room_for_copies(&mut self) -> bool {
        let live = self.live_octets().min(u64::from(self.log.segment_octets()));
        self.has_slack() || self.log.room() as u64 >= live
    }

    fn holds(&self, generation: u32) -> bool {
        self.index.holds(generation) || self.drafts.values().any(|draft| draft.holds(generation))
    }

    fn oldest_held(&self) -> u32 {
        let mut closed = self.log.closed().iter().map(|extant| extant.segment.generation());
        closed.find(|&generation| self.holds(generation)).unwrap_or(self.log.active().generation())
    }

    /// Says that the segments before the oldest one with anything live are not needed any more.
    fn trim(&mut self) {
        let oldest = self.oldest_held();
        if oldest > self.oldest && self.append(&Record::Trim { oldest }, Purpose::Upkeep).is_ok() {
            self.effects.push(Effect::Trimmed { oldest });
        }
    }

    /// The Trim record is durable: no recovery will look for the files any more.
    pub(super) fn trimmed(&mut self, oldest: u32) {
        self.oldest = oldest;
        self.log.release_before(oldest, self.housekeeper.prepared.max(SPARES_MAX));
    }

    fn tend_spares(&mut self, now: u64) {
        if self.log.spare_has_failed() {
            self.housekeeper.order_after = now.saturating_add(REST_MILLIS);
        }
        if self.has_surplus() {
            self.log.drop_spare();
        }
        let (spares, total) = self.log.size();
        let segment = u64::from(self.log.segment_octets());
        let wanted = total + segment <= self.bound() || self.log.is_half_full();
        let can = now >= self.housekeeper.order_after && self.housekeeper.space.octets >= segment;
        if (spares == 0 && wanted && can) || self.wants_prepared(now) {
            self.log.order_spare();
        }
    }

    /// One at a time, and none out of the reserve: they are there for speed, not for need.
    fn wants_prepared(&self, now: u64) -> bool {
        if !self.lacks_prepared() || now < self.prepares_at() {
            return false;
        }
        let needed = self.housekeeper.reserve.octets + u64::from(self.log.segment_octets());
        self.log.space().is_ok_and(|space| space.octets >= needed)
    }

    /// Whether there are less than are to be ready, and none is being made.
    fn lacks_prepared(&self) -> bool {
        let (spares, ready) = (self.log.size().0, self.log.ready_spares());
        spares < self.housekeeper.prepared && spares == ready
    }

    fn prepares_at(&self) -> u64 {
        self.housekeeper.order_after.max(self.housekeeper.prepare_after)
    }

    /// When there is housework that has to wait now.
    pub(super) fn housework_at(&self, now: u64) -> Option<u64> {
        let prepare = self.lacks_prepared().then(|| self.prepares_at());
        [Some(self.housekeeper.rests_until), prepare].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Copies what is live in the oldest segment: pieces of open drafts, then entries.
    fn copy_forward(&mut self) -> io::Result<()> {
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
        let ids: Vec<_> = self.drafts.iter().filter(|(_, d)| d.holds(oldest)).map(|(&id, _)| id).collect();
        for id in ids {
            let Some(draft) = self.drafts.get_mut(&id) else { continue };
            let mut extents = std::mem::take(&mut draft.extents);
            let poisonings = self.housekeeper.poisonings;
            let copied = self.copy_extents(&mut extents, oldest, budget);
            let lost = extents.iter().any(|extent| extent.place.generation == 0);
            let Some(draft) = self.drafts.get_mut(&id) else { continue };
            draft.replace(extents);
            if lost || self.housekeeper.poisonings > poisonings {
                draft.failed = Some("a piece of the body was lost".to_owned());
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

    /// Looks at the free space now and then, and says whether drafts may begin.
    pub(super) fn look_at_space(&mut self) {
        let now = self.clocks.now();
        let keeper = &mut self.housekeeper;
        let (looked_at, groups) = keeper.space_looked_at;
        let is_old = now >= looked_at.saturating_add(SPACE_RETRY_MILLIS)
            || self.groups >= groups + SPACE_EVERY_GROUPS
            || self.board.refuses();
        if is_old {
            keeper.space_looked_at = (now, self.groups);
            match self.log.space() {
                Ok(space) => keeper.space = space,
                Err(error) => tracing::warn!(%error, "free space cannot be told"),
            }
        }
        let full = self.why_full();
        self.board.set_full(full);
    }

    fn why_full(&mut self) -> Option<Full> {
        let Housekeeper { space, reserve, .. } = self.housekeeper;
        if self.broken.is_some() {
            Some(Full::Storage)
        } else if space.octets < reserve.octets || !self.has_slack() {
            Some(Full::Octets)
        } else if space.inodes < reserve.inodes {
            Some(Full::Inodes)
        } else {
            None
        }
    }

    pub(super) fn publish(&self) {
        let census = self.index.census();
        let (spares, total_octets) = self.log.size();
        self.board.publish(|status| {
            *status = Status {
                accepted: self.counters.accepted,
                in_spool: census.in_spool,
                leased: census.leased,
                settled: self.counters.settled,
                set_aside: census.set_aside,
                withdrawn: self.counters.withdrawn,
                lost: self.counters.lost,
                in_doubt: census.in_doubt,
                live_octets: self.live_octets(),
                total_octets,
                segments: self.log.closed().len() as u64 + 1,
                spare_segments: spares as u64,
                free_octets: self.housekeeper.space.octets,
                free_inodes: self.housekeeper.space.inodes,
                groups: self.groups,
                last_error: status.last_error.take(),
            };
        });
    }
}
