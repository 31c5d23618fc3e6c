//! Counts what is odd about a message's line ends.

use sensor_mail::envelope::LineEndings;

/// Pairs of octets that are looked at together. Hardly any block of any mail has a bare CR or LF: that is found
/// out for all its pairs at once, by a loop of which the compiler makes vector code, and only then counted.
const BLOCK_PAIRS: usize = 1024;

/// Counts bare CRs and LFs over the pieces of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineEndingCounter {
    counts: LineEndings,
    after_cr: bool,
}

impl LineEndingCounter {
    /// Takes the next piece of the message into account.
    pub(crate) fn see(&mut self, octets: &[u8]) {
        let (Some(&first), Some(&last)) = (octets.first(), octets.last()) else { return };
        self.counts.bare_cr += u64::from(self.after_cr && first != b'\n');
        self.counts.bare_lf += u64::from(!self.after_cr && first == b'\n');
        let (before, after) = (&octets[..octets.len() - 1], &octets[1..]);
        for (before, after) in before.chunks(BLOCK_PAIRS).zip(after.chunks(BLOCK_PAIRS)) {
            if is_odd(before, after) {
                self.count(before, after);
            }
        }
        self.after_cr = last == b'\r';
    }

    fn count(&mut self, before: &[u8], after: &[u8]) {
        for (&before, &after) in before.iter().zip(after) {
            self.counts.bare_cr += u64::from((before == b'\r') & (after != b'\n'));
            self.counts.bare_lf += u64::from((before != b'\r') & (after == b'\n'));
        }
    }

    /// The counts at the end of the message.
    pub(crate) fn finish(self) -> LineEndings {
        let LineEndings { bare_cr, bare_lf } = self.counts;
        LineEndings { bare_cr: bare_cr + u64::from(self.after_cr), bare_lf }
    }
}

/// Whether a CR in front is not followed by an LF, or an LF behind does not follow a CR, in any pair.
fn is_odd(before: &[u8], after: &[u8]) -> bool {
    let pairs = before.iter().zip(after);
    pairs.fold(0, |odd, (&before, &after)| odd | (u8::from(before == b'\r') ^ u8::from(after == b'\n'))) != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(pieces: &[&[u8]]) -> (u64, u64) {
        let mut counter = LineEndingCounter::default();
        pieces.iter().for_each(|piece| counter.see(piece));
        let LineEndings { bare_cr, bare_lf } = counter.finish();
        (bare_cr, bare_lf)
    }

    #[test]
    fn a_cr_or_lf_without_the_other_is_bare() {
        for (text, expected) in [
            ("", (0, 0)),
            ("a\r\nb\r\n", (0, 0)),
            ("\r", (1, 0)),
            ("\n", (0, 1)),
            ("\r\r\n", (1, 0)),
            ("\r\n\n", (0, 1)),
            ("\n\r", (1, 1)),
            ("a\rb\nc\r\n", (1, 1)),
        ] {
            assert_eq!(count(&[text.as_bytes()]), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_counts_equal_a_plain_count_however_the_message_is_cut(
            text in proptest::collection::vec(proptest::sample::select(b"\r\nx".to_vec()), 0..600),
            cut in any::<proptest::sample::Index>(),
        ) {
            let bare = |octet: u8, other: u8, step: isize| text.iter().enumerate().filter(|&(at, &o)| {
                let neighbour = at.checked_add_signed(step).and_then(|at| text.get(at));
                o == octet && neighbour != Some(&other)
            }).count() as u64;
            let expected = (bare(b'\r', b'\n', 1), bare(b'\n', b'\r', -1));
            let (first, second) = text.split_at(cut.index(text.len() + 1));
            prop_assert_eq!(count(&[first, second]), expected);
        }
    }
}
