//! When the storage fails: no ghost, no gap, and service goes on by itself.

use std::time::Duration;

use sensor_spool::disk::{Faults, SimDisk};
use sensor_spool::{CommitError, Full, Withdrawal};
use tokio::time::{sleep, timeout};

use super::*;

pub(crate) const SYNCS_FAIL: Faults = Faults { write: 0, sync: 1, read: 0, short_read: 0, name: 0 };

#[test]
fn a_refused_commit_is_in_doubt_and_never_accepted() {
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        life(&disk, async |spool, _| {
            commit_all(&spool, &["a"]).await;
            disk.set_faults(SYNCS_FAIL);
            let mut refused = spool.draft().unwrap().commit(&"refused".to_owned());
            // Its frame may be on the storage: while nothing says that it is in doubt, nobody is told.
            assert!(timeout(Duration::from_secs(30), &mut refused).await.is_err(), "seed {seed}");
            assert_eq!(spool.draft().err(), Some(Full::Storage));
            assert!(spool.status().last_error.is_some());
            disk.set_faults(Faults::default());
            let outcome = refused.await;
            assert!(matches!(outcome, Err(CommitError::Storage(_))), "{outcome:?}");
            sleep(Duration::from_secs(1)).await;
            assert_eq!(commit(&spool, "b", b"").await.unwrap().sequence, 2, "no gap");
            assert_eq!(spool.status().last_error, None);
        });
        if seed % 2 == 0 {
            disk.crash();
        }
        life(&disk, async |spool, recovery| {
            let leases = spool.lease(9).await.unwrap();
            let in_doubt = leases.iter().filter(|lease| lease.sequence.is_none()).count() as u64;
            assert_eq!(recovery.in_doubt, in_doubt);
            let accepted: Vec<_> = leases.iter().filter_map(|l| Some((l.sequence?, &*l.header))).collect();
            assert_eq!(accepted, [(1, "a"), (2, "b")], "seed {seed}");
            assert_eq!(spool.status().in_doubt, in_doubt);
            spool.settle(leases).await.unwrap();
            let status = spool.status();
            assert_eq!((status.accepted, status.settled, status.in_doubt), (2, 2, 0));
        });
    }
}

#[test]
fn state_survives_the_group_it_was_lost_in() {
    let disk = SimDisk::new(30);
    life(&disk, async |spool, _| {
        commit_all(&spool, &["a", "b", "c"]).await;
        let mut leases = spool.lease(3).await.unwrap();
        let (c, b, a) = (leases.pop().unwrap(), leases.pop().unwrap(), leases.pop().unwrap());
        disk.set_faults(SYNCS_FAIL);
        let other = spool.clone();
        let settled = tokio::spawn(async move { other.settle(vec![a]).await });
        let other = spool.clone();
        let deferred = tokio::spawn(async move { other.defer(b, 1, "later").await });
        sleep(Duration::from_secs(9)).await;
        assert!(!settled.is_finished() && !deferred.is_finished(), "nothing is said before it is durable");
        assert_eq!(spool.status().settled, 0);
        disk.set_faults(Faults::default());
        settled.await.unwrap().unwrap();
        deferred.await.unwrap().unwrap();
        spool.settle(vec![c]).await.unwrap();
        check_conservation(&spool.status());
    });
    disk.crash();
    life(&disk, async |spool, _| {
        let status = spool.status();
        assert_eq!((status.accepted, status.settled, status.in_spool), (3, 2, 1));
        let lease = spool.lease(9).await.unwrap().remove(0);
        assert_eq!((&*lease.header, lease.attempts, lease.failures), ("b", 2, 1));
    });
}

#[test]
fn what_cannot_be_read_for_a_while_has_not_failed() {
    let disk = SimDisk::new(34);
    life(&disk, async |spool, _| {
        commit_all(&spool, &["a"]).await;
        std::mem::forget(spool.lease(1).await.unwrap());
        commit_all(&spool, &["b"]).await;
    });
    life(&disk, async |spool, recovery| {
        assert_eq!(recovery.interrupted, 1);
        disk.set_faults(Faults { read: 1, ..Faults::default() });
        let before = disk.counts().reads;
        assert!(timeout(Duration::from_secs(100), spool.lease(9)).await.is_err());
        let tries = disk.counts().reads - before;
        assert!((10..30).contains(&tries), "now and then, and not all the time: {tries} tries");
        disk.set_faults(Faults::default());
        for name in ["a", "b"] {
            let lease = spool.lease(1).await.unwrap().remove(0);
            assert_eq!((&*lease.header, lease.failures), (name, 0), "{lease:?}");
            assert!(lease.attempts > 5, "{lease:?}");
        }
        assert_eq!((spool.status().set_aside, spool.status().in_spool), (0, 2));
    });
    for entry in look(&disk).list() {
        let entry = entry.unwrap();
        assert_eq!(entry.failures, 0, "{entry:?}");
    }
}

#[test]
fn a_draft_that_lost_a_piece_is_refused() {
    let disk = SimDisk::new(31);
    life(&disk, async |spool, _| {
        let mut draft = spool.draft().unwrap();
        draft.write(&noise(6_000)).await.unwrap();
        disk.set_faults(SYNCS_FAIL);
        let lost = spool.draft().unwrap().commit(&"lost".to_owned());
        sleep(Duration::from_secs(1)).await;
        disk.set_faults(Faults::default());
        assert!(lost.await.is_err());
        assert!(matches!(draft.commit(&"half".to_owned()).await, Err(CommitError::Storage(_))));
        commit_all(&spool, &["whole"]).await;
        assert_eq!(names(&spool.lease(9).await.unwrap()), ["whole"]);
    });
}

