//! When somebody sets the time of day: what waits, waits as long as it was told to.

use std::time::Duration;

use sensor_spool::disk::{Faults, SimDisk};
use sensor_spool::{CommitError, DEFER_MAX, Standing};
use tokio::time::{Instant, sleep, timeout};

use super::trouble::SYNCS_FAIL;
use super::*;

const NOW: u64 = 1_795_000_000_000;
const DAY: u64 = 24 * 3_600 * 1_000;
const YEARS: u64 = 4 * 365 * DAY;
const HALF_AN_HOUR: u64 = 1_800_000;

/// A life with the options of all, at a time of day.
fn life_from<T>(disk: &SimDisk, epoch: u64, act: impl AsyncFnOnce(Spool<String>, Arc<AtomicU64>) -> T) -> T {
    let epoch = Arc::new(AtomicU64::new(epoch));
    let own = Arc::clone(&epoch);
    life_at(disk, &options(), Duration::ZERO, &epoch, async move |spool, _| act(spool, own).await)
}

#[test]
fn a_storage_that_is_well_again_is_used_though_the_clock_was_set() {
    for set in [NOW - DAY, NOW + DAY] {
        let disk = SimDisk::new(1);
        life_from(&disk, NOW, async |spool, epoch| {
            commit_all(&spool, &["a"]).await;
            disk.set_faults(SYNCS_FAIL);
            let refused = spool.draft().unwrap().commit(&"refused".to_owned());
            sleep(Duration::from_secs(20)).await;
            epoch.store(set, Ordering::Relaxed);
            disk.set_faults(Faults::default());
            let outcome = timeout(Duration::from_secs(6), refused).await.expect("the longest wait is 5 s");
            assert!(matches!(outcome, Err(CommitError::Storage(_))), "{outcome:?}");
            sleep(Duration::from_secs(1)).await;
            commit_all(&spool, &["b"]).await;
        });
    }
}

#[test]
fn what_is_deferred_waits_as_long_as_it_was_told_to() {
    for set in [NOW - DAY, NOW, NOW + DAY] {
        let disk = SimDisk::new(2);
        life_from(&disk, NOW, async |spool, epoch| {
            commit_all(&spool, &["a"]).await;
            let lease = spool.lease(1).await.unwrap().remove(0);
            let start = Instant::now();
            spool.defer(lease, NOW + 30_000, "later").await.unwrap();
            epoch.store(set, Ordering::Relaxed);
            spool.lease(1).await.unwrap();
            let waited = start.elapsed().as_millis();
            assert!((29_900..31_000).contains(&waited), "{waited} ms with the clock set to {set}");
        });
    }
}

/// A machine may start years ahead, and learn the time when the network is there.
#[test]
fn what_was_deferred_under_another_time_waits_no_longer_than_the_longest() {
    for (epoch, at_least, at_most) in [
        (NOW - YEARS, DEFER_MAX, DEFER_MAX),
        (NOW + HALF_AN_HOUR / 2, Duration::from_secs(900), Duration::from_secs(900)),
        (NOW + YEARS, Duration::ZERO, Duration::ZERO),
    ] {
        let disk = SimDisk::new(3);
        life_from(&disk, NOW, async |spool, _| {
            commit_all(&spool, &["a"]).await;
            let lease = spool.lease(1).await.unwrap().remove(0);
            spool.defer(lease, NOW + HALF_AN_HOUR, "later").await.unwrap();
        });
        life_from(&disk, epoch, async |spool, _| {
            let start = Instant::now();
            let lease = spool.lease(1).await.unwrap().remove(0);
            let waited = start.elapsed();
            let late = waited.saturating_sub(at_most);
            assert!(waited >= at_least && late < Duration::from_secs(1), "{waited:?} from {epoch}");
            assert_eq!((lease.attempts, lease.failures), (2, 1));
        });
    }
}

#[test]
fn what_is_copied_forward_is_due_when_it_was() {
    let disk = SimDisk::new(4);
    life_from(&disk, NOW, async |spool, _| {
        commit_all(&spool, &["deferred", "dropped"]).await;
        let mut leases = spool.lease(2).await.unwrap();
        drop(leases.pop());
        spool.defer(leases.remove(0), NOW + HALF_AN_HOUR, "later").await.unwrap();
        let held = spool.lease(1).await.unwrap();
        for _ in 0..200 {
            commit(&spool, "other", &noise(1_000)).await.unwrap();
            spool.settle(spool.lease(9).await.unwrap()).await.unwrap();
            sleep(Duration::from_millis(10)).await;
        }
        drop(held);
        commit_all(&spool, &["last"]).await;
        assert!(spool.status().total_octets <= 3 * u64::from(SEGMENT), "it was copied: {:?}", spool.status());
    });
    let standings: Vec<_> = look(&disk).list().map(|entry| entry.unwrap().standing).collect();
    let Standing::Deferred { due, reason } = &standings[0] else { panic!("{standings:?}") };
    assert!(due.abs_diff(NOW + HALF_AN_HOUR) < 100, "{due}");
    assert_eq!((&**reason, &standings[1..]), ("later", &[Standing::Waiting, Standing::Waiting][..]));
}
