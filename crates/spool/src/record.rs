//! Records: what the payloads of frames say. Pure; numbers are little-endian.
//!
//! A tag names an entry in eight octets: its id times two, plus one when the entry is in doubt, so that
//! counts can be kept without knowing the entry any more.

use crate::frame::{Kind, Place};

/// The longest reason that is stored, in octets; longer ones are cut.
pub(crate) const REASON_OCTETS_MAX: usize = 512;
/// The largest number of entries that one frame names.
pub(crate) const TAGS_MAX: usize = 1_024;
/// Octets of a Commit payload before its variable parts.
pub(crate) const COMMIT_OCTETS: usize = 48;
/// Octets of one extent in a Commit payload.
pub(crate) const EXTENT_OCTETS: usize = 12;

/// Names an entry in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) id: u64,
    pub(crate) in_doubt: bool,
}

/// A piece of a body that lies in a Chunk frame. Generation 0: the piece was found damaged and is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) place: Place,
    pub(crate) octets: u32,
}

/// What has happened to an entry so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) attempts: u8,
    pub(crate) failures: u8,
    pub(crate) interrupted: u8,
    pub(crate) phase: Phase,
    /// When it is due again, in Unix milliseconds; 0 unless deferred.
    pub(crate) due: u64,
}

impl History {
    pub(crate) const NEW: Self =
        Self { attempts: 0, failures: 0, interrupted: 0, phase: Phase::Fresh, due: 0 };
}

/// Where an entry stands, as far as the log knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Never leased.
    Fresh = 0,
    /// Leased; no outcome yet.
    Open = 1,
    /// It waits until it is due.
    Deferred = 2,
    /// Set aside.
    Aside = 3,
    /// The program ended while it was leased: it is leased again, alone and last.
    Suspect = 4,
}

impl Phase {
    fn parse(octet: u8) -> Option<Self> {
        [Self::Fresh, Self::Open, Self::Deferred, Self::Aside, Self::Suspect]
            .into_iter()
            .find(|&phase| phase as u8 == octet)
    }
}

/// An entry: where its body is, its header, and what has happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit<'a> {
    pub(crate) id: u64,
    /// 0 when the entry is in doubt.
    pub(crate) sequence: u64,
    pub(crate) history: History,
    /// Whether it was copied forward from a segment that was to be freed.
    pub(crate) copied: bool,
    pub(crate) reason: &'a [u8],
    pub(crate) extents: Vec<Extent>,
    pub(crate) header: &'a [u8],
    /// The end of the body, which follows the pieces in Chunk frames.
    pub(crate) tail: &'a [u8],
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    Chunk(&'a [u8]),
    Commit(Commit<'a>),
    Attempt(Vec<Tag>),
    Return(Vec<Tag>),
    Settle(Vec<Tag>),
    Defer { tag: Tag, due: u64, reason: &'a [u8] },
    SetAside { tag: Tag, reason: &'a [u8] },
    Withdraw { tag: Tag, reason: &'a [u8] },
    Trim { oldest: u32 },
}

impl<'a> Record<'a> {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Chunk(_) => Kind::Chunk,
            Self::Commit(_) => Kind::Commit,
            Self::Attempt(_) => Kind::Attempt,
            Self::Return(_) => Kind::Return,
            Self::Settle(_) => Kind::Settle,
            Self::Defer { .. } => Kind::Defer,
            Self::SetAside { .. } => Kind::SetAside,
            Self::Withdraw { .. } => Kind::Withdraw,
            Self::Trim { .. } => Kind::Trim,
        }
    }

    /// Why an entry waits or is set aside, when the record says so.
    pub(crate) fn reason(&self) -> Option<&'a [u8]> {
        match self {
            Self::Commit(Commit { reason, .. })
            | Self::Defer { reason, .. }
            | Self::SetAside { reason, .. }
            | Self::Withdraw { reason, .. } => Some(reason),
            Self::Chunk(_) | Self::Attempt(_) | Self::Return(_) | Self::Settle(_) | Self::Trim { .. } => None,
        }
    }

    /// Octets of its payload.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::Chunk(octets) => octets.len(),
            Self::Commit(commit) => commit.octets(),
            Self::Attempt(tags) | Self::Return(tags) | Self::Settle(tags) => tags.len() * 8,
            Self::Defer { reason, .. } => 16 + reason.len(),
            Self::SetAside { reason, .. } | Self::Withdraw { reason, .. } => 8 + reason.len(),
            Self::Trim { .. } => 4,
        }
    }

    /// Adds its payload to `buffer`.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Chunk(octets) => buffer.extend_from_slice(octets),
            Self::Commit(commit) => commit.write(buffer),
            Self::Attempt(tags) | Self::Return(tags) | Self::Settle(tags) => {
                tags.iter().for_each(|tag| tag.write(buffer));
            }
            Self::Defer { tag, due, reason } => {
                tag.write(buffer);
                buffer.extend_from_slice(&due.to_le_bytes());
                buffer.extend_from_slice(reason);
            }
            Self::SetAside { tag, reason } | Self::Withdraw { tag, reason } => {
                tag.write(buffer);
                buffer.extend_from_slice(reason);
            }
            Self::Trim { oldest } => buffer.extend_from_slice(&oldest.to_le_bytes()),
        }
    }

    /// The record in a payload that verified; `None` when it is not one that we write.
    pub(crate) fn parse(kind: Kind, payload: &'a [u8]) -> Option<Self> {
        let mut input = Input(payload);
        Some(match kind {
            Kind::Chunk => Self::Chunk(payload),
            Kind::Commit => Self::Commit(Commit::parse(payload)?),
            Kind::Attempt => Self::Attempt(input.tags()?),
            Kind::Return => Self::Return(input.tags()?),
            Kind::Settle => Self::Settle(input.tags()?),
            Kind::Defer => Self::Defer { tag: input.tag()?, due: input.u64()?, reason: input.0 },
            Kind::SetAside => Self::SetAside { tag: input.tag()?, reason: input.0 },
            Kind::Withdraw => Self::Withdraw { tag: input.tag()?, reason: input.0 },
            Kind::Trim => Self::Trim { oldest: input.u32()? },
        })
    }
}

