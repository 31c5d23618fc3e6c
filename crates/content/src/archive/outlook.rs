//! What Outlook and Exchange write instead of MIME: `winmail.dat`, `.msg`, and RTF around other text.
//!
//! The readers are modules of their own ([`tnef`](crate::tnef), [`msg`](crate::msg), [`rtf`](crate::rtf));
//! here what they find becomes parts: bodies, attachments, and messages that are opened in their turn.

use std::borrow::Cow;
use std::ops::ControlFlow;

use bytes::Bytes;
use sensor_mail::part::{Role, WhyUnopened};

use crate::budget::End;
use crate::mapi::{Damage, Damages, Found, Kind, Visitor};
use crate::openers::Trouble;
use crate::rtf::{self, Form};
use crate::yard::{Find, Yard};

/// Opens a `winmail.dat`.
pub(crate) fn tnef(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    open("tnef", octets, "application/ms-tnef", crate::tnef::read, yard)
}

/// Opens a `.msg`.
pub(crate) fn msg(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    open("msg", octets, "application/vnd.ms-outlook", crate::msg::read, yard)
}

/// Gives what a reader of the RTF sees.
pub(crate) fn rtf(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let shown = rtf::shown(octets);
    yard.budget.check_time()?;
    let find = match shown.form {
        // HTML is opened in its turn: what it shows, and where it leads.
        Form::Html => Find {
            segment: Some("html".into()),
            declared: Some("text/html".into()),
            charset: Some("utf-8".into()),
            ..Find::new(Role::Body, shown.text.into())
        },
        Form::Text if shown.text.is_empty() => return Ok(()),
        Form::Text => Find::text("text", shown.text),
    };
    yard.put(find)?;
    Ok(())
}

type Reader = fn(&[u8], &mut Visitor<'_>) -> Damages;

fn open(
    format: &str,
    octets: &Bytes,
    nested: &str,
    read: Reader,
    yard: &mut Yard<'_>,
) -> Result<(), Trouble> {
    let mut ended: Option<End> = None;
    let damages = read(octets, &mut |found| {
        let put = yard.budget.check_time().and_then(|()| yard.put(find(found, octets, nested)).map(drop));
        match put {
            Ok(()) => ControlFlow::Continue(()),
            Err(end) => {
                ended = Some(end);
                ControlFlow::Break(())
            }
        }
    });
    for damage in damages.iter() {
        let detail = format!("{format}: {damage}");
        match damage {
            Damage::Limit => yard.gap(WhyUnopened::OctetsMax, Some(&detail)),
            Damage::Signature | Damage::Cut | Damage::Checksum | Damage::Field | Damage::Crossed => {
                yard.damaged(&detail);
            }
        }
    }
    ended.map_or(Ok(()), |end| Err(end.into()))
}

fn find(found: Found<'_>, whole: &Bytes, nested: &str) -> Find {
    let Found { kind, name, media_type, charset, octets } = found;
    let octets = match octets {
        Cow::Borrowed(slice) => within(whole, slice),
        Cow::Owned(octets) => octets.into(),
    };
    let (role, segment, declared) = match kind {
        Kind::Text => (Role::Body, Some("text"), Some("text/plain")),
        Kind::Html => (Role::Body, Some("html"), Some("text/html")),
        Kind::Rtf => (Role::Body, Some("rtf"), Some("application/rtf")),
        Kind::Attachment => (Role::Attachment, None, media_type.as_deref()),
        Kind::Object => (Role::Embedded, None, media_type.as_deref()),
        Kind::Message => (Role::Enclosed, None, Some(nested)),
    };
    Find {
        segment: segment.map(Into::into),
        declared: declared.map(Into::into),
        charset: charset.map(|charset| charset.name().into()),
        name,
        ..Find::new(role, octets)
    }
}

/// A slice of the whole where it is one, else a copy: a reader may lend what it unpacked itself.
fn within(whole: &Bytes, slice: &[u8]) -> Bytes {
    let (outer, inner) = (whole.as_ptr_range(), slice.as_ptr_range());
    let lies_within = outer.start <= inner.start && inner.end <= outer.end;
    if lies_within { whole.slice_ref(slice) } else { Bytes::copy_from_slice(slice) }
}
