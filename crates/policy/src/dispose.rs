//! What follows from a judgement: what becomes of the message, what is still owed, who is told.
//!
//! A judgement says what the rules ask for. What is done is less where it could not be undone: the octets of
//! a message go only when everything that had to look at it did, and every rule could be asked.

use sensor_mail::{Coverage, Disposition, Judgement};

use crate::judge::{Ruling, Trouble};

/// What follows from one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// What is to become of the message now.
    pub disposition: Disposition,
    /// Why that is less than the judgement asks for.
    pub withheld: Option<Withheld>,
    /// The scanners that have to look again, in the order of the configuration; with none the look is over.
    pub owed: Vec<Box<str>>,
    /// Who is to be told and was not by an earlier look, sorted.
    pub notices: Vec<Box<str>>,
}

/// Why `metadata_only` is not done yet. The message stays as it is until a later look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// A required scanner has not looked yet: without the octets it never could.
    #[error("a required scanner has yet to look")]
    CoverageOwed,
    /// A rule could not be asked, and might have asked for something else.
    #[error("a rule could not be asked")]
    RuleFailed,
}

/// What follows from `ruling` on a look with this coverage, after the judgement of the look before it.
///
/// Who was told is told again only when the message turned out to be graver than before.
#[must_use]
pub fn dispose(ruling: &Ruling, coverage: &[Coverage], earlier: Option<&Judgement>) -> Consequence {
    let Ruling { judgement, troubles, .. } = ruling;
    let owed: Vec<Box<str>> = coverage
        .iter()
        .filter(|coverage| coverage.is_owed())
        .map(|coverage| coverage.scanner.clone())
        .collect();
    let withheld = match judgement.disposition {
        Disposition::Keep | Disposition::Quarantine => None,
        Disposition::MetadataOnly => withheld(&owed, troubles),
    };
    let disposition = if withheld.is_some() { Disposition::Keep } else { judgement.disposition };
    Consequence { disposition, withheld, owed, notices: unsaid(judgement, earlier) }
}

fn withheld(owed: &[Box<str>], troubles: &[Trouble]) -> Option<Withheld> {
    if !owed.is_empty() {
        Some(Withheld::CoverageOwed)
    } else if troubles.iter().any(|trouble| !trouble.shadow) {
        Some(Withheld::RuleFailed)
    } else {
        None
    }
}

fn unsaid(judgement: &Judgement, earlier: Option<&Judgement>) -> Vec<Box<str>> {
    let same = earlier
        .filter(|earlier| judgement.verdict <= earlier.verdict && judgement.severity <= earlier.severity);
    let told = same.map_or(&[][..], |earlier| &earlier.notices);
    judgement.notices.iter().filter(|notice| !told.contains(notice)).cloned().collect()
}
