//! The frames of TNEF (MS-OXTNEF section 2.1.3.2).

use crate::mapi::{Damage, Damages};

use super::SIGNATURE;

/// Names of attributes; their upper half, the type, says nothing that the name does not.
pub(super) mod name {
    pub(crate) const ATTACHMENT_BEGINS: u16 = 0x9002;
    pub(crate) const ATTACHMENT_DATA: u16 = 0x800F;
    pub(crate) const ATTACHMENT_METAFILE: u16 = 0x8011;
    pub(crate) const ATTACHMENT_PROPERTIES: u16 = 0x9005;
    pub(crate) const ATTACHMENT_TITLE: u16 = 0x8010;
    pub(crate) const ATTACHMENT_TRANSPORT_NAME: u16 = 0x9001;
    pub(crate) const BODY: u16 = 0x800C;
    pub(crate) const MESSAGE_PROPERTIES: u16 = 0x9003;
    pub(crate) const OEM_CODE_PAGE: u16 = 0x9007;
}

/// One attribute, its checksum compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) level: u8,
    pub(super) name: u16,
    pub(super) octets: &'a [u8],
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The attributes of a TNEF; none where `octets` are not one.
    pub(super) fn of(octets: &'a [u8], damages: &mut Damages) -> Option<Self> {
        let rest = octets.strip_prefix(&SIGNATURE)?;
        // The key of section 2.1.3.1 once counted something; nobody reads it.
        damages.note_if(rest.len() < 2, Damage::Cut);
        Some(Self(rest.get(2..).unwrap_or_default()))
    }

    pub(super) fn next(&mut self, damages: &mut Damages) -> Option<Attribute<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let Some((head, rest)) = self.0.split_first_chunk::<9>() else {
            damages.note(Damage::Cut);
            return None;
        };
        let &[level, name_low, name_high, _, _, length @ ..] = head;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        let (octets, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        self.0 = checked(octets, rest, damages);
        Some(Attribute { level, name: u16::from_le_bytes([name_low, name_high]), octets })
    }
}

/// Compares the sum of `octets` with the two octets behind them, and gives what follows those.
fn checked<'a>(octets: &[u8], rest: &'a [u8], damages: &mut Damages) -> &'a [u8] {
    let Some((stated, rest)) = rest.split_first_chunk::<2>() else {
        damages.note(Damage::Cut);
        return &[];
    };
    let sum = octets.iter().fold(0_u16, |sum, octet| sum.wrapping_add(u16::from(*octet)));
    damages.note_if(sum != u16::from_le_bytes(*stated), Damage::Checksum);
    rest
}
