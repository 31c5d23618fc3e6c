//! Walking over the frames of one segment, and telling a torn tail from damage.
//!
//! ```text
//!   ...| group g: frames | group h: frames ... ? ... frame ... frame
//!                                          p         q
//! ```
//!
//! At `p` something does not verify. A group is named by its start, and nothing is written into it before all
//! that lies before that start is synced. So if some later frame at `q` belongs to a group that began after
//! `p`, then `p` had been synced: this is damage, and the walk goes on behind it. If there is none, `p` belongs
//! to the last group, whose sync nobody knows to have returned: the log ends at `p`.

use crate::frame::{self, Head, Key, span};
use crate::segment;

/// A frame that verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) offset: u32,
    pub(crate) head: Head,
    pub(crate) payload: &'a [u8],
}

impl Found<'_> {
    /// Where the next frame lies.
    pub(crate) fn end(&self) -> u32 {
        self.offset + u32::try_from(span(self.payload.len())).expect("segments are shorter than 4 GiB")
    }
}

/// One step of a walk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    Frame(Found<'a>),
    /// Octets that had been synced do not verify.
    Damage,
}

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Where the next frame would lie.
    pub(crate) end: u32,
    /// Where the last group begins.
    pub(crate) group: u32,
    /// Octets past the end up to the last frame that verifies there.
    pub(crate) cut: u32,
}

/// Walks over one segment.
pub(crate) struct Walk<'a> {
    octets: &'a [u8],
    key: Key,
    at: usize,
    limit: usize,
    /// All octets up to the limit are known to have been synced.
    synced: bool,
    tail: Tail,
}

impl<'a> Walk<'a> {
    /// Over a segment whose end the next one states.
    pub(crate) fn to(octets: &'a [u8], key: Key, end: u32) -> Self {
        Self::new(octets, key, segment::HEADER, (end as usize).min(octets.len()), true)
    }

    /// Over the last segment, whose end is to be found.
    pub(crate) fn to_find_end(octets: &'a [u8], key: Key) -> Self {
        Self::new(octets, key, segment::HEADER, octets.len(), false)
    }

    /// Over what was never synced: it begins at `from`, and is read as far as it verifies. What was written while
    /// the stretch before `from` was being synced names an earlier group.
    pub(crate) fn of_group(octets: &'a [u8], key: Key, from: u32) -> impl Iterator<Item = Found<'a>> {
        let mut walk = Self::new(octets, key, (from as usize).min(octets.len()), octets.len(), false);
        std::iter::from_fn(move || {
            let found = walk.frame_at(walk.at).filter(|found| found.head.group <= from)?;
            walk.at += span(found.payload.len());
            Some(found)
        })
    }

    fn new(octets: &'a [u8], key: Key, at: usize, limit: usize, synced: bool) -> Self {
        let start = u32::try_from(at).expect("segments are shorter than 4 GiB");
        Self { octets, key, at, limit, synced, tail: Tail { end: start, group: start, cut: 0 } }
    }

    /// Where the walk is, or ended.
    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    fn frame_at(&self, at: usize) -> Option<Found<'a>> {
        let octets = self.octets.get(at..self.limit)?;
        let offset = u32::try_from(at).ok()?;
        let head = Head::parse(octets, self.key, offset)?;
        let payload = octets.get(frame::HEADER..)?.get(..head.octets as usize)?;
        (span(payload.len()) <= octets.len() && head.verifies(payload)).then_some(Found {
            offset,
            head,
            payload,
        })
    }

    fn take(&mut self, found: Found<'a>) -> Step<'a> {
        self.at = found.offset as usize + span(found.payload.len());
        self.tail.end = u32::try_from(self.at).expect("segments are shorter than 4 GiB");
        self.tail.group = found.head.group;
        Step::Frame(found)
    }

    /// Where the walk goes on behind octets that do not verify, when they had been synced.
    fn resume(&mut self) -> Option<usize> {
        let from = self.at;
        let mut at = from;
        let mut resume = None;
        while at + frame::HEADER <= self.limit {
            let Some(found) = self.frame_at(at) else {
                at += 8;
                continue;
            };
            resume = resume.or(Some(at));
            at += span(found.payload.len());
            if self.synced || found.head.group as usize > from {
                return resume;
            }
            self.tail.cut = u32::try_from(at - from).expect("segments are shorter than 4 GiB");
        }
        None
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        if self.at >= self.limit {
            return None;
        }
        if let Some(found) = self.frame_at(self.at) {
            return Some(self.take(found));
        }
        let resume = self.resume();
        self.at = resume.unwrap_or(self.limit);
        if resume.is_some() {
            self.tail.cut = 0;
        }
        (resume.is_some() || self.synced).then_some(Step::Damage)
    }
}

#[cfg(test)]
mod tests;
