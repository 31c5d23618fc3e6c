//! Any octets, and sound ones with a few of them changed: nothing panics, nothing unfolds to more than is
//! promised.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use sensor_content::mapi::fuzz::{check_msg, check_rtf, check_tnef};

use crate::build_rtf::packed;

type Edits = Vec<(prop::sample::Index, u8)>;

fn edited(mut octets: Vec<u8>, edits: &Edits) -> Vec<u8> {
    for (at, octet) in edits {
        let at = at.index(octets.len());
        octets[at] = *octet;
    }
    octets
}

const RTF: &[u8] =
    br"{\rtf1\ansi\ansicpg932\fromhtml1{\fonttbl{\f0\fcharset128 MS;}}{\*\htmltag64 <p>}\f0\'83\'65
\uc1\u1092?\htmlrtf{\b \htmlrtf0 x\bin2 {}\par}}";

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn octets_are_no_danger(octets in vec(any::<u8>(), 0..2_000)) {
        check_tnef(&octets);
        check_tnef(&[b"\x78\x9F\x3E\x22\0\0", &*octets].concat());
        check_msg(&octets);
        check_rtf(&octets);
    }

    #[test]
    fn changed_tnef_is_no_danger(edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        check_tnef(&edited(crate::tnef::sample(), &edits));
    }

    #[test]
    fn changed_rtf_is_no_danger(edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        check_rtf(&edited(packed(RTF), &edits));
        check_rtf(&edited(RTF.to_vec(), &edits));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Half of the edits fall on the head and the directory, where all the pointers are.
    #[test]
    fn changed_msg_is_no_danger(
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        pointers in vec((0..48_usize, 64..128_usize, any::<u8>()), 0..6),
    ) {
        let mut octets = edited(crate::msg::sample(), &edits);
        pointers.iter().for_each(|(entry, at, octet)| octets[512 + entry * 128 + at] = *octet);
        check_msg(&octets);
    }
}
