//! Nested blocks of addresses, flattened into disjoint ranges.

use crate::entries::Position;

/// An address of one family as a number.
pub(super) trait Address: Copy + Ord {
    /// The address after this one, but for the last.
    fn next(self) -> Option<Self>;
}

impl Address for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// One entry's addresses, both ends included. Two blocks nest, are the same or lie apart, since they are
/// prefixes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<A> {
    pub(super) first: A,
    pub(super) last: A,
    pub(super) owner: Position,
}

/// Two entries that say yes and no to the same block.
pub(super) struct Contradiction {
    pub(super) index: usize,
    pub(super) earlier: usize,
}

/// Puts outer blocks before inner ones, and the same block in the order of the file.
pub(super) fn sort<A: Address>(blocks: &mut [Block<A>]) {
    blocks.sort_unstable_by_key(|block| (block.first, std::cmp::Reverse(block.last), block.owner.index()));
}

/// Each entry that takes back what the first entry for the same block says. Takes sorted blocks.
pub(super) fn contradictions<A: Address>(blocks: &[Block<A>]) -> impl Iterator<Item = Contradiction> {
    blocks.chunk_by(|a, b| (a.first, a.last) == (b.first, b.last)).flat_map(|same| {
        let (earlier, rest) = same.split_first().expect("a chunk has at least one block");
        rest.iter()
            .filter(|block| block.owner.negated != earlier.owner.negated)
            .map(|block| Contradiction { index: block.owner.index(), earlier: earlier.owner.index() })
    })
}

/// Disjoint ranges in ascending order; each begins at its start and ends where the next one begins.
#[derive(Clone, Debug)]
pub(super) struct Ranges<A> {
    starts: Box<[A]>,
    owners: Box<[Option<Position>]>,
}

impl<A> Default for Ranges<A> {
    fn default() -> Self {
        Self { starts: [].into(), owners: [].into() }
    }
}

impl<A: Address> Ranges<A> {
    /// Flattens sorted blocks without contradictions. Also finds the first positive entry, in the order of the
    /// file, that lies in no negated block.
    pub(super) fn flatten(blocks: &[Block<A>]) -> (Self, Option<Position>) {
        let mut sweep = Sweep { starts: Vec::new(), owners: Vec::new(), open: Vec::new() };
        let mut positive: Option<Position> = None;
        for block in blocks {
            sweep.close_before(Some(block.first));
            let excepted = sweep.open.iter().any(|open| open.owner.negated);
            let is_earlier = positive.is_none_or(|held| block.owner.index() < held.index());
            if !block.owner.negated && !excepted && is_earlier {
                positive = Some(block.owner);
            }
            sweep.open(block);
        }
        sweep.close_before(None);
        (Self { starts: sweep.starts.into(), owners: sweep.owners.into() }, positive)
    }

    /// The innermost entry that holds the address.
    pub(super) fn owner(&self, address: A) -> Option<Position> {
        let after = self.starts.partition_point(|start| *start <= address);
        self.owners.get(after.checked_sub(1)?).copied().flatten()
    }
}

/// A walk over sorted blocks from low addresses to high ones.
struct Sweep<'b, A> {
    starts: Vec<A>,
    owners: Vec<Option<Position>>,
    /// The blocks that hold the current address, outermost first: at most one for each prefix length, since
    /// a repeated block is not opened again.
    open: Vec<&'b Block<A>>,
}

impl<'b, A: Address> Sweep<'b, A> {
    fn open(&mut self, block: &'b Block<A>) {
        let repeated =
            self.open.last().is_some_and(|open| (open.first, open.last) == (block.first, block.last));
        if !repeated {
            self.open.push(block);
            self.begin(block.first, Some(block.owner));
        }
    }

    /// Ends the blocks that do not reach `first`, innermost first; all of them where nothing follows.
    fn close_before(&mut self, first: Option<A>) {
        while let Some(block) = self.open.pop_if(|open| first.is_none_or(|first| open.last < first)) {
            if let Some(next) = block.last.next() {
                self.begin(next, self.open.last().map(|outer| outer.owner));
            }
        }
    }

    /// Begins a range. Where another one has just begun at the same address, that one would be empty.
    fn begin(&mut self, start: A, owner: Option<Position>) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.owners.pop();
        }
        self.starts.push(start);
        self.owners.push(owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 256 addresses, one after the other, the inner ones at either end of an outer one.
    #[test]
    fn blocks_that_touch_share_a_boundary() {
        let block = |index: u32| Block {
            first: index * 256,
            last: index * 256 + 255,
            owner: Position::new(index as usize, false),
        };
        let mut blocks: Vec<_> = (1..=4).map(block).collect();
        blocks.push(Block { first: 1_024, last: 2_047, owner: Position::new(5, false) });
        sort(&mut blocks);
        let (ranges, _) = Ranges::flatten(&blocks);
        assert_eq!(*ranges.starts, [256, 512, 768, 1_024, 1_280, 2_048]);
        let owners: Vec<_> = ranges.owners.iter().map(|owner| owner.map(Position::index)).collect();
        assert_eq!(owners, [Some(1), Some(2), Some(3), Some(4), Some(5), None]);
    }
}
