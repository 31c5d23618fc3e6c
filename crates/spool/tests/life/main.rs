//! Lives of a spool, one promise each, on a simulated disk with a paused clock.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clock;
mod damage;
mod full;
mod intake;
mod outcomes;
mod reader;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sensor_spool::disk::SimDisk;
use sensor_spool::{
    Clock, CommitError, Lease, Options, Pace, Position, ReadOnly, Recovery, Runner, Spool, Status,
};
use tokio::time::Instant;

const SEGMENT: u32 = 32 << 10;

/// Runs one life of the program; when it returns the program is gone, as if killed.
fn life<T>(disk: &SimDisk, act: impl AsyncFnOnce(Spool<String>, Recovery) -> T) -> T {
    life_with(disk, &options(), Duration::ZERO, act)
}

/// A life with these options, on storage that takes `pace` for a group.
fn life_with<T>(
    disk: &SimDisk,
    options: &Options,
    pace: Duration,
    act: impl AsyncFnOnce(Spool<String>, Recovery) -> T,
) -> T {
    life_at(disk, options, pace, &Arc::default(), act)
}

/// A life that begins at `epoch` by the time of day, which is set by setting that.
fn life_at<T>(
    disk: &SimDisk,
    options: &Options,
    pace: Duration,
    epoch: &Arc<AtomicU64>,
    act: impl AsyncFnOnce(Spool<String>, Recovery) -> T,
) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let outcome = runtime.block_on(async {
        let (start, epoch) = (Instant::now(), Arc::clone(epoch));
        let since_start = move || u64::try_from(start.elapsed().as_millis()).unwrap();
        let clock: Clock = Arc::new(move || epoch.load(Ordering::Relaxed) + since_start());
        let pace: Pace = Arc::new(move || pace);
        let options = Options { clock, ..options.clone() };
        let (spool, recovery) = Spool::open(Arc::new(disk.clone()), options, Runner::Task(pace)).unwrap();
        act(spool, recovery).await
    });
    drop(runtime);
    disk.kill();
    outcome
}

fn options() -> Options {
    Options { segment_octets: SEGMENT, reserve_octets: 0, reserve_inodes: 0, salt: 5, ..Options::default() }
}

async fn commit(spool: &Spool<String>, header: &str, body: &[u8]) -> Result<Position, CommitError> {
    let mut draft = spool.draft().unwrap();
    draft.write(body).await.unwrap();
    draft.commit(&header.to_owned()).await
}

/// Commits a mail of each name, the name being its body too.
async fn commit_all(spool: &Spool<String>, names: &[&str]) {
    for name in names {
        commit(spool, name, name.as_bytes()).await.unwrap();
    }
}

fn names(leases: &[Lease<String>]) -> Vec<&str> {
    leases.iter().map(|lease| lease.header.as_str()).collect()
}

fn octets(lease: &Lease<String>) -> Vec<u8> {
    let mut octets = vec![0; usize::try_from(lease.body.len()).unwrap()];
    assert_eq!(lease.body.read_at(0, &mut octets).unwrap(), octets.len());
    octets
}

fn look(disk: &SimDisk) -> ReadOnly<String> {
    ReadOnly::open(Arc::new(disk.clone())).unwrap()
}

/// Octets without a pattern that a mix-up of pieces would keep.
fn noise(octets: usize) -> Vec<u8> {
    let mut chance = sensor_spool::disk::Chance(octets as u64);
    (0..octets).map(|_| chance.draw().to_le_bytes()[0]).collect()
}

fn check_conservation(status: &Status) {
    let Status { accepted, in_spool, settled, set_aside, withdrawn, lost, .. } = *status;
    assert_eq!(accepted, in_spool + settled + set_aside + withdrawn + lost, "{status:?}");
}
