//! Archives that unfold to themselves, so that there is no end of them. Written after the way that Russ Cox found
//! ("Zip Files All The Way Down", 2010): a program for the machine that unfolds deflate (RFC 1951).
//!
//! ```text
//!  say N       print the N octets behind it      a stored block            5 octets, and those N
//!  again N     print the last N octets again     a block of fixed codes    5 octets
//! ```
//!
//! Both are of one length, so that a program can print instructions by their count. What stands before the stream
//! (HEAD) and behind it (TAIL) is printed as data. HEAD and TAIL hold the checksum of the whole, which holds them:
//! the CRC-32 is linear, so the octets that make it true are the solution of 32 equations.

use sensor_mail::part::{PartFlag, WhyUnopened};

use super::builders::mail;
use crate::{Alone, Limits, explode, fuzz};

/// The octets of an instruction.
const STEP: usize = 5;

/// Prints the octets behind it, which are not part of this.
fn say(octets: usize) -> Vec<u8> {
    let octets = u16::try_from(octets).unwrap();
    [&[0][..], &octets.to_le_bytes(), &(!octets).to_le_bytes()].concat()
}

/// Bits of a block of deflate, the first in the lowest place.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn number(&mut self, value: usize, bits: u32) {
        self.0.extend((0..bits).map(|bit| value >> bit & 1 == 1));
    }

    /// Codes stand with their highest bit first.
    fn code(&mut self, code: usize, bits: u32) {
        self.0.extend((0..bits).rev().map(|bit| code >> bit & 1 == 1));
    }

    /// So many octets again from so far back (RFC 1951 sections 3.2.5 and 3.2.6).
    fn copy(&mut self, octets: usize, back: usize) {
        const LENGTHS: [(usize, usize, u32); 4] = [(3, 257, 0), (59, 276, 3), (67, 277, 4), (258, 285, 0)];
        const BACKS: [(usize, usize, u32); 4] = [(17, 8, 3), (65, 12, 5), (129, 14, 6), (257, 16, 7)];
        let (least, code, extra) = LENGTHS.into_iter().rfind(|(least, ..)| *least <= octets).unwrap();
        // The first eight lengths have a code each.
        let (code, rest) = if extra == 0 { (code + octets - least, 0) } else { (code, octets - least) };
        if code < 280 {
            self.code(code - 256, 7)
        } else {
            self.code(code - 280 + 0b1100_0000, 8)
        }
        self.number(rest, extra);
        let (least, code, extra) = BACKS.into_iter().rfind(|(least, ..)| *least <= back).unwrap();
        self.code(code, 5);
        self.number(back - least, extra);
    }

    fn begin_fixed(&mut self) {
        self.number(0b010, 3);
    }

    fn end_fixed(&mut self) {
        self.code(0, 7);
    }
}

/// Prints the last octets again: of a length that fills an instruction just so.
fn again(octets: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.begin_fixed();
    if octets <= 20 {
        bits.copy(octets / 2, octets);
        bits.copy(octets - octets / 2, octets);
    } else {
        bits.copy(octets, octets);
        bits.end_fixed();
        // A block of nothing fills it up.
        bits.begin_fixed();
    }
    bits.end_fixed();
    assert_eq!(bits.0.len(), 8 * STEP, "{octets}");
    let octet = |bits: &[bool]| bits.iter().rev().fold(0, |octet, bit| octet << 1 | u8::from(*bit));
    bits.0.chunks(8).map(octet).collect()
}

/// Prints HEAD, itself and TAIL. The tail begins with what ends the stream.
fn program(head: &[u8], tail: &[u8]) -> Vec<u8> {
    let (say_head, again_head) = (say(head.len() + STEP), again(head.len() + STEP));
    let (say_tail, again_tail) = (say(tail.len() + STEP), again(tail.len() + STEP));
    let (one, four, again_four, none) = (say(STEP), say(4 * STEP), again(4 * STEP), say(0));
    [
        [&say_head[..], head, &say_head].concat(),
        again_head.clone(),
        [&one[..], &again_head].concat(),
        [&one[..], &one].concat(),
        [&four[..], &again_head, &one, &one, &four].concat(),
        again_four.clone(),
        [&four[..], &again_four, &four, &again_four, &four].concat(),
        again_four.clone(),
        [&four[..], &again_four, &none, &none, &say_tail].concat(),
        again_four,
        none.clone(),
        none,
        [&say_tail[..], &again_tail, tail].concat(),
        again_tail,
    ]
    .concat()
}

/// The last block of a stream: empty.
const LAST: [u8; STEP] = [1, 0, 0, 255, 255];

