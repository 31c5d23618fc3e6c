//! The log as its writer sees it: where the next frame goes, and what is synced.
//!
//! ```text
//!   closed ... closed | active:  header  frames, synced | being synced | frames, written | buffer | free
//!                                                       ^group                           ^end
//! ```
//!
//! It knows frames and files, and nothing of entries.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::disk::{Disk, Space};
use crate::frame::{self, Key, Kind, Place, span};
use crate::limits::Limits;
use crate::record::Record;
use crate::segment::{self, Counters, Fate, Segment, SegmentHeader};
use crate::syncer::{Stretch, Syncer};
use crate::workshop::{Spare, Workshop};

/// A group that grew to this is written before it is complete: so much is still in the processor's cache when
/// the kernel copies it.
const BUFFER_OCTETS_MAX: usize = 512 << 10;
/// Octets that are kept for reuse after a group.
const BUFFER_OCTETS_KEPT: usize = 1 << 20;
/// Pieces of bodies are synced by themselves after so many octets, so that no commit pays for all of them, and
/// after a quarter of a smaller segment.
const UNSYNCED_OCTETS_MAX: u32 = 8 << 20;

pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    salt: u64,
    /// Octets of a new segment.
    octets: u32,
    closed: VecDeque<Extant>,
    active: Extant,
    end: u32,
    group: u32,
    /// Up to where the storage was told to begin.
    told: u32,
    buffer: Vec<u8>,
    spares: VecDeque<Spare>,
    workshop: Workshop,
    syncer: Syncer,
    next_generation: u32,
    spare_has_failed: bool,
}

/// A segment and the size of its file.
#[derive(Clone)]
pub(crate) struct Extant {
    pub(crate) segment: Arc<Segment>,
    pub(crate) octets: u32,
}

/// How a new segment begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) fate: Fate,
    pub(crate) oldest: u32,
    pub(crate) counters: Counters,
}

/// Why the log does not go on in a new segment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RollError {
    /// There is no file for it; the old segment goes on as far as it has room.
    #[error("no new segment: {0}")]
    NoSpare(io::Error),
    /// Its header may be on the storage or not.
    #[error("a new segment cannot be begun: {0}")]
    Begun(io::Error),
}

/// What a log is opened with.
pub(crate) struct Parts {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) workshop: Workshop,
    pub(crate) syncer: Syncer,
    pub(crate) salt: u64,
    pub(crate) octets: u32,
    /// The segments that are there, oldest first, and where the last of them ends.
    pub(crate) closed: VecDeque<Extant>,
    pub(crate) end: u32,
    pub(crate) next_generation: u32,
    /// A file that can be used again: a full disk has no room for another.
    pub(crate) spare_name: Option<String>,
}

