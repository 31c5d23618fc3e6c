//! Opening: recovery, and the first segment of this life.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Access, Disk, Space, read_full};
use crate::error::OpenError;
use crate::hands::Hands;
use crate::limits::{Limits, SEGMENT_OCTETS};
use crate::log::{Extant, Log, Opening, Parts};
use crate::mailbox::Mailbox;
use crate::options::Options;
use crate::replay::{Link, Replayed, Stretch, replay};
use crate::scan::Tail;
use crate::segment::{self, Fate};
use crate::status::{Board, Recovery};
use crate::syncer::Syncer;
use crate::workshop::Workshop;

use super::clocks::Clocks;
use super::housekeeping::Housekeeper;
use super::{Change, HangUp, Writer};

const LOCK: &str = "lock";

/// Locks the spool, reads its log and begins a new segment behind it.
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    options: &Options,
    hands: Hands,
    mailbox: Arc<Mailbox>,
    board: Arc<Board>,
) -> Result<(Writer, Recovery), OpenError> {
    if !SEGMENT_OCTETS.contains(&options.segment_octets) || !options.segment_octets.is_multiple_of(4 << 10) {
        return Err(OpenError::Options("a segment is a multiple of 4 KiB from 32 KiB to 256 MiB".to_owned()));
    }
    let lock = disk.lock(Path::new(LOCK)).map_err(|error| {
        let is_held = error.kind() == io::ErrorKind::WouldBlock;
        if is_held { OpenError::Locked } else { io_error("locking the spool")(error) }
    })?;
    let mut replayed = replay(&**disk, Access::ReadWrite)?;
    if let (Some(last), Some(tail)) = (replayed.links.last(), replayed.tail) {
        write_again(last, tail).map_err(io_error("writing the last group again"))?;
    }
    settle_doubt(&mut replayed);
    for id in std::mem::take(&mut replayed.open) {
        replayed.index.interrupt(id);
        replayed.report.interrupted += 1;
    }
    replayed.index.begin_life(replayed.counters.next_id);
    let clocks = Clocks::new(Arc::clone(&options.clock));
    replayed.index.retime(|due| clocks.of_unix(due));
    replayed.report.damaged_entries = replayed.damaged.len() as u64;
    report(&replayed.report);
    let oldest = replayed.links.first().map_or(0, |link| link.header.key.generation);
    let opening = Opening { fate: Fate::Ended, oldest, counters: replayed.counters };
    let Hands { workshop, syncer, herald } = hands;
    let parts = parts(disk, options, (workshop, syncer), &mut replayed);
    let segment_octets = parts.octets;
    let mut log = Log::open(parts, opening).map_err(io_error("beginning a new segment"))?;
    let prepared = usize::try_from(options.prepared_octets.div_ceil(u64::from(segment_octets)));
    let prepared = prepared.unwrap_or(usize::MAX);
    for name in replayed.unused.drain(..) {
        if log.size().0 < prepared && is_whole(&**disk, &name, segment_octets) {
            log.prepare_again(name);
        } else {
            log.discard(name);
        }
    }
    let space = log.space().map_err(io_error("asking for free space"))?;
    let reserve = Space { octets: options.reserve_octets, inodes: options.reserve_inodes };
    let owed = damaged_entries(&replayed);
    let oldest = if oldest == 0 { log.active().generation() } else { oldest };
    let mut writer = Writer {
        log,
        index: replayed.index,
        counters: replayed.counters,
        given: replayed.counters.accepted,
        oldest,
        limits: Limits::of(segment_octets),
        drafts: HashMap::new(),
        effects: Vec::new(),
        pieces: Vec::new(),
        owed,
        waiting: VecDeque::new(),
        leases_are_refused: false,
        broken: None,
        housekeeper: Housekeeper::new(reserve, prepared, space),
        herald,
        mailbox: Arc::clone(&mailbox),
        board: Arc::clone(&board),
        clocks,
        groups: 0,
        is_closing: false,
        closing: Vec::new(),
        _lock: lock,
        _hangs_up: HangUp { mailbox, board },
    };
    writer.look_at_space();
    writer.publish();
    Ok((writer, replayed.report))
}

