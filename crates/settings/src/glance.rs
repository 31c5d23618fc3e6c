//! A look at settings that may be faulty, for who has to find what runs while somebody is at work on the files.

use crate::form::Form;
use crate::key::Key;
use crate::layers::Places;
use crate::reader::Reader;
use crate::table::Table;

impl Places {
    /// Reads what `read` asks for and passes over whatever is wrong with the rest.
    ///
    /// For where things are, which the run-time layer does not say: that is left out. Not for what decides about
    /// anything: [`Table::told`] says which values are as somebody wrote them.
    pub fn glance<T>(&self, read: impl FnOnce(&Reader) -> T) -> T {
        let (_, sources) = self.written();
        read(&Reader::new(sources).with_credentials(self.credentials.clone()))
    }
}

/// A setting that may be at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<T> {
    /// It is set, to this.
    Set(T),
    /// No source sets it.
    Unset,
    /// None of what can be read sets it, and not all can be read.
    Hidden,
    /// It is set to what cannot be used.
    Faulty,
}

impl Table<'_> {
    /// What is known of a key although there may be faults, in its value or elsewhere.
    #[must_use]
    pub fn told<T: 'static>(&self, key: Key, form: &Form<T>) -> Told<T> {
        match self.optional(key, form) {
            Some(value) => Told::Set(value),
            None if !self.is_sound(key.name) => Told::Faulty,
            None if self.has_whole_sources() => Told::Unset,
            None => Told::Hidden,
        }
    }
}
