//! What keeps the log small and ready: freeing, when to copy forward, spare segments, free space.
//!
//! ```text
//!   oldest                                     active
//!   [ dead dead LIVE dead ] [ ... ] [ ... ] [ frames | free ]     when the files take more than
//!                 |                             ^                 2 x live + 2 segments
//!                 +------- copied, with state --+     (how: `copying`)
//!   then a Trim record, then the file is a spare
//! ```

use crate::disk::Space;
use crate::error::Full;
use crate::record::Record;
use crate::status::Status;

use super::copying::Moving;
use super::{Effect, Purpose, SPACE_EVERY_GROUPS, SPACE_RETRY_MILLIS, Writer};

/// Spare segments that are kept at most, unless more are to be prepared.
const SPARES_MAX: usize = 2;
/// How long no segment was begun before more are filled ahead: filling takes the storage and the processors from
/// the very burst that is to have them.
const LULL_MILLIS: u64 = 5_000;
/// How long housekeeping rests after a failure.
const REST_MILLIS: u64 = 1_000;

pub(super) struct Housekeeper {
    pub(super) reserve: Space,
    /// Spare segments that are made ahead, where there is room for them.
    prepared: usize,
    /// Octets that the pieces of open drafts need.
    pub(super) draft_octets: u64,
    space: Space,
    space_looked_at: (u64, u64),
    pub(super) moving: Option<Moving>,
    /// How many groups failed.
    pub(super) poisonings: u64,
    rests_until: u64,
    order_after: u64,
    prepare_after: u64,
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
