//! Replay: from the files of the log to the index, in one pass over each segment.
//!
//! It only reads: the writer builds its recovery on it and a reader beside the writer its view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::disk::{Access, Disk, read_full};
use crate::error::OpenError;
use crate::frame::{Place, span};
use crate::index::{Entry, Extent, Index, Origin};
use crate::record::{Commit, Phase, Record, Tag};
use crate::scan::{Found, Step, Tail, Walk};
use crate::segment::{Counters, Fate, Segment, SegmentHeader};
use crate::status::Recovery;

mod chain;

pub(crate) use chain::{Chain, Link};

/// What the log says.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) index: Index,
    pub(crate) counters: Counters,
    pub(crate) report: Recovery,
    /// The segments that are needed, oldest first.
    pub(crate) links: Vec<Link>,
    /// Where the last of them ends; `None` when there is none.
    pub(crate) tail: Option<Tail>,
    /// Entries that miss a part of their body and are not set aside yet.
    pub(crate) damaged: Vec<u64>,
    /// Entries whose lease has no outcome.
    pub(crate) open: BTreeSet<u64>,
    /// Entries in doubt, and where they lie.
    pub(crate) doubtful: (BTreeSet<u64>, Vec<Stretch>),
    /// Names of segment files that are not needed.
    pub(crate) unused: Vec<String>,
}

/// Frames of a segment that may never have been synced.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) segment: Arc<Segment>,
    pub(crate) from: u32,
    pub(crate) end: u32,
}

/// Reads the whole log.
pub(crate) fn replay(disk: &dyn Disk, access: Access) -> Result<Replayed, OpenError> {
    let chain = Chain::read(disk, access)?;
    let mut replay = Replay::new(&chain);
    let mut octets = Vec::new();
    let mut tail = None;
    for (at, link) in chain.links.iter().enumerate() {
        let next = chain.links.get(at + 1);
        // The storage reads the next one while this one is walked over: else each waits for the other.
        if let Some(next) = next {
            next.segment.file.prefetch();
        }
        tail = Some(replay.segment(link, next.map(|next| &next.header), &mut octets)?);
    }
    Ok(replay.finish(chain, tail))
}

#[derive(Default)]
struct Replay {
    index: Index,
    counters: Counters,
    report: Recovery,
    /// Offsets of the Chunk frames that verified, by generation.
    chunks: BTreeMap<u32, Vec<u32>>,
    open: BTreeSet<u64>,
    damaged: BTreeSet<u64>,
    doubtful: BTreeSet<u64>,
    doubtful_at: Vec<Stretch>,
    oldest: u32,
    /// The segment whose frames count: its header has the counters up to it.
    newest: u32,
    last_group: u32,
}

impl Replay {
    fn new(chain: &Chain) -> Self {
        let newest = chain.links.last().map(|link| link.header);
        Self {
            counters: newest.map_or(Counters { next_id: 1, ..Counters::default() }, |header| header.counters),
            oldest: newest.map_or(0, |header| header.oldest),
            newest: newest.map_or(0, |header| header.key.generation),
            ..Self::default()
        }
    }

    fn segment(
        &mut self,
        link: &Link,
        next: Option<&SegmentHeader>,
        octets: &mut Vec<u8>,
    ) -> Result<Tail, OpenError> {
        if link.header.fate == Fate::Ended {
            self.interrupt_open();
        }
        let next = next.filter(|next| next.predecessor == link.header.key.generation);
        read_segment(&link.segment, link.header.octets, octets)?;
        let key = link.segment.key;
        let mut walk = match next {
            Some(next) => Walk::to(octets, key, next.predecessor_end),
            None => Walk::to_find_end(octets, key),
        };
        for step in walk.by_ref() {
            match step {
                Step::Frame(found) => self.frame(&link.segment, found)?,
                Step::Damage => self.report.damaged_places += 1,
            }
        }
        if let Some(next) = next.filter(|next| next.fate == Fate::Poisoned) {
            let from = next.predecessor_end;
            let mut end = from;
            for found in Walk::of_group(octets, key, from) {
                end = found.end();
                self.frame_in_doubt(&link.segment, found)?;
            }
            self.doubtful_at.push(Stretch { segment: Arc::clone(&link.segment), from, end });
        }
        self.report.segments += 1;
        Ok(walk.tail())
    }

