//! A table of the settings, as the section that it belongs to reads it.

mod findings;
mod kinds;
mod secret;

pub use kinds::TableKind;
pub(crate) use secret::FILE_SUFFIX;

use std::fmt;
use std::ops::{Range, RangeInclusive};

use crate::convert::{ItemFault, Misfit, boolean, integer, list, text};
use crate::form::Form;
use crate::key::{Key, Kind};
use crate::ledger::{Finding, Member, Place};
use crate::reader::Reader;
use crate::shown::Record;
use crate::source::{Origin, Source};
use crate::tree::{Entry, Node, Tree, quoted, quoted_list};
use crate::unknown::joined;

/// A table of the settings: one path through all sources.
///
/// Each method that reads a key also records what the key means. A faulty value is noted and the default
/// stands in for it.
#[derive(Clone)]
pub struct Table<'r> {
    reader: &'r Reader,
    /// As an administrator finds it: `smtp.listener[2]`.
    path: String,
    /// The path of the kind of table: `smtp.listener[]`, `scanner[]<clamd>`.
    pattern: String,
    layers: Vec<Layer<'r>>,
}

/// What one source says about a table.
#[derive(Clone)]
struct Layer<'r> {
    source: usize,
    /// The line `[smtp]`, or the key where dots or an inline table stand for one.
    header: Range<usize>,
    tree: &'r Tree,
}

/// A key that is asked for.
struct Wanted<'a> {
    key: Key,
    kind: &'a Kind,
    /// As TOML.
    default: Option<String>,
    required: bool,
}

impl<'a> Wanted<'a> {
    fn with_default(key: Key, kind: &'a Kind, default: String) -> Self {
        Self { key, kind, default: Some(default), required: false }
    }

    fn optional(key: Key, kind: &'a Kind) -> Self {
        Self { key, kind, default: None, required: false }
    }
}

/// A value that is taken, as typed and as TOML.
struct Taken<T> {
    value: T,
    text: String,
    origin: Origin,
}

