//! TNEF, the `winmail.dat` of Outlook and Exchange (MS-OXTNEF): a message in a format of its own, in one part
//! of type `application/ms-tnef`.
//!
//! ```text
//! 78 9F 3E 22 | key, 2 | attribute ...                                        (section 2.1.1)
//! attribute:  level, 1 | id, 2 | type, 2 | length, 4 | octets | sum of them, 2
//!
//! level 1, the message     9006 version  9007 code page  800C body  9003 list of properties
//! level 2, an attachment   9002 begins one  8010 short name  9001 transport's name  800F data
//!                          9005 list of properties: long name, media type, an object, a message in TNEF
//! ```
//!
//! [`read`] gives each body and each attachment, those that are given twice (as data and as a property, with
//! other octets) twice, since nobody knows which a recipient's program takes. Damage is reported and read
//! over: a length past the end means "up to the end", a wrong sum changes nothing.
//!
//! One pass; nothing is copied but bodies in compressed RTF, so all that is found has at most
//! [`UNFOLDED_RATIO_MAX`] times the octets of the input.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::mapi::{CodePage, Damage, Damages, Found, Kind, Property, Sheet, Type, Visitor, id};

use attachment::Attachment;
use attribute::{Attribute, Attributes, name};

mod attachment;
mod attribute;
mod properties;

/// How many octets are found at most for one of the input: RTF unpacks to 8 and a bit, is given with what it
/// shows, and a character that it shows may take 3 octets.
pub const UNFOLDED_RATIO_MAX: usize = 40;

/// The first four octets of each TNEF (section 2.1.3.1).
pub const SIGNATURE: [u8; 4] = 0x223E_9F78_u32.to_le_bytes();

/// Reads one TNEF and calls `visit` for each body and each attachment, in the order in which they lie there.
pub fn read(octets: &[u8], visit: &mut Visitor<'_>) -> Damages {
    let mut damages = Damages::default();
    let Some(attributes) = Attributes::of(octets, &mut damages) else {
        damages.note(Damage::Signature);
        return damages;
    };
    let mut reader = Reader { code_page: None, attachment: None, damages, visit };
    // `Break` only says that the visitor has had enough.
    let _ = reader.all(attributes);
    reader.damages
}

struct Reader<'a, 'v, 'w> {
    /// What 8-bit text is written in, as soon as anybody says so.
    code_page: Option<CodePage>,
    /// The one whose attributes are being read: its name may come after its data.
    attachment: Option<Attachment<'a>>,
    damages: Damages,
    visit: &'v mut Visitor<'w>,
}

impl<'a> Reader<'a, '_, '_> {
    fn all(&mut self, mut attributes: Attributes<'a>) -> ControlFlow<()> {
        while let Some(attribute) = attributes.next(&mut self.damages) {
            match attribute.level {
                1 => self.of_message(attribute)?,
                2 => self.of_attachment(attribute)?,
                _ => self.damages.note(Damage::Field),
            }
        }
        self.end_attachment()
    }

    fn of_message(&mut self, attribute: Attribute<'a>) -> ControlFlow<()> {
        match attribute.name {
            name::OEM_CODE_PAGE => {
                // Section 2.1.3.3.3: the primary code page, and a secondary one that is zero.
                self.code_page = attribute.octets.first_chunk().map(|it| CodePage(u32::from_le_bytes(*it)));
            }
            name::BODY => {
                let octets = Cow::Borrowed(attribute.octets);
                let body = Sheet(vec![Property { id: id::BODY, kind: Type::String8, octets }]);
                body.bodies(self.code_page(), &mut self.damages, self.visit)?;
            }
            name::MESSAGE_PROPERTIES => {
                let sheet = properties::read(attribute.octets, &mut self.damages);
                self.code_page = self.code_page.or(sheet.code_page());
                sheet.bodies(self.code_page(), &mut self.damages, self.visit)?;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn of_attachment(&mut self, attribute: Attribute<'a>) -> ControlFlow<()> {
        if attribute.name == name::ATTACHMENT_BEGINS {
            self.end_attachment()?;
            self.attachment = Some(Attachment::begun(attribute.octets));
            return ControlFlow::Continue(());
        }
        // Section 2.1.3.3.14: the beginning is the first attribute of each attachment.
        self.damages.note_if(self.attachment.is_none(), Damage::Field);
        let attachment = self.attachment.get_or_insert_default();
        attachment.take(attribute, &mut self.damages);
        ControlFlow::Continue(())
    }

    fn end_attachment(&mut self) -> ControlFlow<()> {
        let Some(attachment) = self.attachment.take() else { return ControlFlow::Continue(()) };
        attachment.give(self.code_page(), &mut self.damages, self.visit)
    }

    fn code_page(&self) -> CodePage {
        self.code_page.unwrap_or(CodePage::WESTERN)
    }
}

fn found<'a>(
    kind: Kind,
    name: &Option<String>,
    media_type: &Option<String>,
    octets: Cow<'a, [u8]>,
) -> Found<'a> {
    Found { kind, name: name.clone(), media_type: media_type.clone(), charset: None, octets }
}
