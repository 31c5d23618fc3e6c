//! Of what type octets are: by what they show, by what is declared, by their name.
//!
//! Types are rows of one table. What a part shows itself to be decides how it is opened; what it claims to
//! be, by its declared media type or its extension, is held against it and flagged where the two cannot be
//! reconciled. Claims that are wrong in good faith every day (a PNG named `.jpg`, a web page named `.xls`)
//! are reconciled by their [`Family`].

use sensor_mail::part::{PartFlag, Role};

use crate::flags::Flags;

mod claim;
mod ole;
mod sniff;
mod table;
mod zip;

use claim::Claim;
pub(crate) use table::Kind;
use table::{Family, Row};

/// What the octets of a part look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    /// The media type that the octets show.
    pub(crate) detected: Option<&'static str>,
    /// All types that the part is to be opened as.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) flags: Flags,
}

impl Looks {
    pub(crate) fn of(octets: &[u8], role: Role, declared: Option<&str>, name: Option<&str>) -> Self {
        match role {
            // The message and what was made here are what they are.
            Role::Message => Self::plain(Some("message/rfc822"), vec![Kind::Mail]),
            Role::Text => Self::plain(None, Vec::new()),
            Role::Body | Role::Attachment | Role::Enclosed | Role::Member | Role::Embedded => {
                Self::seen(octets, role, declared, name)
            }
        }
    }

    fn plain(detected: Option<&'static str>, kinds: Vec<Kind>) -> Self {
        Self { detected, kinds, flags: Flags::default() }
    }

    fn seen(octets: &[u8], role: Role, declared: Option<&str>, name: Option<&str>) -> Self {
        let mut kinds = sniff::kinds(octets);
        let claim = Claim::new(declared, name);
        let mut flags = Flags::default();
        flags.raise_if(PartFlag::Polyglot, sniff::is_polyglot(&kinds));
        flags.raise_if(PartFlag::TypeMismatch, claim.is_false(&kinds));
        flags.raise_if(PartFlag::Executable, kinds.iter().any(|kind| kind.row().executable));
        flags.raise_if(PartFlag::Encrypted, kinds.contains(&Kind::Pdf) && sniff::is_encrypted_pdf(octets));
        let detected = kinds.first().map(|kind| kind.row().media).or_else(|| sniff::other(octets));
        kinds.extend(claim.openable(octets, role, &kinds));
        Self { detected, kinds, flags }
    }
}

#[cfg(test)]
mod tests;
