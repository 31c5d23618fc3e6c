#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::disk::SimDisk;
use crate::frame::{self, Key, Kind};
use crate::segment;

const KEY: Key = Key { salt: 1, generation: 1 };

/// A disk with one segment that holds `frames`.
fn disk(frames: &[u8]) -> SimDisk {
    let disk = SimDisk::new(1);
    put(&disk, KEY, frames);
    disk
}

fn put(disk: &SimDisk, key: Key, frames: &[u8]) {
    let header = SegmentHeader {
        key,
        predecessor: key.generation - 1,
        predecessor_end: segment::HEADER as u32,
        fate: Fate::Ended,
        oldest: 1,
        octets: 32 << 10,
        counters: Counters { next_id: 1, ..Counters::default() },
    };
    let file = disk.create(&segment::name(key.generation)).unwrap();
    file.write_at(&header.to_octets(), 0).unwrap();
    file.write_at(frames, segment::HEADER as u64).unwrap();
}

#[test]
fn the_storage_is_told_of_each_segment_that_comes_next() {
    let disk = SimDisk::new(1);
    for (generation, prefetches) in [(1, 0), (2, 1), (3, 1 + 2)] {
        put(&disk, Key { salt: 1, generation }, &[]);
        assert_eq!(replay(&disk, Access::Read).unwrap().report.segments, u64::from(generation));
        assert_eq!(disk.counts().prefetches, prefetches, "{generation} segments");
    }
}

#[test]
fn a_kind_or_layout_from_the_future_is_refused_and_not_skipped() {
    let at = u32::try_from(segment::HEADER).unwrap();
    let mut frame = Vec::new();
    frame::append(&mut frame, KEY, at, at, Kind::Trim, |buffer| buffer.extend_from_slice(&[1, 0, 0, 0]));
    assert!(replay(&disk(&frame), Access::Read).is_ok());
    frame::forge_kind(&mut frame, KEY, at, 99);
    let refused = replay(&disk(&frame), Access::Read);
    assert!(matches!(refused, Err(OpenError::UnknownKind { kind: 99, offset: 512, .. })), "{refused:?}");
}
