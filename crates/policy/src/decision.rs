//! The answer to one question at the door.

use sensor_mail::{Admission, Refusal};

/// Whether it may come in and, if so, whether it is looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Admit, refuse or try later, with the rule that says so.
    pub admission: Admission,
    /// What happens to what was admitted. Means nothing beside a refusal.
    pub treatment: Treatment,
    /// The refusal is one for now because former rules, in their grace, would have taken it.
    pub softened: bool,
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
    pub const ADMIT: Self = Self::of(Admission::Admit);

    /// A refusal for good.
    #[must_use]
    pub fn refuse(refusal: Refusal) -> Self {
        Self::of(Admission::Refuse(refusal))
    }

    /// A refusal for now.
    #[must_use]
    pub fn try_later(refusal: Refusal) -> Self {
        Self::of(Admission::TryLater(refusal))
    }

    pub(crate) const UNSCANNED: Self =
        Self { admission: Admission::Admit, treatment: Treatment::Unscanned, softened: false };

    /// The same, where it refuses for good, for the time being.
    pub(crate) fn for_now(self) -> Self {
        match self.admission {
            Admission::Refuse(refusal) => Self { softened: true, ..Self::try_later(refusal) },
            Admission::Admit | Admission::TryLater(_) => self,
        }
    }

    const fn of(admission: Admission) -> Self {
        Self { admission, treatment: Treatment::Scan, softened: false }
    }
}
