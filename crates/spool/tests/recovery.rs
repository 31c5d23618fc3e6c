//! Logs with flipped bits: reading them never panics, never gives wrong octets and never loses count.

use proptest::collection::vec;
use proptest::prelude::*;
use sensor_spool::check_recovery;

/// Octets of the log that are looked at one by one: headers, and the frames of all kinds.
const OCTETS: u16 = 11_000;

#[test]
fn any_octet_of_a_segment_may_rot() {
    for file in 0..3 {
        for at in 0..OCTETS {
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
