//! `.msg`, a message as Outlook saves it (MS-OXMSG): its properties as streams of a compound file (MS-CFB).
//!
//! ```text
//! /                              the message
//!   __properties_version1.0      its properties of fixed size: 16 octets each behind a head (section 2.4)
//!   __substg1.0_1000001F         property 1000 of type 001F: the body as text (section 2.1.3)
//!   __attach_version1.0_#00000000/
//!     __properties_version1.0
//!     __substg1.0_3707001F       its long name
//!     __substg1.0_37010102       its data
//!     __substg1.0_3701000D/      or: a message, or an OLE object, that is a storage (section 2.2.2)
//! ```
//!
//! [`read`] gives each body and each attachment. A message or an OLE object within is put together to a
//! compound file of its own; its own attachments are found by reading that one in turn. It lacks the table of
//! named properties, which only the outermost file has (section 2.2.3), and which nobody here asks for.
//!
//! Nothing is trusted: sectors may be shared, chains may run in circles, the file may be cut. What is found
//! has at most [`UNFOLDED_RATIO_MAX`] times the octets of the input, apart from a few kilobytes for each
//! compound file that was put together.
//!
//! The reader of compound files is written here, since those that exist refuse a file for one wrong entry:
//! one such entry in an attachment would hide all others, while Outlook opens them.

use std::ops::ControlFlow;

use crate::mapi::{CodePage, Damage, Damages, Found, Kind, Property, Sheet, Type, Visitor, id};

use compound::{Compound, Content};

mod compound;
mod rebuilt;

/// How many octets are found at most for one of the input: each is read twice (`compound::READ_RATIO_MAX`)
/// at most, and compressed RTF unfolds as in TNEF.
pub const UNFOLDED_RATIO_MAX: usize = compound::READ_RATIO_MAX * crate::tnef::UNFOLDED_RATIO_MAX;

/// The first octets of each compound file (MS-CFB section 2.2).
pub use compound::SIGNATURE;

const PROPERTIES: &str = "__properties_version1.0";
const VALUE: &str = "__substg1.0_";
const ATTACHMENT: &str = "__attach_version1.0_";

/// Whether `octets` are a compound file that holds a message, not a document.
pub fn is_message(octets: &[u8]) -> bool {
    Compound::open(octets, &mut Damages::default())
        .is_some_and(|compound| holds_message(&compound, Compound::ROOT))
}

/// Reads one `.msg` and calls `visit` for each body and each attachment.
pub fn read(octets: &[u8], visit: &mut Visitor<'_>) -> Damages {
    let mut damages = Damages::default();
    let Some(compound) = Compound::open(octets, &mut damages) else {
        damages.note(Damage::Signature);
        return damages;
    };
    let mut reader = Reader { compound, damages, visit };
    // `Break` only says that the visitor has had enough.
    let _ = reader.message();
    reader.damages
}

fn holds_message(compound: &Compound<'_>, storage: usize) -> bool {
    compound.children(storage).iter().any(|child| compound.is_named(*child, PROPERTIES))
}

struct Reader<'a, 'v, 'w> {
    compound: Compound<'a>,
    damages: Damages,
    visit: &'v mut Visitor<'w>,
}

impl<'a> Reader<'a, '_, '_> {
    fn message(&mut self) -> ControlFlow<()> {
        let sheet = self.sheet(Compound::ROOT);
        let code_page = sheet.code_page().unwrap_or(CodePage::WESTERN);
        sheet.bodies(code_page, &mut self.damages, self.visit)?;
        for child in self.compound.children(Compound::ROOT).to_vec() {
            if self.compound.starts_with(child, ATTACHMENT) {
                self.attachment(child, code_page)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn attachment(&mut self, storage: usize, code_page: CodePage) -> ControlFlow<()> {
        let sheet = self.sheet(storage);
        let names = [id::ATTACH_LONG_FILENAME, id::ATTACH_FILENAME, id::DISPLAY_NAME];
        let name = sheet.text(&names, code_page);
        let media_type = sheet.text(&[id::ATTACH_MIME_TAG], code_page);
        for property in sheet.0.into_iter().filter(|property| property.id == id::ATTACH_DATA) {
            let (name, media_type) = (name.clone(), media_type.clone());
            let octets = property.octets;
            (self.visit)(Found { kind: Kind::Attachment, name, media_type, charset: None, octets })?;
        }
        for child in self.compound.children(storage).to_vec() {
            if let (Some((id::ATTACH_DATA, _)), Content::Storage) = self.value(child) {
                self.enclosed(child, name.clone(), media_type.clone())?;
            }
        }
        ControlFlow::Continue(())
    }

    /// A storage that is a message or an object, as a file of its own.
    fn enclosed(
        &mut self,
        storage: usize,
        name: Option<String>,
        media_type: Option<String>,
    ) -> ControlFlow<()> {
        let is_message = holds_message(&self.compound, storage);
        let kind = if is_message { Kind::Message } else { Kind::Object };
        let Some(octets) = rebuilt::file(&self.compound, storage, is_message, &mut self.damages) else {
            return ControlFlow::Continue(());
        };
        (self.visit)(Found { kind, name, media_type, charset: None, octets: octets.into() })
    }

    /// The properties of a storage: those in streams that are of interest, and the numbers.
    fn sheet(&mut self, storage: usize) -> Sheet<'a> {
        let mut sheet = Sheet::default();
        for child in self.compound.children(storage).to_vec() {
            if self.compound.is_named(child, PROPERTIES) {
                let octets = self.compound.read(child, &mut self.damages);
                sheet.0.extend(numbers(&octets));
            } else if let (Some((id, Some(kind))), Content::Stream) = self.value(child)
                && id::WANTED.contains(&id)
            {
                let octets = self.compound.read(child, &mut self.damages);
                sheet.0.push(Property { id, kind, octets });
            }
        }
        sheet
    }

    /// What property an entry is, by its name, and its type if that is of interest; and how it is stored.
    fn value(&self, entry: usize) -> (Option<(u16, Option<Type>)>, Content) {
        let name = self.compound.name(entry);
        let tag = name.get(VALUE.len()..VALUE.len() + 8).filter(|_| self.compound.starts_with(entry, VALUE));
        let tag = tag.and_then(|tag| u32::from_str_radix(tag, 16).ok());
        let halves = tag.map(|tag| {
            let [low, high] = [tag & 0xFFFF, tag >> 16].map(|it| u16::try_from(it).expect("it is 16 bits"));
            (high, Type::of(low))
        });
        (halves, self.compound.content(entry))
    }
}

/// The properties of type integer of a property stream (section 2.4.2.1): tag, flags, value, 16 octets in
/// all. The head before them has 8, 24 or 32 octets; the smallest is read over as if it were entries, since
/// those hold zeros only, so that the alignment alone tells them apart.
fn numbers<'a>(stream: &[u8]) -> Vec<Property<'a>> {
    let entries = stream.get(stream.len() % 16..).unwrap_or_default();
    let of_interest = entries.as_chunks::<16>().0.iter().filter_map(|entry| {
        let &[kind_low, kind_high, id_low, id_high, _, _, _, _, ref value @ ..] = entry;
        let [kind, id] = [[kind_low, kind_high], [id_low, id_high]].map(u16::from_le_bytes);
        let wanted = Type::of(kind) == Some(Type::Integer) && id::WANTED.contains(&id);
        wanted.then(|| Property { id, kind: Type::Integer, octets: value[..4].to_vec().into() })
    });
    of_interest.collect()
}
