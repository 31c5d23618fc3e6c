//! The entries of a list as an administrator typed them.

use crate::fault::EntryProblem;
use std::fmt;

use sensor_mail::RuleId;

/// The typed texts of one list, end to end, so that a long list is two allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    text: Box<str>,
    ends: Box<[usize]>,
}

impl Entries {
    pub(crate) fn new<S: AsRef<str>>(typed: &[S]) -> Self {
        let text: String = typed.iter().map(AsRef::as_ref).collect();
        let end = |at: &mut usize, entry: &S| {
            *at += entry.as_ref().len();
            Some(*at)
        };
        Self { text: text.into(), ends: typed.iter().scan(0, end).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.typed(index))
    }

    /// The entry that `position` names, in the list called `list`.
    pub(crate) fn deciding(&self, list: &'static str, position: Position) -> DecidingEntry<'_> {
        let index = position.index();
        DecidingEntry { list, index, typed: self.typed(index), negated: position.negated }
    }

    fn typed(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[index]]
    }
}

/// Where in its list an entry stands, and on which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    index: u32,
    /// The entry begins with `!`.
    pub(crate) negated: bool,
}

impl Position {
    pub(crate) fn new(index: usize, negated: bool) -> Self {
        Self { index: u32::try_from(index).expect("a list is far below 2^32 entries"), negated }
    }

    pub(crate) fn index(self) -> usize {
        usize::try_from(self.index).expect("an index that was a usize before")
    }
}

/// The entry of a list that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecidingEntry<'a> {
    /// The name of the list: `clients` or `destination_domains`.
    pub list: &'static str,
    /// Where it stands, counted from 0; shown counted from 1.
    pub index: usize,
    /// The entry as typed, with its `!`.
    pub typed: &'a str,
    /// Whether it begins with `!`.
    pub negated: bool,
}

impl DecidingEntry<'_> {
    /// `clients[2]` for the second entry.
    #[must_use]
    pub fn rule(&self) -> RuleId {
        RuleId::entry(self.list, self.index)
    }
}

impl fmt::Display for DecidingEntry<'_> {
    /// `clients[2] "!10.9.0.0/16"`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] {:?}", self.list, self.index + 1, self.typed)
    }
}

/// Takes an entry apart: what stands behind a `!`, and whether there was one. White space around either
/// part means nothing.
///
/// # Errors
/// When nothing stands there, or another `!`.
pub(crate) fn signed(typed: &str) -> Result<(&str, bool), EntryProblem> {
    let typed = typed.trim();
    let (text, negated) = match typed.strip_prefix('!') {
        Some(rest) => (rest.trim_start(), true),
        None => (typed, false),
    };
    match text.chars().next() {
        None if negated => Err(EntryProblem::NothingNegated),
        None => Err(EntryProblem::Empty),
        Some('!') => Err(EntryProblem::NegatedTwice),
        Some(_) => Ok((text, negated)),
    }
}
