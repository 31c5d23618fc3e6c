//! A spool that was filled for a measurement is one that a sensor would have written.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use sensor_bench::backlog::{self, BacklogError, Options};
use sensor_mail::Envelope;
use sensor_spool::{OpenError, ReadOnly, RealDisk, Runner, Spool};

fn options(dir: &Path, entries: u64, octets: u64) -> Options {
    Options { dir: dir.to_owned(), entries, octets: bytesize::ByteSize::b(octets), seed: 1 }
}

#[test]
fn what_a_sensor_has_open_or_is_too_large_is_not_filled() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::new(dir.path()).unwrap());
    let (sensor, _) =
        Spool::<Envelope>::open(disk, sensor_spool::Options::default(), Runner::Thread).unwrap();
    let locked = backlog::run(&options(dir.path(), 10, 100));
    assert!(matches!(locked, Err(BacklogError::Open(OpenError::Locked))), "{locked:?}");
    assert_eq!(sensor.status().accepted, 0);
    let large = backlog::run(&options(dir.path(), 10, 101 << 20));
    assert!(matches!(large, Err(BacklogError::Octets)), "{large:?}");
}

#[test]
fn entries_are_added_up_to_the_number_asked_for_and_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    for (entries, octets, added) in [(0, 1024, 0), (300, 1024, 300), (200, 1024, 0), (310, 200 << 10, 10)] {
        let filled = backlog::run(&options(dir.path(), entries, octets)).unwrap();
        assert_eq!((filled.added, filled.in_spool), (added, filled.found + added), "{entries}");
    }
    let view = ReadOnly::<Envelope>::open(Arc::new(RealDisk::existing(dir.path()).unwrap())).unwrap();
    let mut sequences = Vec::new();
    for summary in view.list() {
        let summary = summary.unwrap();
        let body = view.body(summary.id).unwrap().unwrap();
        let mut octets = vec![0; usize::try_from(body.len()).unwrap()];
        body.read_at(0, &mut octets).unwrap();
        let digest = digest::digest(&digest::SHA256, &octets);
        assert_eq!(summary.header.sha256.0, digest.as_ref());
        assert_eq!(summary.header.octets, body.len());
        sequences.extend(summary.sequence);
    }
    // Entries are listed by their begin, and numbered by their end: large ones overtake one another.
    sequences.sort_unstable();
    assert!(sequences.into_iter().eq(1..=310), "dense, each once");
}
