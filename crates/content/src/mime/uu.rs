//! uuencode (POSIX `uuencode`): files in the middle of text, between `begin 644 name` and `end`.

use std::ops::Range;

use memchr::memmem;

/// A file found in text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) octets: Vec<u8>,
    /// It ends as it should, and every line has the length that it says.
    pub(crate) is_whole: bool,
}

/// The most blocks that are looked for in one text.
const BLOCKS_MAX: usize = 1_000;

/// The files in a text, in their order.
pub(crate) fn blocks(text: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some((name, content)) = begin(text, at).filter(|_| blocks.len() < BLOCKS_MAX) {
        let (block, end) = block(text, name, content);
        at = end;
        // Prose may have a line that begins so; no file is in it.
        if !block.octets.is_empty() {
            blocks.push(block);
        }
    }
    blocks
}

/// The next line `begin`, a mode in octal, a name; and where the content begins.
fn begin(text: &[u8], from: usize) -> Option<(Range<usize>, usize)> {
    let found = memmem::find_iter(text.get(from..)?, b"begin ").map(|at| from + at);
    found.filter(|at| *at == 0 || text[at - 1] == b'\n').find_map(|at| {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
        let line = &text[at..end];
        let mode = line[6..].iter().take_while(|octet| (b'0'..=b'7').contains(octet)).count();
        let is_one = (3..=4).contains(&mode) && line.get(6 + mode) == Some(&b' ');
        is_one.then(|| (at + 6 + mode + 1..end, (end + 1).min(text.len())))
    })
}

fn block(text: &[u8], name: Range<usize>, content: usize) -> (Block, usize) {
    let name = String::from_utf8_lossy(text[name].trim_ascii()).into_owned();
    let mut block = Block { name, octets: Vec::new(), is_whole: true };
    let mut at = content;
    while at < text.len() {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
        let line = text[at..end].strip_suffix(b"\r").unwrap_or(&text[at..end]);
        if line == b"end" {
            return (block, (end + 1).min(text.len()));
        }
        // A line may say that it is longer than it is: all of them together are not longer than the text.
        if !decode_line(line, &mut block) || block.octets.len() > end - content {
            block.octets.truncate(end - content);
            block.is_whole = false;
            return (block, at);
        }
        at = (end + 1).min(text.len());
    }
    block.is_whole = false;
    (block, at)
}

/// A line says by its first character how many octets it has; each four characters are three octets. Whether
/// it is such a line at all.
fn decode_line(line: &[u8], block: &mut Block) -> bool {
    let Some((first, digits)) = line.split_first() else { return true };
    let is_digit = |octet: &u8| (b' '..=b'`').contains(octet);
    if !is_digit(first) || !digits.iter().all(is_digit) {
        return false;
    }
    let value = |octet: u8| u32::from(octet.wrapping_sub(b' ') & 0x3f);
    let length = value(*first) as usize;
    let start = block.octets.len();
    for four in digits.chunks(4) {
        let digit = |at: usize| four.get(at).map_or(0, |octet| value(*octet));
        let bits = digit(0) << 18 | digit(1) << 12 | digit(2) << 6 | digit(3);
        block.octets.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    // Blanks at the end may have been lost on the way: they are zeros.
    block.octets.resize(start + length, 0);
    block.is_whole &= digits.len() + 3 >= length.div_ceil(3) * 4;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_text_are_found() {
        let cat = |is_whole| Block { name: "cat.txt".into(), octets: b"Cat".to_vec(), is_whole };
        for (text, expected) in [
            ("begin 644 cat.txt\n#0V%T\n`\nend\n", vec![cat(true)]),
            ("Hello,\r\n\r\nbegin 0644 cat.txt\r\n#0V%T\r\n \r\nend\r\nBye", vec![cat(true)]),
            ("begin 644 cat.txt\n#0V%T\nend\nbegin 755 cat.txt\n#0V%T\nend", vec![cat(true), cat(true)]),
            ("begin 644 cat.txt\n#0V%T\n", vec![cat(false)]),
            ("begin 644 cat.txt\n#0V%T\nand so on\n", vec![cat(false)]),
            ("begin with 644 cats\n#0V%T\nend\n", vec![]),
            (" begin 644 cat.txt\n#0V%T\nend\n", vec![]),
            ("begin 644 cats\nand dogs\nend", vec![]),
        ] {
            assert_eq!(blocks(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_that_lie_about_their_length_do_not_unfold() {
        let text = format!("begin 644 x\n{}end\n", "M\n".repeat(10_000));
        let found = blocks(text.as_bytes());
        assert!(found[0].octets.len() <= text.len(), "{} octets", found[0].octets.len());
        assert!(!found[0].is_whole);
    }
}
