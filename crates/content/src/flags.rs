//! A set of what is remarkable.

use sensor_mail::part::PartFlag;

/// Flags, each once, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(Vec<PartFlag>);

impl Flags {
    pub(crate) fn raise(&mut self, flag: PartFlag) {
        if let Err(place) = self.0.binary_search(&flag) {
            self.0.insert(place, flag);
        }
    }

    pub(crate) fn raise_if(&mut self, flag: PartFlag, holds: bool) {
        if holds {
            self.raise(flag);
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        other.0.into_iter().for_each(|flag| self.raise(flag));
    }

    pub(crate) fn into_vec(self) -> Vec<PartFlag> {
        self.0
    }
}
