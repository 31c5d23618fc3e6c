//! What is wrong with a rule, with the place where whoever knows the file finds it.

use std::fmt;

use sensor_mail::AddressError;

use crate::fault::EntryProblem;
use crate::size::SizeFault;

/// One thing in the rules that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {}{}: {problem}", .rule + 1, At(.key, .item))]
pub struct RuleFault {
    /// Where the rule stands among those that were written, counted from 0.
    pub rule: usize,
    /// The key within the rule, such as `part.size_min`; empty where the rule as a whole is to blame.
    pub key: &'static str,
    /// Where in the list of that key, counted from 0.
    pub item: Option<usize>,
    /// What is wrong, and what was expected.
    #[source]
    pub problem: RuleProblem,
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// It has no name, or one that cannot stand in a record.
    #[error("a name has 1 to {max} lower-case letters, digits and `_`, such as macro_mail")]
    Name {
        /// The most characters.
        max: usize,
    },
    /// Another rule has its name.
    #[error("rule {} has this name", .earlier + 1)]
    NameTaken {
        /// The other rule, counted from 0.
        earlier: usize,
    },
    /// There are more rules than are taken.
    #[error("more than {max} rules")]
    TooMany {
        /// The most rules.
        max: usize,
    },
    /// It decides nothing.
    #[error("it decides nothing: give it verdict, severity, tags, disposition, notices or stop")]
    NoEffect,
    /// A condition that says nothing.
    #[error("it names nothing to look for: leave it out, or say what")]
    EmptyCondition,
    /// Not one of the words that may stand here.
    #[error("{0}")]
    Word(String),
    /// A text that is empty, or cannot stand on one line of a record.
    #[error(
        "a word of 1 to {max} characters without white space at its ends, none of them a control character"
    )]
    Text {
        /// The most characters.
        max: usize,
    },
    /// An entry of a list of domains or clients.
    #[error(transparent)]
    Entry(#[from] EntryProblem),
    /// A size.
    #[error(transparent)]
    Size(#[from] SizeFault),
    /// An address.
    #[error("{0}; a whole address such as bob@example.com is expected (for all of a domain use domain)")]
    Address(#[from] AddressError),
    /// A pattern that is none.
    #[error("a pattern with * and ? has 1 to {max} octets")]
    Pattern {
        /// The most octets.
        max: usize,
    },
    /// All patterns of a list take up too much.
    #[error("the patterns of this list are too many: make two rules of it")]
    TooManyPatterns,
    /// An extension with its dot.
    #[error("without the dot; did you mean {meant}?")]
    LeadingDot {
        /// What may have been meant.
        meant: String,
    },
    /// No scanner is called so.
    #[error("no scanner is called so: the rule would never hold")]
    UnknownScanner,
    /// The expression is longer than one may be.
    #[error("an expression has at most {max} octets")]
    ExpressionTooLong {
        /// The most octets.
        max: usize,
    },
    /// The expression cannot be read, or makes no sense.
    #[error("{message} (line {line}, column {column} of the expression)")]
    Expression {
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The program was built without expressions.
    #[error("this program was built without expressions (feature `cel`)")]
    ExpressionsLeftOut,
}

/// The place within a rule.
struct At<'a>(&'a str, &'a Option<usize>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() {
            write!(f, ", {}", self.0)?;
        }
        self.1.map_or(Ok(()), |item| write!(f, "[{}]", item + 1))
    }
}