    fn frame(&mut self, segment: &Segment, found: Found<'_>) -> Result<(), OpenError> {
        let place = segment.place(found.offset);
        if found.head.group != self.last_group {
            self.last_group = found.head.group;
            self.report.unconfirmed = 0;
        }
        match parse(segment, found)? {
            Some(record) => self.record(place, record),
            None => self.report.damaged_places += 1,
        }
        Ok(())
    }

    fn record(&mut self, place: Place, record: Record<'_>) {
        let counts = u64::from(place.generation == self.newest);
        match record {
            Record::Chunk(_) => self.chunks.entry(place.generation).or_default().push(place.offset),
            Record::Commit(commit) => {
                if counts == 1 && !commit.copied {
                    self.counters.accepted = self.counters.accepted.max(commit.sequence);
                    self.report.unconfirmed += 1;
                }
                let sequence = commit.sequence;
                self.commit(place, &commit, sequence);
            }
            Record::Attempt(tags) => tags.iter().for_each(|tag| {
                self.index.attempt(tag.id);
                self.open.insert(tag.id);
            }),
            Record::Return(tags) => tags.iter().for_each(|tag| {
                self.index.give_back(tag.id);
                self.open.remove(&tag.id);
            }),
            Record::Settle(tags) => tags.into_iter().for_each(|tag| {
                self.counters.settled += counts * u64::from(!tag.in_doubt);
                self.remove(tag);
            }),
            Record::Defer { tag, due, .. } => {
                self.index.defer(tag.id, due, place);
                self.open.remove(&tag.id);
            }
            Record::SetAside { tag, .. } => {
                self.index.give_up(tag.id, place);
                self.open.remove(&tag.id);
            }
            Record::Withdraw { tag, .. } => {
                self.counters.withdrawn += counts * u64::from(!tag.in_doubt);
                self.remove(tag);
            }
            Record::Trim { oldest } => self.oldest = self.oldest.max(oldest),
        }
    }

    fn remove(&mut self, tag: Tag) {
        self.index.remove(tag.id);
        self.open.remove(&tag.id);
    }

