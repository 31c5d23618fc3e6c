//! The header of a 7z archive, walked as its reader will: each number that it gives memory for is weighed.
//!
//! ```text
//!  Header:  01  [02 properties 00]  [04 streams]  [05 files ...]  00
//!  streams: [06 packed 00]  [07 0B blocks of coders, 0C sizes 00]  [08 sub-streams 00]  00
//! ```
//!
//! What is counted stands in the header, so no count is larger than what is left of it. The format is that of
//! `7zFormat.txt` in the LZMA SDK.

use crate::openers::Trouble;

/// The most of anything that is counted: each file costs its reader some 200 octets before it is read.
const COUNT_MAX: u64 = 1 << 16;
/// The most coders of a block, and streams of all of them: four is what BCJ2 has.
const CODERS_MAX: u64 = 32;
/// The most that a coder may want for its window: what zstd and the default settings of 7-Zip stay below.
const WINDOW_OCTETS_MAX: u64 = 128 << 20;

/// Weighs a header.
///
/// # Errors
/// When its reader would be told to take more than there is.
pub(super) fn check(header: &[u8]) -> Result<(), Trouble> {
    let mut walk = Walk { rest: header };
    walk.expect(id::HEADER)?;
    let mut next = walk.octet()?;
    if next == id::PROPERTIES {
        while walk.octet()? != id::END {
            let length = walk.number()?;
            walk.skip(length)?;
        }
        next = walk.octet()?;
    }
    if next == id::STREAMS {
        walk.streams()?;
        next = walk.octet()?;
    }
    if next == id::FILES {
        walk.count()?;
    }
    Ok(())
}

/// Weighs what stands in place of a header that is packed: the streams that it lies in. Gives them without
/// what follows, of which nothing was weighed, and with the sub-streams that a reader of files wants named.
///
/// # Errors
/// As those of [`check`].
pub(super) fn packed_streams(octets: &[u8]) -> Result<Vec<u8>, Trouble> {
    let mut walk = Walk { rest: octets };
    let has_sub_streams = walk.streams()?;
    let without_end = octets.len() - walk.rest.len() - 1;
    let end: &[u8] = if has_sub_streams { &[id::END] } else { &[id::SUB_STREAMS, id::END, id::END] };
    Ok([&octets[..without_end], end].concat())
}

mod id {
    pub(super) const END: u8 = 0x00;
    pub(super) const HEADER: u8 = 0x01;
    pub(super) const PROPERTIES: u8 = 0x02;
    pub(super) const STREAMS: u8 = 0x04;
    pub(super) const FILES: u8 = 0x05;
    pub(super) const PACKED: u8 = 0x06;
    pub(super) const BLOCKS: u8 = 0x07;
    pub(super) const SUB_STREAMS: u8 = 0x08;
    pub(super) const SIZES: u8 = 0x09;
    pub(super) const DIGESTS: u8 = 0x0a;
    pub(super) const FOLDER: u8 = 0x0b;
    pub(super) const UNPACKED_SIZES: u8 = 0x0c;
    pub(super) const SUB_STREAM_COUNTS: u8 = 0x0d;
}

/// A block, as far as what follows depends on it.
struct Block {
    streams: u64,
    has_digest: bool,
}

struct Walk<'h> {
    rest: &'h [u8],
}

fn cut() -> Trouble {
    Trouble::Damaged("its header ends within".into())
}