impl Log {
    /// Begins a new segment behind those that are there: nothing is ever written behind a tail that a
    /// former life of the program left.
    pub(crate) fn open(mut parts: Parts, opening: Opening) -> io::Result<Self> {
        parts.workshop.prepare(parts.next_generation, parts.octets, parts.spare_name.take());
        let spare = parts.workshop.wait().unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))?;
        let predecessor = parts.closed.back().map_or(0, |last| last.segment.generation());
        let active = begin(spare, parts.salt, (predecessor, parts.end), opening)?;
        Ok(Self {
            disk: parts.disk,
            salt: parts.salt,
            octets: parts.octets,
            closed: parts.closed,
            active,
            end: segment::HEADER as u32,
            group: segment::HEADER as u32,
            told: segment::HEADER as u32,
            buffer: Vec::new(),
            spares: VecDeque::new(),
            workshop: parts.workshop,
            syncer: parts.syncer,
            next_generation: parts.next_generation + 1,
            spare_has_failed: false,
        })
    }

    /// Octets that the active segment still takes.
    pub(crate) fn room(&self) -> usize {
        (self.active.octets - self.end) as usize - self.buffer.len()
    }

    /// Adds a frame to the group. The caller has made sure that there is room.
    pub(crate) fn append(&mut self, record: &Record<'_>) -> Place {
        let octets = span(record.octets());
        assert!(octets <= self.room(), "frames stay within their segment");
        let offset = self.end + u32::try_from(self.buffer.len()).expect("the buffer is within the segment");
        frame::append(
            &mut self.buffer,
            self.active.segment.key,
            offset,
            self.group,
            record.kind(),
            |buffer| {
                record.write(buffer);
            },
        );
        self.active.segment.place(offset)
    }

    /// Adds a piece of a body to the group and writes it from where it lies: a large one is not worth a copy. The
    /// caller has made sure that there is room.
    pub(crate) fn append_piece(&mut self, piece: &[u8]) -> io::Result<Place> {
        if piece.len() < Limits::of(self.active.octets).apart_octets {
            return Ok(self.append(&Record::Chunk(piece)));
        }
        assert!(span(piece.len()) <= self.room(), "frames stay within their segment");
        self.write_out()?;
        let offset = self.end;
        let head = frame::head(self.active.segment.key, offset, self.group, Kind::Chunk, piece);
        let padding = &[0; 8][..span(piece.len()) - frame::HEADER - piece.len()];
        self.active.segment.file.write_parts_at(&[&head, piece, padding], u64::from(offset))?;
        self.has_written(span(piece.len()));
        Ok(self.active.segment.place(offset))
    }

    /// Whether the buffer should be written before the group is complete.
    pub(crate) fn is_heavy(&self) -> bool {
        self.buffer.len() >= BUFFER_OCTETS_MAX
    }

    /// Writes what was added.
    pub(crate) fn write_out(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.active.segment.file.write_at(&self.buffer, u64::from(self.end))?;
        self.has_written(self.buffer.len());
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_OCTETS_KEPT);
        Ok(())
    }

    fn has_written(&mut self, octets: usize) {
        self.end += u32::try_from(octets).expect("what is written is within the segment");
        let untold = u64::from(self.end - self.told);
        if untold >= BUFFER_OCTETS_MAX as u64 {
            // More of the group is to come: the storage works on this meanwhile.
            self.active.segment.file.begin_writing(u64::from(self.told), untold);
            self.told = self.end;
        }
    }

    /// Has what was written synced behind the writer, once that is much. It waits only where the storage takes
    /// less than is written: no more than two stretches are unsynced.
    pub(crate) fn sync_ahead(&mut self) -> io::Result<()> {
        let stretch_octets = UNSYNCED_OCTETS_MAX.min(self.active.octets / 4);
        if self.end - self.syncer.end().unwrap_or(self.group) < stretch_octets {
            return Ok(());
        }
        self.settle_stretch()?;
        self.syncer.begin(&self.active.segment.file, self.end);
        Ok(())
    }

    /// Takes note of what was synced behind the writer.
    pub(crate) fn collect_stretch(&mut self) -> io::Result<()> {
        self.syncer.poll().map_or(Ok(()), |stretch| self.take_stretch(stretch))
    }

    /// Whether what is synced behind the writer is to be collected without being called for.
    pub(crate) fn wants_collecting(&self) -> bool {
        self.syncer.wants_poll()
    }

    /// Waits for what is being synced behind the writer.
    fn settle_stretch(&mut self) -> io::Result<()> {
        self.syncer.wait().map_or(Ok(()), |stretch| self.take_stretch(stretch))
    }

    fn take_stretch(&mut self, (end, synced): Stretch) -> io::Result<()> {
        synced?;
        self.group = end;
        Ok(())
    }

    /// Makes durable what was written: the group is complete.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.write_out()?;
        // Its error is told once: a sync that succeeds after it says nothing about what it was for.
        self.settle_stretch()?;
        if self.end > self.group {
            self.active.segment.file.sync_data()?;
            self.group = self.end;
            self.told = self.end;
        }
        Ok(())
    }

    /// Forgets the group: it is not known what the storage holds of it.
    pub(crate) fn poison(&mut self) -> Place {
        // What is being synced still may be lost by itself: that is no other failure than this one.
        let _poisoned = self.settle_stretch();
        self.buffer.clear();
        (self.end, self.told) = (self.group, self.group);
        self.active.segment.place(self.group)
    }

    /// Goes on in a new segment. Once that was begun the old one takes no frame any more, for it may have a
    /// successor on the storage; call it again.
    pub(crate) fn roll(&mut self, opening: Opening) -> Result<(), RollError> {
        assert!(self.syncer.end().is_none(), "a segment is left when all of it is synced, or poisoned");
        let spare = self.take_spare().map_err(RollError::NoSpare)?;
        assert!(
            spare.generation > self.active.segment.generation(),
            "generations tell the order of segments"
        );
        let name = segment::name(spare.generation).to_string_lossy().into_owned();
        let predecessor = (self.active.segment.generation(), self.end);
        match begin(spare, self.salt, predecessor, opening) {
            Ok(active) => {
                self.closed.push_back(std::mem::replace(&mut self.active, active));
                (self.end, self.group) = (segment::HEADER as u32, segment::HEADER as u32);
                self.told = self.end;
                Ok(())
            }
            Err(error) => {
                self.workshop.remove(name);
                Err(RollError::Begun(error))
            }
        }
    }

    /// Whether a new segment can be had without making one, which takes space.
    pub(crate) fn has_spare(&mut self) -> bool {
        self.collect_spares();
        !self.spares.is_empty() || self.workshop.in_flight() > 0
    }

    /// Spare segments that are ready.
    pub(crate) fn ready_spares(&self) -> usize {
        self.spares.len()
    }

    /// The spare segments, and octets of all files, those being made included.
    pub(crate) fn size(&self) -> (usize, u64) {
        let spares = self.spares.len() + self.workshop.in_flight();
        let used = self.closed.iter().map(|extant| u64::from(extant.octets)).sum::<u64>();
        (spares, used + u64::from(self.active.octets) + spares as u64 * u64::from(self.octets))
    }

    pub(crate) fn order_spare(&mut self) {
        self.workshop.prepare(self.next_generation, self.octets, None);
        self.next_generation += 1;
    }

    /// Whether a spare could not be made since this was last asked.
    pub(crate) fn spare_has_failed(&mut self) -> bool {
        self.collect_spares();
        std::mem::take(&mut self.spare_has_failed)
    }

    /// Makes a spare of a file that is not needed any more.
    pub(crate) fn prepare_again(&mut self, name: String) {
        self.workshop.prepare(self.next_generation, self.octets, Some(name));
        self.next_generation += 1;
    }

    pub(crate) fn drop_spare(&mut self) {
        self.collect_spares();
        if let Some(spare) = self.spares.pop_back() {
            self.workshop.remove(segment::name(spare.generation).to_string_lossy().into_owned());
        }
    }

    /// Frees the segments before `oldest`: as spares while `spares_max` is not reached.
    pub(crate) fn release_before(&mut self, oldest: u32, spares_max: usize) {
        while let Some(extant) = self.closed.pop_front_if(|extant| extant.segment.generation() < oldest) {
            let name = segment::name(extant.segment.generation()).to_string_lossy().into_owned();
            let wanted = extant.octets == self.octets && self.size().0 < spares_max;
            // Whoever still reads from it keeps the file; only its name goes.
            if wanted && Arc::strong_count(&extant.segment) == 1 {
                self.prepare_again(name);
            } else {
                self.workshop.remove(name);
            }
        }
    }

    /// Removes a file that a former life left.
    pub(crate) fn discard(&mut self, name: String) {
        self.workshop.remove(name);
    }

    pub(crate) fn closed(&self) -> &VecDeque<Extant> {
        &self.closed
    }

    pub(crate) fn active(&self) -> &Arc<Segment> {
        &self.active.segment
    }

    /// The open segments of these generations, oldest first.
    pub(crate) fn segments(&self, first: u32, last: u32) -> impl Iterator<Item = &Arc<Segment>> {
        let all = self.closed.iter().chain([&self.active]).map(|extant| &extant.segment);
        all.filter(move |segment| (first..=last).contains(&segment.generation()))
    }

    pub(crate) fn segment_octets(&self) -> u32 {
        self.octets
    }

    /// Whether more than half of the active segment is used.
    pub(crate) fn is_half_full(&self) -> bool {
        self.end > self.active.octets / 2
    }

    pub(crate) fn space(&self) -> io::Result<Space> {
        self.disk.space()
    }

    fn collect_spares(&mut self) {
        while let Some(made) = self.workshop.poll() {
            match made {
                Ok(spare) => self.spares.push_back(spare),
                Err(error) => {
                    tracing::warn!(%error, "a spare segment could not be prepared");
                    self.spare_has_failed = true;
                }
            }
        }
    }

    fn take_spare(&mut self) -> io::Result<Spare> {
        self.collect_spares();
        if let Some(spare) = self.spares.pop_front() {
            return Ok(spare);
        }
        if self.workshop.in_flight() == 0 {
            self.order_spare();
        }
        self.workshop.wait().unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))
    }
}

fn begin(spare: Spare, salt: u64, predecessor: (u32, u32), opening: Opening) -> io::Result<Extant> {
    let Spare { generation, file, octets } = spare;
    let Opening { fate, oldest, counters } = opening;
    let (predecessor, predecessor_end) = predecessor;
    // Each segment has a salt of its own, which follows from that of this life of the program.
    let salt = salt.wrapping_add(u64::from(generation).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let key = Key { salt, generation };
    let oldest = if oldest == 0 { generation } else { oldest };
    let header = SegmentHeader { key, predecessor, predecessor_end, fate, oldest, octets, counters };
    file.write_at(&header.to_octets(), 0)?;
    file.sync_data()?;
    Ok(Extant { segment: Arc::new(Segment { key, file }), octets })
}
