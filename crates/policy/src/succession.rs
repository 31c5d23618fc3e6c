//! Rules that follow one another, so that a change that narrows costs a delay and no mail.
//!
//! ```text
//!            A replaced          B replaced
//! time  -----------|-------------------|--------------------------------------->
//! A     == holds ==|-------- counts for the grace --------|
//! B                |===== holds =======|-------- counts for the grace --------|
//! C                                    |=============== holds ================
//!                                      what C refuses and A or B would take: 4yz
//! ```
//!
//! For the grace after a change, what the former rules would have taken and those that hold refuse is
//! refused for now and not for good: the sender keeps its copy and tries again, and whoever slipped in the
//! list has time to see it. A refusal for now stays what it is, and nothing is taken that the rules that
//! hold do not take.
//!
//! Promised: rules that are set again as they were are no change; rules that went to and fro count once;
//! at most [`FORMER_MAX`] former rules are held, the oldest go first. There is no clock: the time of a
//! question is an argument, and one that does not go backwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sensor_mail::Admission;

use crate::decision::Decision;

/// Former rules that count at a time. One costs its lists, some 100 octets an entry, and for a refusal one
/// more judgement.
pub const FORMER_MAX: usize = 8;

/// The rules that hold, and those before them that still count. `R` is whatever is changed as one.
#[derive(Debug)]
pub struct Succession<R> {
    current: Arc<R>,
    /// Each once, in the order of their ends.
    former: Vec<Former<R>>,
    grace: Duration,
}

#[derive(Debug)]
struct Former<R> {
    rules: Arc<R>,
    replaced: Instant,
}

impl<R> Succession<R> {
    /// Rules that nothing went before.
    #[must_use]
    pub fn new(rules: R, grace: Duration) -> Self {
        Self { current: Arc::new(rules), former: Vec::new(), grace }
    }

    /// The rules that hold.
    #[must_use]
    pub fn current(&self) -> &Arc<R> {
        &self.current
    }

    /// The former rules that count at `now`, in the order of their ends.
    pub fn former(&self, now: Instant) -> impl Iterator<Item = &R> {
        self.former.iter().filter(move |former| !self.is_over(former, now)).map(|former| &*former.rules)
    }

    /// The same with how long ago each was replaced.
    pub fn former_with_age(&self, now: Instant) -> impl Iterator<Item = (&Arc<R>, Duration)> {
        let age = move |former: &Former<R>| now.saturating_duration_since(former.replaced);
        let counting = self.former.iter().filter(move |former| !self.is_over(former, now));
        counting.map(move |former| (&former.rules, age(former)))
    }

    /// How long former rules still count; `None` where none do.
    #[must_use]
    pub fn grace_left(&self, now: Instant) -> Option<Duration> {
        let last = self.former.last()?;
        self.grace.checked_sub(now.saturating_duration_since(last.replaced)).filter(|left| !left.is_zero())
    }

    /// When the first of the former rules stop counting: what follows from all of them may change then.
    #[must_use]
    pub fn next_end(&self) -> Option<Instant> {
        self.former.first().and_then(|oldest| oldest.replaced.checked_add(self.grace))
    }

    /// The same rules, and nothing before them: the grace is over at once.
    #[must_use]
    pub fn without_former(&self) -> Self {
        Self { former: Vec::new(), ..self.clone() }
    }

    /// The same without the former rules that do not count at `now`.
    #[must_use]
    pub fn without_expired(&self, now: Instant) -> Self {
        let counting = self.former.iter().filter(|former| !self.is_over(former, now));
        Self { former: counting.cloned().collect(), ..self.clone() }
    }

    /// Makes a refusal for good one for now, where former rules that count at `now` do not refuse for good.
    /// `ask` asks the same question of any rules.
    #[must_use]
    pub fn soften(&self, decision: Decision, now: Instant, ask: impl Fn(&R) -> Decision) -> Decision {
        let refuses = |decision: &Decision| matches!(decision.admission, Admission::Refuse(_));
        if refuses(&decision) && self.former(now).any(|former| !refuses(&ask(former))) {
            decision.for_now()
        } else {
            decision
        }
    }

    fn is_over(&self, former: &Former<R>, now: Instant) -> bool {
        now.saturating_duration_since(former.replaced) >= self.grace
    }
}

impl<R: PartialEq> Succession<R> {
    /// The same, where `former` came before it, each replaced so long before `now`: what a process knew that
    /// was ended meanwhile.
    #[must_use]
    pub fn preceded_by(&self, former: impl IntoIterator<Item = (R, Duration)>, now: Instant) -> Self {
        let mut known: Vec<Former<R>> = former
            .into_iter()
            .filter(|(rules, _)| *rules != *self.current)
            .filter_map(|(rules, age)| {
                Some(Former { rules: Arc::new(rules), replaced: now.checked_sub(age)? })
            })
            .chain(self.former.iter().cloned())
            .collect();
        known.sort_by_key(|former| former.replaced);
        let mut former: Vec<Former<R>> = Vec::new();
        for next in known {
            former.retain(|earlier| earlier.rules != next.rules);
            former.push(next);
        }
        former.drain(..former.len().saturating_sub(FORMER_MAX));
        Self { former, ..self.clone() }
    }

    /// `next` holds from `now` on, and for `grace` all rules count that came before it and have not expired.
    ///
    /// A `grace` that is shorter than the last one also ends earlier what counts already.
    #[must_use]
    pub fn followed_by(&self, next: R, grace: Duration, now: Instant) -> Self {
        let mut former = self.without_expired(now).former;
        if *self.current == next {
            return Self { former, grace, current: Arc::clone(&self.current) };
        }
        former.retain(|former| former.rules != self.current);
        former.push(Former { rules: Arc::clone(&self.current), replaced: now });
        former.drain(..former.len().saturating_sub(FORMER_MAX));
        Self { current: Arc::new(next), former, grace }
    }
}

impl<R> Clone for Succession<R> {
    fn clone(&self) -> Self {
        Self { current: Arc::clone(&self.current), former: self.former.clone(), grace: self.grace }
    }
}

impl<R> Clone for Former<R> {
    fn clone(&self) -> Self {
        Self { rules: Arc::clone(&self.rules), replaced: self.replaced }
    }
}

#[cfg(test)]
mod tests;
