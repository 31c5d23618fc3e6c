//! A source's values with their places: what is left of a TOML document once its text is forgotten.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The characters of a key that are shown.
const KEY_CHARACTERS_MAX: usize = 64;

/// A table: its keys with their places and values.
pub(crate) type Tree = BTreeMap<String, Entry>;

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

/// A value with its place.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Tree),
    /// What no key takes; the words for it.
    Other(&'static str),
}

impl Node {
    pub(crate) fn new(value: Spanned<DeValue<'_>>) -> Self {
        Self { span: value.span(), value: Value::new(value.into_inner()) }
    }
}

impl Value {
    fn new(value: DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.into_owned()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Self::Other("a number with too many digits"), Self::Integer),
            DeValue::Float(_) => Self::Other("a number with a fraction"),
            DeValue::Boolean(flag) => Self::Boolean(flag),
            DeValue::Datetime(_) => Self::Other("a date or time"),
            DeValue::Array(array) => Self::List(list(array)),
            DeValue::Table(table) => Self::Table(tree(table)),
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        if let Self::Boolean(flag) = self { Some(*flag) } else { None }
    }

    pub(crate) fn list(&self) -> Option<&[Node]> {
        if let Self::List(nodes) = self { Some(nodes) } else { None }
    }

    pub(crate) fn table(&self) -> Option<&Tree> {
        if let Self::Table(tree) = self { Some(tree) } else { None }
    }

    /// What it is, in words.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Boolean(true) => "true",
            Self::Boolean(false) => "false",
            Self::List(nodes) if nodes.iter().any(|node| node.value.table().is_some()) => {
                "an array of tables"
            }
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(words) => words,
        }
    }
}

/// The depth of nesting is bounded by the parser (80 levels).
pub(crate) fn tree(table: DeTable<'_>) -> Tree {
    let entry = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, _)| {
        let key_span = key.span();
        (key.into_inner().into_owned(), Entry { key_span, node: Node::new(value) })
    };
    table.into_iter().map(entry).collect()
}

fn list(array: DeArray<'_>) -> Vec<Node> {
    array.into_iter().map(Node::new).collect()
}

/// A key as TOML writes it, cut to a length that fits a terminal: it may be anything.
pub(crate) fn shown_key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let shown = if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) };
    match shown.char_indices().nth(KEY_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &shown[..end]),
        None => shown,
    }
}

/// A string as TOML writes it.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// An array of strings as TOML writes it.
pub(crate) fn quoted_list<S: AsRef<str>>(texts: &[S]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}
