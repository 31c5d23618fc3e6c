use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn check(record: &Record<'_>) {
    let mut payload = Vec::new();
    record.write(&mut payload);
    assert_eq!(payload.len(), record.octets());
    assert_eq!(Record::parse(record.kind(), &payload).as_ref(), Some(record));
}

#[test]
fn every_record_is_read_as_it_was_written() {
    let tag = Tag { id: 77, in_doubt: true };
    let other = Tag { id: u64::MAX >> 1, in_doubt: false };
    for record in [
        Record::Chunk(b"piece"),
        Record::Attempt(vec![tag, other]),
        Record::Return(vec![]),
        Record::Settle(vec![other]),
        Record::Defer { tag, due: 5, reason: b"archive is down" },
        Record::SetAside { tag, reason: b"" },
        Record::Withdraw { tag: other, reason: b"slow" },
        Record::Trim { oldest: 9 },
    ] {
        check(&record);
    }
}

#[test]
fn a_reason_is_cut_between_characters() {
    assert_eq!(cut_reason("short"), "short");
    assert_eq!(cut_reason(&"ä".repeat(400)).len(), REASON_OCTETS_MAX);
    assert_eq!(cut_reason(&format!("x{}", "ä".repeat(400))).len(), REASON_OCTETS_MAX - 1);
}

fn phases() -> impl Strategy<Value = Phase> {
    prop_oneof![
        Just(Phase::Fresh),
        Just(Phase::Open),
        Just(Phase::Deferred),
        Just(Phase::Aside),
        Just(Phase::Suspect)
    ]
}

proptest! {
    #[test]
    fn a_commit_is_read_as_it_was_written(
        (id, sequence, due, copied) in any::<(u64, u64, u64, bool)>(),
        (attempts, failures, interrupted) in any::<(u8, u8, u8)>(),
        phase in phases(),
        reason in vec(any::<u8>(), 0..20),
        extents in vec(any::<(u32, u32, u32)>(), 0..5),
        header in vec(any::<u8>(), 0..40),
        tail in vec(any::<u8>(), 0..40),
    ) {
        let extents = extents
            .into_iter()
            .map(|(generation, offset, octets)| Extent { place: Place { generation, offset }, octets })
            .collect();
        let history = History { attempts, failures, interrupted, phase, due };
        let (reason, header, tail) = (&reason[..], &header[..], &tail[..]);
        check(&Record::Commit(Commit { id, sequence, history, copied, reason, extents, header, tail }));
    }

    #[test]
    fn what_is_no_record_is_refused_without_panic(kind in 1_u8..10, octets in vec(any::<u8>(), 0..200)) {
        let kind = Kind::try_from(kind).unwrap();
        if let Some(record) = Record::parse(kind, &octets) {
            prop_assert!(record.octets() <= octets.len());
        }
    }
}
