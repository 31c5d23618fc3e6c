//! The answer to one question at the door.

use sensor_mail::{Admission, Refusal};

/// Whether it may come in and, if so, whether it is looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Admit, refuse or try later, with the rule that says so.
    pub admission: Admission,
    /// What happens to what was admitted. Means nothing beside a refusal.
    pub treatment: Treatment,
}

/// What happens to mail for an admitted recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is kept and looked into.
    Scan,
    /// It is taken and not looked into: no rule covers the recipient and `uncovered = "accept"` is set.
    Unscanned,
}

impl Decision {
    /// It may come in and is looked into.
    pub const ADMIT: Self = Self { admission: Admission::Admit, treatment: Treatment::Scan };

    /// Whether it may come in.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.admission == Admission::Admit
    }

    pub(crate) const UNSCANNED: Self = Self { admission: Admission::Admit, treatment: Treatment::Unscanned };

    pub(crate) fn refuse(refusal: Refusal) -> Self {
        Self { admission: Admission::Refuse(refusal), treatment: Treatment::Scan }
    }

    pub(crate) fn try_later(refusal: Refusal) -> Self {
        Self { admission: Admission::TryLater(refusal), treatment: Treatment::Scan }
    }
}
