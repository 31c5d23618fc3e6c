//! Text: decoded to UTF-8, searched for files in uuencode and for passwords.

use bytes::Bytes;
use sensor_mail::part::{PartFlag, Role, Unopened, WhyUnopened};

use crate::mime::uu;
use crate::openers::Trouble;
use crate::yard::{Find, Yard};

pub(crate) mod charset;
pub(crate) mod html;
mod page;

/// Opens text. It is a part of its own only where decoding makes other octets of it.
pub(crate) fn open(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let text = charset::decode(octets, yard.charset());
    let is_other = text.as_bytes() != &octets[..];
    let text = is_other.then(|| Bytes::from(text.into_owned()));
    yard.words.keep(text.as_ref().unwrap_or(octets).clone());
    for block in uu::blocks(octets) {
        yard.put(file(block))?;
    }
    if let Some(text) = text {
        yard.put(Find::text("text", text))?;
    }
    Ok(())
}

/// A file that was found in text.
fn file(block: uu::Block) -> Find {
    let mut find = Find { name: Some(block.name), ..Find::new(Role::Attachment, block.octets.into()) };
    if !block.is_whole {
        find.flags.raise(PartFlag::Damaged);
        find.gaps
            .push(Unopened { why: WhyUnopened::Damaged, detail: Some("uuencode: a line is cut".into()) });
    }
    find
}
