//! One source of settings: a file, an environment variable or what is built in.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use crate::excerpt::Excerpt;
use crate::fault::Position;
use crate::tree::{self, Entry, Node, Tree, Value};

/// The largest source, in octets: lists of 100,000 entries fit several times.
pub const SOURCE_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// The separator of a key's parts in the name of an environment variable.
const SEPARATOR: &str = "__";

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// No source sets it, or only what is built in does.
    Default,
    /// A file.
    File {
        /// The file's name as the caller gave it.
        name: Arc<str>,
        /// The line of the value.
        line: usize,
    },
    /// The file that the program writes itself.
    RunTime {
        /// The file's name.
        name: Arc<str>,
        /// The line of the value.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: Arc<str>,
    },
    /// A credential that systemd hands over.
    Credential {
        /// Its name.
        name: Arc<str>,
    },
    /// An option of the command line.
    CommandLine {
        /// The option as it is typed, such as `--state-dir`.
        option: Arc<str>,
    },
}

impl Origin {
    /// Whether the value was given by the control plane.
    #[must_use]
    pub fn is_run_time(&self) -> bool {
        matches!(self, Self::RunTime { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } | Self::RunTime { name, line } => write!(f, "{name}:{line}"),
            Self::Environment { variable } => f.write_str(variable),
            Self::Credential { name } => write!(f, "systemd credential {name}"),
            Self::CommandLine { option } => f.write_str(option),
        }
    }
}

/// One source of settings, taken apart as far as it can be.
#[derive(Clone)]
pub struct Source {
    name: Arc<str>,
    medium: Medium,
    text: String,
    line_starts: Vec<usize>,
    root: Tree,
    pub(crate) damage: Vec<Damage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    BuiltIn,
    File,
    /// The file that the program writes itself.
    Runtime,
    /// A file that has told nothing.
    Unreadable,
    Environment,
    CommandLine,
}

impl Medium {
    /// Whether there are lines to be found again. A variable or an option is one value.
    fn has_lines(self) -> bool {
        match self {
            Self::BuiltIn | Self::File | Self::Runtime => true,
            Self::Unreadable | Self::Environment | Self::CommandLine => false,
        }
    }
}

/// A fault of a source that is not about any key.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
}

impl Source {
    /// Settings that are part of the program. Their origin is shown as "default".
    #[must_use]
    pub fn built_in(text: &str) -> Self {
        Self::from_toml("built-in settings", Medium::BuiltIn, text.to_owned())
    }

    /// A file's octets. A byte order mark and Windows line ends are fine; what is not UTF-8 is a fault.
    #[must_use]
    pub fn file(name: &str, octets: impl Into<Vec<u8>>) -> Self {
        Self::from_octets(name, Medium::File, octets.into())
    }

    /// The octets of the file that the program writes itself: only keys that say [`Key::at_run_time`] may
    /// stand in it.
    ///
    /// [`Key::at_run_time`]: crate::Key::at_run_time
    #[must_use]
    pub fn runtime(name: &str, octets: impl Into<Vec<u8>>) -> Self {
        Self::from_octets(name, Medium::Runtime, octets.into())
    }

    /// A file that should be there and cannot be used at all; `why` says what is wrong and what to do.
    #[must_use]
    pub fn unreadable(name: &str, why: impl Into<String>) -> Self {
        let damage = vec![Damage { span: 0..0, message: why.into() }];
        Self { damage, ..Self::empty(name, Medium::Unreadable, String::new()) }
    }

    /// An option of the command line that sets one key, such as `state_dir`, to a string.
    #[must_use]
    pub fn option(option: &str, key: &str, value: &str) -> Self {
        let node = Node { span: 0..value.len(), value: Value::Text(value.to_owned()) };
        let root = path(key.rsplit('.'), node);
        Self { root, ..Self::empty(option, Medium::CommandLine, value.to_owned()) }
    }

    /// The variables whose names begin with `prefix` and two underscores, one source each.
    ///
    /// `MAILSENSOR__SMTP__ENABLED` sets `smtp.enabled`. A value is read as TOML where it is TOML, else as a
    /// string; a list may also be written with commas.
    #[must_use]
    pub fn environment(prefix: &str, variables: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let mut variables: Vec<_> = variables.into_iter().collect();
        variables.sort_unstable();
        let key = |name: &str| Some(name.strip_prefix(prefix)?.strip_prefix(SEPARATOR)?.to_ascii_lowercase());
        variables
            .into_iter()
            .filter_map(|(name, value)| key(&name).map(|key| Self::variable(&name, &key, value)))
            .collect()
    }

    fn variable(name: &str, key: &str, text: String) -> Self {
        let node = DeValue::parse(&text)
            .map(Node::new)
            .unwrap_or_else(|_| Node { span: 0..text.len(), value: Value::Text(text.clone()) });
        let root = path(key.rsplit(SEPARATOR), node);
        Self { root, ..Self::empty(name, Medium::Environment, text) }
    }

