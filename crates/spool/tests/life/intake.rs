//! How entries come in.

use std::time::Duration;

use sensor_spool::disk::SimDisk;
use sensor_spool::{CommitError, Full, Options, Withdrawal};
use tokio::time::timeout;

use super::*;

#[test]
fn what_is_committed_together_shares_one_write_and_one_sync() {
    let disk = SimDisk::new(1);
    life(&disk, async |spool, _| {
        // The first group also has a spare segment made.
        commit_all(&spool, &["first"]).await;
        let before = disk.counts();
        let mut pending = Vec::new();
        for at in 0..50 {
            let mut draft = spool.draft().unwrap();
            draft.write(b"a small body").await.unwrap();
            pending.push(draft.commit(&at.to_string()));
        }
        assert_eq!(disk.counts(), before, "a draft costs no system call");
        for (at, pending) in (2..).zip(pending) {
            assert_eq!(pending.await.unwrap().sequence, at);
        }
        let after = disk.counts();
        assert_eq!((after.writes - before.writes, after.syncs - before.syncs), (1, 1));
    });
}

#[test]
fn sequences_go_on_where_the_last_life_ended() {
    let disk = SimDisk::new(2);
    for round in 0..5 {
        life(&disk, async |spool, recovery| {
            assert_eq!(recovery.entries, round * 2);
            assert_eq!(commit(&spool, "a", b"1").await.unwrap().sequence, round * 2 + 1);
            assert_eq!(commit(&spool, "b", b"2").await.unwrap().sequence, round * 2 + 2);
        });
        disk.crash();
    }
}

#[test]
fn a_dropped_draft_never_was() {
    let disk = SimDisk::new(3);
    life(&disk, async |spool, _| {
        let mut small = spool.draft().unwrap();
        small.write(b"small").await.unwrap();
        drop(small);
        let mut large = spool.draft().unwrap();
        large.write(&noise(20_000)).await.unwrap();
        drop(large);
        commit_all(&spool, &["kept"]).await;
        let status = spool.status();
        assert_eq!((status.accepted, status.in_spool), (1, 1));
        assert!(status.live_octets < 200, "its pieces are not needed: {status:?}");
    });
    let names: Vec<_> = look(&disk).list().map(|entry| entry.unwrap().header).collect();
    assert_eq!(names, ["kept"]);
}

#[test]
fn a_commit_runs_to_its_end_though_nobody_waits() {
    let disk = SimDisk::new(4);
    life(&disk, async |spool, _| {
        drop(spool.draft().unwrap().commit(&"alone".to_owned()));
        assert_eq!(names(&spool.lease(1).await.unwrap()), ["alone"]);
    });
}

