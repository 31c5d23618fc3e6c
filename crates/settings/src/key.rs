//! What a section says about a key that it reads.

use std::fmt;

/// A key of the configuration: its name within its table and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The name, in lower case with underscores.
    pub name: &'static str,
    /// What it means, with its unit, in sentences for an administrator.
    pub doc: &'static str,
    /// When a change takes effect.
    pub reload: Reload,
    /// Whether the value must be shown nowhere.
    pub secret: bool,
    /// Whether the control plane may set it, in the run-time layer.
    pub run_time: bool,
    /// A value as TOML, for a key that has no default: what somebody may write.
    pub example: Option<&'static str>,
}

impl Key {
    /// A key whose value may be shown.
    #[must_use]
    pub const fn new(name: &'static str, doc: &'static str, reload: Reload) -> Self {
        Self { name, doc, reload, secret: false, run_time: false, example: None }
    }

    /// The same key, which the control plane may set. Not for what says where things are or who may reach
    /// them: whoever holds the token of the control plane is not yet the administrator of the host.
    #[must_use]
    pub const fn at_run_time(self) -> Self {
        Self { run_time: true, ..self }
    }

    /// The same key with a value as TOML, such as `"sensor.example.com"` in its quotes, that the file of all
    /// defaults shows where there is no default.
    #[must_use]
    pub const fn example(self, toml: &'static str) -> Self {
        Self { example: Some(toml), ..self }
    }

    /// The same key, its value shown as `***` and in no excerpt of a fault.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

/// When a change of a key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// With the next reload.
    Live,
    /// With the next start.
    Restart,
}

/// What values a key takes, in words and for a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number between two bounds, both included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A string with a meaning.
    Text {
        /// The meaning, such as "a path".
        expected: String,
    },
    /// One of a few strings.
    Words(Vec<&'static str>),
    /// The path of a file that holds a secret.
    SecretFile {
        /// The systemd credential that is read where the key is not set.
        credential: String,
    },
    /// An array of strings.
    List {
        /// The meaning of the array, such as "a list of addresses such as ...".
        expected: &'static str,
    },
}

impl fmt::Display for Kind {
    /// As in "expected ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Text { expected } => f.write_str(expected),
            Self::SecretFile { credential } => {
                write!(f, "the path of a file with one line; not set: the systemd credential {credential}")
            }
            Self::Words(words) => write!(f, "one of {}", words.join(", ")),
            Self::List { expected } => f.write_str(expected),
        }
    }
}
