//! What the keys of `[[scanner]]` mean: a table for each kind, beside its scanner.
//!
//! Scanners know no configuration files. Whoever composes the configuration declares the keys of a kind from
//! its table, and hands the values to [`Kind::build`](crate::Kind::build) by their names: sizes in octets and
//! durations in milliseconds, as [`Value::Number`](crate::Value::Number).

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it means, in sentences for an administrator.
    pub doc: &'static str,
    /// What values it takes.
    pub shape: Shape,
    /// What it is where it is not set.
    pub default: Option<Unset>,
    /// A value as TOML, where there is no default.
    pub example: Option<&'static str>,
    /// Whether it has to be set.
    pub required: bool,
    /// Whether its value is shown nowhere.
    pub secret: bool,
}

/// What values a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text, and what it stands for.
    Text(&'static str),
    /// A path.
    Path,
    /// One of a few words.
    Words(&'static [&'static str]),
    /// A list of texts, and what they stand for.
    List(&'static str),
    /// A whole number.
    Number {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A size, in octets.
    Size {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A duration, in milliseconds.
    Duration {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
}

/// The value of a key that is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// For texts, paths and words.
    Text(&'static str),
    /// For lists.
    List(&'static [&'static str]),
    /// For numbers; octets or milliseconds for sizes and durations.
    Number(u64),
}

impl Shape {
    /// Reads on from "expected".
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Text(expected) | Self::List(expected) => (*expected).to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Words(words) => format!("one of {}", words.join(", ")),
            Self::Number { min, max } => format!("a whole number from {min} to {max}"),
            Self::Size { min, max } => format!("a size from {min} to {max} octets"),
            Self::Duration { min, max } => format!("a duration from {min} ms to {max} ms"),
        }
    }
}

impl Key {
    pub(crate) const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, doc, shape, default: None, example: None, required: false, secret: false }
    }

    /// The same key with what it is where it is not set.
    pub(crate) const fn or(self, default: Unset) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The same key with a value to show.
    pub(crate) const fn such_as(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    /// The same key, which has to be set.
    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same key, its value shown nowhere.
    pub(crate) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}