#[test]
fn a_body_may_be_larger_than_many_segments() {
    let disk = SimDisk::new(5);
    let body = noise(400_000);
    let small_memory = Options { memory_octets: 16 << 10, ..options() };
    life_with(&disk, &small_memory, Duration::ZERO, async |spool, _| {
        let mut draft = spool.draft().unwrap();
        for piece in body.chunks(7_001) {
            draft.write(piece).await.unwrap();
        }
        assert_eq!(draft.octets(), body.len() as u64);
        draft.commit(&"large".to_owned()).await.unwrap();
        let lease = spool.lease(1).await.unwrap().remove(0);
        assert!(octets(&lease) == body);
        let mut middle = [0; 10_000];
        assert_eq!(lease.body.read_at(123_456, &mut middle).unwrap(), middle.len());
        assert!(middle == body[123_456..133_456]);
        assert_eq!(lease.body.read_at(body.len() as u64, &mut middle).unwrap(), 0);
    });
    life(&disk, async |spool, _| {
        let lease = spool.lease(1).await.unwrap().remove(0);
        assert!(octets(&lease) == body);
        spool.settle(vec![lease]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(spool.status().total_octets <= 2 * u64::from(SEGMENT), "{:?}", spool.status());
    });
}

#[test]
fn drafts_share_their_memory_and_never_wait_for_each_other() {
    let disk = SimDisk::new(6);
    let two_pages = Options { memory_octets: 8 << 10, ..options() };
    life_with(&disk, &two_pages, Duration::ZERO, async |spool, _| {
        let (mut one, mut two) = (spool.draft().unwrap(), spool.draft().unwrap());
        assert_eq!(spool.draft().err(), Some(Full::Memory));
        let body = noise(50_000);
        for piece in body.chunks(3_000) {
            one.write(piece).await.unwrap();
            two.write(piece).await.unwrap();
        }
        one.commit(&"one".to_owned()).await.unwrap();
        two.commit(&"two".to_owned()).await.unwrap();
        for lease in spool.lease(2).await.unwrap() {
            assert!(octets(&lease) == body);
        }
        assert!(spool.draft().is_ok());
    });
}

#[test]
fn what_is_given_up_in_the_mailbox_never_was() {
    let disk = SimDisk::new(7);
    life(&disk, async |spool, _| {
        let pending = spool.draft().unwrap().commit(&"slow".to_owned());
        assert_eq!(pending.withdraw("60 s passed"), Withdrawal::Withdrawn);
        assert_eq!(commit(&spool, "next", b"").await.unwrap().sequence, 1);
        assert_eq!(names(&spool.lease(9).await.unwrap()), ["next"]);
        assert_eq!(spool.status().withdrawn, 0);
    });
}

#[test]
fn what_is_given_up_while_it_is_written_is_withdrawn() {
    let disk = SimDisk::new(8);
    life_with(&disk, &options(), Duration::from_secs(1), async |spool, _| {
        commit_all(&spool, &["first"]).await;
        let mut pending = spool.draft().unwrap().commit(&"slow".to_owned());
        // The writer takes it after one second and has it durable after two.
        assert!(timeout(Duration::from_millis(1_500), &mut pending).await.is_err());
        assert_eq!(pending.withdraw("too slow"), Withdrawal::Withdrawn);
        let next = commit(&spool, "next", b"").await.unwrap();
        assert_eq!(names(&spool.lease(9).await.unwrap()), ["first", "next"]);
        let status = spool.status();
        assert_eq!((next.sequence, status.accepted, status.withdrawn), (3, 3, 1));
        check_conservation(&status);
    });
}

/// docs/spool-format.md, "Withdrawn, and where that ends".
#[test]
fn a_withdrawal_that_a_crash_forgets_leaves_an_accepted_entry() {
    let disk = SimDisk::new(12);
    life_with(&disk, &options(), Duration::from_secs(1), async |spool, _| {
        commit_all(&spool, &["first"]).await;
        let mut pending = spool.draft().unwrap().commit(&"slow".to_owned());
        assert!(timeout(Duration::from_millis(1_500), &mut pending).await.is_err());
        assert_eq!(pending.withdraw("too slow"), Withdrawal::Withdrawn);
        // Its group is durable after two seconds, and the record after three.
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        disk.crash();
    });
    life(&disk, async |spool, _| {
        let leases = spool.lease(9).await.unwrap();
        let found: Vec<_> = leases.iter().map(|lease| (lease.sequence, &*lease.header)).collect();
        assert_eq!(found, [(Some(1), "first"), (Some(2), "slow")]);
    });
}

#[test]
fn a_commit_that_resolved_cannot_be_withdrawn() {
    let disk = SimDisk::new(9);
    life(&disk, async |spool, _| {
        let mut pending = spool.draft().unwrap().commit(&"quick".to_owned());
        let position = (&mut pending).await;
        assert_eq!(pending.withdraw("late"), Withdrawal::TooLate(position));
        assert_eq!(names(&spool.lease(1).await.unwrap()), ["quick"]);
    });
}

#[test]
fn a_header_has_a_limit() {
    let disk = SimDisk::new(10);
    life(&disk, async |spool, _| {
        // JSON puts two quotes around it.
        let largest = "h".repeat(spool.header_octets_max() - 2);
        let outcome = commit(&spool, &format!("{largest}h"), b"").await;
        assert!(matches!(outcome, Err(CommitError::Header(_))), "{outcome:?}");
        commit(&spool, &largest, &noise(4_096)).await.unwrap();
    });
}

#[test]
fn after_the_end_everything_is_refused() {
    let disk = SimDisk::new(11);
    life(&disk, async |spool, _| {
        assert!(timeout(Duration::from_secs(1), spool.ended()).await.is_err());
        let mut draft = spool.draft().unwrap();
        let pending = spool.draft().unwrap().commit(&"in time".to_owned());
        let other = spool.clone();
        let waiting = tokio::spawn(async move { other.lease(1).await.is_err() });
        let other = spool.clone();
        let ended = tokio::spawn(async move { other.ended().await });
        tokio::join!(spool.shut_down(), spool.shut_down());
        ended.await.unwrap();
        spool.ended().await;
        assert_eq!(pending.await.unwrap().sequence, 1);
        assert!(waiting.await.unwrap(), "nothing is leased any more");
        assert_eq!(spool.draft().err(), Some(Full::Closed));
        assert!(draft.write(&noise(10_000)).await.is_err());
        assert!(draft.commit(&"late".to_owned()).await.is_err());
        assert!(spool.lease(1).await.is_err());
        // The lock is free again.
        let again = Spool::<String>::open(Arc::new(disk.clone()), options(), Runner::task());
        assert_eq!(again.unwrap().1.entries, 1);
    });
}
