//! Where a message lies while it is taken apart: the parts found so far, and what is still to be opened.
//!
//! An opener is given the octets of one part and the yard; it [`put`](Yard::put)s there what it finds. Depth
//! is a number of each part and no recursion: what is found waits in a list. Mail and text go first, since
//! text tells passwords; within each of both turns it is first come, first opened, so that a bomb in one
//! attachment starves nothing that lies beside it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Read;

use bytes::Bytes;
use sensor_mail::Recipient;
use sensor_mail::part::{Part, PartFlag, PartId, PartPath, Role, Unopened, WhyUnopened};

use crate::budget::{Budget, End};
use crate::digest::{self, Digests, Tally};
use crate::flags::Flags;
use crate::kind::Looks;
use crate::openers::{Format, Turn, formats};
use crate::password::Words;
use crate::{Aids, Limits, Message, name};

/// The longest step of a path, and the longest name of a part, in octets: PATH_MAX of Linux bounds what any
/// file system holds.
const SEGMENT_OCTETS_MAX: usize = 128;
const NAME_OCTETS_MAX: usize = 1_024;
/// What most steps have room in.
const PATH_OCTETS: usize = 32;
/// The longest media type that is kept, in octets (RFC 6838 section 4.2 allows 127 on each side).
const DECLARED_OCTETS_MAX: usize = 255;
/// The longest detail of a gap, in octets.
const DETAIL_OCTETS_MAX: usize = 200;
/// The most gaps of one part; further ones are like those before.
const GAPS_MAX: usize = 32;
/// How much is read of a container between two looks at the clock.
const READ_OCTETS: usize = 64 << 10;

/// Something found in the part that is being opened.
pub(crate) struct Find {
    /// What it is there.
    pub(crate) role: Role,
    /// Its step of the path; the last part of its name where there is none.
    pub(crate) segment: Option<String>,
    /// Its declared media type.
    pub(crate) declared: Option<String>,
    /// The declared charset.
    pub(crate) charset: Option<Box<str>>,
    /// Its name, decoded and as it came.
    pub(crate) name: Option<String>,
    /// What it holds.
    pub(crate) octets: Bytes,
    /// What its opener knows to be remarkable.
    pub(crate) flags: Flags,
    /// What its opener could not read of it.
    pub(crate) gaps: Vec<Unopened>,
    /// How many steps deeper than a child it lies.
    pub(crate) steps: u16,
}

impl Find {
    pub(crate) fn new(role: Role, octets: Bytes) -> Self {
        Self {
            role,
            segment: None,
            declared: None,
            charset: None,
            name: None,
            octets,
            flags: Flags::default(),
            gaps: Vec::new(),
            steps: 0,
        }
    }

    /// Text taken out of a part.
    pub(crate) fn text(segment: &str, text: impl Into<Bytes>) -> Self {
        Self { segment: Some(segment.to_owned()), ..Self::new(Role::Text, text.into()) }
    }

    /// A file of an archive.
    pub(crate) fn member(name: &str, octets: Bytes) -> Self {
        Self { name: Some(name.to_owned()), ..Self::new(Role::Member, octets) }
    }
}

/// What a reader gave, and what ended it before its end.
pub(crate) struct Taken {
    pub(crate) octets: Bytes,
    pub(crate) ended: Option<Cut>,
}

/// Why a reader's content is cut.
pub(crate) enum Cut {
    End(End),
    Reader(std::io::Error),
}

/// What is known of a part besides its account.
struct Context {
    depth: u16,
    charset: Option<Box<str>>,
}

/// A part that is to be opened.
pub(crate) struct Due {
    pub(crate) part: PartId,
    pub(crate) format: &'static Format,
}

/// See the module.
pub(crate) struct Yard<'a> {
    pub(crate) budget: Budget<'a>,
    /// What may be a password.
    pub(crate) words: Words,
    /// Whom the message names as recipients.
    pub(crate) recipients: Vec<Recipient>,
    parts: Vec<(Part, Bytes)>,
    tally: Tally,
    contexts: Vec<Context>,
    due: [VecDeque<Due>; 2],
    paths: HashSet<Box<str>>,
    /// How often a path was wanted.
    namesakes: HashMap<Box<str>, u32>,
    opened: PartId,
}

impl<'a> Yard<'a> {
    pub(crate) fn new(limits: &'a Limits, aids: &'a dyn Aids) -> Self {
        Self {
            budget: Budget::new(limits, aids),
            words: Words::default(),
            recipients: Vec::new(),
            parts: Vec::new(),
            tally: Tally::default(),
            contexts: Vec::new(),
            due: [VecDeque::new(), VecDeque::new()],
            paths: HashSet::new(),
            namesakes: HashMap::new(),
            opened: PartId::MESSAGE,
        }
    }

