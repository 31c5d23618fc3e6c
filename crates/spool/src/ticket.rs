//! The two ends of a commit: one waits, the other resolves, and withdrawing is decided between them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::CommitError;
use crate::spool::Position;

type Outcome = Result<Position, CommitError>;

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    Resolved(Outcome),
    Withdrawn(String),
}

type Shared = Arc<Mutex<State>>;

/// The end that waits.
#[derive(Debug)]
pub(crate) struct Waiter(Shared);

/// The end that resolves. Dropped, it resolves to [`CommitError::Closed`].
#[derive(Debug)]
pub(crate) struct Ticket(Shared);

pub(crate) fn ticket() -> (Ticket, Waiter) {
    let shared = Arc::new(Mutex::new(State::Waiting(None)));
    (Ticket(Arc::clone(&shared)), Waiter(shared))
}

impl Waiter {
    /// Gives up, unless it is resolved already.
    pub(crate) fn withdraw(self, reason: &str) -> Option<Outcome> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Resolved(outcome) => Some(outcome.clone()),
            State::Waiting(_) | State::Withdrawn(_) => {
                *state = State::Withdrawn(reason.to_owned());
                None
            }
        }
    }
}

impl Future for Waiter {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Resolved(outcome) => Poll::Ready(outcome.clone()),
            State::Waiting(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            State::Withdrawn(_) => unreachable!("withdrawing takes the waiter"),
        }
    }
}

impl Ticket {
    pub(crate) fn is_withdrawn(&self) -> bool {
        matches!(&*self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Withdrawn(_))
    }

    /// Resolves it and wakes whoever waits.
    pub(crate) fn resolve(self, outcome: Outcome) {
        if let Ok(Some(waker)) = self.settle(outcome) {
            waker.wake();
        }
    }

    /// Resolves it; whoever waits is to be woken by the caller.
    ///
    /// # Errors
    /// Whoever waited had given up: why.
    pub(crate) fn settle(&self, outcome: Outcome) -> Result<Option<Waker>, String> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Withdrawn(reason) => Err(std::mem::take(reason)),
            State::Resolved(_) => Ok(None),
            State::Waiting(waker) => {
                let waker = waker.take();
                *state = State::Resolved(outcome);
                Ok(waker)
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // One that is resolved stays as it is.
        if let Ok(Some(waker)) = self.settle(Err(CommitError::Closed)) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::EntryId;

    const DONE: Outcome = Ok(Position { id: EntryId(1), sequence: 1 });

    #[test]
    fn whoever_is_first_decides() {
        let (ticket, waiter) = super::ticket();
        assert!(ticket.settle(DONE).is_ok());
        assert_eq!(waiter.withdraw("slow"), Some(DONE));

        let (ticket, waiter) = super::ticket();
        assert_eq!(waiter.withdraw("slow"), None);
        assert!(ticket.is_withdrawn());
        assert_eq!(ticket.settle(DONE).map(|_| ()), Err("slow".to_owned()));
    }

    #[tokio::test]
    async fn a_dropped_ticket_resolves() {
        let (ticket, waiter) = super::ticket();
        drop(ticket);
        assert_eq!(waiter.await, Err(CommitError::Closed));
    }
}