impl Walk<'_> {
    fn octet(&mut self) -> Result<u8, Trouble> {
        let (first, rest) = self.rest.split_first().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*first)
    }

    fn expect(&mut self, expected: u8) -> Result<(), Trouble> {
        if self.octet()? == expected { Ok(()) } else { Err(Trouble::Damaged("its header is none".into())) }
    }

    fn skip(&mut self, octets: u64) -> Result<&[u8], Trouble> {
        let octets = usize::try_from(octets).map_err(|_| cut())?;
        let (skipped, rest) = self.rest.split_at_checked(octets).ok_or_else(cut)?;
        self.rest = rest;
        Ok(skipped)
    }

    /// The high bits of the first octet say how many follow; what is left of it is the top.
    fn number(&mut self) -> Result<u64, Trouble> {
        let first = self.octet()?;
        let following = first.leading_ones();
        let mut value = 0;
        for place in 0..following {
            value |= u64::from(self.octet()?) << (8 * place);
        }
        let top = u64::from(first) & (0x7f_u64 >> following);
        Ok(value | top.checked_shl(8 * following).unwrap_or_default())
    }

    fn numbers(&mut self, count: u64) -> Result<(), Trouble> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    /// A number of things that follow, each of them at least one octet long.
    fn count(&mut self) -> Result<u64, Trouble> {
        let count = self.number()?;
        if count > self.rest.len() as u64 {
            return Err(Trouble::Damaged("its header counts more than it holds".into()));
        }
        if count > COUNT_MAX {
            return Err(Trouble::Unsupported(format!("more than {COUNT_MAX} members").into()));
        }
        Ok(count)
    }

    fn few(&mut self) -> Result<u64, Trouble> {
        let count = self.number()?;
        if count > CODERS_MAX { Err(Trouble::Damaged("it has too many coders".into())) } else { Ok(count) }
    }

    /// Checksums: a flag that all are defined, or a bit for each; gives which are.
    fn digests(&mut self, count: u64) -> Result<Vec<bool>, Trouble> {
        let all = self.octet()? != 0;
        let bits = if all { Vec::new() } else { self.skip(count.div_ceil(8))?.to_vec() };
        let bit = |at: usize| bits.get(at / 8).is_some_and(|octet| octet & (0x80 >> (at % 8)) != 0);
        let count = usize::try_from(count).expect("a count is less than the header's octets");
        let defined: Vec<bool> = (0..count).map(|at| all || bit(at)).collect();
        self.skip(4 * defined.iter().filter(|is| **is).count() as u64)?;
        Ok(defined)
    }

    /// Whether sub-streams are named.
    fn streams(&mut self) -> Result<bool, Trouble> {
        let mut blocks = Vec::new();
        let mut next = self.octet()?;
        if next == id::PACKED {
            self.packed()?;
            next = self.octet()?;
        }
        if next == id::BLOCKS {
            blocks = self.blocks()?;
            next = self.octet()?;
        }
        let has_sub_streams = next == id::SUB_STREAMS;
        if has_sub_streams {
            self.sub_streams(&blocks)?;
            next = self.octet()?;
        }
        if next == id::END {
            Ok(has_sub_streams)
        } else {
            Err(Trouble::Damaged("its streams do not end".into()))
        }
    }

    fn packed(&mut self) -> Result<(), Trouble> {
        self.number()?;
        let count = self.count()?;
        let mut next = self.octet()?;
        if next == id::SIZES {
            self.numbers(count)?;
            next = self.octet()?;
        }
        if next == id::DIGESTS {
            self.digests(count)?;
            next = self.octet()?;
        }
        if next == id::END { Ok(()) } else { Err(Trouble::Damaged("its packed streams do not end".into())) }
    }

    fn blocks(&mut self) -> Result<Vec<Block>, Trouble> {
        self.expect(id::FOLDER)?;
        let count = self.count()?;
        // Elsewhere than here, which no reader knows.
        self.expect(0)?;
        let streams = (0..count).map(|_| self.coders()).collect::<Result<Vec<u64>, Trouble>>()?;
        self.expect(id::UNPACKED_SIZES)?;
        streams.iter().try_for_each(|streams| self.numbers(*streams))?;
        let mut next = self.octet()?;
        let mut defined = Vec::new();
        if next == id::DIGESTS {
            defined = self.digests(count)?;
            next = self.octet()?;
        }
        if next != id::END {
            return Err(Trouble::Damaged("its blocks do not end".into()));
        }
        let has_digest = defined.into_iter().chain(std::iter::repeat(false));
        Ok(streams
            .into_iter()
            .zip(has_digest)
            .map(|(_, has_digest)| Block { streams: 1, has_digest })
            .collect())
    }

    /// The coders of a block; gives how many streams come out of them.
    fn coders(&mut self) -> Result<u64, Trouble> {
        let (mut within, mut out) = (0_u64, 0_u64);
        for _ in 0..self.few()? {
            let (more_within, more_out) = self.coder()?;
            (within, out) = (within + more_within, out + more_out);
        }
        let pairs = out.checked_sub(1).ok_or_else(|| Trouble::Damaged("nothing comes out of it".into()))?;
        self.numbers(2 * pairs)?;
        let packed =
            within.checked_sub(pairs).ok_or_else(|| Trouble::Damaged("its coders are crossed".into()))?;
        // Which one it is, is not said of one.
        self.numbers(if packed == 1 { 0 } else { packed })?;
        Ok(out)
    }

    fn coder(&mut self) -> Result<(u64, u64), Trouble> {
        let bits = self.octet()?;
        let method = self.skip(u64::from(bits & 0x0f))?.to_vec();
        let streams = if bits & 0x10 == 0 { (1, 1) } else { (self.few()?, self.few()?) };
        if bits & 0x20 != 0 {
            let length = self.number()?;
            let properties = self.skip(length)?;
            if window(&method, properties).is_some_and(|octets| octets > WINDOW_OCTETS_MAX) {
                return Err(Trouble::Unsupported("it wants too large a window".into()));
            }
        }
        Ok(streams)
    }

    fn sub_streams(&mut self, blocks: &[Block]) -> Result<(), Trouble> {
        let mut counts: Vec<u64> = blocks.iter().map(|block| block.streams).collect();
        let mut next = self.octet()?;
        if next == id::SUB_STREAM_COUNTS {
            counts = blocks.iter().map(|_| self.count()).collect::<Result<_, _>>()?;
            next = self.octet()?;
        }
        if counts.iter().sum::<u64>() > COUNT_MAX {
            return Err(Trouble::Unsupported(format!("more than {COUNT_MAX} members").into()));
        }
        if next == id::SIZES {
            // The last of a block is what is left.
            counts.iter().try_for_each(|count| self.numbers(count.saturating_sub(1)))?;
            next = self.octet()?;
        }
        if next == id::DIGESTS {
            let undefined =
                blocks.iter().zip(&counts).filter(|(block, count)| **count != 1 || !block.has_digest);
            self.digests(undefined.map(|(_, count)| count).sum())?;
            next = self.octet()?;
        }
        if next == id::END { Ok(()) } else { Err(Trouble::Damaged("its sub-streams do not end".into())) }
    }
}

/// What a coder keeps in memory, by its properties.
fn window(method: &[u8], properties: &[u8]) -> Option<u64> {
    let number = || properties.get(1..5)?.try_into().ok().map(u32::from_le_bytes).map(u64::from);
    match method {
        b"\x03\x01\x01" | b"\x03\x04\x01" => number(),
        b"\x21" => properties.first().map(|bits| match bits & 0x3f {
            40.. => u64::from(u32::MAX),
            bits => u64::from(2 | (bits & 1)) << (bits / 2 + 11),
        }),
        _ => None,
    }
}