#[test]
fn a_withdrawal_meets_a_failing_disk() {
    let disk = SimDisk::new(32);
    life(&disk, async |spool, _| {
        disk.set_faults(SYNCS_FAIL);
        let mut pending = spool.draft().unwrap().commit(&"slow".to_owned());
        assert!(timeout(Duration::from_secs(60), &mut pending).await.is_err());
        assert_eq!(pending.withdraw("60 s passed"), Withdrawal::Withdrawn);
        disk.set_faults(Faults::default());
        sleep(Duration::from_secs(10)).await;
        assert_eq!(commit(&spool, "next", b"").await.unwrap().sequence, 1);
        assert_eq!(names(&spool.lease(9).await.unwrap()), ["next"]);
    });
}

#[test]
fn what_a_killed_writer_left_unsynced_is_made_durable_before_it_is_believed() {
    let disk = SimDisk::new(33);
    life(&disk, async |spool, _| {
        commit_all(&spool, &["a"]).await;
        disk.set_faults(SYNCS_FAIL);
        let pending = spool.draft().unwrap().commit(&"b".to_owned());
        assert!(timeout(Duration::from_secs(1), pending).await.is_err());
    });
    // The program is killed, the machine is not: the page cache shows what the media does not have.
    disk.set_faults(Faults::default());
    let found = life(&disk, async |_, recovery| recovery.entries);
    disk.crash();
    assert_eq!(life(&disk, async |_, recovery| recovery.entries), found);
}

/// Its pieces in the log are synced behind the writer: a quarter of a segment.
const STRETCH: usize = 10_000;

#[test]
fn a_sync_behind_the_writer_that_failed_is_not_forgotten() {
    for seed in 40..60 {
        let disk = SimDisk::new(seed);
        life(&disk, async |spool, _| {
            commit_all(&spool, &["a"]).await;
            let mut draft = spool.draft().unwrap();
            disk.set_faults(SYNCS_FAIL);
            draft.write(&noise(STRETCH)).await.unwrap();
            // The next sync of the file would succeed, and say nothing about what was lost.
            disk.set_faults(Faults::default());
            let lost = draft.commit(&"lost".to_owned()).await;
            assert!(matches!(lost, Err(CommitError::Storage(_))), "seed {seed}: {lost:?}");
            commit_all(&spool, &["b"]).await;
        });
        if seed % 2 == 0 {
            disk.crash();
        }
        life(&disk, async |spool, recovery| {
            assert_eq!((recovery.damaged_places, recovery.damaged_entries), (0, 0), "seed {seed}");
            let leases = spool.lease(9).await.unwrap();
            let accepted: Vec<_> = leases.iter().filter_map(|l| Some((l.sequence?, &*l.header))).collect();
            assert_eq!(accepted, [(1, "a"), (2, "b")], "seed {seed}");
        });
    }
}

#[test]
fn a_sync_behind_the_writer_that_fails_is_told_while_nobody_asks() {
    let disk = SimDisk::new(60);
    life(&disk, async |spool, _| {
        let mut draft = spool.draft().unwrap();
        disk.set_faults(SYNCS_FAIL);
        draft.write(&noise(STRETCH)).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(spool.draft().err(), Some(Full::Storage));
        assert!(spool.status().last_error.is_some());
        disk.set_faults(Faults::default());
        sleep(Duration::from_secs(10)).await;
        assert_eq!(spool.status().last_error, None);
        commit_all(&spool, &["next"]).await;
    });
}

#[test]
fn what_was_written_beside_a_sync_is_in_doubt_with_the_rest() {
    let seen = (0..40).map(doubtful_beside_a_sync).sum::<u64>();
    assert!(seen > 0, "now and then all of it is on the storage");
}

/// A stretch is synced well while a mail is written behind it, whose own sync fails.
fn doubtful_beside_a_sync(seed: u64) -> u64 {
    let disk = SimDisk::new(seed);
    life(&disk, async |spool, _| {
        let mut stretch = spool.draft().unwrap();
        stretch.write(&noise(STRETCH)).await.unwrap();
        let mut pending = spool.draft().unwrap().commit(&"beside".to_owned());
        disk.set_faults(SYNCS_FAIL);
        assert!(timeout(Duration::from_secs(1), &mut pending).await.is_err());
        disk.set_faults(Faults::default());
        assert!(matches!(pending.await, Err(CommitError::Storage(_))));
    });
    life(&disk, async |spool, recovery| {
        assert_eq!(spool.status().accepted, 0);
        recovery.in_doubt
    })
}

#[test]
fn a_piece_that_was_refused_behind_a_draft_is_missed_at_its_commit() {
    let disk = SimDisk::new(61);
    life(&disk, async |spool, _| {
        let mut draft = spool.draft().unwrap();
        disk.set_faults(SYNCS_FAIL);
        let lost = spool.draft().unwrap().commit(&"lost".to_owned());
        sleep(Duration::from_secs(1)).await;
        // Its first piece is still on its way when this returns, to a log that takes none.
        draft.write(&noise(6_000)).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        disk.set_faults(Faults::default());
        assert!(lost.await.is_err());
        assert!(matches!(draft.commit(&"half".to_owned()).await, Err(CommitError::Storage(_))));
        commit_all(&spool, &["whole"]).await;
        assert_eq!(names(&spool.lease(9).await.unwrap()), ["whole"]);
    });
}
