//! The header block of a message or a MIME part: where it ends, and the fields that matter here.
//!
//! A block ends at the empty line. Lines in it that are no field are passed over as long as a `Content-`
//! field follows them, as most mail programs do; without one they begin the body, as they do for a part whose
//! empty line is missing. A line that delimits a part ends every block.

use std::ops::Range;

use memchr::memchr;

use super::boundary::Levels;

/// The longest block that is read; what lies behind is body. Postfix takes 100 KiB, Exim 1 MiB.
const BLOCK_OCTETS_MAX: usize = 1 << 20;

/// The most values of one field that are kept: a message may have any number of `To`.
const REPEATS_MAX: usize = 1_000;

/// The most fields of a block that is not remarkable. Long ways through lists and filters leave some hundred; all
/// of them are read however many there are, or those behind the limit would be the place to hide in.
const FIELDS_MAX: usize = 1_000;

/// Fields that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    ContentType,
    ContentDisposition,
    ContentTransferEncoding,
    /// To, Cc, Bcc, Delivered-To.
    Recipient,
    /// X-MS-Journal-Report; its value says nothing.
    JournalReport,
}

const NAMES: &[(&[u8], Field)] = &[
    (b"content-type", Field::ContentType),
    (b"content-disposition", Field::ContentDisposition),
    (b"content-transfer-encoding", Field::ContentTransferEncoding),
    (b"to", Field::Recipient),
    (b"cc", Field::Recipient),
    (b"bcc", Field::Recipient),
    (b"delivered-to", Field::Recipient),
    (b"x-ms-journal-report", Field::JournalReport),
];

/// A header block.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Fields by their values: ranges of the octets, folded as they came.
    fields: Vec<(Field, Range<usize>)>,
    /// Where the body begins.
    pub(super) body: usize,
    /// What is wrong with it.
    pub(super) defect: Option<&'static str>,
    /// How many fields there are, kept or not.
    count: usize,
    /// A field stands more often than its values are kept.
    pub(super) is_cut: bool,
}

impl Head {
    /// The first value of a field. A second one is ambiguous: programs do not agree on which of them counts.
    pub(super) fn first<'a>(&self, field: Field, octets: &'a [u8]) -> Option<&'a [u8]> {
        self.all(field, octets).next()
    }

    pub(super) fn all<'a>(&self, field: Field, octets: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let own = self.fields.iter().filter(move |(other, _)| *other == field);
        own.map(|(_, range)| &octets[range.clone()])
    }

    /// Whether there are more fields than mail has.
    pub(super) fn is_bomb(&self) -> bool {
        self.count > FIELDS_MAX
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.fields.iter().any(|(other, _)| *other == field)
    }

    /// Reads the block that begins at `start`.
    pub(super) fn read(octets: &[u8], start: usize, levels: &Levels) -> Self {
        let mut reader = Reader { head: Self { body: start, ..Self::default() }, stray: None, open: None };
        let limit = octets.len().min(start.saturating_add(BLOCK_OCTETS_MAX));
        let mut at = start;
        while at < limit {
            let end = memchr(b'\n', &octets[at..]).map_or(octets.len(), |line| at + line + 1);
            let line = &octets[at..end];
            if matches!(line, b"\n" | b"\r\n") {
                return reader.ended(end);
            }
            if levels.matched(line).is_some() {
                return reader.not_ended(at);
            }
            reader.line(line, at);
            at = end;
        }
        reader.not_ended(at.min(octets.len()))
    }
}

struct Reader {
    head: Head,
    /// The first line that is no field, unless a field of MIME followed.
    stray: Option<(usize, usize)>,
    /// The field that the next line may continue, if it is kept.
    open: Option<usize>,
}

impl Reader {
    fn line(&mut self, line: &[u8], at: usize) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some(open) = self.open {
                self.head.fields[open].1.end = at + line.len();
            }
        } else if let Some(name) = field_name(line) {
            self.field(name, line, at);
        } else {
            self.open = None;
            self.stray.get_or_insert((at, self.head.fields.len()));
        }
    }

    fn field(&mut self, name: &[u8], line: &[u8], at: usize) {
        self.head.count += 1;
        if self.stray.is_some() && is_of_mime(name) {
            self.stray = None;
            self.head.defect = Some("a line of the header block is no field");
        }
        let colon = memchr(b':', line).map_or(line.len(), |colon| colon + 1);
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, field)| *field);
        self.open = known.and_then(|field| self.keep(field, at + colon..at + line.len()));
    }

    fn keep(&mut self, field: Field, value: Range<usize>) -> Option<usize> {
        let repeats = self.head.fields.iter().filter(|(other, _)| *other == field).count();
        let is_mime =
            matches!(field, Field::ContentType | Field::ContentDisposition | Field::ContentTransferEncoding);
        if repeats > 0 && is_mime {
            self.head.defect = Some("a field of MIME stands twice");
        }
        if repeats >= REPEATS_MAX {
            self.head.is_cut = true;
            return None;
        }
        self.head.fields.push((field, value));
        Some(self.head.fields.len() - 1)
    }

    fn ended(mut self, body: usize) -> Head {
        self.head.body = body;
        self.without_stray()
    }

    fn not_ended(mut self, body: usize) -> Head {
        self.head.body = body;
        self.head.defect = Some("no empty line ends the header block");
        self.without_stray()
    }

    /// A stray line that no field of MIME followed begins the body.
    fn without_stray(mut self) -> Head {
        if let Some((at, fields)) = self.stray {
            self.head.body = at;
            self.head.fields.truncate(fields);
            self.head.defect = Some("no empty line ends the header block");
        }
        self.head
    }
}

fn is_of_mime(name: &[u8]) -> bool {
    name.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case(b"content-"))
}

/// RFC 5322 sections 2.2 and 4.5: printable ASCII, and in old mail white space before the colon.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let name = line[..memchr(b':', line)?].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}
