//! The body of the recovery fuzzer: a plain function that stable tests replay.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::disk::{Disk, SimDisk, read_full};
use crate::{BodyError, Options, Outcome, ReadOnly, Runner, Spool, Standing};

const SEGMENT: u32 = 32 << 10;
/// Entries of the log that is damaged.
const ENTRIES: usize = 12;

/// Damages a small log as `bytes` say and reads it. Each four octets are one edit: which file (one octet),
/// where (two octets, in steps of 8 below a flipped bit), and which bits of the octet there are flipped.
///
/// # Panics
/// When reading panics, gives octets that were never written, or loses count.
pub fn check_recovery(bytes: &[u8]) {
    let disk = SimDisk::new(1);
    let files = a_log();
    for (name, octets) in files {
        put(&disk, name, octets);
    }
    for edit in bytes.as_chunks::<4>().0 {
        let &[file, low, high, bits] = edit;
        let (name, _) = &files[usize::from(file) % files.len()];
        disk.corrupt(Path::new(name), u64::from(u16::from_le_bytes([low, high])), bits);
    }
    check_view(&disk);
    runtime().block_on(check_service(&disk));
}

/// Whatever a reader shows was written.
fn check_view(disk: &SimDisk) {
    let Ok(view) = ReadOnly::<usize>::open(Arc::new(disk.clone())) else { return };
    for summary in view.list().flatten() {
        let Ok(Some(body)) = view.body(summary.id) else { continue };
        check_body(summary.header, &body, matches!(summary.standing, Standing::SetAside { .. }));
    }
}

/// Whatever recovery makes of the log, it serves, and nobody is counted twice.
async fn check_service(disk: &SimDisk) {
    let Ok((spool, _)) = Spool::<usize>::open(Arc::new(disk.clone()), options(), Runner::task()) else {
        return;
    };
    let accepted = spool.status().accepted;
    while let Ok(Ok(leases)) = tokio::time::timeout(Duration::from_secs(60), spool.lease(4)).await {
        leases.iter().for_each(|lease| check_body(lease.header, &lease.body, false));
        spool.settle(leases).await.expect("the disk works");
    }
    if let Ok(draft) = spool.draft() {
        let position = draft.commit(&0).await.expect("the disk works");
        assert_eq!(position.sequence, accepted + 1);
    }
    let status = spool.status();
    let here = status.in_spool + status.set_aside;
    assert_eq!(status.accepted, here + status.settled + status.withdrawn + status.lost, "{status:?}");
}

fn check_body(number: usize, body: &crate::Body, may_be_damaged: bool) {
    let expected = body_of(number);
    let mut octets = vec![0; expected.len() + 1];
    match body.read_at(0, &mut octets) {
        Ok(read) => assert!(octets[..read] == expected, "entry {number} has other octets"),
        Err(BodyError::Damaged { .. }) => assert!(may_be_damaged || expected.len() > 4_096, "{number}"),
        Err(BodyError::Io(error)) => panic!("the disk works: {error}"),
    }
}

/// Entries of all kinds: small, in pieces, deferred, set aside, settled.
fn a_log() -> &'static [(String, Vec<u8>)] {
    static LOG: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    LOG.get_or_init(|| {
        let disk = SimDisk::new(1);
        runtime().block_on(write_log(&disk));
        disk.kill();
        let names = disk.list(Path::new("")).expect("the disk works");
        names.into_iter().map(|name| (name.clone(), content(&disk, &name))).collect()
    })
}

async fn write_log(disk: &SimDisk) {
    let (spool, _) =
        Spool::open(Arc::new(disk.clone()), options(), Runner::task()).expect("the disk is empty");
    for number in 0..ENTRIES {
        let mut draft = spool.draft().expect("there is space");
        draft.write(&body_of(number)).await.expect("the disk works");
        draft.commit(&number).await.expect("the disk works");
    }
    let leases = spool.lease(5).await.expect("it is open");
    let outcomes = [
        Outcome::Settle,
        Outcome::Defer { due: 1, reason: "later".to_owned() },
        Outcome::SetAside { reason: "never".to_owned() },
        Outcome::Settle,
    ];
    spool.conclude(leases.into_iter().zip(outcomes).collect()).await.expect("it is open");
    spool.shut_down().await;
}

fn body_of(number: usize) -> Vec<u8> {
    let octets = if number % 5 == 2 { 9_000 } else { number * 70 };
    (0..octets).map(|at| (at * 7 + number * 31).to_le_bytes()[0]).collect()
}

fn content(disk: &SimDisk, name: &str) -> Vec<u8> {
    let file = disk.open(Path::new(name), crate::disk::Access::Read).expect("it is listed");
    let mut octets = vec![0; SEGMENT as usize];
    let read = read_full(&*file, &mut octets, 0).expect("the disk works");
    octets.truncate(read);
    octets
}

fn put(disk: &SimDisk, name: &str, octets: &[u8]) {
    let file = disk.create(Path::new(name)).expect("the disk is empty");
    file.write_at(octets, 0).expect("the disk works");
    file.sync_data().expect("the disk works");
}

fn options() -> Options {
    let clock = Arc::new(|| 1_000_000);
    Options {
        segment_octets: SEGMENT,
        reserve_octets: 0,
        reserve_inodes: 0,
        salt: 3,
        clock,
        ..Options::default()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().expect("a runtime without I/O needs nothing")
}