/// The newest header and the last group are read from the page cache, which after a failed sync may hold
/// what the storage does not. Written again and synced, they are what recovery says they are.
fn write_again(last: &Link, tail: Tail) -> io::Result<()> {
    let Tail { end, group: from, .. } = tail;
    last.segment.file.write_at(&last.header.to_octets(), 0)?;
    write_stretch_again(&Stretch { segment: Arc::clone(&last.segment), from, end })
}

fn write_stretch_again(stretch: &Stretch) -> io::Result<()> {
    let Stretch { segment, from, end } = stretch;
    let mut octets = vec![0; (end - from) as usize];
    let read = read_full(&*segment.file, &mut octets, u64::from(*from))?;
    segment.file.write_at(&octets[..read], u64::from(*from))?;
    segment.file.sync_data()
}

/// What lies behind the end of a poisoned segment may be in the page cache only, too. But that is mail that was refused,
/// in the place where the storage failed before: where it cannot be written it is not believed, and the spool opens.
fn settle_doubt(replayed: &mut Replayed) {
    let (ids, stretches) = std::mem::take(&mut replayed.doubtful);
    if ids.is_empty() {
        return;
    }
    if let Err(error) = stretches.iter().try_for_each(write_stretch_again) {
        tracing::warn!(entries = ids.len(), %error, "mail that was refused is given up: it cannot be written again");
        for id in ids {
            replayed.index.remove(id);
            replayed.open.remove(&id);
        }
        replayed.report.entries = replayed.index.len() as u64;
        replayed.report.in_doubt = 0;
    }
}

fn parts(
    disk: &Arc<dyn Disk>,
    options: &Options,
    (workshop, syncer): (Workshop, Syncer),
    replayed: &mut Replayed,
) -> Parts {
    let octets = replayed.links.iter().map(|link| link.header.octets).max().unwrap_or(0);
    let octets = octets.max(options.segment_octets);
    let unused = replayed.unused.iter().filter_map(|name| segment::generation_of(name));
    let used = replayed.links.iter().map(|link| link.header.key.generation);
    let next_generation = unused.chain(used).max().unwrap_or(0) + 1;
    let spare = replayed.unused.iter().position(|name| is_whole(&**disk, name, octets));
    Parts {
        disk: Arc::clone(disk),
        workshop,
        syncer,
        salt: options.salt,
        octets,
        closed: replayed.links.iter().map(extant).collect(),
        end: replayed.tail.map_or(0, |tail| tail.end),
        next_generation,
        spare_name: spare.map(|at| replayed.unused.remove(at)),
    }
}

/// Whether a file that no segment needs can be one.
fn is_whole(disk: &dyn Disk, name: &str, octets: u32) -> bool {
    let file = disk.open(Path::new(name), Access::Read);
    file.and_then(|file| file.octets()).is_ok_and(|there| there == u64::from(octets))
}

fn extant(link: &Link) -> Extant {
    Extant { segment: Arc::clone(&link.segment), octets: link.header.octets }
}

/// Entries that miss a part of their body are set aside by the first group.
fn damaged_entries(replayed: &Replayed) -> VecDeque<Change> {
    let tags = replayed.damaged.iter().filter_map(|&id| Some(replayed.index.find(id)?.tag(id)));
    let reason = super::copying::DAMAGED;
    tags.map(|tag| Change::SetAside { tag, reason: reason.to_owned(), reply: None }).collect()
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> OpenError {
    move |source| OpenError::Io { doing, source }
}

fn report(found: &Recovery) {
    let Recovery { entries, cut_octets, unconfirmed, in_doubt, .. } = *found;
    tracing::info!(entries, segments = found.segments, cut_octets, unconfirmed, in_doubt, "spool read");
    if found.damaged_places > 0 || found.lost > 0 || !found.missing_segments.is_empty() {
        tracing::error!(
            damaged_places = found.damaged_places,
            damaged_entries = found.damaged_entries,
            lost = found.lost,
            missing_segments = ?found.missing_segments,
            "the storage of the spool is damaged"
        );
    }
}
