//! When octets rot: damage is told from a torn tail, told loudly, and takes nobody with it.

use std::path::Path;

use sensor_spool::disk::{Access, Disk, SimDisk, read_full};
use sensor_spool::{BodyError, Standing};

use super::*;

/// Damages the first place in the log that holds these octets.
fn damage(disk: &SimDisk, octets: &[u8]) {
    for name in disk.list(Path::new("")).unwrap() {
        let file = disk.open(Path::new(&name), Access::Read).unwrap();
        let mut content = vec![0; usize::try_from(file.octets().unwrap()).unwrap()];
        read_full(&*file, &mut content, 0).unwrap();
        if let Some(at) = content.windows(octets.len()).position(|window| window == octets) {
            assert!(disk.corrupt(Path::new(&name), at as u64, 4));
            return;
        }
    }
    panic!("the log holds no such octets");
}

#[test]
fn an_entry_that_misses_a_piece_is_set_aside_and_the_others_flow() {
    let disk = SimDisk::new(1);
    let body = noise(12_000);
    life(&disk, async |spool, _| {
        commit(&spool, "large", &body).await.unwrap();
        commit_all(&spool, &["b", "c"]).await;
    });
    damage(&disk, &body[5_000..5_100]);
    for life_number in 0..2 {
        life(&disk, async |spool, recovery| {
            assert_eq!((recovery.damaged_places, recovery.lost), (1, 0));
            assert_eq!(recovery.damaged_entries, 1 - life_number, "once it is set aside it is known");
            let leases = spool.lease(9).await.unwrap();
            assert_eq!(names(&leases), ["b", "c"]);
            assert_eq!(spool.status().set_aside, 1);
            drop(leases);
            spool.shut_down().await;
        });
    }
    let view = look(&disk);
    let entry = view.find(|entry| entry.header == "large").unwrap();
    assert!(matches!(entry.standing, Standing::SetAside { .. }));
    let damaged = view.body(entry.id).unwrap().unwrap().read_at(0, &mut vec![0; 12_000]);
    assert!(matches!(damaged, Err(BodyError::Damaged { .. })), "{damaged:?}");
}

#[test]
fn damage_is_found_and_kept_when_it_is_copied_forward() {
    let disk = SimDisk::new(2);
    let body = noise(12_000);
    life(&disk, async |spool, _| {
        commit(&spool, "large", &body).await.unwrap();
        let held = spool.lease(1).await.unwrap();
        damage(&disk, &body[5_000..5_100]);
        drop(held);
        let other = spool.lease(1).await.unwrap();
        for _ in 0..100 {
            commit(&spool, "other", &noise(1_000)).await.unwrap();
            spool.settle(spool.lease(9).await.unwrap()).await.unwrap();
        }
        assert_eq!(spool.status().set_aside, 1);
        // Whoever held it meanwhile has no say any more.
        spool.settle(other).await.unwrap();
        assert_eq!(spool.status().set_aside, 1);
        check_conservation(&spool.status());
    });
    let view = look(&disk);
    let entry = view.find(|entry| entry.header == "large").unwrap();
    assert!(matches!(&entry.standing, Standing::SetAside { reason } if reason.contains("damaged")));
    assert!(view.body(entry.id).unwrap().unwrap().read_at(0, &mut vec![0; 12_000]).is_err());
}

#[test]
fn an_entry_beyond_recognition_is_counted_as_lost() {
    let disk = SimDisk::new(3);
    life(&disk, async |spool, _| commit_all(&spool, &["first one", "second one", "third one"]).await);
    damage(&disk, b"second one");
    for _ in 0..2 {
        life(&disk, async |spool, recovery| {
            assert_eq!((recovery.entries, recovery.damaged_places), (2, 1));
            let status = spool.status();
            assert_eq!((status.accepted, status.in_spool, status.lost), (3, 2, 1));
            check_conservation(&status);
        });
    }
}

#[test]
fn a_torn_tail_is_cut_and_is_no_damage() {
    let disk = SimDisk::new(4);
    life(&disk, async |spool, _| commit_all(&spool, &["first one", "second one"]).await);
    damage(&disk, b"second one");
    life(&disk, async |spool, recovery| {
        assert_eq!((recovery.entries, recovery.damaged_places, recovery.lost), (1, 0, 0));
        assert_eq!(commit(&spool, "third one", b"").await.unwrap().sequence, 2);
    });
}
