//! Faults of a configuration, each with its place.

use std::fmt;
use std::sync::Arc;

use crate::excerpt::Excerpt;

/// How many faults are printed in full; the number of the others is printed instead of them.
const SHOWN_MAX: usize = 100;

/// Where in a file: both are counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column; a tab is one.
    pub column: usize,
}

/// One fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The name of the file or of the environment variable; none for what is missing altogether.
    pub source: Option<Arc<str>>,
    /// Where in the file.
    pub position: Option<Position>,
    /// The key, such as `smtp.clients[2]`, lists counted from 1; empty where the text is not even TOML.
    pub key: String,
    /// What is wrong and, where it can be guessed, what was meant.
    pub message: String,
    /// What values the key takes.
    pub expected: Option<String>,
    pub(crate) excerpt: Option<Excerpt>,
}

impl Fault {
    /// A fault of a key that no source has.
    pub(crate) fn of_key(key: &str, message: &str) -> Self {
        let (key, message) = (key.to_owned(), message.to_owned());
        Self { source: None, position: None, key, message, expected: None, excerpt: None }
    }
}

impl fmt::Display for Fault {
    /// Its place, key and message in one line, then the line that it is about.
    ///
    /// ```text
    /// mailsensor.toml:12:12: smtp.clients[1]: host bits are set; did you mean 10.0.0.0/8?
    ///    |
    /// 12 | clients = ["10.1.2.3/8"]
    ///    |            ^^^^^^^^^^^^
    ///    = expected a list of addresses
    /// ```
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}:")?;
            if let Some(Position { line, column }) = self.position {
                write!(f, "{line}:{column}:")?;
            }
            f.write_str(" ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        let margin = self.position.map_or(0, |position| position.line.to_string().len());
        if let (Some(excerpt), Some(position)) = (&self.excerpt, self.position) {
            write!(f, "\n{:margin$} |\n{} | {}", "", position.line, excerpt.text)?;
            write!(
                f,
                "\n{:margin$} | {:before$}{:^<width$}",
                "",
                "",
                "",
                before = excerpt.before,
                width = excerpt.width
            )?;
        }
        match &self.expected {
            Some(expected) => write!(f, "\n{:margin$} = expected {expected}", ""),
            None => Ok(()),
        }
    }
}

/// All faults of a configuration, in the order of its sources and of the lines in them; at least one.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// The faults in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// How many there are; never 0.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.iter().take(SHOWN_MAX).enumerate() {
            let separator = if index == 0 { "" } else { "\n\n" };
            write!(f, "{separator}{fault}")?;
        }
        match self.len().checked_sub(SHOWN_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n\nand {more} more"),
        }
    }
}