    fn from_octets(name: &str, medium: Medium, octets: Vec<u8>) -> Self {
        if octets.len() > SOURCE_OCTETS_MAX {
            return Self::unreadable(name, format!("the file has more than {SOURCE_OCTETS_MAX} octets"));
        }
        match String::from_utf8(octets) {
            Ok(text) => Self::from_toml(name, medium, without_mark(text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                // Everything before the bad octet is the same in the lossy text, so its place is, too.
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
                let damage = vec![Damage { span, message: "not UTF-8".to_owned() }];
                Self { damage, ..Self::empty(name, medium, text) }
            }
        }
    }

    fn from_toml(name: &str, medium: Medium, text: String) -> Self {
        let (table, errors) = DeTable::parse_recoverable(&text);
        let root = tree::tree(table.into_inner());
        let end = text.len();
        let damage = errors.into_iter().map(|error| Damage {
            span: error.span().unwrap_or(end..end),
            message: error.message().to_owned(),
        });
        let damage = damage.collect();
        Self { root, damage, ..Self::empty(name, medium, text) }
    }

    fn empty(name: &str, medium: Medium, text: String) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), medium, text, line_starts, root: Tree::new(), damage: Vec::new() }
    }

    /// The name as the caller gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(crate) fn root(&self) -> &Tree {
        &self.root
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a file that says something.
    pub(crate) fn is_file(&self) -> bool {
        self.medium.has_lines() && !self.text.is_empty()
    }

    pub(crate) fn is_runtime(&self) -> bool {
        self.medium == Medium::Runtime
    }

    /// Where the value of a key such as `smtp.enabled` comes from, if this source has one.
    pub(crate) fn origin_of(&self, key: &str) -> Option<Origin> {
        let (tables, name) = key.rsplit_once('.').unwrap_or(("", key));
        let mut tables = tables.split('.').filter(|part| !part.is_empty());
        let holder = tables.try_fold(&self.root, |tree, part| tree.get(part)?.node.value.table())?;
        Some(self.origin(holder.get(name)?.node.span.start))
    }

    /// The part of the text at `span`, for values whose type the environment leaves open.
    pub(crate) fn raw(&self, span: Range<usize>) -> Option<&str> {
        (self.medium == Medium::Environment).then(|| self.text.get(span)).flatten()
    }

    pub(crate) fn origin(&self, at: usize) -> Origin {
        match self.medium {
            Medium::BuiltIn => Origin::Default,
            Medium::File | Medium::Unreadable => {
                Origin::File { name: self.shared_name(), line: self.line(at) }
            }
            Medium::Runtime => Origin::RunTime { name: self.shared_name(), line: self.line(at) },
            Medium::Environment => Origin::Environment { variable: self.shared_name() },
            Medium::CommandLine => Origin::CommandLine { option: self.shared_name() },
        }
    }

    /// The line that holds the octet at `at`, counted from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// The text of a line, counted from 1.
    pub(crate) fn line_text(&self, line: usize) -> &str {
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        &self.text[self.line_starts[line - 1]..end]
    }

    /// Start, position and excerpt of a span. What has no lines has none; a variable may also be a secret.
    ///
    /// `last` is the place that was asked for before, with its answer: the faults of one long line are then
    /// counted once through.
    pub(crate) fn place(
        &self,
        span: &Range<usize>,
        last: Option<(usize, Position)>,
    ) -> Option<(usize, Position, Excerpt)> {
        if !self.medium.has_lines() {
            return None;
        }
        let (start, end) =
            (self.text.floor_char_boundary(span.start), self.text.floor_char_boundary(span.end));
        let line = self.line(start);
        let line_start = self.line_starts[line - 1];
        let (counted_from, column) = match last {
            Some((at, position)) if position.line == line && at <= start => (at, position.column),
            Some(_) | None => (line_start, 1),
        };
        let column = column + self.text[counted_from..start].chars().count();
        Some((start, Position { line, column }, Excerpt::new(&self.text, line_start, start, end)))
    }
}

impl fmt::Debug for Source {
    /// Without its text, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("medium", &self.medium)
            .finish_non_exhaustive()
    }
}

/// A value as the only one of a document; the parts of its key come innermost first.
fn path<'a>(parts: impl Iterator<Item = &'a str>, node: Node) -> Tree {
    let root = parts.fold(node, |node, part| {
        let entry = Entry { key_span: 0..0, node };
        Node { span: 0..0, value: Value::Table(Tree::from([(part.to_owned(), entry)])) }
    });
    let Value::Table(root) = root.value else { unreachable!("a key has at least one part") };
    root
}

/// Editors on Windows put a byte order mark first; columns count from behind it.
fn without_mark(mut text: String) -> String {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    text
}
