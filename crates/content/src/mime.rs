//! Mail: a header block and a body, which may be a multipart of such (RFC 2045, 2046).
//!
//! ```text
//!  header block | preamble | --b | header block | content | --b | ... | --b-- | epilogue
//!                                      ^ may be a multipart again: one more level that is open
//! ```
//!
//! One pass from begin to end: which multiparts are open is a list, and a delimiter of any of them ends
//! whatever lies deeper. A multipart is no part itself; its number is the begin of the numbers of its parts.
//! Preambles and epilogues that say something are parts, so that nothing hides between the parts.

use bytes::Bytes;
use sensor_mail::part::{PartFlag, PartId, Role, Unopened, WhyUnopened};

use crate::budget::End;
use crate::openers::Trouble;
use crate::recipients;
use crate::yard::{Find, Yard};

mod boundary;
mod facade;
mod header;
mod parameters;
mod transfer;
pub(crate) mod uu;

use boundary::{Delimiter, Level, Levels};
use header::{Field, Head};
use parameters::Value;
use transfer::Encoding;

/// Opens a message.
pub(crate) fn open(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let head = Head::read(octets, 0, &Levels::default());
    let is_message = yard.opened().id == PartId::MESSAGE;
    if is_message {
        name_recipients(&head, octets, yard);
    }
    let is_report = head.has(Field::JournalReport);
    if is_report {
        yard.flag(PartFlag::JournalReport);
    }
    let splitter =
        Splitter { octets, yard, levels: Levels::default(), names_recipients: is_message && is_report };
    splitter.run(head)
}

fn name_recipients(head: &Head, octets: &[u8], yard: &mut Yard<'_>) {
    for value in head.all(Field::Recipient, octets) {
        let addresses = facade::addresses(value);
        if !recipients::from_field(&addresses, &mut yard.recipients) {
            yard.gap(WhyUnopened::PartsMax, Some("recipients of the header block"));
        }
    }
    if head.is_cut {
        yard.gap(WhyUnopened::PartsMax, Some("fields of the header block"));
    }
}

/// A message while it is split.
struct Splitter<'s, 'a> {
    octets: &'s Bytes,
    yard: &'s mut Yard<'a>,
    levels: Levels,
    /// The first text is that of a journal report.
    names_recipients: bool,
}

/// What is declared about a part.
struct Declared<'o> {
    media: Option<Value<'o>>,
    disposition: Option<Value<'o>>,
    encoding: Encoding,
}

