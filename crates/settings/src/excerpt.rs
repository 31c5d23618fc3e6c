//! The line that a fault is about, cut to a width that fits a terminal.

/// The characters shown before the fault, where the line is too long to be shown whole.
const BEFORE_MAX: usize = 60;
/// The characters shown from the fault on.
const AFTER_MAX: usize = 60;
const CUT: &str = "...";

/// One line of a source and which part of it to underline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// The line, or a part of it.
    pub(crate) text: String,
    /// The characters before the underlined ones.
    pub(crate) before: usize,
    /// The underlined characters, at least one, though the line may end before it.
    pub(crate) width: usize,
}

impl Excerpt {
    /// The line that begins at `line_start` and holds `start`, underlined up to `end` or its own end.
    ///
    /// Looks at no more octets than it shows: a list of 100,000 entries may stand on one line.
    pub(crate) fn new(text: &str, line_start: usize, start: usize, end: usize) -> Self {
        let head: Vec<char> = text[line_start..start].chars().rev().take(BEFORE_MAX + 1).collect();
        let tail = &text[start..];
        let line: Vec<char> =
            tail.chars().take_while(|c| !matches!(c, '\n' | '\r')).take(AFTER_MAX + 1).collect();
        let underlined =
            tail[..end.saturating_sub(start).min(tail.len())].chars().take(line.len().min(AFTER_MAX));
        let width = underlined.count().max(1);
        let mut shown = String::new();
        if head.len() > BEFORE_MAX {
            shown.push_str(CUT);
        }
        shown.extend(head.iter().take(BEFORE_MAX).rev().copied().map(printable));
        let before = shown.chars().count();
        shown.extend(line.iter().take(AFTER_MAX).copied().map(printable));
        if line.len() > AFTER_MAX {
            shown.push_str(CUT);
        }
        Self { text: shown, before, width }
    }
}

/// A tab takes one column, so that the underline fits; other control characters could talk to the terminal.
fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}