/// The checksum that is true of what is built with it, if there is one.
fn consistent(build: impl Fn(u32) -> Vec<u8>) -> Option<Vec<u8>> {
    let crc = |guess: u32| {
        let mut crc = flate2::Crc::new();
        crc.update(&build(guess));
        crc.sum()
    };
    // Of each unknown bit: what it changes in "what it is" xor "what it should be"; then which bit it was.
    let off = crc(0);
    let mut basis: Vec<(u32, u32)> = Vec::new();
    let mut reduce = |mut sum: u32, mut guess: u32, keep: bool| {
        for (other, of) in &basis {
            if sum ^ other < sum {
                (sum, guess) = (sum ^ other, guess ^ of);
            }
        }
        if keep && sum != 0 {
            basis.push((sum, guess));
            basis.sort_unstable_by(|one, other| other.cmp(one));
        }
        (sum, guess)
    };
    for bit in (0..32).map(|bit| 1 << bit) {
        reduce(crc(bit) ^ off ^ bit, bit, true);
    }
    let (left, guess) = reduce(off, 0, false);
    let built = build(guess);
    (left == 0 && crc(guess) == guess).then_some(built)
}

/// The first of these for which there is a checksum.
fn first(build: impl Fn(u16, u32) -> Vec<u8>) -> Vec<u8> {
    (0..1_000).find_map(|salt| consistent(|crc| build(salt, crc))).expect("a third of all have one")
}

/// RFC 1952; the time of its file is salt.
fn gzip_quine() -> Vec<u8> {
    let build = |salt: u16, crc: u32| {
        let head = [&[31, 139, 8, 8][..], &salt.to_le_bytes(), &[0, 0, 0, 255], b"q.gz\0"].concat();
        let tail = |octets: usize| {
            let octets = u32::try_from(octets).unwrap();
            [&LAST[..], &crc.to_le_bytes(), &octets.to_le_bytes()].concat()
        };
        let whole = |tail: &[u8]| [&head[..], &program(&head, tail), tail].concat();
        whole(&tail(whole(&tail(0)).len()))
    };
    first(build)
}

/// APPNOTE.TXT sections 4.3.7, 4.3.12 and 4.3.16; the time of its member is salt.
fn zip_quine() -> Vec<u8> {
    const NAME: &[u8; 30] = b"a-quine-that-has-no-end-of.zip";
    const COMMENT: [u8; 150] = [b'.'; 150];
    let build = |salt: u16, crc: u32| {
        let member = |whole: u32, stream: u32| {
            let sizes = [crc, stream, whole].map(u32::to_le_bytes).concat();
            [&[20, 0, 0, 0, 8, 0][..], &salt.to_le_bytes(), &[0x21, 0x5a], &sizes, &[30, 0, 0, 0]].concat()
        };
        let built = |whole: u32, stream: u32| {
            let member = member(whole, stream);
            let head = [&b"PK\x03\x04"[..], &member, NAME].concat();
            let directory = [&b"PK\x01\x02\x14\x00"[..], &member, &[0; 14], NAME].concat();
            let length = u32::try_from(directory.len()).unwrap().to_le_bytes();
            let start = (u32::try_from(head.len()).unwrap() + stream).to_le_bytes();
            let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &length, &start, &[150, 0], &COMMENT].concat();
            let tail = [&LAST[..], &directory, &end].concat();
            let program = program(&head, &tail);
            (program.len() + LAST.len(), [&head[..], &program, &tail].concat())
        };
        let (stream, whole) = built(0, 0);
        built(u32::try_from(whole.len()).unwrap(), u32::try_from(stream).unwrap()).1
    };
    first(build)
}

#[test]
fn quines_end_flagged_and_bounded() {
    for (name, quine) in [("q.gz", gzip_quine()), ("q.zip", zip_quine())] {
        let limits = Limits { depth: 12, ..Limits::default() };
        let exploded = explode(mail("x", name, &quine), &limits, &Alone);
        fuzz::check(&exploded, &limits);
        let selves: Vec<_> = exploded.parts.iter().filter(|(_, octets)| *octets == quine).collect();
        assert!(selves.len() >= 10, "{name} unfolds to itself, again and again: {}", selves.len());
        let (last, _) = selves.last().unwrap();
        assert!(last.flags.contains(&PartFlag::Bomb), "{last:?}");
        assert!(last.gaps.iter().any(|gap| gap.why == WhyUnopened::DepthMax), "{last:?}");
        assert!(exploded.parts.len() < 20, "{} parts", exploded.parts.len());
    }
}
