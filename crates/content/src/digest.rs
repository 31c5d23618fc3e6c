//! What the octets of a part are known by: SHA-256, BLAKE3 and entropy, all taken while a stretch of them is
//! in the cache.

use aws_lc_rs::digest::{Context, SHA256};
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
    pub(crate) fn of(octets: &[u8]) -> Self {
        let (mut sha256, mut blake3) = (Context::new(&SHA256), blake3::Hasher::new());
        let mut histogram = Histogram::default();
        for stretch in octets.chunks(STRETCH_OCTETS) {
            sha256.update(stretch);
            blake3.update(stretch);
            histogram.count(stretch);
        }
        let sha256 = sha256.finish();
        let sha256 = sha256.as_ref().try_into().expect("SHA-256 has 32 octets");
        Self {
            sha256: Sha256(sha256),
            blake3: Blake3(*blake3.finalize().as_bytes()),
            entropy: histogram.entropy(),
        }
    }
}

/// How often each octet occurs. Four tables, since equal octets in a row would wait for one another in one.
struct Histogram([[u64; 256]; 4]);

impl Default for Histogram {
    fn default() -> Self {
        Self([[0; 256]; 4])
    }
}

impl Histogram {
    fn count(&mut self, octets: &[u8]) {
        let [a, b, c, d] = &mut self.0;
        let (fours, rest) = octets.as_chunks::<4>();
        for four in fours {
            a[usize::from(four[0])] += 1;
            b[usize::from(four[1])] += 1;
            c[usize::from(four[2])] += 1;
            d[usize::from(four[3])] += 1;
        }
        rest.iter().for_each(|octet| a[usize::from(*octet)] += 1);
    }

    /// Shannon's, in thousandths of a bit an octet.
    fn entropy(&self) -> u16 {
        let [a, b, c, d] = &self.0;
        let counts: Vec<u64> = (0..256).map(|octet| a[octet] + b[octet] + c[octet] + d[octet]).collect();
        let total: u64 = counts.iter().sum();
        let bits = |count: &u64| -> f64 {
            let share = *count as f64 / total as f64;
            -share * share.log2()
        };
        let bits: f64 = counts.iter().filter(|count| **count > 0).map(bits).sum();
        (bits * 1_000.0).round().clamp(0.0, 8_000.0) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // FIPS 180-4 and the BLAKE3 paper's test vectors.
        let empty = Digests::of(b"");
        assert!(empty.sha256.to_string().starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
        assert!(empty.blake3.to_string().starts_with("af1349b9f5f9a1a6a0404dea36dcc949"));
        assert!(Digests::of(b"abc").sha256.to_string().starts_with("ba7816bf8f01cfea414140de5dae2223"));
    }

    #[test]
    fn a_long_part_is_digested_as_a_whole() {
        let octets: Vec<u8> = (0..3 * STRETCH_OCTETS + 5).map(|at| (at * 7).to_le_bytes()[0]).collect();
        let digests = Digests::of(&octets);
        assert_eq!(digests.blake3.0, *blake3::hash(&octets).as_bytes());
        assert_eq!(digests.sha256.0, aws_lc_rs::digest::digest(&SHA256, &octets).as_ref());
    }

    #[test]
    fn entropy_is_in_thousandths_of_a_bit() {
        let all: Vec<u8> = (0..=255).collect();
        for (octets, entropy) in
            [(&b""[..], 0), (b"aaaaaaa", 0), (b"abababab", 1_000), (b"abcd", 2_000), (&all, 8_000)]
        {
            assert_eq!(Digests::of(octets).entropy, entropy, "{octets:?}");
        }
    }
}
