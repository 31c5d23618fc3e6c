//! What was broken, each kind of damage once.

use thiserror::Error;

/// Something that is against the format. None of it ends the reading but [`Damage::Signature`], where there
/// is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// It does not start as the format does; nothing was read.
    #[error("it does not start as its format does")]
    Signature,
    /// It ends within something; what there is of that was given.
    #[error("it is cut")]
    Cut,
    /// A checksum is wrong; what it covers was read all the same.
    #[error("a checksum is wrong")]
    Checksum,
    /// A field has a value that the format does not know; what is behind it may not have been understood.
    #[error("a field has a value that its format does not know")]
    Field,
    /// Two things that should lie apart share octets, or something lies within itself.
    #[error("a chain of sectors or a tree of names runs in circles or into another")]
    Crossed,
    /// A named limit of this reader was reached; what is behind it was not read.
    #[error("it holds more than is read")]
    Limit,
}

/// All kinds of damage that were met, in the order in which they were met first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damages(Vec<Damage>);

impl Damages {
    /// Whether nothing was broken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kinds of damage, each once.
    pub fn iter(&self) -> impl Iterator<Item = Damage> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn note(&mut self, damage: Damage) {
        if !self.0.contains(&damage) {
            self.0.push(damage);
        }
    }

    pub(crate) fn note_if(&mut self, broken: bool, damage: Damage) {
        if broken {
            self.note(damage);
        }
    }
}
