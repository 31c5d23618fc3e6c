//! Frames: the unit of the log that verifies as a whole or not at all.
//!
//! ```text
//!  0        4         8        12       16     17        18      24          24+n    multiple of 8
//!  | check  | payload | octets | group  | kind | version | zero  | payload   | zeros |
//!  |        | check   | n      | start  |      |         |       | n octets  |       |
//! ```
//!
//! Numbers are little-endian. The payload check is the CRC-32C of the payload. The check is the CRC-32C of
//! the segment's salt, its generation, the frame's offset and octets 4 to 24: a frame of a former life of
//! the file, or octets in a body that look like a frame, do not verify. Before the group
//! start all was synced when the frame was made, by which a torn tail is told from damage.

use crc32c::{crc32c, crc32c_append};

/// Octets of a frame before its payload.
pub(crate) const HEADER: usize = 24;
const ALIGNMENT: usize = 8;
const VERSION: u8 = 1;

/// What the frames of one segment are checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) salt: u64,
    pub(crate) generation: u32,
}

/// Where a frame lies in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The generation of its segment: 1 and up.
    pub(crate) generation: u32,
    /// Its offset there.
    pub(crate) offset: u32,
}

/// What a frame records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A piece of a body.
    Chunk = 1,
    /// An entry with its state: new, or copied forward.
    Commit = 2,
    /// Entries are leased.
    Attempt = 3,
    /// Leases were dropped without an outcome.
    Return = 4,
    /// Entries are done.
    Settle = 5,
    /// An entry failed and is due later.
    Defer = 6,
    /// An entry stays and is never leased.
    SetAside = 7,
    /// Whoever committed an entry gave up before it heard of it.
    Withdraw = 8,
    /// Segments before the one named are not needed any more.
    Trim = 9,
}

impl TryFrom<u8> for Kind {
    type Error = u8;

    fn try_from(octet: u8) -> Result<Self, u8> {
        const ALL: [Kind; 9] = [
            Kind::Chunk,
            Kind::Commit,
            Kind::Attempt,
            Kind::Return,
            Kind::Settle,
            Kind::Defer,
            Kind::SetAside,
            Kind::Withdraw,
            Kind::Trim,
        ];
        ALL.into_iter().find(|&kind| kind as u8 == octet).ok_or(octet)
    }
}

/// The head of a frame that verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The kind and version octets; whether we know them is for the reader to say.
    pub(crate) kind: u8,
    pub(crate) version: u8,
    /// Octets of the payload.
    pub(crate) octets: u32,
    /// The offset of the first frame of its group.
    pub(crate) group: u32,
    payload_check: u32,
}

impl Head {
    /// The head at `offset`, when it verifies.
    pub(crate) fn parse(octets: &[u8], key: Key, offset: u32) -> Option<Self> {
        let octets: &[u8; HEADER] = octets.first_chunk()?;
        let word =
            |at: usize| u32::from_le_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        // Empty space is the common case when one looks for the end of a log.
        if word(0) == 0 && octets[16] == 0 {
            return None;
        }
        let head = Self {
            kind: octets[16],
            version: octets[17],
            octets: word(8),
            group: word(12),
            payload_check: word(4),
        };
        (word(0) == check(octets, key, offset)).then_some(head)
    }

    /// Whether `payload` is what the frame was written with.
    pub(crate) fn verifies(&self, payload: &[u8]) -> bool {
        payload.len() == self.octets as usize && crc32c(payload) == self.payload_check
    }

    /// The kind, when both it and its layout are known.
    pub(crate) fn known(&self) -> Result<Kind, u8> {
        let kind = Kind::try_from(self.kind)?;
        if self.version == VERSION { Ok(kind) } else { Err(self.kind) }
    }
}

/// Octets of a whole frame with a payload of `octets`.
pub(crate) fn span(octets: usize) -> usize {
    (HEADER + octets).next_multiple_of(ALIGNMENT)
}

/// Adds a frame to `buffer`; `write` adds its payload. `offset` is where the frame will lie.
pub(crate) fn append(
    buffer: &mut Vec<u8>,
    key: Key,
    offset: u32,
    group: u32,
    kind: Kind,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let from = buffer.len();
    buffer.extend_from_slice(&[0; HEADER]);
    write(buffer);
    let payload = &buffer[from + HEADER..];
    let octets = payload.len();
    let head = head(key, offset, group, kind, payload);
    buffer[from..from + HEADER].copy_from_slice(&head);
    buffer.resize(from + span(octets), 0);
}

/// What stands in front of `payload` in a frame at `offset`.
pub(crate) fn head(key: Key, offset: u32, group: u32, kind: Kind, payload: &[u8]) -> [u8; HEADER] {
    let mut head = [0; HEADER];
    let (octets, payload_check) = (payload.len(), crc32c(payload));
    head[4..8].copy_from_slice(&payload_check.to_le_bytes());
    head[8..12].copy_from_slice(&u32::try_from(octets).expect("frames fit a segment").to_le_bytes());
    head[12..16].copy_from_slice(&group.to_le_bytes());
    head[16] = kind as u8;
    head[17] = VERSION;
    let check = check(&head, key, offset);
    head[..4].copy_from_slice(&check.to_le_bytes());
    head
}

fn check(head: &[u8; HEADER], key: Key, offset: u32) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&key.salt.to_le_bytes());
    place[8..12].copy_from_slice(&key.generation.to_le_bytes());
    place[12..].copy_from_slice(&offset.to_le_bytes());
    crc32c_append(crc32c(&place), &head[4..])
}

/// Makes a frame at `offset` one of another kind that verifies all the same.
#[cfg(test)]
pub(crate) fn forge_kind(frame: &mut [u8], key: Key, offset: u32, kind: u8) {
    let head: &mut [u8; HEADER] = frame.first_chunk_mut().expect("a frame has a head");
    head[16] = kind;
    let check = check(head, key, offset);
    head[..4].copy_from_slice(&check.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { salt: 7, generation: 3 };

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        append(&mut buffer, KEY, 512, 512, Kind::Chunk, |b| b.extend_from_slice(payload));
        buffer
    }

    #[test]
    fn a_frame_verifies_where_it_was_written_and_nowhere_else() {
        let buffer = frame(b"octets");
        assert_eq!(buffer.len(), span(6));
        let head = Head::parse(&buffer, KEY, 512).unwrap();
        assert_eq!((head.known(), head.octets, head.group), (Ok(Kind::Chunk), 6, 512));
        assert!(head.verifies(&buffer[HEADER..HEADER + 6]));
        for (key, offset) in [(Key { generation: 4, ..KEY }, 512), (Key { salt: 8, ..KEY }, 512), (KEY, 520)]
        {
            assert_eq!(Head::parse(&buffer, key, offset), None);
        }
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        let buffer = frame(b"octets");
        for bit in 0..(HEADER + 6) * 8 {
            let mut flipped = buffer.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let seen = Head::parse(&flipped, KEY, 512)
                .is_none_or(|head| !head.verifies(&flipped[HEADER..HEADER + 6]));
            assert!(seen, "bit {bit}");
        }
    }

    #[test]
    fn an_unknown_kind_or_layout_is_not_known() {
        let known = Head { kind: 1, version: VERSION, octets: 0, group: 0, payload_check: 0 };
        assert_eq!(known.known(), Ok(Kind::Chunk));
        assert_eq!(Head { kind: 10, ..known }.known(), Err(10));
        assert_eq!(Head { version: 2, ..known }.known(), Err(1));
    }
}
