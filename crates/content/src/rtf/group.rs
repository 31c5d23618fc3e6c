//! The groups of an RTF: `{` saves the state, `}` restores it.

use crate::mapi::CodePage;

/// The deepest nesting whose states are kept; deeper groups change the state of the deepest one kept.
const DEPTH_MAX: usize = 4 << 10;

/// Where text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Text,
    HtmlTag,
    FontTable,
    Skipped,
}

/// The state in a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) destination: Destination,
    /// After `\*`: the next word names a destination that may be skipped.
    pub(super) optional: bool,
    /// Between `\htmlrtf` and `\htmlrtf0`.
    pub(super) only_rtf: bool,
    /// What the font's octets are written in.
    pub(super) font: Option<CodePage>,
    /// `\uc`: how many octets follow each `\u` for readers that do not know it.
    pub(super) fallback: u16,
    /// How many of those are still to come.
    pub(super) to_skip: u16,
}

/// The open groups, the state outside of all at their foot.
#[derive(Debug)]
pub(super) struct Groups {
    now: Group,
    outer: Vec<Group>,
    /// Open groups deeper than [`DEPTH_MAX`].
    deeper: usize,
}

impl Default for Groups {
    fn default() -> Self {
        let now = Group {
            destination: Destination::Text,
            optional: false,
            only_rtf: false,
            font: None,
            fallback: 1,
            to_skip: 0,
        };
        Self { now, outer: Vec::new(), deeper: 0 }
    }
}

impl Groups {
    pub(super) fn now(&mut self) -> &mut Group {
        &mut self.now
    }

    pub(super) fn open(&mut self) {
        if self.outer.len() == DEPTH_MAX {
            self.deeper += 1;
            return;
        }
        self.outer.push(self.now);
        self.now.optional = false;
        self.now.to_skip = 0;
    }

    /// A brace too many closes nothing.
    pub(super) fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else if let Some(outer) = self.outer.pop() {
            self.now = outer;
            self.now.to_skip = 0;
        }
    }
}
