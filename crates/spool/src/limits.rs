//! Limits that follow from the size of a segment.

use crate::record::EXTENT_OCTETS;

/// Memory for bodies is granted in pages of this many octets.
pub(crate) const PAGE_OCTETS: usize = 4 << 10;
/// The smallest and largest segment, in octets.
pub(crate) const SEGMENT_OCTETS: std::ops::RangeInclusive<u32> = 32 << 10..=256 << 20;

const CHUNK_OCTETS_MAX: usize = 128 << 10;
const HEADER_OCTETS_MAX: usize = 1 << 20;
const EXTENTS_MAX: usize = 128 << 10;

/// What fits. A commit takes at most an eighth of a segment each for header, extents and piece, so that
/// what does not fit at the end of one wastes less than half of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Octets of body that a draft gathers before it writes them: at most 128 KiB.
    pub(crate) chunk_octets: usize,
    /// Octets from which a piece is written from where it lies, and not copied first.
    pub(crate) apart_octets: usize,
    /// Octets of a stored header: at most 1 MiB.
    pub(crate) header_octets: usize,
    /// Pieces of a body: at most 131,072, which is 16 GiB of full pieces, 512 MiB of the smallest, and 1.5 MiB
    /// of memory while the draft is open.
    pub(crate) extents: usize,
}

impl Limits {
    pub(crate) fn of(segment_octets: u32) -> Self {
        let eighth = segment_octets as usize / 8;
        let chunk_octets = eighth.min(CHUNK_OCTETS_MAX);
        Self {
            chunk_octets,
            apart_octets: chunk_octets / 8,
            header_octets: eighth.min(HEADER_OCTETS_MAX),
            extents: (eighth / EXTENT_OCTETS).min(EXTENTS_MAX),
        }
    }
}
