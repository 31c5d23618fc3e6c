use super::*;
use crate::frame::Kind;

const KEY: Key = Key { salt: 1, generation: 1 };

/// A segment of groups, each a number of frames of 8 octets.
fn segment(groups: &[usize]) -> (Vec<u8>, Vec<u32>) {
    let mut octets = vec![0; segment::HEADER];
    let mut offsets = Vec::new();
    for &frames in groups {
        let group = u32::try_from(octets.len()).unwrap();
        for _ in 0..frames {
            let offset = u32::try_from(octets.len()).unwrap();
            offsets.push(offset);
            frame::append(&mut octets, KEY, offset, group, Kind::Chunk, |b| b.extend_from_slice(&[7; 8]));
        }
    }
    (octets, offsets)
}

/// What a walk gives: the offsets of frames, and `None` for damage.
fn steps(walk: &mut Walk<'_>) -> Vec<Option<u32>> {
    walk.map(|step| match step {
        Step::Frame(found) => Some(found.offset),
        Step::Damage => None,
    })
    .collect()
}

/// Damages the frames with these numbers and says what a walk finds and how much it cuts.
fn check(groups: &[usize], hurt: &[usize], found: &[Option<usize>], cut_frames: u32) {
    let (mut octets, offsets) = segment(groups);
    hurt.iter().for_each(|&n| octets[offsets[n] as usize + 25] ^= 1);
    octets.extend_from_slice(&[0; 256]);
    let mut walk = Walk::to_find_end(&octets, KEY);
    let expected: Vec<_> = found.iter().map(|n| n.map(|n| offsets[n])).collect();
    assert_eq!(steps(&mut walk), expected, "{groups:?} {hurt:?}");
    assert_eq!(walk.tail().cut, cut_frames * 32, "{groups:?} {hurt:?}");
}

#[test]
fn a_hole_in_the_last_group_ends_the_log_and_one_before_it_is_damage() {
    let some = Some;
    check(&[2, 2], &[], &[some(0), some(1), some(2), some(3)], 0);
    check(&[2, 2], &[3], &[some(0), some(1), some(2)], 0);
    check(&[2, 2], &[2], &[some(0), some(1)], 2);
    check(&[2, 2], &[2, 3], &[some(0), some(1)], 0);
    check(&[2, 2], &[1], &[some(0), None, some(2), some(3)], 0);
    check(&[2, 2], &[0, 1], &[None, some(2), some(3)], 0);
    check(&[3, 1], &[0], &[None, some(1), some(2), some(3)], 0);
    check(&[3, 1], &[0, 3], &[], 3);
    check(&[1, 1, 1], &[0, 2], &[None, some(1)], 0);
    check(&[], &[], &[], 0);
}

#[test]
fn where_the_end_is_known_every_hole_is_damage() {
    let (mut octets, offsets) = segment(&[2, 2]);
    let end = u32::try_from(octets.len()).unwrap();
    octets[offsets[3] as usize] ^= 1;
    octets.extend_from_slice(&[9; 64]);
    let mut walk = Walk::to(&octets, KEY, end);
    assert_eq!(steps(&mut walk), [Some(offsets[0]), Some(offsets[1]), Some(offsets[2]), None]);
}

#[test]
fn a_group_in_doubt_is_read_as_far_as_it_verifies() {
    let (mut octets, offsets) = segment(&[1, 3]);
    octets[offsets[3] as usize] ^= 1;
    let found: Vec<_> = Walk::of_group(&octets, KEY, offsets[1]).map(|found| found.offset).collect();
    assert_eq!(found, offsets[1..3]);
    assert_eq!(Walk::of_group(&octets, KEY, offsets[0]).count(), 1);
    // The first frame behind the end was written before it was known that the one before it is synced.
    let (octets, offsets) = segment(&[2, 2]);
    let found: Vec<_> = Walk::of_group(&octets, KEY, offsets[1]).map(|found| found.offset).collect();
    assert_eq!(found, offsets[1..2], "it ends where a later group begins");
}