impl<'s> Splitter<'s, '_> {
    fn run(mut self, mut head: Head) -> Result<(), Trouble> {
        while let Some(delimiter) = self.entity(&head)? {
            let Some(start) = self.pass(delimiter)? else { return Ok(()) };
            head = Head::read(self.octets, start, &self.levels);
        }
        self.end_of_all().map(|_| ())
    }

    /// Passes a delimiter, and epilogues behind the last of a multipart; gives where the next part begins.
    fn pass(&mut self, mut delimiter: Delimiter) -> Result<Option<usize>, Trouble> {
        loop {
            if self.levels.0.len() > delimiter.level + 1 {
                self.yard.damaged("mail: a multipart within a multipart does not end");
                self.levels.0.truncate(delimiter.level + 1);
            }
            if !delimiter.is_last {
                return Ok(Some(delimiter.line.end));
            }
            let closed = self.levels.0.pop();
            let next = self.levels.next(self.octets, delimiter.line.end);
            let end = next.as_ref().map_or(self.octets.len(), |next| next.line.start);
            let number = closed.map(|level| level.number).unwrap_or_default();
            self.between("epilogue", &number, delimiter.line.end, end)?;
            match next {
                Some(next) => delimiter = next,
                None => return self.end_of_all(),
            }
        }
    }

    /// The message ended; every multipart of it should have by then.
    fn end_of_all(&mut self) -> Result<Option<usize>, Trouble> {
        if self.levels.0.is_empty() { Ok(None) } else { Err(Trouble::damaged("a multipart does not end")) }
    }

    /// Takes the part with this header block; gives the delimiter that ended it.
    fn entity(&mut self, head: &Head) -> Result<Option<Delimiter>, Trouble> {
        let declared = self.declared(head);
        let number = self.levels.0.last_mut().map(Level::next_number);
        if let Some(delimiter) = self.multipart(head, &declared, number.as_deref())? {
            return Ok(Some(delimiter));
        }
        let end = self.levels.next(self.octets, head.body);
        let stop = end.as_ref().map_or(self.octets.len(), |delimiter| delimiter.line.start);
        let body = match &end {
            Some(_) => boundary::content(self.octets, head.body, stop),
            None => head.body..stop,
        };
        self.leaf(head, declared, number, self.octets.slice(body))?;
        Ok(end)
    }

    fn declared(&self, head: &Head) -> Declared<'s> {
        let octets = self.octets;
        let value =
            |field| head.first(field, octets).map(Value::parse).filter(|value| !value.word.is_empty());
        let encoding = head.first(Field::ContentTransferEncoding, octets).map(Encoding::named);
        Declared {
            media: value(Field::ContentType),
            disposition: value(Field::ContentDisposition),
            encoding: encoding.unwrap_or_default(),
        }
    }

    /// Opens a multipart, if it is one that can be: gives its first delimiter, which may be one of a
    /// multipart outside of it only when nothing is in it.
    fn multipart(
        &mut self,
        head: &Head,
        declared: &Declared<'_>,
        number: Option<&str>,
    ) -> Result<Option<Delimiter>, Trouble> {
        let Some(media) = declared.media.as_ref().filter(|media| media.word.starts_with("multipart/")) else {
            return Ok(None);
        };
        if self.levels.0.len() >= usize::from(self.yard.depth_left()) {
            return Ok(None);
        }
        let given = media.octets("boundary").filter(|boundary| !boundary.is_empty());
        if given.is_none() {
            self.yard.damaged("mail: a multipart without a boundary");
        }
        let own = given.or_else(|| boundary::guess(&self.octets[head.body..]).map(<[u8]>::to_vec));
        let Some(own) = own else { return Ok(None) };
        let number = number.unwrap_or_default();
        self.levels.0.push(Level::new(&own, number.to_owned(), media.word == "multipart/digest"));
        let own = self.levels.0.len() - 1;
        let first = self.levels.next(self.octets, head.body).filter(|delimiter| delimiter.level == own);
        let Some(first) = first else {
            self.levels.0.pop();
            self.yard.damaged("mail: a multipart without parts");
            return Ok(None);
        };
        self.defect(head);
        self.between("preamble", number, head.body, first.line.start)?;
        Ok(Some(first))
    }

    fn defect(&mut self, head: &Head) {
        if let Some(defect) = head.defect {
            self.yard.damaged(&format!("mail: {defect}"));
        }
        if head.is_bomb() {
            self.yard.flag(PartFlag::Bomb);
        }
    }

    /// What stands before the first delimiter of a multipart or behind its last: nothing is shown of it.
    fn between(&mut self, what: &str, number: &str, start: usize, end: usize) -> Result<(), Trouble> {
        let content = self.octets.slice(boundary::content(self.octets, start, end));
        if is_silent(&content) {
            return Ok(());
        }
        let segment = if number.is_empty() { what.to_owned() } else { format!("{number}.{what}") };
        let steps = self.steps();
        let find = Find { segment: Some(segment), steps, ..Find::new(Role::Body, content) };
        self.yard.put(find)?;
        Ok(())
    }

    /// How much deeper than a part of the message itself the next part lies.
    fn steps(&self) -> u16 {
        u16::try_from(self.levels.0.len().saturating_sub(1)).unwrap_or(u16::MAX)
    }

    fn leaf(
        &mut self,
        head: &Head,
        declared: Declared<'_>,
        number: Option<String>,
        body: Bytes,
    ) -> Result<(), Trouble> {
        let is_in_digest = self.levels.0.last().is_some_and(|level| level.is_digest);
        let (octets, is_whole) = declared.encoding.decode(body);
        let mut find = Find { steps: self.steps(), ..Find::new(Role::Body, octets) };
        find.segment = Some(number.unwrap_or_else(|| "1".to_owned()));
        describe(&mut find, declared, is_in_digest);
        damage(&mut find, head, is_whole);
        if find.declared.as_deref().is_some_and(|it| it.starts_with("multipart/"))
            && self.levels.0.len() >= usize::from(self.yard.depth_left())
        {
            find.flags.raise(PartFlag::Bomb);
            find.gaps.push(End::Depth.gap());
        }
        self.report(&find);
        self.yard.put(find)?;
        Ok(())
    }

    /// The first text of a journal report names whom the message went to.
    fn report(&mut self, find: &Find) {
        let is_text = find.declared.as_deref().is_none_or(|declared| declared == "text/plain");
        if self.names_recipients && is_text {
            self.names_recipients = false;
            let text = crate::text::charset::decode(&find.octets, find.charset.as_deref());
            if !recipients::from_report(&text, &mut self.yard.recipients) {
                self.yard.gap(WhyUnopened::PartsMax, Some("recipients of the journal report"));
            }
        }
    }
}

