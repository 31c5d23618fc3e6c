//! A scanner that fails again and again is left alone for a while.
//!
//! ```text
//!           failures in a row                rest is over: one may try
//!  closed ---------------------> open ---------------------------------> half open
//!     ^                           ^  rest doubles, up to a limit             |
//!     |                           +-- it failed -----------------------------+
//!     +-- it did not ------------------------------------------------------- +
//! ```

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// So many messages in a row that a scanner failed on as a whole open its circuit.
pub const FAILURES_OPEN: u32 = 5;
/// How long an open circuit rests: doubled from the one to the other.
const REST_MIN: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_secs(120);

/// The circuit breaker of one scanner.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    rest: Duration,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

/// What a circuit breaker says of its scanner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// It is asked.
    #[default]
    Closed,
    /// It is not asked: its part of the coverage fails at once.
    Open,
    /// It is asked once, to see whether it works again.
    HalfOpen,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { failures: 0 }, rest: REST_MIN }
    }
}

impl Breaker {
    /// Whether the scanner may be asked now. Who is told so says afterwards how it went.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } if until <= now => {
                self.state = State::HalfOpen;
                true
            }
            State::Open { .. } | State::HalfOpen => false,
        }
    }

    /// Whether it would be admitted.
    pub(super) fn would_admit(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } => until <= now,
            State::HalfOpen => false,
        }
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < FAILURES_OPEN => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } | State::HalfOpen => {
                let until = now + self.rest;
                self.rest = (self.rest * 2).min(REST_MAX);
                State::Open { until }
            }
            // One that began before it opened.
            open @ State::Open { .. } => open,
        };
    }

    /// The one that was to try was cut short: another may.
    pub(super) fn gave_up(&mut self, now: Instant) {
        if matches!(self.state, State::HalfOpen) {
            self.state = State::Open { until: now };
        }
    }

    pub(super) fn circuit(&self) -> Circuit {
        match self.state {
            State::Closed { .. } => Circuit::Closed,
            State::Open { .. } => Circuit::Open,
            State::HalfOpen => Circuit::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_OPEN {
            assert!(breaker.admits(now));
            breaker.failed(now);
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_only() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            (1..FAILURES_OPEN).for_each(|_| breaker.failed(now));
            assert_eq!(breaker.circuit(), Circuit::Closed);
            breaker.succeeded();
        }
        let mut breaker = opened(now);
        assert_eq!((breaker.circuit(), breaker.admits(now)), (Circuit::Open, false));
    }

    #[tokio::test(start_paused = true)]
    async fn one_tries_after_the_rest_which_grows() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut rest = REST_MIN;
        for _ in 0..10 {
            assert!(!breaker.admits(now + rest - Duration::from_millis(1)));
            now += rest;
            assert!(breaker.would_admit(now) && breaker.admits(now), "after {rest:?}");
            assert!(!breaker.admits(now), "only one tries");
            breaker.failed(now);
            rest = (rest * 2).min(REST_MAX);
        }
        now += rest;
        assert!(breaker.admits(now));
        breaker.gave_up(now);
        assert!(breaker.admits(now), "another tries where one was cut short");
        breaker.succeeded();
        assert!(breaker.admits(now) && breaker.admits(now));
    }
}
