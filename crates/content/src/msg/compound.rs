//! Reads compound files (MS-CFB), whole or broken.
//!
//! ```text
//! head, 512 | sector 0 | sector 1 | ...            a sector has 512 or 4096 octets (section 2.2)
//! FAT: for each sector the next one of its chain   its own sectors are listed in the head and the DIFAT
//! directory: entries of 128 octets                 a storage points to a tree of siblings (section 2.6)
//! a stream below 4096 octets lies in sectors of 64 octets of the mini stream, with a FAT of its own
//! ```
//!
//! No chain is followed for longer than the file has sectors, each entry belongs to one storage only, and
//! all streams together give [`READ_RATIO_MAX`] times the octets of the file: with that, circles and shared
//! sectors cost nothing. A sector past the end is damage, and ends its chain.

use std::borrow::Cow;
use std::cell::Cell;

use crate::mapi::{Damage, Damages};

use assembly::Assembly;
use directory::{Entry, Tree};
use head::Head;

mod assembly;
mod directory;
mod head;

pub use head::SIGNATURE;

/// How many times the octets of a file its streams may have together. Each is read once, and no two share a
/// sector in a sound file; 2 leaves room for a stream that two names lead to.
pub(super) const READ_RATIO_MAX: usize = 2;

/// Sectors of the mini stream, in octets (section 2.2: the shift must be 6).
const MINI_SECTOR_OCTETS: usize = 64;
/// Streams below this size lie in the mini stream (section 2.2: it must be 4096).
const MINI_STREAM_BELOW: u64 = 4096;
/// The end of a chain; all larger numbers are no sectors either (section 2.1).
const SECTOR_MAX: u32 = 0xFFFF_FFFA;

/// How an entry is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Storage,
    Stream,
}

/// An open file.
#[derive(Debug)]
pub(super) struct Compound<'a> {
    sectors: Sectors<'a>,
    mini: Mini,
    tree: Tree,
    /// Octets that may still be read.
    left: Cell<usize>,
}

/// The file, its sectors and their chains.
#[derive(Debug)]
struct Sectors<'a> {
    octets: &'a [u8],
    sector_octets: usize,
    fat: Vec<u32>,
}

/// Where the mini stream's sectors lie.
#[derive(Debug, Default)]
struct Mini {
    sectors: Vec<u32>,
    fat: Vec<u32>,
}

impl<'a> Compound<'a> {
    /// The storage that holds all others.
    pub(super) const ROOT: usize = 0;

    /// Opens a file; none where `octets` are not one, or nothing of it can be found.
    pub(super) fn open(octets: &'a [u8], damages: &mut Damages) -> Option<Self> {
        let head = Head::of(octets, damages)?;
        let mut sectors = Sectors { octets, sector_octets: head.sector_octets, fat: Vec::new() };
        sectors.fat = head.fat_sectors(&sectors, damages);
        let mut entries = Vec::new();
        for sector in sectors.chain(head.directory, sectors.count(), damages) {
            let octets = sectors.sector(sector).unwrap_or_default();
            entries.extend(octets.as_chunks().0.iter().map(|entry| Entry::of(entry, head.sector_octets)));
        }
        let tree = Tree::of(entries, damages)?;
        let root = tree.entry(Self::ROOT);
        let mini = Mini {
            sectors: sectors.chain(root.start, sectors.needed(root.octets), damages),
            fat: sectors.chain(head.mini_fat, sectors.count(), damages),
        };
        let left = Cell::new(octets.len().saturating_mul(READ_RATIO_MAX));
        Some(Self { sectors, mini, tree, left })
    }

    pub(super) fn children(&self, storage: usize) -> &[usize] {
        self.tree.children(storage)
    }

    pub(super) fn name(&self, entry: usize) -> &str {
        &self.tree.entry(entry).name
    }

    /// Whether it goes by this name (ASCII). Case does not matter (section 2.6.4).
    pub(super) fn is_named(&self, entry: usize, name: &str) -> bool {
        self.name(entry).eq_ignore_ascii_case(name)
    }

    /// Whether its name begins so.
    pub(super) fn starts_with(&self, entry: usize, start: &str) -> bool {
        self.name(entry).get(..start.len()).is_some_and(|name| name.eq_ignore_ascii_case(start))
    }

    pub(super) fn content(&self, entry: usize) -> Content {
        self.tree.entry(entry).content
    }

    /// The class of an object, as it stands.
    pub(super) fn class(&self, entry: usize) -> [u8; 16] {
        self.tree.entry(entry).class
    }

