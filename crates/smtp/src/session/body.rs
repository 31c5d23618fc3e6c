//! A body on its way in, by DATA or by BDAT, kept or refused.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::command::Chunk;
use crate::dots::{DotReader, Piece};
use crate::{Limits, Reply, Timeouts};

use super::patience::Patience;
use super::state::Transaction;

/// A body on its way in. Its end is found whatever became of it, so that the next command is read where
/// the client put it.
#[derive(Debug)]
pub(super) struct Body {
    framing: Framing,
    fate: Fate,
    received: u64,
}

/// How fast bodies come, over all that arrived since the last message that was taken. It outlives each of
/// them: a chunk of a few octets would have a grace of its own, and so would each message that is given up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    patience: Patience,
    received: u64,
}

/// What tells the end of a body.
#[derive(Debug)]
enum Framing {
    Data(DotReader),
    Chunk { left: u64, last: bool },
}

/// What becomes of the octets.
#[derive(Debug)]
pub(super) enum Fate {
    Kept(Transaction),
    Refused(Reply),
}

/// What reading came to.
#[derive(Debug)]
pub(super) enum Progress {
    NeedInput,
    Octets(Range<usize>),
    Dropped,
    End,
}

impl Body {
    /// The body behind 354.
    pub(super) fn data(transaction: Transaction) -> Self {
        Self::new(Framing::Data(DotReader::default()), Fate::Kept(transaction))
    }

    /// The payload of a BDAT that is taken.
    pub(super) fn chunk(transaction: Transaction, chunk: Chunk) -> Self {
        let framing = Framing::Chunk { left: chunk.octets, last: chunk.last };
        Self::new(framing, Fate::Kept(transaction.in_chunks()))
    }

    /// The payload of a BDAT that is answered with `reply` when it has passed.
    pub(super) fn refused_chunk(octets: u64, reply: Reply) -> Self {
        Self::new(Framing::Chunk { left: octets, last: false }, Fate::Refused(reply))
    }

    fn new(framing: Framing, fate: Fate) -> Self {
        Self { framing, fate, received: 0 }
    }

    /// Reads the next piece; says how many octets it took.
    pub(super) fn read(&mut self, input: &[u8], pace: &mut Pace, now: Instant) -> (usize, Progress) {
        if !input.is_empty() {
            pace.patience.end(now);
        }
        let (taken, piece) = self.framing.read(input);
        self.received = self.received.saturating_add(octets(taken));
        pace.received = pace.received.saturating_add(octets(taken));
        let progress = match piece {
            Piece::Incomplete => {
                pace.patience.begin(now);
                Progress::NeedInput
            }
            Piece::End => Progress::End,
            Piece::Octets(range) => self.take(range, input),
        };
        (taken, progress)
    }

    fn take(&mut self, range: Range<usize>, input: &[u8]) -> Progress {
        match &mut self.fate {
            Fate::Kept(transaction) => {
                transaction.see(input.get(range.clone()).expect("a piece lies in the input"));
                Progress::Octets(range)
            }
            Fate::Refused(_) => Progress::Dropped,
        }
    }

    /// The rest is dropped and answered with `reply`.
    pub(super) fn refuse(&mut self, reply: Reply) {
        assert!(matches!(self.fate, Fate::Kept(_)), "a body is refused once");
        self.fate = Fate::Refused(reply);
    }

    /// The reply that is due now because the rest is not read: the body has more than `octets_max`, or the
    /// reply closes. All its octets count, also those before the refusal: where that falls depends on how
    /// the input was cut, and the outcome must not.
    pub(super) fn hopeless(&self, octets_max: u64) -> Option<&Reply> {
        let left = match self.framing {
            Framing::Data(_) => 0,
            Framing::Chunk { left, .. } => left,
        };
        match &self.fate {
            Fate::Kept(_) => None,
            Fate::Refused(reply) => {
                let too_much = self.received.saturating_add(left) > octets_max;
                (too_much || reply.closes()).then_some(reply)
            }
        }
    }

    /// What became of it, and whether the message ends with it.
    pub(super) fn finish(self) -> (Fate, bool) {
        match self.framing {
            Framing::Data(_) => (self.fate, true),
            Framing::Chunk { last, .. } => (self.fate, last),
        }
    }
}

impl Pace {
    /// When the client is too slow: no piece for too long, or fewer octets than the rate asks for.
    pub(super) fn deadline(&self, limits: &Limits, timeouts: &Timeouts) -> Option<Instant> {
        let earned = Duration::from_secs(self.received / u64::from(limits.body_octets_per_second_min.get()));
        self.patience.deadline(timeouts.body_piece, timeouts.body_grace.saturating_add(earned))
    }
}

impl Framing {
    fn read(&mut self, input: &[u8]) -> (usize, Piece) {
        match self {
            Self::Data(dots) => dots.read(input),
            Self::Chunk { left: 0, .. } => (0, Piece::End),
            Self::Chunk { .. } if input.is_empty() => (0, Piece::Incomplete),
            Self::Chunk { left, .. } => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= octets(taken);
                (taken, Piece::Octets(0..taken))
            }
        }
    }
}

fn octets(n: usize) -> u64 {
    u64::try_from(n).expect("no address space is larger")
}
