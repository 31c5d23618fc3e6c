//! What Outlook and Exchange say about a message, in whichever of their two envelopes it comes.
//!
//! TNEF ([`crate::tnef`]) and `.msg` ([`crate::msg`]) are two ways to write down one thing: a message is a
//! list of properties, and so is each of its attachments (MS-OXCDATA section 2.11). This module knows the
//! properties that hold something to look into, and what they mean:
//!
//! ```text
//! message     1000 body   1013 body as HTML   1009 body as compressed RTF   3FDE 3FFD code pages
//! attachment  3701 data   3707 3704 3001 names, long before short           370E media type
//! ```
//!
//! Both readers call back with a [`Found`] for each body and each attachment, and end when the callback says
//! so; both report what was [broken](Damage) and read on behind it. What they find lies at one level: a
//! message within the message is found as octets that the same readers read again, so that the depth is the
//! caller's to bound.
//!
//! Not read: recipients, named properties, attachments that are only a link to elsewhere, and the two forks
//! of MacBinary, which are one attachment here.

use std::borrow::Cow;
use std::ops::ControlFlow;

use encoding_rs::{Encoding, UTF_16LE};

pub use code_page::CodePage;
pub use damage::{Damage, Damages};

use crate::rtf::{self, Form};

mod code_page;
mod damage;
#[cfg(feature = "fuzz")]
pub mod fuzz;

/// The longest name or media type that is given, in octets as they stand in the property; the rest is cut.
pub const NAME_OCTETS_MAX: usize = 1 << 10;

/// Something with octets of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its file name, the longest that was given, not yet made visible: it may hold any character but NUL.
    pub name: Option<String>,
    /// Its media type as the sender wrote it.
    pub media_type: Option<String>,
    /// What its octets are written in; none where they are not text.
    pub charset: Option<&'static Encoding>,
    /// Its octets: a slice of the input, but for what had to be unpacked or put together.
    pub octets: Cow<'a, [u8]>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A body as plain text.
    Text,
    /// A body as HTML, also one that was wrapped in RTF (MS-OXRTFEX).
    Html,
    /// A body as RTF, unpacked.
    Rtf,
    /// A file.
    Attachment,
    /// An OLE object: a compound file.
    Object,
    /// A message within this one, in the format of the outer one: TNEF or a compound file.
    Message,
}

/// Who is called for each thing that is found; `Break` ends the reading.
pub type Visitor<'v> = dyn FnMut(Found<'_>) -> ControlFlow<()> + 'v;

/// The type of a property (MS-OXCDATA section 2.11.1), as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Integer,
    String8,
    Unicode,
    Binary,
    Object,
}

impl Type {
    /// What `number` stands for, the flag of many values left out; none for a type that holds no octets of
    /// interest.
    pub(crate) fn of(number: u16) -> Option<Self> {
        match number {
            0x0003 => Some(Self::Integer),
            0x001E => Some(Self::String8),
            0x001F => Some(Self::Unicode),
            0x0102 => Some(Self::Binary),
            0x000D => Some(Self::Object),
            _ => None,
        }
    }
}

/// Names of properties (MS-OXPROPS section 2).
pub(crate) mod id {
    pub(crate) const BODY: u16 = 0x1000;
    pub(crate) const RTF_COMPRESSED: u16 = 0x1009;
    pub(crate) const HTML: u16 = 0x1013;
    pub(crate) const DISPLAY_NAME: u16 = 0x3001;
    pub(crate) const ATTACH_DATA: u16 = 0x3701;
    pub(crate) const ATTACH_FILENAME: u16 = 0x3704;
    pub(crate) const ATTACH_LONG_FILENAME: u16 = 0x3707;
    pub(crate) const ATTACH_MIME_TAG: u16 = 0x370E;
    pub(crate) const INTERNET_CODE_PAGE: u16 = 0x3FDE;
    pub(crate) const MESSAGE_CODE_PAGE: u16 = 0x3FFD;

