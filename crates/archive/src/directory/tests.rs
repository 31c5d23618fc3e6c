use aws_lc_rs::digest;
use sensor_mail::fixture::envelope;
use sensor_mail::{MailIds, NodeId, Sha256};
use sensor_spool::disk::{Faults, SimDisk};
use sensor_spool::{Options, RealDisk, Runner, Spool};

use super::*;
use crate::record::RecordError;

const MESSAGES: [&[u8]; 4] = [b"Subject: one\r\n\r\nfirst\r\n", b"", b"\0\r\n.\r\n", &[b'x'; 200_000]];

fn sha256(message: &[u8]) -> Sha256 {
    Sha256(digest::digest(&digest::SHA256, message).as_ref().try_into().unwrap())
}

/// The messages as a worker has them in hand, accepted at one second before midnight and at midnight.
pub(super) fn specimens() -> Vec<Specimen> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let options = Options { reserve_octets: 0, reserve_inodes: 0, ..Options::default() };
        let options = Options { segment_octets: 1 << 20, salt: 3, ..options };
        let (spool, _) = Spool::open(Arc::new(SimDisk::new(1)), options, Runner::task()).unwrap();
        let ids = MailIds::new(NodeId::default(), 0);
        let midnight = 1_795_392_000_000;
        for (number, message) in MESSAGES.iter().enumerate() {
            let mut draft = spool.draft().unwrap();
            draft.write(message).await.unwrap();
            let id = ids.next(if number < 2 { midnight - 1_000 } else { midnight });
            draft.commit(&envelope(id, message.len() as u64, sha256(message))).await.unwrap();
        }
        let leases = spool.lease(MESSAGES.len()).await.unwrap();
        leases.iter().map(|lease| Specimen::examine(lease).unwrap()).collect()
    })
}

pub(super) fn archive(disk: &SimDisk) -> DirectoryArchive {
    DirectoryArchive::new(Arc::new(disk.clone()))
}

/// Every message that the archive shows, by its bytes; each is whole.
fn shown(archive: &DirectoryArchive) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for day in archive.days().unwrap() {
        for id in archive.ids(day).unwrap() {
            let kept = archive.find(id).unwrap().unwrap();
            kept.verify().unwrap();
            let mut message = Vec::new();
            kept.write_to(&mut message).unwrap();
            messages.push(message);
        }
    }
    messages.sort();
    messages
}

fn all() -> Vec<Vec<u8>> {
    let mut all: Vec<_> = MESSAGES.iter().map(|message| message.to_vec()).collect();
    all.sort();
    all
}

#[test]
fn a_group_is_kept_under_its_days_and_read_back() {
    let (disk, group) = (SimDisk::new(1), specimens());
    let archive = archive(&disk);
    let outcomes = archive.keep(&group).unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(shown(&archive), all());
    let days: Vec<String> = archive.days().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(days, ["2026-11-23", "2026-11-22"]);
    for specimen in &group {
        let kept = archive.find(specimen.record.envelope.id).unwrap().unwrap();
        assert_eq!(kept.record, specimen.record);
    }
    let stranger = MailIds::new(NodeId::default(), 9).next(1);
    assert!(archive.find(stranger).unwrap().is_none());
}

#[test]
fn keeping_again_changes_nothing() {
    let (disk, group) = (SimDisk::new(1), specimens());
    for _ in 0..3 {
        archive(&disk).keep(&group).unwrap();
        assert_eq!(shown(&archive(&disk)), all());
    }
}

