//! One attachment of a TNEF, until all of its attributes have come.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::mapi::{CodePage, Damage, Damages, Kind, Property, Sheet, Type, Visitor, id};

use super::attribute::{Attribute, name};
use super::{found, properties};

/// `AttachType` of an OLE object (MS-OXTNEF section 2.1.3.3.14).
const TYPE_OLE: u16 = 2;

/// The interface of a message, the first octets of a `PidTagAttachDataObject` that is TNEF
/// (MS-OXTNEF section 2.1.3.4.1.2).
const IID_MESSAGE: [u8; 16] = interface(0x0002_0307);
/// The interface of an OLE storage: a compound file follows.
const IID_STORAGE: [u8; 16] = interface(0x0000_000B);

const fn interface(number: u32) -> [u8; 16] {
    let [a, b, c, d] = number.to_le_bytes();
    [a, b, c, d, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46]
}

/// What is known of it so far. Each field may have come many times: a program that shows it takes one, and
/// nobody knows which.
#[derive(Debug, Default)]
pub(super) struct Attachment<'a> {
    is_object: bool,
    data: Vec<&'a [u8]>,
    titles: Vec<&'a [u8]>,
    transport_names: Vec<&'a [u8]>,
    metafiles: Vec<&'a [u8]>,
    sheet: Sheet<'a>,
}

impl<'a> Attachment<'a> {
    /// One that begins with this `attAttachRendData`.
    pub(super) fn begun(rendering: &[u8]) -> Self {
        let kind = rendering.first_chunk().map(|octets| u16::from_le_bytes(*octets));
        Self { is_object: kind == Some(TYPE_OLE), ..Self::default() }
    }

    pub(super) fn take(&mut self, attribute: Attribute<'a>, damages: &mut Damages) {
        match attribute.name {
            name::ATTACHMENT_DATA => self.data.push(attribute.octets),
            name::ATTACHMENT_TITLE => self.titles.push(attribute.octets),
            name::ATTACHMENT_TRANSPORT_NAME => self.transport_names.push(attribute.octets),
            name::ATTACHMENT_METAFILE => self.metafiles.push(attribute.octets),
            name::ATTACHMENT_PROPERTIES => {
                self.sheet.0.extend(properties::read(attribute.octets, damages).0);
            }
            _ => {}
        }
    }

    /// Gives all that it holds.
    pub(super) fn give(
        mut self,
        code_page: CodePage,
        damages: &mut Damages,
        visit: &mut Visitor<'_>,
    ) -> ControlFlow<()> {
        let name = self.name(code_page);
        let media_type = self.sheet.text(&[id::ATTACH_MIME_TAG], code_page);
        let data = std::mem::take(&mut self.data);
        let plain = if self.is_object { Kind::Object } else { Kind::Attachment };
        for octets in &data {
            visit(found(plain, &name, &media_type, Cow::Borrowed(octets)))?;
        }
        let properties = self.sheet.0.into_iter().filter(|property| property.id == id::ATTACH_DATA);
        for property in properties.filter(|property| data.first() != Some(&&*property.octets)) {
            let (kind, octets) = unwrapped(property, damages);
            visit(found(kind, &name, &media_type, octets))?;
        }
        // A picture of the attachment; not the attachment, but octets that a program will draw.
        for octets in self.metafiles {
            visit(found(Kind::Attachment, &None, &None, Cow::Borrowed(octets)))?;
        }
        ControlFlow::Continue(())
    }

    /// The long name, else the short one, else what the transport or the list of attachments showed.
    fn name(&self, code_page: CodePage) -> Option<String> {
        let of = |names: &[&'a [u8]]| {
            let properties = names.iter().map(|octets| Property {
                id: id::ATTACH_FILENAME,
                kind: Type::String8,
                octets: Cow::Borrowed(octets),
            });
            Sheet(properties.collect()).text(&[id::ATTACH_FILENAME], code_page)
        };
        self.sheet
            .text(&[id::ATTACH_LONG_FILENAME, id::ATTACH_FILENAME], code_page)
            .or_else(|| of(&self.titles))
            .or_else(|| of(&self.transport_names))
            .or_else(|| self.sheet.text(&[id::DISPLAY_NAME], code_page))
    }
}

/// What a property with data holds: an object says by its first octets what it is.
fn unwrapped<'a>(property: Property<'a>, damages: &mut Damages) -> (Kind, Cow<'a, [u8]>) {
    let (Type::Object, Cow::Borrowed(octets)) = (property.kind, &property.octets) else {
        return (Kind::Attachment, property.octets);
    };
    let Some((interface, object)) = octets.split_first_chunk() else {
        damages.note(Damage::Cut);
        return (Kind::Attachment, property.octets);
    };
    match *interface {
        IID_MESSAGE => (Kind::Message, Cow::Borrowed(object)),
        IID_STORAGE => (Kind::Object, Cow::Borrowed(object)),
        _ => (Kind::Attachment, property.octets),
    }
}
