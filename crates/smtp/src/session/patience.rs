//! How long a client may make us wait.

use std::time::{Duration, Instant};

use crate::reply::table;
use crate::{CloseReason, SessionConfig};

use super::Session;
use super::state::State;
use super::transmit::Transmit;

/// Adds up the time in which we wait for the client. What the client waits for us does not count: a slow
/// disk of ours is not its fault.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    since: Option<Instant>,
    spent: Duration,
}

impl Patience {
    /// We wait from now on, if we do not already.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// What we waited for is here.
    pub(super) fn end(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.spent = self.spent.saturating_add(now.saturating_duration_since(since));
        }
    }

    /// When patience ends: after `once` of this wait, or after `in_all` of all waits. `None` while we do
    /// not wait, and where that is later than any clock goes.
    pub(super) fn deadline(&self, once: Duration, in_all: Duration) -> Option<Instant> {
        self.since?.checked_add(once.min(in_all.saturating_sub(self.spent)))
    }
}

impl Session {
    /// The driver needs something of the client before it can greet it: a TLS handshake, a header of the
    /// PROXY protocol. For all of that the client has [`Timeouts::handshake`](crate::Timeouts::handshake)
    /// from now on.
    pub fn await_client(&mut self, now: Instant) {
        self.patience.begin(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something happens first. `None` while
    /// the client waits for us.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let SessionConfig { limits, timeouts, .. } = &*self.config;
        match &self.state {
            State::Asked(_) | State::Closing(_) => None,
            State::TurnedAway => self.patience.deadline(timeouts.turned_away, timeouts.turned_away),
            State::Idle | State::Open(_) => self.patience.deadline(timeouts.command, timeouts.commands),
            State::Receiving(_) => self.pace.deadline(limits, timeouts),
            State::Connected | State::Securing => {
                self.patience.deadline(timeouts.handshake, timeouts.handshake)
            }
        }
    }

    /// Ends the session with 421 4.4.2 if its time is up; without a word before the greeting and where a
    /// handshake is. Call `receive` afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &self.state {
            State::Connected | State::Securing => {
                self.transmit = Transmit::default();
                self.close(CloseReason::TimedOut);
            }
            State::TurnedAway | State::Idle | State::Open(_) => {
                self.close_with(&table::TIMED_OUT, CloseReason::Idle);
            }
            State::Receiving(_) => self.close_with(&table::TIMED_OUT, CloseReason::TooSlow),
            State::Asked(_) | State::Closing(_) => unreachable!("nobody waits for the client then"),
        }
    }
}
