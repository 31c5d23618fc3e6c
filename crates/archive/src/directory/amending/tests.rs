use sensor_mail::finding::{Coverage, Gap, Missed};
use sensor_mail::{Disposition, Judgement, MailIds, NodeId};
use sensor_pipeline::{Keeper, Specimen};
use sensor_spool::disk::{Disk, Faults, SimDisk};

use super::*;
use crate::directory::tests::{archive, specimens};

fn look(revision: u32, disposition: Disposition, owed: bool) -> Arc<Look> {
    let why = Missed::Failed("reset".into());
    let gaps = if owed { vec![Gap { part: None, why }] } else { vec![] };
    let coverage =
        Coverage { scanner: "av".into(), required: true, hit: false, gaps, ruleset: None, micros: 1 };
    Arc::new(Look {
        revision,
        begun: "2026-11-22T10:00:00Z".parse().unwrap(),
        parts: vec![],
        recipients: vec![],
        findings: vec![],
        coverage: vec![coverage],
        judgement: Judgement { disposition, ..Judgement::default() },
        shadow: None,
    })
}

fn ids(group: &[Specimen]) -> Vec<MailId> {
    group.iter().map(|specimen| specimen.record.envelope.id).collect()
}

/// Each message gets its own look of this revision; the second one loses its octets by it.
fn looks(ids: &[MailId], revision: u32) -> Vec<(MailId, Arc<Look>)> {
    let look_at = |(number, id): (usize, &MailId)| {
        let disposition = if number == 1 { Disposition::MetadataOnly } else { Disposition::Quarantine };
        (*id, look(revision, disposition, false))
    };
    ids.iter().enumerate().map(look_at).collect()
}

fn revisions(disk: &SimDisk, id: MailId) -> Vec<u32> {
    let mail = archive(disk).open(id).unwrap().unwrap();
    mail.looks.iter().map(|look| look.revision).collect()
}

#[test]
fn looks_are_added_and_never_replaced() {
    let (disk, group) = (SimDisk::new(1), specimens());
    archive(&disk).keep(&group).unwrap();
    let id = ids(&group)[0];
    let first = look(1, Disposition::Quarantine, true);
    assert!(archive(&disk).amend(&[(id, Arc::clone(&first))]).unwrap()[0].is_ok());
    for (look, after) in [
        (look(1, Disposition::Keep, false), vec![1]),
        (look(2, Disposition::Keep, false), vec![1, 2]),
        (look(1, Disposition::Keep, false), vec![1, 2]),
        (look(7, Disposition::Keep, false), vec![1, 2, 7]),
    ] {
        assert!(archive(&disk).amend(&[(id, look)]).unwrap()[0].is_ok());
        assert_eq!(revisions(&disk, id), after);
    }
    // Kept again, as after a kill between keeping and settling.
    archive(&disk).keep(&group).unwrap();
    let mail = archive(&disk).open(id).unwrap().unwrap();
    assert_eq!((mail.looks.len(), &mail.looks[0]), (3, &*first));
    assert_eq!(mail.octets.unwrap().len(), group[0].record.envelope.octets);
    let stranger = MailIds::new(NodeId::default(), 9).next(1);
    assert!(archive(&disk).open(stranger).unwrap().is_none());
}

