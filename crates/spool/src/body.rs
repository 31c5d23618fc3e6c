//! The octets of an entry, read back from the log.
//!
//! ```text
//!   | piece | piece | ... | piece |  tail  |
//!     Chunk frames, read when      in memory since
//!     asked for, one kept          the lease
//! ```

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::BodyError;
use crate::frame::{Kind, span};
use crate::segment::Segment;

/// A part of a body that lies in a Chunk frame.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Its offset in the body.
    pub(crate) start: u64,
    pub(crate) octets: u32,
    /// The offset of its frame.
    pub(crate) offset: u32,
    /// `None` when it is known to be damaged.
    pub(crate) segment: Option<Arc<Segment>>,
}

/// The octets of an entry. Cheap to clone; every read verifies what it returns. One of up to 128 KiB is in
/// memory whole; of a larger one the end is, and the piece that was read last.
#[derive(Clone)]
pub struct Body {
    pieces: Arc<[Piece]>,
    tail: Arc<[u8]>,
    octets: u64,
    kept: Arc<Mutex<Option<Kept>>>,
}

/// The piece that was read last.
struct Kept {
    piece: usize,
    octets: Vec<u8>,
}

#[expect(clippy::len_without_is_empty, reason = "an empty body is nothing special to a spool")]
impl Body {
    pub(crate) fn new(pieces: Vec<Piece>, tail: Arc<[u8]>) -> Self {
        let octets = pieces.last().map_or(0, |last| last.start + u64::from(last.octets)) + tail.len() as u64;
        Self { pieces: pieces.into(), tail, octets, kept: Arc::default() }
    }

    /// How many octets it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.octets
    }

    /// Reads octets from `offset` on: as many as fit `buffer` and are there; 0 at the end.
    ///
    /// # Errors
    /// When octets do not verify or cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, BodyError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let octets = self.read_some(offset + filled as u64, &mut buffer[filled..])?;
            if octets == 0 {
                break;
            }
            filled += octets;
        }
        Ok(filled)
    }

    fn read_some(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, BodyError> {
        let tail_start = self.octets - self.tail.len() as u64;
        if offset >= tail_start {
            return Ok(copy(&self.tail, offset - tail_start, buffer));
        }
        let at = self.pieces.partition_point(|piece| piece.start <= offset) - 1;
        let piece = &self.pieces[at];
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|kept| kept.piece != at) {
            *kept = Some(Kept { piece: at, octets: read_piece(piece)? });
        }
        let octets = kept.as_ref().map_or(&[][..], |kept| &kept.octets);
        Ok(copy(octets, offset - piece.start, buffer))
    }
}

fn copy(octets: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(octets.len());
    let taken = buffer.len().min(octets.len() - from);
    buffer[..taken].copy_from_slice(&octets[from..from + taken]);
    taken
}

fn read_piece(piece: &Piece) -> Result<Vec<u8>, BodyError> {
    let generation = piece.segment.as_ref().map_or(0, |segment| segment.generation());
    let damaged = BodyError::Damaged { generation, offset: piece.offset };
    let Some(segment) = &piece.segment else { return Err(damaged) };
    let frame = segment.read(piece.offset, span(piece.octets as usize))?;
    match frame.filter(|frame| frame.kind == Kind::Chunk && frame.payload.len() == piece.octets as usize) {
        Some(frame) => Ok(frame.payload),
        None => Err(damaged),
    }
}

impl fmt::Debug for Body {
    /// Says nothing of the octets: they are somebody's mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} octets)", self.octets)
    }
}
