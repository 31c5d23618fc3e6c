//! Unpacks compressed RTF (MS-OXRTFCP).
//!
//! ```text
//! compressed size, 4 (all behind this field) | raw size, 4 | "LZFu" or "MELA" | CRC, 4 | content
//! content:  flags, 1, lowest first | for each flag  0: an octet   1: offset, 12 bits, length - 2, 4 bits
//! ```
//!
//! An offset is into a ring of 4096 octets that starts with the 207 octets of [`COMMON`]; one that points to
//! where the next octet will be written ends the content (section 3.1.3.2).

use crate::mapi::{Damage, Damages};

/// The ring, in octets (section 2.1.3.1.1).
const RING_OCTETS: usize = 4096;

/// What the ring holds at first (section 2.1.3.1.2): what most RTF is made of.
const COMMON: &[u8; 207] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \
\\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

const PACKED: [u8; 4] = *b"LZFu";
const PLAIN: [u8; 4] = *b"MELA";

/// Unpacks the value of a `PidTagRtfCompressed`. Whatever is wrong with it is noted, and what could be read
/// is given. At most 8.5 times the octets of `packed`.
pub fn decompress(packed: &[u8], damages: &mut Damages) -> Vec<u8> {
    let Some((head, content)) = packed.split_first_chunk::<16>() else {
        damages.note(Damage::Cut);
        return Vec::new();
    };
    let field = |at: usize| u32::from_le_bytes(std::array::from_fn(|octet| head[at + octet]));
    let [size, raw_size, crc] = [0, 4, 12].map(field);
    // The size counts itself out, and the other fields of the head in (section 2.1.3.1.1).
    let size = usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(12);
    damages.note_if(size > content.len(), Damage::Cut);
    let content = content.get(..size).unwrap_or(content);
    let raw_size = usize::try_from(raw_size).unwrap_or(usize::MAX);
    match u32::to_le_bytes(field(8)) {
        PACKED => {
            damages.note_if(crc32(content) != crc, Damage::Checksum);
            unpack(content, raw_size, damages)
        }
        PLAIN => content.get(..raw_size).unwrap_or(content).to_vec(),
        _ => {
            damages.note(Damage::Field);
            Vec::new()
        }
    }
}

fn unpack(mut content: &[u8], raw_size: usize, damages: &mut Damages) -> Vec<u8> {
    let mut window = Window::new();
    'content: while let Some((&flags, rest)) = content.split_first() {
        content = rest;
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                let Some((&octet, rest)) = content.split_first() else { break 'content };
                content = rest;
                window.write(octet);
            } else {
                let Some((&reference, rest)) = content.split_first_chunk() else { break 'content };
                content = rest;
                if window.copy(u16::from_be_bytes(reference)) == Copied::End {
                    damages.note_if(window.output.len() != raw_size, Damage::Field);
                    return window.output;
                }
            }
        }
    }
    damages.note(Damage::Cut);
    window.output
}

#[derive(PartialEq, Eq)]
enum Copied {
    Some,
    End,
}

struct Window {
    ring: [u8; RING_OCTETS],
    /// Where the next octet goes, below [`RING_OCTETS`].
    at: usize,
    output: Vec<u8>,
}

impl Window {
    fn new() -> Self {
        // Octets that nothing was written to yet are zero; a reference to them is against the format, but
        // harms nobody.
        let mut ring = [0; RING_OCTETS];
        ring[..COMMON.len()].copy_from_slice(COMMON);
        Self { ring, at: COMMON.len(), output: Vec::new() }
    }

    fn write(&mut self, octet: u8) {
        self.ring[self.at] = octet;
        self.at = (self.at + 1) % RING_OCTETS;
        self.output.push(octet);
    }

    fn copy(&mut self, reference: u16) -> Copied {
        let offset = usize::from(reference >> 4);
        if offset == self.at {
            return Copied::End;
        }
        // One by one: a copy may run into what it has just written (section 3.1.3.2).
        for step in 0..usize::from(reference & 0xF) + 2 {
            self.write(self.ring[(offset + step) % RING_OCTETS]);
        }
        Copied::Some
    }
}

/// The CRC of section 2.1.3.2: that of zip, but begun with zero and not inverted at the end.
fn crc32(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |crc, octet| TABLE[usize::from(crc.to_le_bytes()[0] ^ octet)] ^ crc >> 8)
}

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ value >> 1 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}