#[test]
fn octets_go_when_only_metadata_is_to_stay_and_nothing_is_owed() {
    let (disk, group) = (SimDisk::new(1), specimens());
    archive(&disk).keep(&group).unwrap();
    let id = ids(&group)[0];
    for (look, stay) in [
        (look(1, Disposition::MetadataOnly, true), true),
        (look(2, Disposition::Quarantine, false), true),
        (look(3, Disposition::MetadataOnly, false), false),
    ] {
        archive(&disk).amend(&[(id, look)]).unwrap();
        let mail = archive(&disk).open(id).unwrap().unwrap();
        assert_eq!(mail.octets.is_some(), stay, "{:?}", mail.looks.last());
    }
    let kept = archive(&disk).find(id).unwrap().unwrap();
    assert_eq!(kept.record, group[0].record, "what is known stays");
    let told = kept.verify().unwrap_err();
    assert!(matches!(told, ReadError::Removed { revision: 3, .. }), "{told}");
    assert!(kept.write_to(&mut Vec::new()).is_err());
    // Kept again it has its octets again, until its last look is carried out again.
    archive(&disk).keep(&group).unwrap();
    archive(&disk).amend(&[(id, look(3, Disposition::MetadataOnly, false))]).unwrap();
    assert!(archive(&disk).open(id).unwrap().unwrap().octets.is_none());
    assert_eq!(revisions(&disk, id), [1, 2, 3]);
}

/// Octets that are missing for another reason are a fault.
#[test]
fn octets_that_nobody_had_removed_are_missed() {
    let (disk, group) = (SimDisk::new(1), specimens());
    archive(&disk).keep(&group).unwrap();
    let id = ids(&group)[0];
    disk.remove(&directory(id).join(layout::name(id, MESSAGE))).unwrap();
    assert!(archive(&disk).open(id).is_err());
    archive(&disk).amend(&[(id, look(1, Disposition::Quarantine, false))]).unwrap();
    assert!(archive(&disk).open(id).is_err());
}

#[test]
fn power_may_go_while_looks_are_added() {
    let group = specimens();
    let ids = ids(&group);
    let mut changes = 0;
    loop {
        for seed in 0..6 {
            let disk = SimDisk::new(seed);
            archive(&disk).keep(&group).unwrap();
            archive(&disk).amend(&looks(&ids[..1], 1)).unwrap();
            disk.cut_power_after(changes);
            let first = ids.iter().zip(looks(&ids, 1)).skip(1).map(|(_, look)| look);
            let later: Vec<_> = looks(&ids[..1], 2).into_iter().chain(first).collect();
            let whole = archive(&disk).amend(&later).is_ok();
            disk.crash();
            check(&disk, &ids, whole);
            archive(&disk).amend(&later).unwrap();
            check(&disk, &ids, true);
            if whole {
                assert!(changes > 10, "the power never went");
                return;
            }
        }
        changes += 1;
    }
}

/// What was there stays; a new look is there whole or not at all; octets are gone only where their look is there.
fn check(disk: &SimDisk, ids: &[MailId], whole: bool) {
    for (number, id) in ids.iter().enumerate() {
        let revisions = revisions(disk, *id);
        let (before, after) = if number == 0 { (vec![1], vec![1, 2]) } else { (vec![], vec![1]) };
        assert!(revisions == after || (!whole && revisions == before), "{number}: {revisions:?}");
        let mail = archive(disk).open(*id).unwrap().unwrap();
        if number == 1 {
            assert!(mail.octets.is_none() || !whole, "its octets stay");
            assert!(mail.octets.is_some() || !mail.looks.is_empty(), "its octets went before its look came");
        } else {
            assert!(mail.octets.is_some(), "{number} lost its octets");
        }
    }
}

#[test]
fn a_store_that_fails_is_told_from_looks_that_are_none() {
    let (disk, group) = (SimDisk::new(1), specimens());
    let ids = ids(&group);
    archive(&disk).keep(&group).unwrap();
    archive(&disk).amend(&looks(&ids, 1)).unwrap();
    disk.set_faults(Faults { sync: 1, ..Faults::default() });
    assert!(archive(&disk).amend(&looks(&ids, 2)).is_err());
    disk.set_faults(Faults::default());
    // A file of looks that was damaged costs its own message only.
    let path = directory(ids[2]).join(layout::name(ids[2], LOOKS));
    assert!(disk.corrupt(&path, 2, 0x01));
    let outcomes = archive(&disk).amend(&looks(&ids, 3)).unwrap();
    let refused: Vec<bool> = outcomes.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, false, true, false]);
}