    /// All of the above.
    pub(crate) const WANTED: &[u16] = &[
        BODY,
        RTF_COMPRESSED,
        HTML,
        DISPLAY_NAME,
        ATTACH_DATA,
        ATTACH_FILENAME,
        ATTACH_LONG_FILENAME,
        ATTACH_MIME_TAG,
        INTERNET_CODE_PAGE,
        MESSAGE_CODE_PAGE,
    ];
}

/// One property that somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct Property<'a> {
    pub(crate) id: u16,
    pub(crate) kind: Type,
    pub(crate) octets: Cow<'a, [u8]>,
}

impl Property<'_> {
    /// A short text: up to the first NUL, at most [`NAME_OCTETS_MAX`], none where it is empty.
    fn text(&self, code_page: CodePage) -> Option<String> {
        let octets = self.octets.get(..NAME_OCTETS_MAX).unwrap_or(&self.octets);
        let (text, _) = charset(self.kind, code_page).decode_without_bom_handling(octets);
        let text = text.split('\0').next().unwrap_or_default();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn integer(&self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.octets.first_chunk()?))
    }
}

fn charset(kind: Type, code_page: CodePage) -> &'static Encoding {
    match kind {
        Type::Unicode => UTF_16LE,
        // A message whose own code page is UTF-16 holds 8-bit strings for older programs only.
        Type::String8 => code_page.of_octets().encoding(),
        Type::Integer | Type::Binary | Type::Object => code_page.encoding(),
    }
}

/// The properties of one message or one attachment.
#[derive(Debug, Default)]
pub(crate) struct Sheet<'a>(pub(crate) Vec<Property<'a>>);

impl<'a> Sheet<'a> {
    fn integer(&self, id: u16) -> Option<u32> {
        self.0.iter().filter(|property| property.id == id).find_map(Property::integer)
    }

    /// The code page of 8-bit text here, if the message says so.
    pub(crate) fn code_page(&self) -> Option<CodePage> {
        self.integer(id::MESSAGE_CODE_PAGE).map(CodePage)
    }

    /// The first of `ids` that names something.
    pub(crate) fn text(&self, ids: &[u16], code_page: CodePage) -> Option<String> {
        let named = |id: &u16| {
            self.0.iter().filter(|property| property.id == *id).find_map(|property| property.text(code_page))
        };
        ids.iter().find_map(named)
    }

    /// All bodies, each property once: a reader may show any of them.
    pub(crate) fn bodies(
        self,
        code_page: CodePage,
        damages: &mut Damages,
        visit: &mut Visitor<'_>,
    ) -> ControlFlow<()> {
        let internet = self.integer(id::INTERNET_CODE_PAGE).map_or(code_page, CodePage);
        for property in self.0 {
            match property.id {
                id::BODY => body(Kind::Text, property, code_page, visit)?,
                id::HTML => body(Kind::Html, property, internet, visit)?,
                id::RTF_COMPRESSED => rtf_body(&property.octets, damages, visit)?,
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

fn body(kind: Kind, property: Property<'_>, code_page: CodePage, visit: &mut Visitor<'_>) -> ControlFlow<()> {
    let charset = Some(charset(property.kind, code_page));
    found_body(kind, charset, property.octets, visit)
}

/// The RTF itself, for what hides in it, and what it shows.
fn rtf_body(packed: &[u8], damages: &mut Damages, visit: &mut Visitor<'_>) -> ControlFlow<()> {
    let rtf = rtf::decompress(packed, damages);
    let shown = rtf::shown(&rtf);
    found_body(Kind::Rtf, None, Cow::Owned(rtf), visit)?;
    let kind = match shown.form {
        Form::Html => Kind::Html,
        Form::Text => Kind::Text,
    };
    found_body(kind, Some(encoding_rs::UTF_8), Cow::Owned(shown.text.into_bytes()), visit)
}

fn found_body(
    kind: Kind,
    charset: Option<&'static Encoding>,
    octets: Cow<'_, [u8]>,
    visit: &mut Visitor<'_>,
) -> ControlFlow<()> {
    if octets.is_empty() {
        return ControlFlow::Continue(());
    }
    visit(Found { kind, name: None, media_type: None, charset, octets })
}