impl<'r> Table<'r> {
    pub(crate) fn root(reader: &'r Reader) -> Self {
        let layer = |(source, text): (usize, &'r Source)| Layer { source, header: 0..0, tree: text.root() };
        let layers = reader.sources.iter().enumerate().map(layer).collect();
        Self::open(reader, String::new(), String::new(), layers, "")
    }

    fn open(
        reader: &'r Reader,
        path: String,
        pattern: String,
        layers: Vec<Layer<'r>>,
        doc: &'static str,
    ) -> Self {
        let table = Self { reader, path, pattern, layers };
        reader.ledger.borrow_mut().open_section(table.section(), &table.path, doc);
        table
    }

    /// What its section is called in the ledger.
    fn section(&self) -> &str {
        if self.is_template() { &self.pattern } else { &self.path }
    }

    /// Whether this table stands for those that may be, read once so that their keys are known.
    fn is_template(&self) -> bool {
        self.path.contains("[]")
    }

    /// The path of the table, such as `smtp.listener[2]`; empty for the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether any source has this table.
    #[must_use]
    pub fn is_present(&self) -> bool {
        !self.layers.is_empty()
    }

    /// Whether each source could be read to its end.
    pub(crate) fn has_whole_sources(&self) -> bool {
        self.reader.sources.iter().all(|source| source.damage.is_empty())
    }

    /// A table of this table.
    #[must_use]
    pub fn table(&self, name: &'static str, doc: &'static str) -> Self {
        self.know(name, Member::Table);
        let mut layers = Vec::new();
        for (source, entry) in self.entries(name) {
            match entry.node.value.table() {
                Some(tree) => layers.push(Layer { source, header: entry.node.span.clone(), tree }),
                None => self.find_kind(name, source, entry, format!("a table, [{}]", self.path_of(name))),
            }
        }
        Self::open(self.reader, self.path_of(name), joined(&self.pattern, name), layers, doc)
    }

    /// An array of tables, from the last source that has it.
    ///
    /// `read` reads one element; `None` leaves it out. It also reads an element that does not exist, so that
    /// the keys of an array without elements are known; what it gives then is dropped.
    pub fn tables<T>(
        &self,
        name: &'static str,
        doc: &'static str,
        mut read: impl FnMut(&Table<'r>) -> Option<T>,
    ) -> Vec<T> {
        self.know(name, Member::Tables);
        let pattern = format!("{}[]", joined(&self.pattern, name));
        // The elements of a nested array have been read as a template with the template of the outer one.
        if self.path == self.pattern {
            read(&Self::open(self.reader, pattern.clone(), pattern.clone(), Vec::new(), doc));
        }
        let open = |(index, layer)| {
            let path = format!("{}[{}]", self.path_of(name), index + 1);
            read(&Self::open(self.reader, path, pattern.clone(), vec![layer], doc))
        };
        self.last_elements(name).into_iter().filter_map(open).collect()
    }

    /// The tables of an array from the last source that has it.
    fn last_elements(&self, name: &str) -> Vec<(usize, Layer<'r>)> {
        let mut elements = Vec::new();
        for (source, entry) in self.entries(name) {
            if self.reader.sources[source].is_runtime() {
                self.find_not_at_run_time(name, source, entry);
            }
            elements = self.elements(name, source, entry);
        }
        elements
    }

    /// The tables of an array, with their indices: what is no table in between is a fault.
    fn elements(&self, name: &str, source: usize, entry: &'r Entry) -> Vec<(usize, Layer<'r>)> {
        let expected = || format!("an array of tables, [[{}]]", self.path_of(name));
        let Some(nodes) = entry.node.value.list() else {
            self.find_kind(name, source, entry, expected());
            return Vec::new();
        };
        let layer = |(index, node): (usize, &'r Node)| {
            let layer = node.value.table().map(|tree| Layer { source, header: node.span.clone(), tree });
            if layer.is_none() {
                self.find(Finding {
                    place: Some(Place { source, span: node.span.clone() }),
                    key: self.path_of(name),
                    message: format!("holds {}", node.value.describe()),
                    expected: Some(expected()),
                    secret: false,
                });
            }
            Some((index, layer?))
        };
        nodes.iter().enumerate().filter_map(layer).collect()
    }

    /// Reads `true` or `false`.
    #[must_use]
    pub fn boolean(&self, key: Key, default: bool) -> bool {
        let wanted = Wanted::with_default(key, &Kind::Boolean, default.to_string());
        self.value(wanted, |_, node| boolean(node)).unwrap_or(default)
    }

    /// Reads `true` or `false`, or neither.
    #[must_use]
    pub fn optional_boolean(&self, key: Key) -> Option<bool> {
        self.value(Wanted::optional(key, &Kind::Boolean), |_, node| boolean(node))
    }

    /// Reads a whole number within a range that fits an `i64`, as TOML's numbers do.
    ///
    /// # Panics
    /// If the default lies outside the range, or the range outside an `i64`: a mistake of the program.
    #[must_use]
    pub fn integer<T>(&self, key: Key, default: T, range: RangeInclusive<T>) -> T
    where
        T: Copy + fmt::Display + TryFrom<i64> + TryInto<i64>,
    {
        let bound = |bound: T| bound.try_into().ok().expect("a bound of a setting fits an i64");
        let (min, max) = (bound(*range.start()), bound(*range.end()));
        assert!(
            (min..=max).contains(&bound(default)),
            "default of {} is out of range",
            self.path_of(key.name)
        );
        let kind = Kind::Integer { min, max };
        let wanted = Wanted::with_default(key, &kind, default.to_string());
        self.value(wanted, |_, node| integer(node, min, max)).unwrap_or(default)
    }

    /// Reads a string of some form. The default is typed like a value.
    ///
    /// # Panics
    /// If the default does not have the form: a mistake of the program.
    #[must_use]
    pub fn read<T: 'static>(&self, key: Key, form: &Form<T>, default: &str) -> T {
        let parsed = form.parse(default);
        let fallback = parsed.unwrap_or_else(|why| panic!("default of {}: {why}", self.path_of(key.name)));
        let wanted = Wanted::with_default(key, form.kind(), quoted(default));
        self.value(wanted, |source, node| text(form, source, node)).unwrap_or(fallback)
    }

    /// Reads a string of some form that may be missing.
    #[must_use]
    pub fn optional<T: 'static>(&self, key: Key, form: &Form<T>) -> Option<T> {
        self.value(Wanted::optional(key, form.kind()), |source, node| text(form, source, node))
    }

