//! How entries go out.

use std::time::Duration;

use sensor_spool::disk::{Faults, SimDisk};
use sensor_spool::{Outcome, Standing, Summary};
use tokio::time::{Instant, timeout};

use super::*;

/// Outcomes that fill more than a segment, on storage that fails now and then while they are written.
#[test]
fn who_concludes_hears_of_it_when_all_outcomes_are_durable() {
    let mut told = 0;
    for seed in 0..1_000 {
        let disk = SimDisk::new(seed);
        // Now and then the last of them is the first that does not fit.
        let count = 40 + seed as usize % 40;
        let is_told = life(&disk, async |spool, _| {
            for _ in 0..count {
                commit(&spool, "mail", b"").await.unwrap();
            }
            let outcomes = spool.lease(count).await.unwrap().into_iter();
            let outcomes = outcomes.map(|l| (l, Outcome::Defer { due: 9_000_000, reason: "x".repeat(500) }));
            let outcomes: Vec<_> = outcomes.collect();
            assert_eq!(outcomes.len(), count);
            disk.set_faults(Faults { sync: 3, ..Faults::default() });
            timeout(Duration::from_secs(600), spool.conclude(outcomes)).await.is_ok_and(|told| told.is_ok())
        });
        disk.set_faults(Faults::default());
        disk.crash();
        let is_deferred = |entry: &Summary<String>| matches!(entry.standing, Standing::Deferred { .. });
        let deferred = look(&disk).list().map(Result::unwrap).filter(is_deferred).count();
        assert!(!is_told || deferred == count, "seed {seed}: {deferred} of {count} are on the storage");
        told += u32::from(is_told);
    }
    assert!(told > 0);
}

#[test]
fn leases_come_oldest_first_and_end_in_one_group() {
    let disk = SimDisk::new(1);
    life(&disk, async |spool, _| {
        commit_all(&spool, &["a", "b", "c", "d"]).await;
        let leases = spool.lease(3).await.unwrap();
        assert_eq!(names(&leases), ["a", "b", "c"]);
        assert_eq!(spool.status().leased, 3);
        let before = disk.counts();
        let reason = "because".to_owned();
        let outcomes = [
            Outcome::Settle,
            Outcome::Defer { due: 9_000, reason: reason.clone() },
            Outcome::SetAside { reason },
        ];
        spool.conclude(leases.into_iter().zip(outcomes).collect()).await.unwrap();
        assert_eq!(disk.counts().syncs - before.syncs, 1);
        let status = spool.status();
        assert_eq!((status.in_spool, status.settled, status.set_aside, status.leased), (2, 1, 1, 0));
        check_conservation(&status);
    });
    let entries: Vec<_> = look(&disk).list().map(Result::unwrap).collect();
    let reason = "because".to_owned();
    let deferred = Standing::Deferred { due: 9_000, reason: reason.clone() };
    let standings: Vec<_> = entries.iter().map(|entry| entry.standing.clone()).collect();
    assert_eq!(standings, [deferred, Standing::SetAside { reason }, Standing::Waiting]);
    let tries: Vec<_> = entries.iter().map(|entry| (entry.attempts, entry.failures)).collect();
    assert_eq!(tries, [(1, 1), (1, 1), (0, 0)], "the last try failed as the others did");
}

#[test]
fn an_attempt_is_on_disk_before_its_lease() {
    let disk = SimDisk::new(2);
    life(&disk, async |spool, _| {
        commit_all(&spool, &["a", "b"]).await;
        let before = disk.counts();
        let leases = spool.lease(9).await.unwrap();
        assert_eq!(disk.counts().syncs - before.syncs, 1, "one sync for the batch");
        disk.crash();
        let attempts: Vec<_> = look(&disk).list().map(|entry| entry.unwrap().attempts).collect();
        assert_eq!(attempts, [1, 1]);
        drop(leases);
    });
}

#[test]
fn a_dropped_lease_is_due_again() {
    let disk = SimDisk::new(3);
    life(&disk, async |spool, _| {
        commit_all(&spool, &["a", "b"]).await;
        drop(spool.lease(1).await.unwrap());
        let leases = spool.lease(9).await.unwrap();
        assert_eq!(names(&leases), ["a", "b"]);
        assert_eq!(leases.iter().map(|lease| lease.attempts).collect::<Vec<_>>(), [2, 1]);
        assert_eq!((leases[0].failures, leases[0].interrupted), (0, 0));
    });
}

#[test]
fn a_worker_that_stops_waiting_leaves_nothing_leased() {
    let disk = SimDisk::new(4);
    life(&disk, async |spool, _| {
        assert!(timeout(Duration::from_secs(1), spool.lease(9)).await.is_err());
        commit_all(&spool, &["a"]).await;
        assert_eq!(spool.status().leased, 0);
        let leases = spool.lease(9).await.unwrap();
        assert_eq!((names(&leases), leases[0].attempts), (vec!["a"], 1));
    });
}

