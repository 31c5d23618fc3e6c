//! Taking apart in this thread: ours, and the peer's.

use std::hint::black_box;

use bytes::Bytes;
use mail_parser::MessageParser;
use sensor_content::{Alone, Limits, explode as take_apart};
use sensor_mail::Part;
use sensor_mail::part::WhyUnopened;

use super::lap::{self, Clock, Looked, Seen};
use super::mail::Corpus;
use super::{Options, ScanError};

/// As a worker process does it: every digest is taken here, that of the message too.
pub(super) fn explode(_: &Options, mail: &Corpus, clock: &Clock) -> Result<Looked, ScanError> {
    let limits = Limits::default();
    lap::measure(mail, clock, |number| {
        let exploded = take_apart(mail.messages[number].clone(), &limits, &Alone);
        let parts = black_box(&exploded).parts.iter().map(|(part, _)| part);
        seen(parts, mail.is_sound)
    })
}

/// What is told of parts. In mail that is sound each gap is an error; in other mail only what failed on it is.
pub(super) fn seen<'a>(parts: impl Iterator<Item = &'a Part>, is_sound: bool) -> Seen {
    let mut seen = Seen::default();
    for part in parts {
        seen.parts += 1;
        for gap in &part.gaps {
            if is_sound || gap.why == WhyUnopened::Failed {
                seen.errors.push(format!("not opened: {:?}", gap.why));
            }
        }
    }
    seen
}

/// It decodes every part, and digests none.
pub(super) fn mail_parser(_: &Options, mail: &Corpus, clock: &Clock) -> Result<Looked, ScanError> {
    let parser = MessageParser::default();
    lap::measure(mail, clock, |number| {
        let message: &Bytes = &mail.messages[number];
        let parts = black_box(parser.parse(&message[..])).map_or(0, |message| message.parts.len());
        // It has its limits too: what it does not take for mail is no part.
        let errors = if parts == 0 && mail.is_sound { vec!["not parsed".to_owned()] } else { vec![] };
        Seen { parts, findings: 0, errors }
    })
}
