//! A storage as a compound file of its own (MS-CFB), version 4.
//!
//! ```text
//! head, 4096 | FAT | directory | FAT of the mini stream | mini stream | streams of 4096 octets and more
//! ```
//!
//! Version 4 has sectors of 4096 octets, so that the list of 109 sectors of the FAT in the head is enough for
//! 436 MiB ([`FAT_SECTORS_MAX`]), and no further lists are needed. A larger storage is not given, and noted.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::mapi::{Damage, Damages};

use super::PROPERTIES;
use super::compound::{Compound, Content, SIGNATURE};

/// The deepest storage that is copied. A message within a message is two deeper (attachment, message), so
/// that 128 messages fit; what lies deeper is left out, and noted.
const DEPTH_MAX: usize = 256;

const SECTOR: usize = 4096;
/// Links in a sector of a FAT.
const LINKS: usize = SECTOR / 4;
/// What the head lists (section 2.2).
const FAT_SECTORS_MAX: usize = 109;
const MINI_SECTOR: usize = 64;
const ENTRY: usize = 128;

const NONE: u32 = u32::MAX;
const END_OF_CHAIN: u32 = 0xFFFF_FFFE;
const FAT_SECTOR: u32 = 0xFFFF_FFFD;

/// The kinds of entries (section 2.6.1).
const STORAGE: u8 = 1;
const STREAM: u8 = 2;
const ROOT: u8 = 5;

/// The head of the property stream of a message within has 24 octets, that of a file 8 more
/// (MS-OXMSG sections 2.4.1.1 and 2.4.1.2).
const INNER_HEAD_OCTETS: usize = 24;

/// The file; none where it would be too large.
pub(super) fn file(
    compound: &Compound<'_>,
    storage: usize,
    is_message: bool,
    damages: &mut Damages,
) -> Option<Vec<u8>> {
    let mut nodes = Nodes { compound, damages, nodes: Vec::new() };
    nodes.add(storage, 0);
    let mut nodes = nodes.nodes;
    if is_message {
        for index in nodes[0].children.clone() {
            widen_head(&mut nodes[index]);
        }
    }
    let file = Layout::of(nodes).file();
    damages.note_if(file.is_none(), Damage::Limit);
    file
}

fn widen_head(node: &mut Node<'_>) {
    if node.name.eq_ignore_ascii_case(PROPERTIES) && node.octets.len() >= INNER_HEAD_OCTETS {
        let octets = node.octets.to_mut();
        octets.splice(INNER_HEAD_OCTETS..INNER_HEAD_OCTETS, [0; 8]);
    }
}

/// An entry of the new file.
struct Node<'a> {
    name: String,
    kind: u8,
    class: [u8; 16],
    octets: Cow<'a, [u8]>,
    children: Vec<usize>,
}

struct Nodes<'c, 'a, 'd> {
    compound: &'c Compound<'a>,
    damages: &'d mut Damages,
    nodes: Vec<Node<'a>>,
}

impl Nodes<'_, '_, '_> {
    /// Adds an entry and all below it.
    fn add(&mut self, entry: usize, depth: usize) -> usize {
        let index = self.nodes.len();
        let (kind, octets) = match self.compound.content(entry) {
            Content::Stream => (STREAM, self.compound.read(entry, self.damages)),
            Content::Storage if depth == 0 => (ROOT, Cow::default()),
            Content::Storage => (STORAGE, Cow::default()),
        };
        let name = if depth == 0 { "Root Entry" } else { self.compound.name(entry) }.to_owned();
        let class = self.compound.class(entry);
        self.nodes.push(Node { name, kind, class, octets, children: Vec::new() });
        if depth == DEPTH_MAX {
            self.damages.note(Damage::Limit);
            return index;
        }
        for child in self.compound.children(entry).to_vec() {
            let child = self.add(child, depth + 1);
            self.nodes[index].children.push(child);
        }
        index
    }
}

