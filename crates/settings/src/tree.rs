//! A source's values with their places: what is left of a TOML document once its text is forgotten.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// A table: its keys with their places and values.
pub(crate) type Tree = BTreeMap<String, Entry>;

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
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

    /// What it is, in words.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::List(nodes) if nodes.iter().any(Node::is_table) => "an array of tables",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(words) => words,
        }
    }
}

impl Node {
    fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
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

/// A string as TOML writes it.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// An array of strings as TOML writes it.
pub(crate) fn quoted_list<S: AsRef<str>>(texts: &[S]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}
