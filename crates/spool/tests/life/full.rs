//! When space runs out: refusals before it does, and a way back without new space.

use std::time::Duration;

use sensor_spool::disk::SimDisk;
use sensor_spool::{CommitError, Full, Options};
use tokio::time::sleep;

use super::*;

/// Commits until it is refused; how many were taken.
async fn fill(spool: &Spool<String>) -> u64 {
    for taken in 0..1_000 {
        let Ok(mut draft) = spool.draft() else { return taken };
        draft.write(&noise(2_000)).await.unwrap();
        match draft.commit(&"filler".to_owned()).await {
            Ok(_) => {}
            Err(CommitError::Full) => return taken,
            Err(other) => panic!("a full disk is no failure: {other}"),
        }
    }
    panic!("the disk never fills");
}

#[test]
fn a_full_disk_drains_without_new_space_and_serves_again() {
    for segments in 3..9 {
        let disk = SimDisk::new(segments);
        disk.set_capacity(segments * u64::from(SEGMENT) + 100);
        life(&disk, async |spool, _| {
            for _ in 0..3 {
                let taken = fill(&spool).await;
                assert!(taken > 0, "{segments} segments");
                sleep(Duration::from_secs(1)).await;
                assert_eq!(spool.draft().err(), Some(Full::Octets));
                // Others take what is left.
                disk.set_capacity(1);
                while spool.status().in_spool > 0 {
                    spool.settle(spool.lease(3).await.unwrap()).await.unwrap();
                }
                sleep(Duration::from_secs(2)).await;
                let status = spool.status();
                assert_eq!((status.last_error.clone(), status.lost), (None, 0), "{status:?}");
                disk.set_capacity(segments * u64::from(SEGMENT) + 100);
                sleep(Duration::from_secs(2)).await;
                commit_all(&spool, &["again"]).await;
            }
            check_conservation(&spool.status());
        });
    }
}

#[test]
fn a_full_disk_serves_again_once_drained_though_no_space_came_back() {
    let disk = SimDisk::new(20);
    disk.set_capacity(4 * u64::from(SEGMENT));
    life(&disk, async |spool, _| {
        fill(&spool).await;
        disk.set_capacity(1);
        while spool.status().in_spool > 0 {
            spool.settle(spool.lease(50).await.unwrap()).await.unwrap();
        }
        sleep(Duration::from_secs(2)).await;
        commit_all(&spool, &["again"]).await;
    });
}

#[test]
fn drafts_are_refused_while_space_is_below_the_reserve() {
    let disk = SimDisk::new(21);
    let reserve = Options { reserve_octets: 1 << 20, reserve_inodes: 100, ..options() };
    life_with(&disk, &reserve, Duration::ZERO, async |spool, _| {
        for (octets, inodes, expected) in [
            (100 << 20, 1_000, None),
            (1 << 20, 1_000, Some(Full::Octets)),
            (100 << 20, 50, Some(Full::Inodes)),
            (100 << 20, 1_000, None),
        ] {
            disk.set_capacity(octets);
            disk.set_inodes(inodes);
            // The writer looks when it works, and by itself while it refuses.
            commit_or_wait(&spool).await;
            assert_eq!(spool.draft().err(), expected, "{octets} octets, {inodes} inodes");
        }
    });
}

#[test]
fn prepared_segments_are_kept_used_and_found_again_but_never_made_out_of_the_reserve() {
    let disk = SimDisk::new(22);
    let prepared = Options { prepared_octets: 5 * u64::from(SEGMENT), ..options() };
    life_with(&disk, &prepared, Duration::ZERO, async |spool, _| {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(spool.status().spare_segments, 5);
        // A burst finds its room prepared: no space is needed for it.
        disk.set_capacity(1);
        let (before, burst) = (spool.status(), 4 * SEGMENT / 4_096);
        for _ in 0..burst {
            commit(&spool, "burst", &noise(3_500)).await.unwrap();
        }
        let after = spool.status();
        assert!(after.spare_segments < before.spare_segments, "{after:?}");
        assert_eq!(after.total_octets, before.total_octets);
        disk.set_capacity(1 << 30);
        sleep(Duration::from_secs(4)).await;
        assert_eq!(spool.status().total_octets, before.total_octets, "nothing is filled within a burst");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(spool.status().spare_segments, 5, "{:?}", spool.status());
        spool.settle(spool.lease(burst as usize).await.unwrap()).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(spool.status().spare_segments, 5, "{:?}", spool.status());
    });
    // What the last life prepared is prepared: renamed, and not written again.
    let creates = disk.counts().creates;
    life_with(&disk, &prepared, Duration::ZERO, async |spool, _| {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(spool.status().spare_segments, 5, "{:?}", spool.status());
    });
    assert!(disk.counts().creates - creates <= 1, "only what took the place of the lock, or of a segment");

    let disk = SimDisk::new(23);
    let reserve = 7 * u64::from(SEGMENT);
    disk.set_capacity(reserve + 3 * u64::from(SEGMENT));
    let options = Options { reserve_octets: reserve, ..prepared };
    life_with(&disk, &options, Duration::ZERO, async |spool, _| {
        sleep(Duration::from_secs(60)).await;
        assert_eq!(spool.status().spare_segments, 2, "{:?}", spool.status());
    });
}

/// Gives the writer something to do, so that it looks at the space.
async fn commit_or_wait(spool: &Spool<String>) {
    sleep(Duration::from_secs(1)).await;
    if spool.draft().is_ok() {
        commit_all(spool, &["more"]).await;
    }
    sleep(Duration::from_secs(1)).await;
}