/// Where everything lies.
struct Layout<'a> {
    nodes: Vec<Node<'a>>,
    starts: Vec<u32>,
    mini_stream: Vec<u8>,
    mini_links: Vec<u32>,
    /// The links of all sectors; those of the FAT itself come first, when it is known how many they are.
    links: Vec<u32>,
    /// Sectors of the FAT.
    fat: usize,
    content: Vec<u8>,
}

impl<'a> Layout<'a> {
    fn of(nodes: Vec<Node<'a>>) -> Self {
        let starts = vec![END_OF_CHAIN; nodes.len()];
        Self {
            nodes,
            starts,
            mini_stream: Vec::new(),
            mini_links: Vec::new(),
            links: Vec::new(),
            fat: 0,
            content: Vec::new(),
        }
    }

    fn file(mut self) -> Option<Vec<u8>> {
        self.place_small();
        let directory = (self.nodes.len() * ENTRY).div_ceil(SECTOR);
        let mini_fat = self.mini_links.len().div_ceil(LINKS);
        let large = self.nodes.iter().filter(|node| node.octets.len() >= SECTOR);
        let sectors = large.map(|node| node.octets.len().div_ceil(SECTOR)).sum::<usize>()
            + directory
            + mini_fat
            + self.mini_stream.len().div_ceil(SECTOR);
        // Each sector of the FAT has room for LINKS links, one of them its own.
        self.fat = sectors.div_ceil(LINKS - 1);
        if self.fat > FAT_SECTORS_MAX {
            return None;
        }
        self.links = vec![FAT_SECTOR; self.fat];
        let at_directory = self.append(&vec![0; directory * SECTOR]);
        let mini_fat = padded(&self.mini_links);
        let at_mini_fat = self.append(&mini_fat);
        let mini_stream = std::mem::take(&mut self.mini_stream);
        self.starts[0] = self.append(&mini_stream);
        self.place_large();
        self.write_directory(mini_stream.len());
        Some(self.written(at_directory, directory, at_mini_fat, mini_fat.len() / SECTOR))
    }

    fn place_small(&mut self) {
        for (node, start) in self.nodes.iter().zip(&mut self.starts) {
            if (1..SECTOR).contains(&node.octets.len()) {
                let sectors = node.octets.len().div_ceil(MINI_SECTOR);
                *start = chain(&mut self.mini_links, sectors);
                self.mini_stream.extend_from_slice(&node.octets);
                self.mini_stream.resize(self.mini_links.len() * MINI_SECTOR, 0);
            }
        }
    }

    fn place_large(&mut self) {
        for index in 0..self.nodes.len() {
            let octets = std::mem::take(&mut self.nodes[index].octets);
            if octets.len() >= SECTOR {
                self.starts[index] = self.append(&octets);
            }
            self.nodes[index].octets = octets;
        }
    }

    /// Appends octets as a chain of their own and says where it begins.
    fn append(&mut self, octets: &[u8]) -> u32 {
        let start = chain(&mut self.links, octets.len().div_ceil(SECTOR));
        self.content.extend_from_slice(octets);
        self.content.resize(self.content.len().next_multiple_of(SECTOR), 0);
        start
    }

    /// Fills the directory in, which is the first of the content.
    fn write_directory(&mut self, mini_stream_octets: usize) {
        let mut relations = vec![[NONE; 3]; self.nodes.len()];
        for index in 0..self.nodes.len() {
            let mut children = self.nodes[index].children.clone();
            children.sort_by(|a, b| in_order(&self.nodes[*a].name, &self.nodes[*b].name));
            relations[index][2] = balance(&children, &mut relations);
        }
        for (index, entry) in
            self.content.as_chunks_mut::<ENTRY>().0.iter_mut().take(self.nodes.len()).enumerate()
        {
            let node = &self.nodes[index];
            let octets = if index == 0 { mini_stream_octets } else { node.octets.len() };
            write_entry(entry, node, relations[index], self.starts[index], octets);
        }
        let unused = self.nodes.len() * ENTRY..(self.nodes.len() * ENTRY).next_multiple_of(SECTOR);
        for entry in self.content[unused].as_chunks_mut::<ENTRY>().0 {
            entry[68..80].fill(0xFF);
        }
    }

