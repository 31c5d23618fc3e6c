//! The spool in a directory of the operating system, with its writer on a thread.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sensor_spool::{OpenError, Options, ReadOnly, RealDisk, Recovery, Runner, Spool};

const SEGMENT: u32 = 256 << 10;

fn open(directory: &Path) -> Result<(Spool<u64>, Recovery), OpenError> {
    let options =
        Options { segment_octets: SEGMENT, reserve_octets: 0, reserve_inodes: 0, ..Options::default() };
    Spool::open(Arc::new(RealDisk::new(directory).unwrap()), options, Runner::Thread)
}

fn look(directory: &Path) -> Result<ReadOnly<u64>, OpenError> {
    ReadOnly::open(Arc::new(RealDisk::existing(directory).unwrap()))
}

fn body(number: u64) -> Vec<u8> {
    let octets = (number * 37 % 9_000) as usize;
    (0..octets).map(|at| (at as u64 ^ (number * 11)).to_le_bytes()[0]).collect()
}

async fn commit(spool: &Spool<u64>, number: u64) -> u64 {
    let mut draft = spool.draft().unwrap();
    draft.write(&body(number)).await.unwrap();
    draft.commit(&number).await.unwrap().sequence
}

fn check_body(number: u64, read: &sensor_spool::Body) {
    let expected = body(number);
    let mut octets = vec![0; expected.len() + 1];
    assert_eq!(read.read_at(0, &mut octets).unwrap(), expected.len());
    assert!(octets[..expected.len()] == expected, "octets of {number}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_commit_at_once_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _) = open(directory.path()).unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let spool = spool.clone();
            tokio::spawn(async move {
                let mut sequences = Vec::new();
                for number in task * 100..task * 100 + 100 {
                    sequences.push(commit(&spool, number).await);
                }
                sequences
            })
        })
        .collect();
    let mut sequences = Vec::new();
    for task in tasks {
        sequences.extend(task.await.unwrap());
    }
    sequences.sort_unstable();
    assert!(sequences.iter().copied().eq(1..=800), "dense, each once");
    spool.shut_down().await;

    let (spool, recovery) = open(directory.path()).unwrap();
    assert_eq!((recovery.entries, recovery.damaged_places, recovery.cut_octets), (800, 0, 0));
    let mut numbers = Vec::new();
    while numbers.len() < 800 {
        let leases = spool.lease(100).await.unwrap();
        leases.iter().for_each(|lease| check_body(lease.header, &lease.body));
        numbers.extend(leases.iter().map(|lease| lease.header));
        spool.settle(leases).await.unwrap();
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..800));
    assert_eq!(spool.status().settled, 800);
    spool.shut_down().await;
}

#[tokio::test]
async fn two_sensors_never_share_a_spool() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _) = open(directory.path()).unwrap();
    assert!(matches!(open(directory.path()), Err(OpenError::Locked)));
    commit(&spool, 1).await;
    spool.shut_down().await;
    assert_eq!(open(directory.path()).unwrap().1.entries, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_the_writer_sees_whole_entries() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _) = open(directory.path()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (writer, stopped) = (spool.clone(), Arc::clone(&stop));
    let busy = tokio::spawn(async move {
        let mut number = 0;
        while !stopped.load(Ordering::Relaxed) {
            commit(&writer, number).await;
            number += 1;
            if number % 20 == 0 {
                writer.settle(writer.lease(17).await.unwrap()).await.unwrap();
            }
        }
        number
    });
    let mut seen = 0;
    while seen < 2_000 {
        let view = look(directory.path()).unwrap();
        for entry in view.list().filter_map(Result::ok) {
            // What was settled meanwhile may be gone; what is there is whole.
            if let Ok(Some(read)) = view.body(entry.id) {
                check_body(entry.header, &read);
                seen += 1;
            }
        }
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    let committed = busy.await.unwrap();
    let status = spool.status();
    assert_eq!((status.accepted, status.last_error), (committed, None));
    spool.shut_down().await;
    let view = look(directory.path()).unwrap();
    assert_eq!(view.list().count() as u64, status.in_spool);
}

#[tokio::test]
async fn a_segment_of_a_later_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, _) = open(directory.path()).unwrap();
    commit(&spool, 1).await;
    spool.shut_down().await;
    let file = directory.path().join("00000001.seg");
    let mut octets = std::fs::read(&file).unwrap();
    // Version 3, to be read by version 2 or newer.
    octets[8..12].copy_from_slice(&[3, 0, 2, 0]);
    std::fs::write(&file, &octets).unwrap();
    let expected = |error| matches!(error, OpenError::UnknownVersion { version: 3, reader: 2, own: 1, .. });
    assert!(expected(open(directory.path()).unwrap_err()));
    assert!(expected(look(directory.path()).unwrap_err()));
    assert_eq!(std::fs::read(&file).unwrap(), octets, "nothing was changed");
}

#[tokio::test]
async fn a_reader_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(look(directory.path()).unwrap().list().count(), 0);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Files are made ahead on a thread of their own: the next to open the spool must not meet one that is half made.
#[tokio::test]
async fn a_spool_that_was_shut_down_can_be_opened_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let options =
        || Options { segment_octets: 32 << 20, reserve_octets: 0, reserve_inodes: 0, ..Options::default() };
    for _ in 0..10 {
        let disk = Arc::new(RealDisk::new(directory.path()).unwrap());
        let (spool, _) = Spool::<u64>::open(disk, options(), Runner::Thread).unwrap();
        spool.shut_down().await;
    }
}
