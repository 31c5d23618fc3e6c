//! Segments: the files of the log, and the first 512 octets of each.
//!
//! ```text
//!  0       8         10       12           16           20            24          28        32    36
//!  | magic | version | reader | generation | predecessor | its end    | its fate  | oldest  | size |
//!  36     44         52         60        68          76      84       508    512
//!  | salt | next id  | accepted | settled | withdrawn | lost | zeros   | check  | frames ...
//! ```
//!
//! Numbers are little-endian, the check is the CRC-32C of octets 0 to 508. The file is named by its
//! generation, `0000002a.seg`; a file whose header is of another generation, or none, is a spare.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crc32c::crc32c;

use crate::disk::{File, read_full};
use crate::frame::{self, Head, Key, Kind, Place};

/// Octets before the first frame.
pub(crate) const HEADER: usize = 512;
/// The version this program writes, and the newest it reads.
pub(crate) const VERSION: u16 = 1;
/// The oldest version of a reader that may read what this program writes.
const READER: u16 = 1;
const MAGIC: [u8; 8] = *b"SENSPOOL";
const CHECK_AT: usize = HEADER - 4;

/// The counters that outlive the frames they were counted from, as of the opening of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// The id that the next entry gets.
    pub(crate) next_id: u64,
    /// The last sequence given to an entry that was made durable.
    pub(crate) accepted: u64,
    pub(crate) settled: u64,
    pub(crate) withdrawn: u64,
    pub(crate) lost: u64,
}

/// How the segment before was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Fate {
    /// It was full; all of it is synced.
    Full = 0,
    /// The program ended. What lies past the end was never acknowledged and is cut.
    Ended = 1,
    /// A write or sync failed. What lies past the end is in doubt.
    Poisoned = 2,
}

/// What stands in front of a segment's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) key: Key,
    /// The generation of the segment before; 0 when there is none.
    pub(crate) predecessor: u32,
    /// Where its frames end.
    pub(crate) predecessor_end: u32,
    pub(crate) fate: Fate,
    /// The oldest generation that was needed.
    pub(crate) oldest: u32,
    /// Octets of the file.
    pub(crate) octets: u32,
    pub(crate) counters: Counters,
}

/// What the first octets of a file say.
pub(crate) enum Parsed {
    Header(SegmentHeader),
    /// Not the header of a segment in use.
    None,
    /// A header that this program must not read.
    UnknownVersion {
        version: u16,
        reader: u16,
    },
}

impl SegmentHeader {
    pub(crate) fn to_octets(self) -> [u8; HEADER] {
        let mut octets = Vec::with_capacity(HEADER);
        octets.extend_from_slice(&MAGIC);
        octets.extend_from_slice(&VERSION.to_le_bytes());
        octets.extend_from_slice(&READER.to_le_bytes());
        let Self { key, predecessor, predecessor_end, fate, oldest, octets: size, counters } = self;
        for word in [key.generation, predecessor, predecessor_end, fate as u32, oldest, size] {
            octets.extend_from_slice(&word.to_le_bytes());
        }
        let Counters { next_id, accepted, settled, withdrawn, lost } = counters;
        for word in [key.salt, next_id, accepted, settled, withdrawn, lost] {
            octets.extend_from_slice(&word.to_le_bytes());
        }
        octets.resize(CHECK_AT, 0);
        octets.extend_from_slice(&crc32c(&octets).to_le_bytes());
        octets.try_into().expect("the parts add up")
    }

    /// The version is looked at before the check: a later version may check otherwise.
    pub(crate) fn parse(octets: &[u8]) -> Parsed {
        let Some(octets) = octets.first_chunk::<HEADER>() else { return Parsed::None };
        if octets[..8] != MAGIC {
            return Parsed::None;
        }
        let half = |at: usize| u16::from_le_bytes([octets[at], octets[at + 1]]);
        let (version, reader) = (half(8), half(10));
        // There is no version 0: that is a header whose writing was cut short.
        if reader > VERSION && version > 0 {
            return Parsed::UnknownVersion { version, reader };
        }
        if octets[CHECK_AT..] != crc32c(&octets[..CHECK_AT]).to_le_bytes() {
            return Parsed::None;
        }
        Self::parse_fields(octets).map_or(Parsed::None, Parsed::Header)
    }