    /// The message itself, which no budget keeps from being a part.
    pub(crate) fn put_message(&mut self, message: Message) {
        let _ = self.budget.take_part();
        let sha256 = message.sha256.unwrap_or_else(|| digest::sha256(&message.octets));
        // Its entropy is known when all is counted that lies in it.
        let digests = Digests { sha256, blake3: digest::blake3(&message.octets), entropy: 0 };
        self.push(Find::new(Role::Message, message.octets), digests, None, 0);
    }

    /// Puts what was found in the part that is being opened.
    ///
    /// # Errors
    /// When a budget ended. What of the part was left room for is put all the same, and says so.
    pub(crate) fn put(&mut self, mut find: Find) -> Result<PartId, End> {
        self.budget.take_part()?;
        let wanted = find.octets.len();
        let taken = self.budget.take_octets(wanted);
        let whole = taken == wanted;
        if !whole {
            find.octets.truncate(taken);
            find.flags.raise(PartFlag::Bomb);
            find.gaps.push(End::Octets.gap());
        }
        let depth = self.context().depth.saturating_add(1).saturating_add(find.steps);
        let (digests, histogram) = Digests::of(&find.octets);
        self.tally.join(&self.parts[0].1, &find.octets, &histogram);
        let id = self.push(find, digests, Some(self.opened), depth);
        if whole { Ok(id) } else { Err(End::Octets) }
    }

    fn push(&mut self, find: Find, digests: Digests, parent: Option<PartId>, depth: u16) -> PartId {
        let id = PartId(u32::try_from(self.parts.len()).expect("the limit of parts is a u32"));
        let path = self.path_of(&find, parent);
        let declared = find.declared.map(|declared| cut(&declared, DECLARED_OCTETS_MAX).to_ascii_lowercase());
        let looks = Looks::of(&find.octets, find.role, declared.as_deref(), find.name.as_deref());
        let mut flags = find.flags;
        flags.join(looks.flags.clone());
        flags.join(find.name.as_deref().map(name::remarks).unwrap_or_default());
        let part = Part {
            id,
            parent,
            path: PartPath(path),
            role: find.role,
            declared: declared.map(Into::into),
            detected: looks.detected.map(Into::into),
            name: find.name.map(|name| cut(&name::visible(&name), NAME_OCTETS_MAX).into()),
            octets: find.octets.len() as u64,
            sha256: digests.sha256,
            blake3: digests.blake3,
            entropy: digests.entropy,
            flags: flags.into_vec(),
            gaps: find.gaps,
        };
        self.parts.push((part, find.octets));
        self.contexts.push(Context { depth, charset: find.charset });
        self.line_up(id, &looks, depth);
        id
    }

    /// Puts a part on the list of what is to be opened, once for each type that it is of.
    fn line_up(&mut self, part: PartId, looks: &Looks, depth: u16) {
        let formats = formats(&looks.kinds);
        if !formats.is_empty() && depth >= self.budget.limits.depth {
            self.end(part, End::Depth);
            return;
        }
        for format in formats {
            let turn = match format.turn {
                Turn::First => 0,
                Turn::Second => 1,
            };
            self.due[turn].push_back(Due { part, format });
        }
    }

    /// The next part to open; from then on it is the one that is being opened.
    pub(crate) fn next(&mut self) -> Option<(Due, Bytes)> {
        let [first, second] = &mut self.due;
        let due = first.pop_front().or_else(|| second.pop_front())?;
        self.opened = due.part;
        let octets = self.octets(due.part);
        self.budget.begin(octets.len());
        Some((due, octets))
    }

    /// The part that is being opened.
    pub(crate) fn opened(&self) -> &Part {
        &self.parts[self.opened.0 as usize].0
    }

    /// The declared charset of the part that is being opened.
    pub(crate) fn charset(&self) -> Option<&str> {
        self.context().charset.as_deref()
    }

    /// How many steps may be taken below the part that is being opened.
    pub(crate) fn depth_left(&self) -> u16 {
        self.budget.limits.depth.saturating_sub(self.context().depth)
    }

    fn context(&self) -> &Context {
        &self.contexts[self.opened.0 as usize]
    }

    fn octets(&self, part: PartId) -> Bytes {
        self.parts[part.0 as usize].1.clone()
    }

    /// Something is remarkable about the part that is being opened.
    pub(crate) fn flag(&mut self, flag: PartFlag) {
        self.flag_part(self.opened, flag);
    }