#[test]
fn what_is_deferred_comes_when_it_is_due() {
    let disk = SimDisk::new(5);
    life(&disk, async |spool, _| {
        let start = Instant::now();
        commit_all(&spool, &["a"]).await;
        let lease = spool.lease(1).await.unwrap().remove(0);
        spool.defer(lease, 30_000, "the archive is down").await.unwrap();
        let lease = spool.lease(1).await.unwrap().remove(0);
        let waited = start.elapsed().as_millis();
        assert!((30_000..31_000).contains(&waited), "{waited} ms");
        assert_eq!((lease.attempts, lease.failures, lease.interrupted), (2, 1, 0));
    });
}

#[test]
fn what_is_returned_rests_and_has_not_failed() {
    let disk = SimDisk::new(9);
    life(&disk, async |spool, _| {
        commit_all(&spool, &["a", "b"]).await;
        let (start, rest) = (Instant::now(), Duration::from_secs(20));
        for round in 0..3 {
            let lease = spool.lease(1).await.unwrap().remove(0);
            assert_eq!((&*lease.header, start.elapsed().as_secs()), ("a", 20 * round));
            assert_eq!((u64::from(lease.attempts), lease.failures), (round + 1, 0));
            spool.conclude(vec![(lease, Outcome::Return { rest })]).await.unwrap();
            if round == 0 {
                let others = spool.lease(9).await.unwrap();
                assert_eq!((names(&others), start.elapsed().as_secs()), (vec!["b"], 0));
                spool.settle(others).await.unwrap();
            }
        }
    });
    disk.crash();
    life(&disk, async |spool, _| {
        let start = Instant::now();
        let lease = spool.lease(1).await.unwrap().remove(0);
        assert_eq!((lease.failures, start.elapsed().as_secs()), (0, 0), "a crash ends the rest");
    });
}

#[test]
fn the_end_of_the_program_condemns_nobody() {
    let disk = SimDisk::new(6);
    life(&disk, async |spool, _| {
        commit_all(&spool, &["a", "b", "c", "d"]).await;
        std::mem::forget(spool.lease(2).await.unwrap());
    });
    life(&disk, async |spool, recovery| {
        assert_eq!(recovery.interrupted, 2);
        commit_all(&spool, &["new"]).await;
        let others = spool.lease(9).await.unwrap();
        assert_eq!(names(&others), ["c", "d", "new"], "what was interrupted comes after the others");
        spool.settle(others).await.unwrap();
        for name in ["a", "b"] {
            let alone = spool.lease(9).await.unwrap();
            assert_eq!(names(&alone), [name], "alone, so that it takes no batch mates with it");
            assert_eq!((alone[0].attempts, alone[0].failures, alone[0].interrupted), (2, 0, 1));
            spool.settle(alone).await.unwrap();
        }
        assert_eq!(spool.status().settled, 5);
    });
}

#[test]
fn what_is_set_aside_stays_with_its_octets_while_the_log_moves_on() {
    let disk = SimDisk::new(7);
    let body = noise(9_000);
    life(&disk, async |spool, _| {
        commit(&spool, "poison", &body).await.unwrap();
        let lease = spool.lease(1).await.unwrap().remove(0);
        spool.set_aside(lease, "it kills its worker").await.unwrap();
        for round in 0..200 {
            commit(&spool, "other", &noise(1_000 + round)).await.unwrap();
            spool.settle(spool.lease(9).await.unwrap()).await.unwrap();
        }
        let status = spool.status();
        assert!(status.total_octets <= 2 * status.live_octets + 2 * u64::from(SEGMENT), "{status:?}");
        assert_eq!((status.set_aside, status.settled), (1, 200));
    });
    disk.crash();
    life(&disk, async |spool, _| {
        assert!(timeout(Duration::from_secs(100), spool.lease(1)).await.is_err(), "it is never leased");
    });
    let view = look(&disk);
    let entry = view.find(|_| true).unwrap();
    assert_eq!(entry.standing, Standing::SetAside { reason: "it kills its worker".to_owned() });
    assert_eq!((entry.header.as_str(), entry.octets, entry.sequence), ("poison", 9_000, Some(1)));
    assert_eq!((entry.attempts, entry.failures), (1, 1), "and so does its history");
    let mut read = vec![0; 9_000];
    view.body(entry.id).unwrap().unwrap().read_at(0, &mut read).unwrap();
    assert!(read == body);
}

#[test]
fn a_lease_is_readable_while_its_segment_is_freed() {
    let disk = SimDisk::new(8);
    let body = noise(20_000);
    life(&disk, async |spool, _| {
        commit(&spool, "held", &body).await.unwrap();
        let held = spool.lease(1).await.unwrap().remove(0);
        for _ in 0..200 {
            commit(&spool, "other", &noise(1_000)).await.unwrap();
            spool.settle(spool.lease(9).await.unwrap()).await.unwrap();
        }
        assert!(octets(&held) == body);
        spool.settle(vec![held]).await.unwrap();
        assert_eq!(spool.status().in_spool, 0);
    });
}
