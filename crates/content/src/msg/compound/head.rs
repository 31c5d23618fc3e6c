//! The head of a compound file, and the sectors of its FAT (MS-CFB sections 2.2 and 2.5).

use crate::mapi::{Damage, Damages};

use super::{SECTOR_MAX, Sectors};

/// The first octets of each compound file (section 2.2).
pub const SIGNATURE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

const HEAD_OCTETS: usize = 512;
/// Sectors of the FAT that the head itself lists, from here on.
const DIFAT_AT: usize = 76;

/// What the head says, as far as it is needed.
#[derive(Debug)]
pub(super) struct Head<'a> {
    octets: &'a [u8; HEAD_OCTETS],
    pub(super) sector_octets: usize,
    /// The first sector of the directory.
    pub(super) directory: u32,
    /// The first sector of the FAT of the mini stream.
    pub(super) mini_fat: u32,
    /// The first sector that lists more sectors of the FAT.
    difat: u32,
}

impl<'a> Head<'a> {
    pub(super) fn of(octets: &'a [u8], damages: &mut Damages) -> Option<Self> {
        let octets = octets.first_chunk::<HEAD_OCTETS>().filter(|octets| octets.starts_with(&SIGNATURE))?;
        let [version, shift, mini_shift] =
            [26, 30, 32].map(|at| u16::from_le_bytes([octets[at], octets[at + 1]]));
        let sector_octets = match shift {
            9 => 512,
            12 => 4096,
            // The version says the same (section 2.2).
            _ if version == 4 => 4096,
            _ => 512,
        };
        let mini_stream_below = number(octets, 56);
        let sound =
            matches!((version, shift), (3, 9) | (4, 12)) && mini_shift == 6 && mini_stream_below == 4096;
        damages.note_if(!sound, Damage::Field);
        Some(Self {
            octets,
            sector_octets,
            directory: number(octets, 48),
            mini_fat: number(octets, 60),
            difat: number(octets, 68),
        })
    }

    /// The sectors of the FAT: those that the head lists, then those of the chain of further lists, whose
    /// last entry points to the next. No more than it takes to speak of each sector; a place in the list
    /// that is empty stays so, since the others count on theirs.
    pub(super) fn fat_sectors(&self, sectors: &Sectors<'_>, damages: &mut Damages) -> Vec<u32> {
        let most = sectors.count().div_ceil(self.sector_octets / 4);
        let mut fat = listed(&self.octets[DIFAT_AT..]);
        // Each further list is longer than nothing, so a circle of them ends too.
        let mut list = self.difat;
        while list < SECTOR_MAX && fat.len() < most {
            let Some(octets) = sectors.sector(list).filter(|octets| octets.len() == self.sector_octets)
            else {
                damages.note(Damage::Cut);
                break;
            };
            let mut entries = listed(octets);
            list = entries.pop().unwrap_or(u32::MAX);
            fat.extend(entries);
        }
        fat.truncate(most);
        fat
    }
}

fn listed(octets: &[u8]) -> Vec<u32> {
    octets.as_chunks().0.iter().map(|entry| u32::from_le_bytes(*entry)).collect()
}

fn number(octets: &[u8; HEAD_OCTETS], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|octet| octets[at + octet]))
}
