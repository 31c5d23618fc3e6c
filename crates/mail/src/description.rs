//! What a message's header block says about it, and what is wrong with the block.
//!
//! Only the header block is read here; the body belongs to worker processes. The block is found and its
//! lines are judged by own code; field values are decoded by mail-parser, which is known to this module
//! alone. Nothing is refused: broken mail is described with its [`Defect`]s.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use mail_parser::{Address, HeaderName, HeaderValue, MessageParser};
use serde::{Deserialize, Serialize};

/// The largest header block that is looked at, in octets. What lies behind it is not described.
///
/// Postfix takes 100 KiB (`header_size_limit`), Exim 1 MiB; journal reports with many recipients are the
/// largest blocks seen in practice.
pub const HEADER_OCTETS_MAX: usize = 1 << 20;

/// The most that is described of one field, in octets; a person of an address list counts with the room it
/// takes in memory. Some 400 addresses; hundreds of messages are in memory at a time.
pub const VALUE_OCTETS_MAX: usize = 32 * 1024;

/// The header fields that a person looks for, decoded for display.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The length of the header block in octets, the empty line that ends it included.
    pub header_octets: u64,
    /// From, decoded (RFC 2047, RFC 6532).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Person>,
    /// To, decoded; the members of groups in line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Person>,
    /// Cc, decoded as To.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<Person>,
    /// Subject, decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Message-ID without its angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Date in the format of RFC 3339, with the zone the sender gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// What is wrong with the header block, each kind once, in a fixed order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<Defect>,
}

/// A name and an address of a header field; either may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address as it stands in the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Something that RFC 5322 does not allow in a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// No empty line ends the block: the whole message is header, or it was cut.
    HeaderNotEnded,
    /// The block is longer than [`HEADER_OCTETS_MAX`]; the rest is not described.
    HeaderTooLong,
    /// A line that is neither a field nor the continuation of one.
    NotAField,
    /// A line longer than 998 octets (RFC 5322 section 2.1.1).
    LineTooLong,
    /// A NUL octet.
    Nul,
    /// A line that ends in LF without CR, or holds a CR without LF.
    BareLineEnd,
    /// Octets that are neither ASCII nor UTF-8 (RFC 6532).
    NotUtf8,
    /// No From field.
    FromMissing,
    /// No Date field.
    DateMissing,
    /// A field that may stand once stands again (RFC 5322 section 3.6): From, To, Subject, Date...
    FieldRepeated,
    /// A From, Date or Message-ID field whose value could not be read.
    ValueUnreadable,
    /// A value longer than [`VALUE_OCTETS_MAX`]; the rest is not described.
    ValueCut,
    /// Decoding the values failed altogether.
    DecoderFailed,
}

impl Description {
    /// Describes the message that begins with `head`. The caller passes at most
    /// [`HEADER_OCTETS_MAX`] octets; `complete` says that the message has no more.
    #[must_use]
    pub fn of(head: &[u8], complete: bool) -> Self {
        let (block, ended) = header_block(&head[..head.len().min(HEADER_OCTETS_MAX)]);
        let mut description = Self { header_octets: block.len() as u64, ..Self::default() };
        // The decoder promises not to panic; a hostile header must not be what disproves it.
        let decoded = catch_unwind(AssertUnwindSafe(|| description.decode(block)));
        let mut defects = decoded.unwrap_or_else(|_| vec![Defect::DecoderFailed]);
        if !ended {
            let whole = complete && head.len() <= HEADER_OCTETS_MAX;
            defects.push(if whole { Defect::HeaderNotEnded } else { Defect::HeaderTooLong });
        }
        defects.extend(line_defects(block));
        defects.sort_unstable();
        defects.dedup();
        description.defects = defects;
        description
    }

    /// Fills in the fields of `block`; of a field that is repeated the first one counts.
    fn decode(&mut self, block: &[u8]) -> Vec<Defect> {
        let mut defects = Vec::new();
        let mut seen = [false; ONCE.len()];
        let message = DECODER.parse_headers(block);
        for header in message.iter().flat_map(|message| message.headers()) {
            let Some(known) = ONCE.iter().position(|name| *name == header.name) else { continue };
            if std::mem::replace(&mut seen[known], true) {
                defects.push(Defect::FieldRepeated);
            } else {
                defects.extend(self.set(&header.name, &header.value));
            }
        }
        let missing = |name: &HeaderName<'_>| !ONCE.iter().zip(seen).any(|(once, seen)| seen && once == name);
        defects.extend(missing(&HeaderName::From).then_some(Defect::FromMissing));
        defects.extend(missing(&HeaderName::Date).then_some(Defect::DateMissing));
        defects
    }