    /// Reads a string of some form that must be set.
    #[must_use]
    pub fn required<T: 'static>(&self, key: Key, form: &Form<T>) -> Option<T> {
        let wanted = Wanted { required: true, ..Wanted::optional(key, form.kind()) };
        self.value(wanted, |source, node| text(form, source, node))
    }

    /// Reads an array of strings that is empty by default. `expected` is what it is, such as `a list of names`;
    /// `parse` gives a fault for each element that cannot be used.
    ///
    /// # Panics
    /// If `parse` refuses the empty list: a mistake of the program.
    #[must_use]
    pub fn list<T>(
        &self,
        key: Key,
        expected: &'static str,
        parse: impl Fn(&[&str]) -> Result<T, Vec<ItemFault>>,
    ) -> T {
        self.list_or(key, expected, &[], parse)
    }

    /// The same with another default.
    ///
    /// # Panics
    /// If `parse` refuses the default: a mistake of the program.
    #[must_use]
    pub fn list_or<T>(
        &self,
        key: Key,
        expected: &'static str,
        default: &[&str],
        parse: impl Fn(&[&str]) -> Result<T, Vec<ItemFault>>,
    ) -> T {
        let fallback = parse(default).unwrap_or_else(|_| panic!("default of {}", self.path_of(key.name)));
        let default = quoted_list(default);
        let kind = Kind::List { expected };
        let wanted = Wanted::with_default(key, &kind, default);
        self.value(wanted, |source, node| list(source, node, &parse)).unwrap_or(fallback)
    }

    /// Reads a key from each source that sets it, records it and gives the value of the last one.
    fn value<T>(
        &self,
        wanted: Wanted<'_>,
        convert: impl Fn(&Source, &Node) -> Result<(T, String), Vec<Misfit>>,
    ) -> Option<T> {
        let Wanted { key, kind, default, required } = wanted;
        self.know(key.name, Member::Value);
        let mut taken = None;
        for (index, entry) in self.entries(key.name) {
            let source = &self.reader.sources[index];
            if source.is_runtime() && !key.run_time {
                self.find_not_at_run_time(key.name, index, entry);
            }
            taken = match convert(source, &entry.node) {
                Ok((value, text)) => {
                    Some(Taken { value, text, origin: source.origin(entry.node.span.start) })
                }
                Err(misfits) => {
                    misfits.into_iter().for_each(|misfit| self.find_misfit(key, kind, index, misfit));
                    None
                }
            };
        }
        if required && !self.is_set(key.name) {
            self.find_missing(key, kind);
        }
        let (value, text, origin) = match taken {
            Some(Taken { value, text, origin }) => (Some(value), Some(text), origin),
            None => (None, default.clone(), Origin::Default),
        };
        let path = self.path_of(key.name);
        let record = Record::new(path, key, kind.clone(), (default, required), (text, origin));
        self.reader.ledger.borrow_mut().record(self.section(), record);
        value
    }

    fn is_set(&self, name: &str) -> bool {
        self.entries(name).next().is_some()
    }

    fn entries(&self, name: &str) -> impl Iterator<Item = (usize, &'r Entry)> {
        self.layers.iter().filter_map(move |layer| layer.tree.get(name).map(|entry| (layer.source, entry)))
    }

    fn path_of(&self, name: &str) -> String {
        joined(&self.path, name)
    }

    fn know(&self, name: &'static str, member: Member) {
        self.reader.ledger.borrow_mut().know(&self.pattern, name, member);
    }
}

impl fmt::Debug for Table<'_> {
    /// Without its values, some of which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("path", &self.path).finish_non_exhaustive()
    }
}
