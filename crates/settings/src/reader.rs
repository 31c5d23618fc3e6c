//! Reads sources, later ones over earlier ones.

use std::cell::RefCell;
use std::path::PathBuf;

use crate::fault::Faults;
use crate::ledger::Ledger;
use crate::shown::Shown;
use crate::source::Source;
use crate::table::Table;
use crate::unknown;

/// Sources of settings, being read.
///
/// A value set by several sources is taken from the last of them, arrays and arrays of tables as a whole.
/// The values that it hides are checked all the same, but for those in arrays of tables.
#[derive(Debug)]
pub struct Reader {
    pub(crate) sources: Vec<Source>,
    pub(crate) ledger: RefCell<Ledger>,
    /// Where systemd puts credentials.
    pub(crate) credentials: Option<PathBuf>,
}

impl Reader {
    /// Reads from `sources`; a later one overrides an earlier one.
    #[must_use]
    pub fn new(sources: Vec<Source>) -> Self {
        Self { sources, ledger: RefCell::default(), credentials: None }
    }

    /// Looks for secrets that no source names in this directory, `$CREDENTIALS_DIRECTORY` of systemd.
    #[must_use]
    pub fn with_credentials(self, directory: Option<PathBuf>) -> Self {
        Self { credentials: directory, ..self }
    }

    /// The table that holds all others.
    #[must_use]
    pub fn root(&self) -> Table<'_> {
        Table::root(self)
    }

    /// A table of the root.
    #[must_use]
    pub fn table(&self, name: &'static str, doc: &'static str) -> Table<'_> {
        self.root().table(name, doc)
    }

    /// Ends reading: what was not asked for by now is a fault.
    ///
    /// # Errors
    /// Every fault of every source.
    pub fn finish(self) -> Result<Shown, Faults> {
        self.end().0
    }

    /// The same, and the sources, to read them again.
    pub(crate) fn end(self) -> (Result<Shown, Faults>, Vec<Source>) {
        let mut ledger = self.ledger.into_inner();
        unknown::check(&self.sources, &mut ledger);
        let result = match ledger.faults(&self.sources) {
            None => Ok(Shown::new(ledger.sections)),
            Some(faults) => Err(faults),
        };
        (result, self.sources)
    }
}