    /// The octets of a stream, as far as they can be found: a slice of the file where they lie in one piece.
    pub(super) fn read(&self, stream: usize, damages: &mut Damages) -> Cow<'a, [u8]> {
        let entry = self.tree.entry(stream);
        let stated = usize::try_from(entry.octets).unwrap_or(usize::MAX);
        let most = stated.min(self.sectors.octets.len());
        let allowed = most.min(self.left.get());
        damages.note_if(allowed < most, Damage::Crossed);
        let (octets, next) = if entry.octets < MINI_STREAM_BELOW {
            self.mini_stream(entry.start, allowed)
        } else {
            self.stream(entry.start, allowed)
        };
        self.left.set(self.left.get() - octets.len());
        damages.note_if(octets.len() < stated, Damage::Cut);
        // A chain that goes on behind its stream may well run in a circle.
        damages.note_if(next < SECTOR_MAX && octets.len() == stated && stated > 0, Damage::Crossed);
        octets
    }

    /// The octets, and the link behind them.
    fn stream(&self, start: u32, octets: usize) -> (Cow<'a, [u8]>, u32) {
        let mut assembly = Assembly::of(self.sectors.octets, octets);
        let mut sector = start;
        while !assembly.is_whole() && assembly.add(self.sectors.place(sector), self.sectors.sector_octets) {
            sector = self.sectors.next(sector);
        }
        (assembly.finish(), sector)
    }

    fn mini_stream(&self, start: u32, octets: usize) -> (Cow<'a, [u8]>, u32) {
        let mut assembly = Assembly::of(self.sectors.octets, octets);
        let mut sector = start;
        while !assembly.is_whole() && assembly.add(self.mini_place(sector), MINI_SECTOR_OCTETS) {
            sector = self.sectors.link(&self.mini.fat, sector);
        }
        (assembly.finish(), sector)
    }

    /// Where in the file a sector of the mini stream begins.
    fn mini_place(&self, sector: u32) -> Option<usize> {
        let at = usize::try_from(sector).ok()?.checked_mul(MINI_SECTOR_OCTETS)?;
        let outer = self.mini.sectors.get(at / self.sectors.sector_octets)?;
        Some(self.sectors.place(*outer)? + at % self.sectors.sector_octets)
    }
}

impl<'a> Sectors<'a> {
    /// How many there are, the last one perhaps cut.
    fn count(&self) -> usize {
        self.octets.len().div_ceil(self.sector_octets).saturating_sub(1)
    }

    /// How many hold `octets`, but no more than there are.
    fn needed(&self, octets: u64) -> usize {
        let octets = usize::try_from(octets).unwrap_or(usize::MAX);
        octets.div_ceil(self.sector_octets).min(self.count())
    }

    /// Where a sector begins: sector 0 is behind the head, which takes a sector too.
    fn place(&self, sector: u32) -> Option<usize> {
        let at = usize::try_from(sector).ok()?.checked_add(1)?.checked_mul(self.sector_octets)?;
        (at < self.octets.len()).then_some(at)
    }

    fn sector(&self, sector: u32) -> Option<&'a [u8]> {
        let rest = self.octets.get(self.place(sector)?..)?;
        Some(rest.get(..self.sector_octets).unwrap_or(rest))
    }

    /// The sector after this one in its chain, or a number that is none.
    fn next(&self, sector: u32) -> u32 {
        self.link(&self.fat, sector)
    }

    /// The entry for `sector` in a FAT that lies in the sectors `fat`.
    fn link(&self, fat: &[u32], sector: u32) -> u32 {
        let links = self.sector_octets / 4;
        let entry = usize::try_from(sector).ok().and_then(|sector| {
            let octets = self.sector(*fat.get(sector / links)?)?;
            octets.get(sector % links * 4..)?.first_chunk()
        });
        entry.map_or(u32::MAX, |entry| u32::from_le_bytes(*entry))
    }

    /// A chain of at most `most` sectors; one that is longer or leaves the file is noted.
    fn chain(&self, start: u32, most: usize, damages: &mut Damages) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut sector = start;
        while sector < SECTOR_MAX {
            if self.place(sector).is_none() {
                damages.note(Damage::Cut);
                break;
            }
            if chain.len() == most {
                // One that is as long as the file and goes on has been somewhere twice.
                damages.note_if(most == self.count(), Damage::Crossed);
                break;
            }
            chain.push(sector);
            sector = self.next(sector);
        }
        chain
    }
}