    /// Takes one field over; says what is wrong with its value.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is the decoder's: the other fields are ignored"
    )]
    fn set(&mut self, name: &HeaderName<'_>, value: &HeaderValue<'_>) -> Option<Defect> {
        let mut room = Room { octets: VALUE_OCTETS_MAX, cut: false };
        match name {
            HeaderName::From => self.from = people(value, &mut room),
            HeaderName::To => self.to = people(value, &mut room),
            HeaderName::Cc => self.cc = people(value, &mut room),
            HeaderName::Subject => self.subject = value.as_text().map(|text| room.text(text)),
            HeaderName::MessageId => self.message_id = value.as_text().map(|text| room.text(text)),
            HeaderName::Date => self.date = date(value),
            _ => {}
        }
        let readable = match name {
            HeaderName::From => !self.from.is_empty(),
            HeaderName::MessageId => self.message_id.is_some(),
            HeaderName::Date => self.date.is_some(),
            _ => true,
        };
        match readable {
            false => Some(Defect::ValueUnreadable),
            true => room.cut.then_some(Defect::ValueCut),
        }
    }
}

/// What may stand once (RFC 5322 section 3.6).
const ONCE: [HeaderName<'static>; 11] = [
    HeaderName::Date,
    HeaderName::From,
    HeaderName::Sender,
    HeaderName::ReplyTo,
    HeaderName::To,
    HeaderName::Cc,
    HeaderName::Bcc,
    HeaderName::MessageId,
    HeaderName::InReplyTo,
    HeaderName::References,
    HeaderName::Subject,
];

/// What is left for the value of a field.
struct Room {
    octets: usize,
    cut: bool,
}

impl Room {
    /// As much of `text` as there is room for.
    fn text(&mut self, text: &str) -> String {
        let fits = &text[..text.floor_char_boundary(self.octets)];
        self.octets -= fits.len();
        self.cut |= fits.len() < text.len();
        fits.to_owned()
    }

    fn person(&mut self, addr: &mail_parser::Addr<'_>) -> Option<Person> {
        let Some(left) = self.octets.checked_sub(size_of::<Person>()) else {
            self.cut = true;
            return None;
        };
        self.octets = left;
        let address = addr.address.as_deref().map(|address| self.text(address));
        Some(Person { name: addr.name.as_deref().map(|name| self.text(name)), address })
    }
}

static DECODER: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .header_address(HeaderName::From)
        .header_address(HeaderName::To)
        .header_address(HeaderName::Cc)
        .header_text(HeaderName::Subject)
        .header_id(HeaderName::MessageId)
        .header_date(HeaderName::Date)
        .default_header_ignore()
});

/// The block at the begin of `head` up to and including the empty line, and whether there is one.
fn header_block(head: &[u8]) -> (&[u8], bool) {
    let mut line_start = 0;
    for line_end in memchr::memchr_iter(b'\n', head) {
        let line = &head[line_start..line_end];
        if line.is_empty() || line == b"\r" {
            return (&head[..=line_end], true);
        }
        line_start = line_end + 1;
    }
    (head, false)
}

/// RFC 5322 section 2.1.1, without the line's end.
const LINE_OCTETS_MAX: usize = 998;

fn line_defects(block: &[u8]) -> Vec<Defect> {
    let mut defects = Vec::new();
    if memchr::memchr(0, block).is_some() {
        defects.push(Defect::Nul);
    }
    if std::str::from_utf8(block).is_err() {
        defects.push(Defect::NotUtf8);
    }
    for line in block.split_inclusive(|&octet| octet == b'\n') {
        let content = line.strip_suffix(b"\r\n").unwrap_or(line);
        if memchr::memchr2(b'\r', b'\n', content).is_some() {
            defects.push(Defect::BareLineEnd);
        }
        if content.len() > LINE_OCTETS_MAX {
            defects.push(Defect::LineTooLong);
        }
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        if !content.is_empty() && !is_field_or_continuation(content) {
            defects.push(Defect::NotAField);
        }
    }
    defects
}

/// RFC 5322 sections 2.2 and 3.6.8: a name of printable ASCII before a colon, or leading white space.
fn is_field_or_continuation(line: &[u8]) -> bool {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return true;
    }
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    // RFC 5322 section 4.5 lets old mail put white space before the colon.
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

fn people(value: &HeaderValue<'_>, room: &mut Room) -> Vec<Person> {
    let mut person = |addr: &mail_parser::Addr<'_>| room.person(addr);
    match value.as_address() {
        Some(Address::List(list)) => list.iter().map_while(person).collect(),
        Some(Address::Group(groups)) => {
            groups.iter().flat_map(|group| &group.addresses).map_while(&mut person).collect()
        }
        None => Vec::new(),
    }
}

fn date(value: &HeaderValue<'_>) -> Option<String> {
    value.as_datetime().filter(|date| date.is_valid()).map(mail_parser::DateTime::to_rfc3339)
}

#[cfg(test)]
mod tests;
