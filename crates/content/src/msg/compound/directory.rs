//! The directory of a compound file (MS-CFB section 2.6).

use std::mem::replace;

use crate::mapi::{Damage, Damages};

use super::Content;

/// An entry's octets.
pub(super) const ENTRY_OCTETS: usize = 128;
/// The longest name, in units of UTF-16 without the NUL behind it.
const NAME_UNITS_MAX: usize = 31;

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Box<str>,
    pub(super) content: Content,
    pub(super) class: [u8; 16],
    pub(super) start: u32,
    pub(super) octets: u64,
    in_use: bool,
    siblings: [u32; 2],
    child: u32,
}

impl Entry {
    pub(super) fn of(entry: &[u8; ENTRY_OCTETS], sector_octets: usize) -> Self {
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|octet| entry[at + octet]));
        let name_octets = usize::from(u16::from_le_bytes([entry[64], entry[65]]));
        let units = (name_octets / 2).saturating_sub(1).min(NAME_UNITS_MAX);
        let units = entry.as_chunks().0.iter().take(units).map(|unit| u16::from_le_bytes(*unit));
        let high = if sector_octets == 512 {
            // Section 2.6.1: what version 3 has here may be anything.
            0
        } else {
            u64::from(number(124))
        };
        Self {
            name: char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
            content: if entry[66] == 2 { Content::Stream } else { Content::Storage },
            class: std::array::from_fn(|octet| entry[80 + octet]),
            start: number(116),
            octets: high << 32 | u64::from(number(120)),
            in_use: matches!(entry[66], 1 | 2 | 5),
            siblings: [number(68), number(72)],
            child: number(76),
        }
    }
}

/// The entries, and which storage each belongs to.
#[derive(Debug)]
pub(super) struct Tree {
    entries: Vec<Entry>,
    children: Vec<Vec<usize>>,
}

impl Tree {
    /// The tree below the first entry; none where there is no entry. An entry that two storages, or two
    /// siblings, point to belongs to the first.
    pub(super) fn of(entries: Vec<Entry>, damages: &mut Damages) -> Option<Self> {
        damages.note_if(entries.is_empty(), Damage::Cut);
        let root = entries.first()?;
        let mut owned = vec![false; entries.len()];
        owned[0] = true;
        let mut children = vec![Vec::new(); entries.len()];
        // Each entry gets on the list once, when it is owned.
        let mut to_do = vec![(0, root.child)];
        while let Some((storage, at)) = to_do.pop() {
            let Some(index) = usize::try_from(at).ok().filter(|index| *index < entries.len()) else {
                // The mark for "none" is the largest number.
                damages.note_if(at != u32::MAX, Damage::Field);
                continue;
            };
            let entry = &entries[index];
            if !entry.in_use || replace(&mut owned[index], true) {
                damages.note(Damage::Crossed);
                continue;
            }
            children[storage].push(index);
            to_do.extend(entry.siblings.map(|sibling| (storage, sibling)));
            if entry.content == Content::Storage {
                to_do.push((index, entry.child));
            }
        }
        children.iter_mut().for_each(|children| children.sort_unstable());
        Some(Self { entries, children })
    }

    /// Entry `index`, which this tree named.
    pub(super) fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    pub(super) fn children(&self, storage: usize) -> &[usize] {
        &self.children[storage]
    }
}
