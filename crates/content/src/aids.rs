//! What this crate cannot do by itself and is lent by who calls it.

use bytes::Bytes;

/// The world outside, as far as a message needs it to be taken apart.
pub trait Aids {
    /// Whether the time for this message is used up. Asked between any two steps, so it is cheap.
    fn is_over(&self) -> bool;

    /// Passwords to try on what is encrypted, besides those that the message itself tells.
    fn passwords(&self) -> &[Box<str>];

    /// Makes an archive of a format that has no reader here into a tar archive of at most `octets_max`
    /// octets. `bsdtar -cf - @-` does just that.
    ///
    /// # Errors
    /// When nothing comes of it.
    fn to_tar(&self, format: Foreign, archive: &Bytes, octets_max: u64) -> Result<Tarred, AidError>;
}

/// Formats without a reader here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the formats'")]
pub enum Foreign {
    Ar,
    Cab,
    Cpio,
    Iso,
    Lha,
    Rar,
    Xar,
}

/// A tar archive, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Tarred {
    /// Its octets.
    pub octets: Bytes,
    /// It was longer than it might be: this is its begin.
    pub cut: bool,
    /// What the tool that made it complained about, for a person.
    pub complaint: Option<Box<str>>,
}

/// Why nothing came of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AidError {
    /// There is no tool for this format here.
    #[error("no tool for this format is here")]
    Unsupported,
    /// It is encrypted.
    #[error("encrypted")]
    Encrypted,
    /// The archive is broken.
    #[error("{0}")]
    Damaged(Box<str>),
    /// The tool failed: it could not be started, died, or took too long.
    #[error("{0}")]
    Failed(Box<str>),
}

/// No aids at all: no end of time, no passwords, no tools.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Aids for Alone {
    fn is_over(&self) -> bool {
        false
    }

    fn passwords(&self) -> &[Box<str>] {
        &[]
    }

    fn to_tar(&self, _: Foreign, _: &Bytes, _: u64) -> Result<Tarred, AidError> {
        Err(AidError::Unsupported)
    }
}
