//! Puts octets together that lie in many places, and copies none of them while they lie in one.

use std::borrow::Cow;
use std::ops::Range;

pub(super) struct Assembly<'a> {
    source: &'a [u8],
    /// Octets that are still missing.
    missing: usize,
    /// The last piece, which the next one may follow on.
    run: Range<usize>,
    copied: Vec<u8>,
}

impl<'a> Assembly<'a> {
    /// One that shall have `octets` of `source`.
    pub(super) fn of(source: &'a [u8], octets: usize) -> Self {
        Self { source, missing: octets, run: 0..0, copied: Vec::new() }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.missing == 0
    }

    /// Adds up to `octets` from `place` on, and says whether more can follow: not behind a place that there
    /// is not, or a piece that the end of the file cut.
    pub(super) fn add(&mut self, place: Option<usize>, octets: usize) -> bool {
        let Some(place) = place.filter(|place| *place < self.source.len()) else { return false };
        let wanted = octets.min(self.missing);
        let taken = wanted.min(self.source.len() - place);
        if place != self.run.end {
            self.copy_run();
            self.run = place..place;
        }
        self.run.end += taken;
        self.missing -= taken;
        taken == wanted
    }

    pub(super) fn finish(mut self) -> Cow<'a, [u8]> {
        if self.copied.is_empty() {
            return Cow::Borrowed(self.source.get(self.run).unwrap_or_default());
        }
        self.copy_run();
        Cow::Owned(self.copied)
    }

    fn copy_run(&mut self) {
        self.copied.extend_from_slice(self.source.get(self.run.clone()).unwrap_or_default());
    }
}
