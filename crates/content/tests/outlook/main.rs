//! TNEF, `.msg` and RTF: what is found in sound ones, in broken ones, and in any octets at all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod any;
mod build_compound;
mod build_rtf;
mod build_tnef;
mod corpus;
mod msg;
mod parts;
mod rtf;
mod tnef;

use std::ops::ControlFlow;

use sensor_content::mapi::{Damage, Damages, Found, Kind, Visitor};

/// What was found, by value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Thing {
    kind: Kind,
    name: Option<String>,
    media_type: Option<String>,
    charset: Option<&'static str>,
    octets: Vec<u8>,
}

impl From<Found<'_>> for Thing {
    fn from(found: Found<'_>) -> Self {
        Self {
            kind: found.kind,
            name: found.name,
            media_type: found.media_type,
            charset: found.charset.map(|charset| charset.name()),
            octets: found.octets.into_owned(),
        }
    }
}

/// An attachment as the tables write it.
fn attachment(name: &str, media_type: &str, octets: &[u8]) -> Thing {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Thing {
        kind: Kind::Attachment,
        name: given(name),
        media_type: given(media_type),
        charset: None,
        octets: octets.to_vec(),
    }
}

/// A body as the tables write it.
fn body(kind: Kind, charset: &'static str, octets: &[u8]) -> Thing {
    let charset = (!charset.is_empty()).then_some(charset);
    Thing { kind, name: None, media_type: None, charset, octets: octets.to_vec() }
}

type Read = fn(&[u8], &mut Visitor<'_>) -> Damages;

fn all(read: Read, octets: &[u8]) -> (Vec<Thing>, Vec<Damage>) {
    let mut things = Vec::new();
    let damages = read(octets, &mut |found| {
        things.push(found.into());
        ControlFlow::Continue(())
    });
    (things, damages.iter().collect())
}

/// That `octets` hold exactly `things`, and are broken exactly so.
#[track_caller]
fn check(case: &str, read: Read, octets: &[u8], things: &[Thing], damages: &[Damage]) {
    let (found, broken) = all(read, octets);
    assert_eq!(found, things, "{case}");
    assert_eq!(broken, damages, "{case}");
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
