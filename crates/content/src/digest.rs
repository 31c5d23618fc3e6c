//! What the octets of a part are known by: SHA-256, BLAKE3 and entropy, all taken while a stretch of them is
//! in the cache.

use std::sync::LazyLock;

use aws_lc_rs::digest::{Context, SHA256, digest};
use sensor_mail::{Blake3, Sha256};

/// What is read by all three before the next: it stays in the second-level cache, and is long enough for
/// BLAKE3 to use all its lanes.
const STRETCH_OCTETS: usize = 64 << 10;

/// Digests of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) sha256: Sha256,
    pub(crate) blake3: Blake3,
    /// Thousandths of a bit an octet.
    pub(crate) entropy: u16,
}

impl Digests {
    /// Digests a part, and gives how often each octet occurs in it.
    pub(crate) fn of(octets: &[u8]) -> (Self, Histogram) {
        let mut histogram = Histogram::default();
        let (sha256, blake3) = if octets.len() <= STRETCH_OCTETS {
            histogram.count(octets);
            (sha256(octets), blake3(octets))
        } else {
            in_stretches(octets, &mut histogram)
        };
        (Self { sha256, blake3, entropy: histogram.entropy() }, histogram)
    }
}

/// At once: a context costs as much as some forty octets.
pub(crate) fn sha256(octets: &[u8]) -> Sha256 {
    taken(&digest(&SHA256, octets))
}

pub(crate) fn blake3(octets: &[u8]) -> Blake3 {
    Blake3(*blake3::hash(octets).as_bytes())
}

fn in_stretches(octets: &[u8], histogram: &mut Histogram) -> (Sha256, Blake3) {
    let (mut context, mut blake3) = (Context::new(&SHA256), blake3::Hasher::new());
    for stretch in octets.chunks(STRETCH_OCTETS) {
        context.update(stretch);
        blake3.update(stretch);
        histogram.count(stretch);
    }
    (taken(&context.finish()), Blake3(*blake3.finalize().as_bytes()))
}

fn taken(digest: &aws_lc_rs::digest::Digest) -> Sha256 {
    Sha256(digest.as_ref().try_into().expect("SHA-256 has 32 octets"))
}

/// The histogram of a whole whose slices are counted as parts of their own: each octet is counted once.
#[derive(Default)]
pub(crate) struct Tally {
    histogram: Histogram,
    /// As far as is counted.
    end: usize,
}

/// To join two histograms costs as much as to count so many octets.
const JOIN_OCTETS: usize = 512;

impl Tally {
    /// Takes over what was counted of a slice. Those that do not lie in the whole, or not behind what is
    /// counted, are passed over.
    pub(crate) fn join(&mut self, whole: &[u8], slice: &[u8], counts: &Histogram) {
        let start = slice.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        let lies_within = start.checked_add(slice.len()).is_some_and(|end| end <= whole.len());
        if lies_within && start >= self.end && slice.len() >= JOIN_OCTETS {
            self.count(&whole[self.end..start]);
            self.histogram.join(counts);
            self.end = start + slice.len();
        }
    }

    /// Counts the rest; the entropy of the whole.
    pub(crate) fn finish(&mut self, whole: &[u8]) -> u16 {
        self.count(&whole[self.end..]);
        self.end = whole.len();
        self.histogram.entropy()
    }

    fn count(&mut self, octets: &[u8]) {
        octets.chunks(STRETCH_OCTETS).for_each(|stretch| self.histogram.count(stretch));
    }
}

/// How often each octet occurs.
pub(crate) struct Histogram([u64; 256]);

/// Shorter ones are counted one by one: to clear and to join four tables costs more.
const LANES_FROM: usize = 1 << 10;

impl Default for Histogram {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Histogram {
    /// Counts one stretch.
    fn count(&mut self, octets: &[u8]) {
        if octets.len() < LANES_FROM {
            octets.iter().for_each(|octet| self.0[usize::from(*octet)] += 1);
        } else {
            self.count_in_lanes(octets);
        }
    }

