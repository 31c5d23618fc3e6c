//! Logs with flipped bits: reading them never panics, never gives wrong octets and never loses count.

use proptest::collection::vec;
use proptest::prelude::*;
use sensor_spool::check_recovery;

/// Octets at the beginning of each file that are damaged one by one; of the others, one in seven.
const EACH_OCTET: u16 = 2_000;
const OCTETS: u16 = 16_000;

#[test]
fn any_octet_of_a_segment_may_rot() {
    for file in 0..3 {
        for at in (0..EACH_OCTET).chain((EACH_OCTET..OCTETS).step_by(7)) {
            let [low, high] = at.to_le_bytes();
            check_recovery(&[file, low, high, 1 << (at % 8)]);
        }
    }
}

proptest! {
    #[test]
    fn many_octets_may_rot(edits in vec(any::<u8>(), 0..200)) {
        check_recovery(&edits);
    }
}
