//! Expressions in a program that was built without them: none can be read.

use super::Evidence;
use super::fault::RuleProblem;

/// There is none.
#[derive(Debug)]
pub(super) enum Expression {}

/// Why an expression had no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Troubled(pub(super) &'static str);

impl Expression {
    pub(super) fn read(_text: &str) -> Result<Self, RuleProblem> {
        Err(RuleProblem::ExpressionsLeftOut)
    }

    pub(super) fn holds(&self, _subject: &Subject<'_>) -> Result<bool, Troubled> {
        match *self {}
    }
}

/// A message about which expressions could be asked.
pub(super) struct Subject<'a> {
    pub(super) evidence: &'a Evidence<'a>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(evidence: &'a Evidence<'a>) -> Self {
        Self { evidence }
    }
}