#[test]
fn power_may_go_at_any_moment() {
    let group = specimens();
    let mut changes = 0;
    loop {
        for seed in 0..6 {
            let disk = SimDisk::new(seed);
            disk.cut_power_after(changes);
            let kept = archive(&disk).keep(&group);
            let whole = kept.is_ok();
            disk.crash();
            // Whatever has its name is whole; when it was said to be kept, all is there.
            let found = shown(&archive(&disk));
            assert!(
                found.iter().all(|message| all().contains(message)),
                "after {changes} changes, seed {seed}"
            );
            assert!(!whole || found == all(), "after {changes} changes, seed {seed}");
            archive(&disk).keep(&group).unwrap();
            assert_eq!(shown(&archive(&disk)), all(), "after {changes} changes, seed {seed}");
            if whole {
                assert!(changes > 20, "the power never went");
                return;
            }
        }
        changes += 1;
    }
}

#[test]
fn a_store_that_fails_is_told_from_a_message_that_cannot_be_filed() {
    let group = specimens();
    let disk = SimDisk::new(1);
    disk.set_capacity(10_000);
    let full = archive(&disk).keep(&group).unwrap_err();
    assert_eq!(full.source.kind(), io::ErrorKind::StorageFull);

    let disk = SimDisk::new(1);
    disk.set_faults(Faults { sync: 1, ..Faults::default() });
    archive(&disk).keep(&group).unwrap_err();

    // A directory that has one message's name, on a real file system.
    let folder = tempfile::tempdir().unwrap();
    let id = group[1].record.envelope.id;
    let day = folder.path().join(layout::directory_of(layout::day_of(id)));
    std::fs::create_dir_all(day.join(layout::name(id, MESSAGE))).unwrap();
    let archive = DirectoryArchive::new(Arc::new(RealDisk::new(folder.path()).unwrap()));
    let outcomes = archive.keep(&group).unwrap();
    let refused: Vec<bool> = outcomes.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, true, false, false]);
    assert_eq!(shown(&archive).len(), 3);
}

#[test]
fn bytes_that_changed_in_the_archive_are_found_out() {
    let (disk, group) = (SimDisk::new(1), specimens());
    archive(&disk).keep(&group).unwrap();
    let id = group[0].record.envelope.id;
    let path = layout::directory_of(layout::day_of(id)).join(layout::name(id, MESSAGE));
    assert!(disk.corrupt(&path, 3, 0x01));
    let kept = archive(&disk).find(id).unwrap().unwrap();
    assert!(matches!(kept.verify(), Err(ReadError::Altered { .. })));
}

#[test]
fn a_record_of_a_later_version_is_refused_and_one_with_more_fields_is_read() {
    let record = specimens().remove(0).record;
    let text = String::from_utf8(record::encode(&record)).unwrap();
    assert!(text.starts_with(r#"{"mailsensor_record":1,"oldest_reader":1,"#), "{text}");
    let newer = text.replacen(r#""mailsensor_record":1"#, r#""mailsensor_record":2,"more":[]"#, 1);
    assert_eq!(record::decode(newer.as_bytes()).unwrap(), record);
    let too_new = newer.replacen(r#""oldest_reader":1"#, r#""oldest_reader":2"#, 1);
    let error = record::decode(too_new.as_bytes()).unwrap_err();
    assert!(matches!(error, RecordError::UnknownVersion { version: 2, oldest_reader: 2 }), "{error}");
    assert!(matches!(record::decode(b"{}"), Err(RecordError::Malformed(_))));
}

/// What is wrong with one message must not hold up the others, what is wrong with the store must condemn none.
#[test]
fn the_blame_for_an_error_of_the_system_is_settled() {
    use io::ErrorKind::{
        FileTooLarge, IsADirectory, Other, PermissionDenied, ReadOnlyFilesystem, StorageFull,
    };
    for (kind, of_one_message) in [
        (FileTooLarge, true),
        (IsADirectory, true),
        (StorageFull, false),
        (PermissionDenied, false),
        (ReadOnlyFilesystem, false),
        (Other, false),
    ] {
        for error in [KeepError::Refused(kind.into()), ContentError::Sink(kind.into()).into()] {
            let blamed = settle_blame(Err(error));
            assert_eq!(matches!(blamed, Ok(Err(_))), of_one_message, "{kind:?}: {blamed:?}");
        }
    }
}