    /// Four tables, since equal octets in a row would wait for one another in one.
    fn count_in_lanes(&mut self, octets: &[u8]) {
        let mut lanes = [[0_u32; 256]; 4];
        let (fours, rest) = octets.as_chunks::<4>();
        for four in fours {
            for (lane, octet) in lanes.iter_mut().zip(four) {
                lane[usize::from(*octet)] += 1;
            }
        }
        rest.iter().for_each(|octet| lanes[0][usize::from(*octet)] += 1);
        let [a, b, c, d] = &lanes;
        for (octet, sum) in self.0.iter_mut().enumerate() {
            *sum += u64::from(a[octet]) + u64::from(b[octet]) + u64::from(c[octet]) + u64::from(d[octet]);
        }
    }

    fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    /// Shannon's, in thousandths of a bit an octet.
    fn entropy(&self) -> u16 {
        let total: u64 = self.0.iter().sum();
        if total == 0 {
            return 0;
        }
        let weighted: f64 = self.0.iter().filter(|count| **count > 1).map(|count| weight(*count)).sum();
        let bits = (total as f64).log2() - weighted / total as f64;
        (bits * 1_000.0).round().clamp(0.0, 8_000.0) as u16
    }
}

/// A count times its logarithm. Logarithms cost more than the counting of a short part, so those of small
/// counts are kept.
fn weight(count: u64) -> f64 {
    static SMALL: LazyLock<[f64; 512]> = LazyLock::new(|| std::array::from_fn(|count| weigh(count as f64)));
    let small = usize::try_from(count).ok().and_then(|count| SMALL.get(count).copied());
    small.unwrap_or_else(|| weigh(count as f64))
}

fn weigh(count: f64) -> f64 {
    if count > 0.0 { count * count.log2() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // FIPS 180-4 and the BLAKE3 paper's test vectors.
        let (empty, _) = Digests::of(b"");
        assert!(empty.sha256.to_string().starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
        assert!(empty.blake3.to_string().starts_with("af1349b9f5f9a1a6a0404dea36dcc949"));
        assert!(Digests::of(b"abc").0.sha256.to_string().starts_with("ba7816bf8f01cfea414140de5dae2223"));
    }

    #[test]
    fn a_long_part_is_digested_as_a_whole() {
        let octets: Vec<u8> = (0..3 * STRETCH_OCTETS + 5).map(|at| (at * 7).to_le_bytes()[0]).collect();
        let (digests, _) = Digests::of(&octets);
        assert_eq!(digests.blake3.0, *blake3::hash(&octets).as_bytes());
        assert_eq!(digests.sha256.0, aws_lc_rs::digest::digest(&SHA256, &octets).as_ref());
    }

    #[test]
    fn entropy_is_in_thousandths_of_a_bit() {
        let all: Vec<u8> = (0..=255).collect();
        for (octets, entropy) in
            [(&b""[..], 0), (b"aaaaaaa", 0), (b"abababab", 1_000), (b"abcd", 2_000), (&all, 8_000)]
        {
            assert_eq!(Digests::of(octets).0.entropy, entropy, "{octets:?}");
        }
    }

    #[test]
    fn a_whole_is_counted_once_whatever_its_slices_are() {
        let whole: Vec<u8> = (0..9_000_u32).map(|at| ((at * at) >> 7).to_le_bytes()[0]).collect();
        let (expected, _) = Digests::of(&whole);
        let elsewhere = whole.clone();
        for slices in [
            &[][..],
            &[&whole[..]],
            &[&whole[100..2_000], &whole[2_000..3_000], &whole[8_000..9_000]],
            // Too short, behind, across, elsewhere.
            &[
                &whole[10..20],
                &whole[3_000..4_000],
                &whole[0..1_000],
                &whole[3_500..5_000],
                &elsewhere[5_000..],
            ],
        ] {
            let mut tally = Tally::default();
            slices.iter().for_each(|slice| tally.join(&whole, slice, &Digests::of(slice).1));
            assert_eq!(tally.finish(&whole), expected.entropy);
        }
    }
}