    fn written(self, at_directory: u32, directory: usize, at_mini_fat: u32, mini_fat: usize) -> Vec<u8> {
        let mut file = Vec::with_capacity((1 + self.fat) * SECTOR + self.content.len());
        file.extend_from_slice(&SIGNATURE);
        file.extend_from_slice(&[0; 16]);
        // Minor and major version, byte order, sizes of sectors and of mini sectors as powers of two.
        for half in [0x3E, 4, 0xFFFE, 12, 6, 0, 0, 0_u16] {
            file.extend_from_slice(&half.to_le_bytes());
        }
        let [directory, fat, mini_fat] = [directory, self.fat, mini_fat]
            .map(|sectors| u32::try_from(sectors).expect("the file is limited"));
        for number in [directory, fat, at_directory, 0, 4096, at_mini_fat, mini_fat, END_OF_CHAIN, 0] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        (0..fat).for_each(|sector| file.extend_from_slice(&sector.to_le_bytes()));
        file.resize(76 + FAT_SECTORS_MAX * 4, 0xFF);
        file.resize(SECTOR, 0);
        file.extend_from_slice(&padded(&self.links));
        file.extend_from_slice(&self.content);
        file
    }
}

/// A chain of new sectors at the end of `links`; where it begins.
fn chain(links: &mut Vec<u32>, sectors: usize) -> u32 {
    let number = |index: usize| u32::try_from(index).expect("the input is smaller than 2^32 sectors");
    if sectors == 0 {
        return END_OF_CHAIN;
    }
    let start = links.len();
    links.extend((start + 1..start + sectors).map(number));
    links.push(END_OF_CHAIN);
    number(start)
}

/// Links as whole sectors of a FAT.
fn padded(links: &[u32]) -> Vec<u8> {
    let mut octets: Vec<u8> = links.iter().flat_map(|link| link.to_le_bytes()).collect();
    octets.resize(octets.len().next_multiple_of(SECTOR), 0xFF);
    octets
}

/// Makes a balanced tree of `sorted`, writes the left and right of each, and gives the one on top.
fn balance(sorted: &[usize], relations: &mut [[u32; 3]]) -> u32 {
    let Some(&top) = sorted.get(sorted.len() / 2) else { return NONE };
    let (left, right) = sorted.split_at(sorted.len() / 2);
    relations[top][0] = balance(left, relations);
    relations[top][1] = balance(&right[1..], relations);
    u32::try_from(top).expect("the input is smaller than 2^32 entries")
}

/// Section 2.6.4: the shorter name first, then by units of UTF-16 in upper case.
fn in_order(a: &str, b: &str) -> Ordering {
    let units = |name: &str| name.encode_utf16().count();
    let upper = |name: &str| name.to_uppercase().encode_utf16().collect::<Vec<_>>();
    units(a).cmp(&units(b)).then_with(|| upper(a).cmp(&upper(b)))
}

fn write_entry(entry: &mut [u8; ENTRY], node: &Node<'_>, relations: [u32; 3], start: u32, octets: usize) {
    let name = node.name.encode_utf16().chain([0]);
    let mut name_octets = 0_u8;
    for (place, unit) in entry[..64].as_chunks_mut().0.iter_mut().zip(name) {
        *place = unit.to_le_bytes();
        name_octets += 2;
    }
    entry[64] = name_octets;
    entry[66] = node.kind;
    // All are black (1): with every path as long as the next but one this is no red-black tree, and no
    // reader checks that it is.
    entry[67] = 1;
    for (place, relation) in entry[68..80].as_chunks_mut().0.iter_mut().zip(relations) {
        *place = relation.to_le_bytes();
    }
    entry[80..96].copy_from_slice(&node.class);
    let start = if node.kind == STORAGE { 0 } else { start };
    entry[116..120].copy_from_slice(&start.to_le_bytes());
    entry[120..128].copy_from_slice(&(octets as u64).to_le_bytes());
}