/// Fills in what is declared of a part.
fn describe(find: &mut Find, declared: Declared<'_>, is_in_digest: bool) {
    let name = |value: &Option<Value<'_>>, key: &str| value.as_ref().and_then(|value| value.parameter(key));
    find.name = name(&declared.disposition, "filename").or_else(|| name(&declared.media, "name"));
    find.charset = name(&declared.media, "charset").map(Into::into);
    let is_attached = declared.disposition.is_some_and(|it| it.word == "attachment") || find.name.is_some();
    let media =
        declared.media.map(|media| media.word).or_else(|| is_in_digest.then(|| "message/rfc822".to_owned()));
    find.role = match media.as_deref() {
        Some("message/rfc822" | "message/global") => Role::Enclosed,
        _ if is_attached => Role::Attachment,
        _ => Role::Body,
    };
    find.flags.raise_if(PartFlag::ExternalReference, media.as_deref() == Some("message/external-body"));
    if let Some(sealed) = media.as_deref().and_then(sealed) {
        find.flags.raise_if(PartFlag::Encrypted, sealed.why == WhyUnopened::Encrypted);
        find.gaps.push(sealed);
    }
    find.declared = media;
}

/// Mail within mail that nobody here has a key or a reader for: OpenPGP (RFC 3156), and S/MIME (RFC 8551),
/// which signs in the same type in which it encrypts.
fn sealed(media: &str) -> Option<Unopened> {
    let (why, detail) = match media {
        "application/pgp-encrypted" => (WhyUnopened::Encrypted, "OpenPGP"),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => (WhyUnopened::Unsupported, "S/MIME"),
        _ => return None,
    };
    Some(Unopened { why, detail: Some(detail.into()) })
}

fn damage(find: &mut Find, head: &Head, is_whole: bool) {
    find.flags.raise_if(PartFlag::Bomb, head.is_bomb());
    let decoding = (!is_whole).then_some("the transfer encoding is broken");
    for detail in head.defect.into_iter().chain(decoding) {
        find.flags.raise(PartFlag::Damaged);
        find.gaps
            .push(Unopened { why: WhyUnopened::Damaged, detail: Some(format!("mail: {detail}").into()) });
    }
}

/// The longest sentence for old mail programs.
const SENTENCE_OCTETS_MAX: usize = 200;

/// Whether there is nothing but white space, or the sentence that tells old programs what a multipart is.
fn is_silent(content: &[u8]) -> bool {
    let content = content.trim_ascii();
    let is_sentence = content.len() <= SENTENCE_OCTETS_MAX
        && content.starts_with(b"This is a")
        && content.iter().all(|octet| octet.is_ascii_graphic() || octet.is_ascii_whitespace());
    content.is_empty() || is_sentence
}

#[cfg(test)]
mod tests;