impl Tag {
    fn write(self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&(self.id << 1 | u64::from(self.in_doubt)).to_le_bytes());
    }
}

impl<'a> Commit<'a> {
    /// Octets of its payload.
    pub(crate) fn octets(&self) -> usize {
        COMMIT_OCTETS
            + self.reason.len()
            + self.extents.len() * EXTENT_OCTETS
            + self.header.len()
            + self.tail.len()
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        let count = |n: usize| u32::try_from(n).expect("a commit fits a segment").to_le_bytes();
        buffer.extend_from_slice(&self.id.to_le_bytes());
        buffer.extend_from_slice(&self.sequence.to_le_bytes());
        buffer.extend_from_slice(&self.history.due.to_le_bytes());
        let History { attempts, failures, interrupted, phase, .. } = self.history;
        buffer.extend_from_slice(&[attempts, failures, interrupted, phase as u8]);
        buffer.extend_from_slice(&[u8::from(self.copied), 0, 0, 0]);
        for part in [self.reason.len(), self.extents.len(), self.header.len(), self.tail.len()] {
            buffer.extend_from_slice(&count(part));
        }
        buffer.extend_from_slice(self.reason);
        for extent in &self.extents {
            for word in [extent.place.generation, extent.place.offset, extent.octets] {
                buffer.extend_from_slice(&word.to_le_bytes());
            }
        }
        buffer.extend_from_slice(self.header);
        buffer.extend_from_slice(self.tail);
    }

    /// The commit in a payload that verified.
    pub(crate) fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut input = Input(payload);
        let (id, sequence, due) = (input.u64()?, input.u64()?, input.u64()?);
        let &[attempts, failures, interrupted, phase] = input.take(4)?.first_chunk()?;
        let history = History { attempts, failures, interrupted, phase: Phase::parse(phase)?, due };
        let copied = match input.take(4)? {
            [0, 0, 0, 0] => false,
            [1, 0, 0, 0] => true,
            _ => return None,
        };
        let (reason, extents) = (input.count()?, input.count()?);
        let (header, tail) = (input.count()?, input.count()?);
        let reason = input.take(reason)?;
        let extents = input.take(extents.checked_mul(EXTENT_OCTETS)?)?;
        let extents = extents.chunks_exact(EXTENT_OCTETS).map(Extent::parse).collect::<Option<_>>()?;
        let (header, tail) = (input.take(header)?, input.take(tail)?);
        let commit = Self { id, sequence, history, copied, reason, extents, header, tail };
        input.0.is_empty().then_some(commit)
    }
}

impl Extent {
    fn parse(octets: &[u8]) -> Option<Self> {
        let mut input = Input(octets);
        let place = Place { generation: input.u32()?, offset: input.u32()? };
        Some(Self { place, octets: input.u32()? })
    }
}

/// What is left to read of a payload.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    fn tag(&mut self) -> Option<Tag> {
        let word = self.u64()?;
        Some(Tag { id: word >> 1, in_doubt: word & 1 == 1 })
    }

    fn tags(&mut self) -> Option<Vec<Tag>> {
        let mut tags = Vec::with_capacity(self.0.len() / 8);
        while !self.0.is_empty() {
            tags.push(self.tag()?);
        }
        Some(tags)
    }
}

/// As much of `reason` as is stored, cut between characters.
pub(crate) fn cut_reason(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_OCTETS_MAX)]
}

#[cfg(test)]
mod tests;
