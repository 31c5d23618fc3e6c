//! What a reader sees beside the writer.

use sensor_spool::disk::SimDisk;

use super::*;

/// Readers look at the log, and the writer moves on and uses its segments again: what was copied forward is
/// found where it is now, what was settled is left out.
#[test]
fn a_reader_finds_what_was_copied_forward_meanwhile() {
    let disk = SimDisk::new(9);
    let body = noise(40_000);
    life(&disk, async |spool, _| {
        commit(&spool, "aside", &body).await.unwrap();
        spool.set_aside(spool.lease(1).await.unwrap().remove(0), "it is odd").await.unwrap();
        let aside = look(&disk).find(|_| true).unwrap();
        let mut views = Vec::new();
        for round in 0..200 {
            commit(&spool, "settled", &noise(1_000 + round)).await.unwrap();
            views.push(look(&disk));
            spool.settle(spool.lease(9).await.unwrap()).await.unwrap();
        }
        let mut overtaken = 0;
        for view in views {
            let listed: Vec<_> = view.list().map(Result::unwrap).collect();
            assert_eq!(listed.first(), Some(&aside));
            let mut read = vec![0; body.len()];
            view.body(aside.id).unwrap().unwrap().read_at(0, &mut read).unwrap();
            assert!(read == body);
            overtaken += usize::from(listed.len() == 1);
        }
        assert!(overtaken > 0, "no view saw a segment that was used again");
    });
}
