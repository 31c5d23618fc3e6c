//! What unfolds to more than anyone has: it ends flagged, and within the budget.

use std::cell::Cell;

use bytes::Bytes;
use sensor_mail::part::PartFlag::Bomb;
use sensor_mail::part::{Part, WhyUnopened};

use super::builders::*;
use crate::{AidError, Aids, Alone, Exploded, Foreign, Limits, Tarred, explode, fuzz};

fn limits() -> Limits {
    Limits { octets: 8 << 20, parts: 300, depth: 12, ratio: 50, ratio_floor: 64 << 10 }
}

/// Takes it apart; gives what ended.
fn ends(name: &str, file: &[u8]) -> (Exploded, Vec<WhyUnopened>) {
    let exploded = explode(mail("x", name, file), &limits(), &Alone);
    fuzz::check(&exploded, &limits());
    let gaps = exploded.parts.iter().flat_map(|(part, _)| &part.gaps).map(|gap| gap.why);
    let mut ends: Vec<_> = gaps.collect();
    ends.sort_unstable();
    ends.dedup();
    (exploded, ends)
}

fn flagged(exploded: &Exploded) -> bool {
    exploded.parts.iter().any(|(part, _): &(Part, Bytes)| part.flags.contains(&Bomb) && !part.gaps.is_empty())
}

/// A stream in a stream in a stream.
fn nested_gzip(levels: usize) -> Vec<u8> {
    (0..levels).fold(b"core".to_vec(), |inner, _| gzip(&inner))
}

#[test]
fn bombs_end_flagged_and_bounded() {
    let zeros = vec![0; 20 << 20];
    let many: Vec<(String, Vec<u8>)> = (0..1_000).map(|at| (format!("f{at}"), vec![1])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, octets)| (&**name, &**octets)).collect();
    let inner = zip(&[("z", &zeros[..4 << 20])]);
    let wide: Vec<(String, &[u8])> = (0..40).map(|at| (format!("{at}.zip"), &*inner)).collect();
    let wide: Vec<(&str, &[u8])> = wide.iter().map(|(name, octets)| (&**name, *octets)).collect();
    for (name, file, end) in [
        ("a.zip", zip(&[("zeros", &zeros)]), WhyUnopened::RatioMax),
        ("a.gz", gzip(&zeros), WhyUnopened::RatioMax),
        ("a.bz2", bzip2(&zeros), WhyUnopened::RatioMax),
        ("a.xz", xz(&zeros), WhyUnopened::RatioMax),
        ("a.zst", zstd(&zeros), WhyUnopened::RatioMax),
        ("a.7z", sevenz(&[("zeros", &zeros)], None), WhyUnopened::RatioMax),
        ("a.zip", zip(&many), WhyUnopened::PartsMax),
        ("a.zip", zip(&wide), WhyUnopened::RatioMax),
        ("a.tar", tar(&[("a", &zeros)]), WhyUnopened::OctetsMax),
        ("a.gz", nested_gzip(40), WhyUnopened::DepthMax),
    ] {
        let (exploded, ends) = ends(name, &file);
        assert!(ends.contains(&end), "{name}: {ends:?}");
        assert!(flagged(&exploded), "{name}");
    }
}

#[test]
fn members_that_come_to_nothing_are_counted() {
    // A header of a member with one letter for a name, and what no deflated stream begins with.
    let stray = [b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), vec![0; 16], vec![1, 0, 0, 0, b'a', 7, 7]].concat();
    let (exploded, ends) = ends("a.zip", &stray.repeat(12_000));
    assert_eq!(ends, [WhyUnopened::Damaged, WhyUnopened::PartsMax]);
    assert_eq!(exploded.parts.len(), 3);
}

#[test]
fn what_stands_beside_a_bomb_is_read() {
    let bomb = zip(&[("zeros", &vec![0; 20 << 20]), ("later", b"y")]);
    let file = tar(&[("a.zip", &bomb), ("b.zip", &zip(&[("e.com", &eicar())]))]);
    let (exploded, _) = ends("a.tar", &file);
    let found = exploded.parts.iter().find(|(_, octets)| octets == &eicar()[..]);
    assert_eq!(found.map(|(part, _)| &*part.path.0), Some("2/a.tar/b.zip/e.com"));
}

/// Time that ends after some questions.
struct Clock(Cell<u32>);

impl Aids for Clock {
    fn is_over(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }

    fn passwords(&self) -> &[Box<str>] {
        &[]
    }

    fn to_tar(&self, _: Foreign, _: &Bytes, _: u64) -> Result<Tarred, AidError> {
        Err(AidError::Unsupported)
    }
}

#[test]
fn time_that_ends_leaves_a_gap_wherever_it_does() {
    let file = zip(&[("a.gz", &gzip(&[b'x'; 9_000])), ("b", b"y")]);
    let message = mail("x", "a.zip", &file);
    let all = explode(message.clone(), &Limits::default(), &Alone).parts.len();
    for questions in 1..60 {
        let exploded = explode(message.clone(), &Limits::default(), &Clock(Cell::new(questions)));
        fuzz::check(&exploded, &Limits::default());
        let gaps = exploded.parts.iter().flat_map(|(part, _)| &part.gaps);
        let is_told = gaps.clone().any(|gap| gap.why == WhyUnopened::TimeMax);
        assert!(is_told || exploded.parts.len() == all, "after {questions} questions something is missing");
        assert!(!exploded.parts.iter().any(|(part, _)| part.flags.contains(&Bomb)), "time is no bomb");
    }
}

#[test]
fn sizes_that_lie_are_given_no_memory() {
    let mut file = sevenz(&[("a", b"x")], None);
    // The size of the header, and its own checksum: MS-DOS would not care, and neither does this.
    file[20..28].copy_from_slice(&(1_u64 << 60).to_le_bytes());
    let crc = flate2_crc(&file[12..32]);
    file[8..12].copy_from_slice(&crc.to_le_bytes());
    let (_, ends) = ends("a.7z", &file);
    assert_eq!(ends, [WhyUnopened::Damaged]);
}

fn flate2_crc(octets: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum()
}
