//! What is asked of the writer, and how it hears of it.
//!
//! Its length is bounded by what may be asked: two pieces and a commit for each open draft, whose memory is
//! bounded, and one request for each lease or waiting worker.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use crate::error::WriteError;
use crate::lease::{Grant, Outcome};
use crate::ticket::Ticket;

/// Names an open draft for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DraftId(pub(crate) u64);

/// A buffer of body octets with the memory it was granted.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) octets: Vec<u8>,
    pub(crate) memory: OwnedSemaphorePermit,
}

/// Something that is asked of the writer.
#[derive(Debug)]
pub(crate) enum Command {
    /// Writes a piece of a body and gives the buffer back.
    Chunk { draft: DraftId, piece: Piece, reply: oneshot::Sender<Result<Piece, WriteError>> },
    /// Completes an entry.
    Commit { draft: DraftId, header: Vec<u8>, tail: Piece, ticket: Ticket },
    /// The draft was dropped.
    Abandon(DraftId),
    /// Takes entries that are due.
    Lease { max: usize, reply: oneshot::Sender<Vec<Grant>> },
    /// Ends leases.
    Conclude { outcomes: Vec<(u64, Outcome)>, reply: oneshot::Sender<()> },
    /// A lease was dropped.
    Return(u64),
    /// Ends the writer; the reply is dropped when it has.
    ShutDown(Option<oneshot::Sender<()>>),
}

#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    inbox: Mutex<Inbox>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    commands: Vec<Command>,
    closed: bool,
}

impl Mailbox {
    /// Asks for something; false when the writer has ended. Never waits.
    pub(crate) fn push(&self, command: Command) -> bool {
        let mut inbox = self.inbox();
        if inbox.closed {
            return false;
        }
        let was_empty = inbox.commands.is_empty();
        inbox.commands.push(command);
        drop(inbox);
        // The writer takes all at once, so only the first needs to wake it.
        if was_empty {
            self.filled.notify_one();
        }
        true
    }

    /// Wakes the writer without asking for anything.
    pub(crate) fn nudge(&self) {
        self.filled.notify_one();
    }

    /// Swaps what was asked with `empty`.
    pub(crate) fn take(&self, empty: &mut Vec<Command>) {
        std::mem::swap(&mut self.inbox().commands, empty);
    }

    /// Waits until something is asked.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// From now on nothing can be asked; gives what was.
    pub(crate) fn close(&self) -> Vec<Command> {
        let mut inbox = self.inbox();
        inbox.closed = true;
        std::mem::take(&mut inbox.commands)
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
