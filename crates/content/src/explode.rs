//! The loop: what is due is opened until nothing is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use sensor_mail::part::{Part, PartFlag, WhyUnopened};
use sensor_mail::{Recipient, Sha256};

use crate::openers::Trouble;
use crate::yard::{Due, Yard};
use crate::{Aids, Limits};

/// A message in parts.
#[derive(Clone, Debug)]
pub struct Exploded {
    /// The parts by number, each with its octets: the message first, and every other part behind the one that
    /// it lies in. Text that stands otherwise in the octets (another charset, HTML) is a part with
    /// [`Role::Text`](sensor_mail::part::Role::Text); text in UTF-8 is not put twice.
    pub parts: Vec<(Part, Bytes)>,
    /// Whom the message's fields, or a journal report's, name as recipients: each address once for each
    /// provenance.
    pub recipients: Vec<Recipient>,
}

/// A message that is to be taken apart.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its octets.
    pub octets: Bytes,
    /// Its digest where who calls knows it, from receiving the message. It is believed as it is given, which
    /// saves one pass over all of it.
    pub sha256: Option<Sha256>,
}

impl From<Bytes> for Message {
    fn from(octets: Bytes) -> Self {
        Self { octets, sha256: None }
    }
}

/// Takes a message apart. Whatever the octets are, the message is part 0.
#[must_use]
pub fn explode(message: impl Into<Message>, limits: &Limits, aids: &dyn Aids) -> Exploded {
    run(message.into(), limits, aids)
}

fn run(message: Message, limits: &Limits, aids: &dyn Aids) -> Exploded {
    let mut yard = Yard::new(limits, aids);
    yard.put_message(message);
    while let Some((due, octets)) = yard.next() {
        open(&due, &octets, &mut yard);
    }
    let (parts, recipients) = yard.into_parts();
    Exploded { parts, recipients }
}

fn open(due: &Due, octets: &Bytes, yard: &mut Yard<'_>) {
    if let Err(end) = yard.budget.check_time() {
        return yard.end(due.part, end);
    }
    // Readers of other people promise not to panic; a hostile part must not be what disproves it. The yard is
    // whole between any two of its methods, so what was found until then stays.
    let opened = catch_unwind(AssertUnwindSafe(|| (due.format.open)(octets, yard)));
    let trouble = match opened {
        Ok(Ok(())) => return,
        Ok(Err(trouble)) => trouble,
        Err(_) => Trouble::Failed("the reader panicked".into()),
    };
    note(due, trouble, yard);
}

fn note(due: &Due, trouble: Trouble, yard: &mut Yard<'_>) {
    let detail = |text: &str| format!("{}: {text}", due.format.name);
    match trouble {
        Trouble::End(end) => yard.end(due.part, end),
        Trouble::Damaged(text) => yard.damaged(&detail(&text)),
        Trouble::Encrypted => {
            yard.flag(PartFlag::Encrypted);
            yard.gap(WhyUnopened::Encrypted, Some(due.format.name));
        }
        Trouble::Unsupported(text) => yard.gap(WhyUnopened::Unsupported, Some(&detail(&text))),
        Trouble::Failed(text) => yard.gap(WhyUnopened::Failed, Some(&detail(&text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alone;

    #[test]
    fn a_digest_that_is_known_is_taken_over() {
        let octets = Bytes::from_static(b"Subject: x\r\n\r\nhello");
        let parts = |message: Message| explode(message, &Limits::default(), &Alone).parts;
        let own = parts(octets.clone().into());
        assert_eq!(parts(Message { octets: octets.clone(), sha256: Some(own[0].0.sha256) }), own);
        let believed = parts(Message { octets, sha256: Some(Sha256([7; 32])) });
        assert_eq!(believed[0].0.sha256, Sha256([7; 32]));
        assert_eq!(believed[1..], own[1..]);
    }
}