    fn parse_fields(octets: &[u8; HEADER]) -> Option<Self> {
        let word =
            |at: usize| u32::from_le_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let fate = [Fate::Full, Fate::Ended, Fate::Poisoned].into_iter().find(|&f| f as u32 == word(24))?;
        Some(Self {
            key: Key { generation: word(12), salt: long(36) },
            predecessor: word(16),
            predecessor_end: word(20),
            fate,
            oldest: word(28),
            octets: word(32),
            counters: Counters {
                next_id: long(44),
                accepted: long(52),
                settled: long(60),
                withdrawn: long(68),
                lost: long(76),
            },
        })
    }
}

/// The name of the segment of a generation.
pub(crate) fn name(generation: u32) -> PathBuf {
    PathBuf::from(format!("{generation:08x}.seg"))
}

/// The generation in the name of a segment.
pub(crate) fn generation_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    let lower = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    u32::from_str_radix(digits, 16).ok().filter(|&generation| lower && generation > 0)
}

/// A segment that is open. Whoever reads from it holds one: it is not recycled under a reader.
pub(crate) struct Segment {
    pub(crate) key: Key,
    pub(crate) file: Arc<dyn File>,
}

/// A frame read back from a segment.
pub(crate) struct ReadFrame {
    pub(crate) kind: Kind,
    pub(crate) payload: Vec<u8>,
}

impl Segment {
    pub(crate) fn generation(&self) -> u32 {
        self.key.generation
    }

    /// Reads the frame at `offset`, in one read when it has no more than `expected` octets. `None` when it
    /// does not verify.
    pub(crate) fn read(&self, offset: u32, expected: usize) -> io::Result<Option<ReadFrame>> {
        let mut octets = vec![0; expected.max(frame::HEADER)];
        let read = read_full(&*self.file, &mut octets, u64::from(offset))?;
        octets.truncate(read);
        let Some(head) = Head::parse(&octets, self.key, offset) else { return Ok(None) };
        let end = frame::HEADER + head.octets as usize;
        if octets.len() < end {
            let from = octets.len();
            octets.resize(end, 0);
            read_full(&*self.file, &mut octets[from..], u64::from(offset) + from as u64)?;
        }
        octets.truncate(end);
        octets.drain(..frame::HEADER);
        let kind = head.known().ok().filter(|_| head.verifies(&octets));
        Ok(kind.map(|kind| ReadFrame { kind, payload: octets }))
    }

    pub(crate) fn place(&self, offset: u32) -> Place {
        Place { generation: self.generation(), offset }
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Segment({:08x})", self.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            key: Key { salt: u64::MAX - 5, generation: 42 },
            predecessor: 41,
            predecessor_end: 700,
            fate: Fate::Poisoned,
            oldest: 40,
            octets: 1 << 16,
            counters: Counters { next_id: 1, accepted: 2, settled: 3, withdrawn: 4, lost: 5 },
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        assert!(matches!(SegmentHeader::parse(&header().to_octets()), Parsed::Header(h) if h == header()));
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        for bit in 0..HEADER * 8 {
            let mut octets = header().to_octets();
            octets[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(SegmentHeader::parse(&octets), Parsed::Header(_)), "bit {bit}");
        }
    }

    #[test]
    fn a_later_version_is_named_unless_this_reader_may_read_it() {
        let mut octets = header().to_octets();
        octets[8] = 2;
        let check = crc32c(&octets[..CHECK_AT]).to_le_bytes();
        octets[CHECK_AT..].copy_from_slice(&check);
        assert!(matches!(SegmentHeader::parse(&octets), Parsed::Header(_)));
        octets[10] = 2;
        let parsed = SegmentHeader::parse(&octets);
        assert!(matches!(parsed, Parsed::UnknownVersion { version: 2, reader: 2 }));
    }

    #[test]
    fn names_lead_back_to_generations() {
        assert_eq!(generation_of(name(0x2a).to_str().unwrap()), Some(0x2a));
        for other in ["2a.seg", "0000002A.seg", "00000000.seg", "0000002a", "+000002a.seg", "lock"] {
            assert_eq!(generation_of(other), None, "{other}");
        }
    }
}