    fn flag_part(&mut self, part: PartId, flag: PartFlag) {
        let flags = &mut self.parts[part.0 as usize].0.flags;
        if let Err(place) = flags.binary_search(&flag) {
            flags.insert(place, flag);
        }
    }

    /// Something in the part that is being opened was not looked into.
    pub(crate) fn gap(&mut self, why: WhyUnopened, detail: Option<&str>) {
        self.gap_part(self.opened, Unopened { why, detail: detail.map(Into::into) });
    }

    pub(crate) fn gap_part(&mut self, part: PartId, mut gap: Unopened) {
        // Texts of readers may hold names of members.
        gap.detail = gap.detail.map(|detail| cut(&name::visible(&detail), DETAIL_OCTETS_MAX).into());
        let gaps = &mut self.parts[part.0 as usize].0.gaps;
        if gaps.len() < GAPS_MAX && !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }

    /// A budget ended at a part.
    pub(crate) fn end(&mut self, part: PartId, end: End) {
        if let Some(flag) = end.flag() {
            self.flag_part(part, flag);
        }
        self.gap_part(part, end.gap());
    }

    /// The part that is being opened is broken.
    pub(crate) fn damaged(&mut self, detail: &str) {
        self.flag(PartFlag::Damaged);
        self.gap(WhyUnopened::Damaged, Some(detail));
    }

    /// Reads a stream out of the container that is being opened, as far as the budget goes.
    pub(crate) fn read(&mut self, reader: &mut dyn Read) -> Taken {
        let (room, end) = self.budget.readable();
        let mut octets = Vec::new();
        let ended = self.fill(&mut octets, reader, room, end);
        self.budget.unfold(octets.len());
        Taken { octets: octets.into(), ended }
    }

    fn fill(&self, octets: &mut Vec<u8>, reader: &mut dyn Read, room: u64, end: End) -> Option<Cut> {
        loop {
            if let Err(end) = self.budget.check_time() {
                return Some(Cut::End(end));
            }
            let left = room - octets.len() as u64;
            // One octet more than there is room for tells a stream that ends just there from one that goes on.
            match reader.take((left + 1).min(READ_OCTETS as u64)).read_to_end(octets) {
                Ok(0) => return None,
                Ok(_) if octets.len() as u64 > room => {
                    octets.pop();
                    return Some(Cut::End(end));
                }
                Ok(_) => {}
                Err(error) => {
                    octets.truncate(usize::try_from(room).unwrap_or(usize::MAX));
                    return Some(Cut::Reader(error));
                }
            }
        }
    }

    /// The path of what was found; each path is given once.
    fn path_of(&mut self, find: &Find, parent: Option<PartId>) -> Box<str> {
        let Some(parent) = parent else { return "".into() };
        let above = &self.parts[parent.0 as usize].0.path.0;
        let mut path = String::with_capacity(above.len() + PATH_OCTETS);
        path.push_str(above);
        add_own_steps(find, &mut path);
        self.alone(path)
    }

    /// The path, or the first free one of `path#2`, `path#3`...
    fn alone(&mut self, path: String) -> Box<str> {
        if self.paths.insert(path.as_str().into()) {
            return path.into();
        }
        let mut number = self.namesakes.get(path.as_str()).copied().unwrap_or(1);
        let free = loop {
            number += 1;
            let next = format!("{path}#{number}");
            if self.paths.insert(next.as_str().into()) {
                break next;
            }
        };
        self.namesakes.insert(path.into(), number);
        free.into()
    }

    pub(crate) fn into_parts(mut self) -> (Vec<(Part, Bytes)>, Vec<Recipient>) {
        let (message, octets) = &mut self.parts[0];
        message.entropy = self.tally.finish(octets);
        (self.parts, self.recipients)
    }
}

/// A part of a mail is named by its number, and its name if it has one; a member by the last of its name.
fn add_own_steps(find: &Find, path: &mut String) {
    match (&find.segment, &find.name) {
        (Some(segment), name) => {
            add_step(segment, path);
            name.iter().for_each(|name| add_step(name, path));
        }
        (None, Some(name)) => add_step(name::last(name), path),
        (None, None) => add_step("", path),
    }
}

fn add_step(name: &str, path: &mut String) {
    let name = if name.is_empty() { "unnamed" } else { name };
    if !path.is_empty() {
        path.push('/');
    }
    name::add_step(cut(&name::visible(name), SEGMENT_OCTETS_MAX), path);
}

/// As much of the text as fits.
fn cut(text: &str, octets_max: usize) -> &str {
    &text[..text.floor_char_boundary(octets_max)]
}
