//! An entry on its way in.
//!
//! Memory: a draft owns one page of 4 KiB from its beginning and more while the budget of all drafts
//! lasts, up to 128 KiB. One that writes to the log takes as much again, to fill one piece while the writer has
//! the other, and keeps it to its end; but only while more than half of the budget is free, so that bodies that
//! stand still take little more from the others than they did with one piece. Where the budget is spent a draft
//! writes what it has to the log and goes on with its page: it waits for the storage, never for another draft.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::{CommitError, Full, WriteError};
use crate::limits::PAGE_OCTETS;
use crate::mailbox::{Command, DraftId, Piece};
use crate::spool::{Header, Position, Shared};
use crate::stored::encode_header;
use crate::ticket::{Waiter, ticket};

/// An entry on its way in. Dropped before [`Draft::commit`], it never was.
pub struct Draft<H> {
    id: DraftId,
    shared: Arc<Shared>,
    /// What is filled now; `None` for good when a write was cut short.
    piece: Option<Piece>,
    /// The piece before, while the writer has it: one more fills meanwhile.
    before: Option<oneshot::Receiver<Result<Piece, WriteError>>>,
    pieces: usize,
    octets: u64,
    /// Whether the writer knows of this draft.
    is_streaming: bool,
    header: PhantomData<fn(H)>,
}

impl<H: Header> Draft<H> {
    pub(crate) fn begin(shared: &Arc<Shared>) -> Result<Self, Full> {
        if let Some(full) = shared.board.full() {
            return Err(full);
        }
        let memory = Arc::clone(&shared.memory).try_acquire_owned().map_err(|_| Full::Memory)?;
        Ok(Self {
            id: DraftId(shared.next_draft.fetch_add(1, Ordering::Relaxed)),
            shared: Arc::clone(shared),
            piece: Some(Piece { octets: Vec::new(), memory }),
            before: None,
            pieces: 0,
            octets: 0,
            is_streaming: false,
            header: PhantomData,
        })
    }

    /// Takes more of the body. Small bodies stay in memory and go out with the commit; of larger ones the
    /// pieces are written to the log as they fill, and this waits until there is room again.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropped before it is done, the draft can only be dropped too.
    ///
    /// # Errors
    /// When the body cannot be stored; drop the draft then.
    pub async fn write(&mut self, mut octets: &[u8]) -> Result<(), WriteError> {
        while !octets.is_empty() {
            let Some(piece) = &mut self.piece else {
                return Err(WriteError::Storage("an earlier write was cut short".to_owned()));
            };
            let taken = piece.take(octets, self.shared.limits.chunk_octets);
            octets = &octets[taken..];
            self.octets += taken as u64;
            if !octets.is_empty() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Octets taken so far.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Hands the entry to the writer. It runs to its end whether the result is awaited or dropped.
    #[must_use = "only the resolved result says that the entry is durable"]
    pub fn commit(mut self, header: &H) -> Pending {
        let (ticket, waiter) = ticket();
        let pending = Pending(waiter);
        let header = match encode_header(header, self.shared.limits.header_octets) {
            Ok(header) => header,
            Err(error) => {
                ticket.resolve(Err(CommitError::Header(error)));
                return pending;
            }
        };
        let Some(tail) = self.piece.take() else {
            ticket.resolve(Err(CommitError::Storage("an earlier write was cut short".to_owned())));
            return pending;
        };
        // From here on the draft is the writer's to end.
        self.is_streaming = false;
        // A mailbox that is closed drops the ticket, which says so.
        self.shared.mailbox.push(Command::Commit { draft: self.id, header, tail, ticket });
        pending
    }

    /// Hands the piece to the writer, and waits until there is another to be filled: the one before, or a page
    /// of memory that nobody has.
    async fn flush(&mut self) -> Result<(), WriteError> {
        let Some(piece) = self.piece.take() else { return Err(WriteError::Closed) };
        let pieces_max = self.shared.limits.extents;
        if self.pieces == pieces_max {
            return Err(WriteError::TooLarge { pieces_max });
        }
        self.pieces += 1;
        let (reply, written) = oneshot::channel();
        self.is_streaming = true;
        self.shared.mailbox.push(Command::Chunk { draft: self.id, piece, reply });
        let free = match self.before.take() {
            Some(before) => before.await.map_err(|_| WriteError::Closed)??,
            None => match self.shared.spare_page() {
                Some(memory) => Piece { octets: Vec::new(), memory },
                None => {
                    self.piece = Some(written.await.map_err(|_| WriteError::Closed)??);
                    return Ok(());
                }
            },
        };
        self.before = Some(written);
        self.piece = Some(free);
        Ok(())
    }
}

impl<H> Drop for Draft<H> {
    fn drop(&mut self) {
        if self.is_streaming {
            self.shared.mailbox.push(Command::Abandon(self.id));
        }
    }
}

impl<H> std::fmt::Debug for Draft<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("octets", &self.octets).finish_non_exhaustive()
    }
}

impl Piece {
    /// Takes as much of `octets` as there is memory for; says how much.
    fn take(&mut self, octets: &[u8], octets_max: usize) -> usize {
        let wanted = (self.octets.len() + octets.len()).min(octets_max);
        if wanted > self.granted() {
            // Doubling keeps a body that comes in small bits from being moved for each page.
            let generous = wanted.max(self.octets.len() * 2).min(octets_max);
            let _granted = self.grow(generous) || self.grow(wanted);
        }
        let room = self.granted().min(octets_max) - self.octets.len();
        let taken = room.min(octets.len());
        if self.octets.capacity() < self.octets.len() + taken {
            // All that is granted: a stuffed dot cuts a message that came in one read into pieces too.
            let capacity = self.granted().min(octets_max);
            self.octets.reserve_exact(capacity - self.octets.len());
        }
        self.octets.extend_from_slice(&octets[..taken]);
        taken
    }

    fn granted(&self) -> usize {
        self.memory.num_permits() * PAGE_OCTETS
    }

    fn grow(&mut self, octets: usize) -> bool {
        let pages = octets.div_ceil(PAGE_OCTETS).saturating_sub(self.memory.num_permits());
        let pages = u32::try_from(pages).expect("a piece is at most 128 KiB");
        let more = Arc::clone(self.memory.semaphore()).try_acquire_many_owned(pages);
        more.map(|more: OwnedSemaphorePermit| self.memory.merge(more)).is_ok()
    }
}

/// The outcome of a commit, to be awaited.
#[derive(Debug)]
#[must_use = "only the resolved result says that the entry is durable"]
pub struct Pending(Waiter);

impl Pending {
    /// Gives up waiting: no worker takes the entry, even when it becomes durable after all.
    pub fn withdraw(self, reason: &str) -> Withdrawal {
        self.0.withdraw(reason).map_or(Withdrawal::Withdrawn, Withdrawal::TooLate)
    }
}

impl Future for Pending {
    type Output = Result<Position, CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

/// What became of [`Pending::withdraw`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// No worker takes the entry, and a record says so as soon as one can be written.
    Withdrawn,
    /// The commit had resolved already: this is its outcome, and it stands.
    TooLate(Result<Position, CommitError>),
}
