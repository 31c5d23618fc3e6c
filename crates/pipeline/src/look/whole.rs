//! A message that was not taken apart, as the one part that it is: scanners that take whole messages still look.

use sensor_mail::part::{Part, PartPath, Role, Unopened};
use sensor_mail::{Blake3, PartId, Sha256};

use crate::scanner::{Octets, Piece};

/// How much of a message is in memory.
const PIECE_OCTETS: usize = 256 * 1024;

/// The message by itself, with the reason why nothing in it is known. Its octets are read and not parsed.
pub(super) fn whole(octets: &Octets, gap: Unopened) -> std::io::Result<Piece> {
    let mut sha256 = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut blake3 = blake3::Hasher::new();
    let mut counts = [0_u64; 256];
    let mut buffer = vec![0; PIECE_OCTETS];
    let mut at = 0;
    loop {
        let count = octets.read_at(at, &mut buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        sha256.update(read);
        blake3.update(read);
        read.iter().for_each(|octet| counts[usize::from(*octet)] += 1);
        at += count as u64;
    }
    let part = Part {
        id: PartId::MESSAGE,
        parent: None,
        path: PartPath::default(),
        role: Role::Message,
        declared: None,
        detected: None,
        name: None,
        octets: at,
        sha256: Sha256(sha256.finish().as_ref().try_into().expect("a SHA-256 digest has 32 octets")),
        blake3: Blake3(*blake3.finalize().as_bytes()),
        entropy: entropy(&counts, at),
        flags: Vec::new(),
        gaps: vec![gap],
    };
    Ok(Piece { part, octets: octets.clone() })
}

/// Shannon entropy in thousandths of a bit an octet.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate between 0 and 8000"
)]
fn entropy(counts: &[u64; 256], octets: u64) -> u16 {
    let shares = counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / octets as f64);
    let bits: f64 = shares.map(|share| -share * share.log2()).sum();
    (bits * 1_000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use sensor_mail::part::WhyUnopened;

    use super::*;

    #[test]
    fn a_message_is_one_part_with_a_gap() {
        for (octets, entropy) in [(&b""[..], 0), (b"aaaa", 0), (b"abab", 1_000), (b"abcd", 2_000)] {
            let gap = Unopened { why: WhyUnopened::Failed, detail: None };
            let piece = whole(&Octets::Held(octets.to_vec().into()), gap.clone()).unwrap();
            let Part { octets: length, entropy: found, gaps, .. } = piece.part;
            assert_eq!((length, found, gaps), (octets.len() as u64, entropy, vec![gap]));
        }
    }
}
