//! What goes on inside a worker process: a message is taken apart, and some scanners look into the parts
//! right there.

use bytes::Bytes;
use sensor_mail::{Part, Recipient};

use crate::scanner::{Budget, Report};

/// Takes messages apart. It is handed hostile octets, and runs where it can do no harm.
pub trait Dissector: Send + Sync + 'static {
    /// Takes a message apart, for as long as the budget lasts. What it does not come to is in the gaps of the
    /// parts.
    fn dissect(&self, message: Bytes, budget: &Budget) -> Dissection;
}

/// A message taken apart.
#[derive(Clone, Debug)]
pub struct Dissection {
    /// Its parts with their octets, by number: the first is the message itself.
    pub parts: Vec<(Part, Bytes)>,
    /// Whom the message's own fields and a journal report name.
    pub recipients: Vec<Recipient>,
}

/// A scanner that looks into parts within the worker process, because it is as exposed to them as the
/// dissector is, and has them in its memory there.
pub trait Inspector: Send + Sync + 'static {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// The version of its rules.
    fn ruleset(&self) -> Option<Box<str>>;

    /// Looks into a message, and says in `report` what it found and what it did not look at. It asks
    /// [`Budget::is_over`] between two steps: one that does not is ended with its process.
    fn inspect(&self, parts: &[(Part, Bytes)], budget: &Budget, report: &mut Report);
}