    /// Frames of a group whose sync failed. Records about entries that were there before were written again
    /// in the next segment, and so were copies; only new entries and their pieces count.
    fn frame_in_doubt(&mut self, segment: &Segment, found: Found<'_>) -> Result<(), OpenError> {
        let place = segment.place(found.offset);
        match parse(segment, found)? {
            Some(Record::Chunk(_)) => self.chunks.entry(place.generation).or_default().push(place.offset),
            Some(Record::Commit(commit)) if !commit.copied => {
                self.doubtful.insert(commit.id);
                self.commit(place, &commit, 0);
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    fn commit(&mut self, place: Place, commit: &Commit<'_>, sequence: u64) {
        let id = commit.id;
        self.counters.next_id = self.counters.next_id.max(id.saturating_add(1));
        let entry = Entry::new(id, sequence, extent_of(place, commit), commit.history);
        let with_reason = !commit.reason.is_empty();
        let origin = if commit.copied { Origin::Copied { with_reason } } else { Origin::New };
        self.index.insert(id, entry, origin);
        if commit.history.phase == Phase::Open {
            self.open.insert(id);
        } else {
            self.open.remove(&id);
        }
        if commit.history.phase != Phase::Aside && !self.is_whole(commit) {
            self.damaged.insert(id);
        } else {
            self.damaged.remove(&id);
        }
    }

    fn is_whole(&self, commit: &Commit<'_>) -> bool {
        commit.extents.iter().all(|extent| {
            let offsets = self.chunks.get(&extent.place.generation);
            offsets.is_some_and(|offsets| offsets.binary_search(&extent.place.offset).is_ok())
        })
    }

    fn interrupt_open(&mut self) {
        for id in std::mem::take(&mut self.open) {
            self.index.interrupt(id);
        }
    }

    fn finish(mut self, chain: Chain, tail: Option<Tail>) -> Replayed {
        self.drop_trimmed();
        self.drop_doubtful_fragments();
        let missing = chain.missing.into_iter().filter(|&generation| generation >= self.oldest);
        self.report.missing_segments = missing.collect();
        self.report.cut_octets = tail.map_or(0, |tail| u64::from(tail.cut));
        self.report.entries = self.index.len() as u64;
        self.balance();
        let Self { index, counters, report, open, damaged, oldest, doubtful, doubtful_at, .. } = self;
        let flows = |id: &u64| index.find(*id).is_some_and(|entry| entry.phase != Phase::Aside);
        let damaged = damaged.into_iter().filter(flows).collect();
        let (links, trimmed): (Vec<_>, Vec<_>) =
            chain.links.into_iter().partition(|link| link.header.key.generation >= oldest);
        let mut unused = chain.unused;
        unused.extend(trimmed.iter().map(|link| chain::name_of(link.header.key.generation)));
        let doubtful = (doubtful, doubtful_at);
        Replayed { index, counters, report, links, tail, damaged, open, doubtful, unused }
    }

    /// What still lies in trimmed segments was settled, perhaps by a frame that is gone already.
    fn drop_trimmed(&mut self) {
        let trimmed: Vec<_> = self.index.iter().filter(|(_, e)| e.place.generation < self.oldest).collect();
        let trimmed: Vec<_> = trimmed.into_iter().map(|(id, _)| id).collect();
        for id in trimmed {
            self.index.remove(id);
            self.open.remove(&id);
        }
    }

    /// Once its commit had failed, nothing kept the pieces of an entry from being freed. It was refused, so
    /// what is left of it is of no use to anyone.
    fn drop_doubtful_fragments(&mut self) {
        let (index, oldest, damaged) = (&mut self.index, self.oldest, &self.damaged);
        self.doubtful.retain(|id| {
            let Some(entry) = index.find(*id) else { return false };
            let is_whole = entry.first >= oldest && !damaged.contains(id);
            if !is_whole {
                index.remove(*id);
            }
            is_whole
        });
        self.doubtful_at.retain(|stretch| stretch.segment.generation() >= oldest);
        self.report.in_doubt = self.doubtful.len() as u64;
    }

    /// Damage can take entries away, or the frames that settled them; the counters say which.
    fn balance(&mut self) {
        let census = self.index.census();
        let here = census.in_spool + census.set_aside;
        let counters = &mut self.counters;
        let known = here + counters.settled + counters.withdrawn;
        self.report.lost = counters.accepted.saturating_sub(known).saturating_sub(counters.lost);
        counters.lost = counters.accepted.saturating_sub(known);
        counters.settled -= known.saturating_sub(counters.accepted).min(counters.settled);
    }
}

fn read_segment(segment: &Segment, size: u32, octets: &mut Vec<u8>) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { doing: "reading a segment", source };
    let there = segment.file.octets().map_err(io)?.min(u64::from(size));
    octets.resize(usize::try_from(there).expect("segments fit the address space"), 0);
    let read = read_full(&*segment.file, octets, 0).map_err(io)?;
    octets.truncate(read);
    Ok(())
}

/// What a frame that verified says; `None` when it makes no sense.
fn parse<'a>(segment: &Segment, found: Found<'a>) -> Result<Option<Record<'a>>, OpenError> {
    let file = || chain::name_of(segment.generation());
    let unknown = |kind| OpenError::UnknownKind { file: file(), offset: found.offset, kind };
    let kind = found.head.known().map_err(unknown)?;
    Ok(Record::parse(kind, found.payload))
}

/// How much of the log an entry needs, and from where on.
pub(crate) fn extent_of(place: Place, commit: &Commit<'_>) -> Extent {
    let pieces = commit.extents.iter().filter(|extent| extent.place.generation > 0);
    let first = pieces.clone().map(|extent| extent.place.generation).min().unwrap_or(u32::MAX);
    let octets = pieces.map(|extent| span(extent.octets as usize) as u64).sum::<u64>();
    Extent { place, first: first.min(place.generation), octets: octets + span(commit.octets()) as u64 }
}

#[cfg(all(test, feature = "simulation"))]
mod tests;
