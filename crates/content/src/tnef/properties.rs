//! Lists of properties within TNEF (MS-OXTNEF section 2.1.3.4).
//!
//! ```text
//! count, 4 | property ...
//! property:  type, 2 | id, 2 | [its name, where id >= 8000] | [count of values, 4] | value ...
//! value:     2, 4, 8 or 16 octets, or length, 4 | octets; filled up to a multiple of four
//! ```

use std::borrow::Cow;

use crate::mapi::{Damage, Damages, Property, Sheet, Type, id};

/// The flag in a type: a property with many values.
const MANY_VALUES: u16 = 0x1000;
/// From here on a property has a name of its own behind its number.
const FIRST_NAMED: u16 = 0x8000;
/// How a name of its own is given: by number or by text.
const NAMED_BY_NUMBER: u32 = 0;
const NAMED_BY_TEXT: u32 = 1;

/// Reads a list as far as it can be read.
pub(super) fn read<'a>(octets: &'a [u8], damages: &mut Damages) -> Sheet<'a> {
    let mut list = List { rest: octets, sheet: Sheet::default(), damages };
    // A list that ends early has noted why.
    let _ = list.all();
    list.sheet
}

/// How many octets a value takes.
enum Width {
    Fixed(usize),
    Counted,
}

/// By the type's number (MS-OXCDATA section 2.11.1).
fn width(number: u16) -> Option<Width> {
    match number {
        0x0000 | 0x0001 => Some(Width::Fixed(0)),
        0x0002 | 0x000B => Some(Width::Fixed(2)),
        0x0003 | 0x0004 | 0x000A => Some(Width::Fixed(4)),
        0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => Some(Width::Fixed(8)),
        0x0048 => Some(Width::Fixed(16)),
        0x000D | 0x001E | 0x001F | 0x0102 => Some(Width::Counted),
        _ => None,
    }
}

struct List<'a, 'd> {
    rest: &'a [u8],
    sheet: Sheet<'a>,
    damages: &'d mut Damages,
}

impl<'a> List<'a, '_> {
    fn all(&mut self) -> Option<()> {
        let count = self.number()?;
        for _ in 0..count {
            self.property()?;
        }
        Some(())
    }

    fn property(&mut self) -> Option<()> {
        let tag = self.number()?;
        let [kind, id] = [tag & 0xFFFF, tag >> 16].map(|half| u16::try_from(half).expect("it is 16 bits"));
        if id >= FIRST_NAMED {
            self.name()?;
        }
        let Some(width) = width(kind & !MANY_VALUES) else {
            // Its size is not known, so neither is where the next one begins.
            self.damages.note(Damage::Field);
            return None;
        };
        let counted = kind & MANY_VALUES != 0 || matches!(width, Width::Counted);
        let values = if counted { self.number()? } else { 1 };
        self.values(id, Type::of(kind & !MANY_VALUES), &width, values)
    }

    fn values(&mut self, id: u16, kind: Option<Type>, width: &Width, values: u32) -> Option<()> {
        for _ in 0..values {
            let octets = match width {
                // Values without octets would be counted for as long as the sender likes.
                Width::Fixed(0) => return Some(()),
                Width::Fixed(length) => self.padded(*length)?,
                Width::Counted => {
                    let length = self.number()?;
                    self.padded(usize::try_from(length).unwrap_or(usize::MAX))?
                }
            };
            if let Some(kind) = kind.filter(|_| id::WANTED.contains(&id)) {
                self.sheet.0.push(Property { id, kind, octets: Cow::Borrowed(octets) });
            }
        }
        Some(())
    }

    /// Goes past the set, 16 octets, and the name of a named property.
    fn name(&mut self) -> Option<()> {
        self.padded(16)?;
        match self.number()? {
            NAMED_BY_NUMBER => self.number().map(drop),
            NAMED_BY_TEXT => {
                let length = self.number()?;
                self.padded(usize::try_from(length).unwrap_or(usize::MAX)).map(drop)
            }
            _ => {
                self.damages.note(Damage::Field);
                None
            }
        }
    }

    fn number(&mut self) -> Option<u32> {
        let Some((number, rest)) = self.rest.split_first_chunk() else {
            self.damages.note(Damage::Cut);
            return None;
        };
        self.rest = rest;
        Some(u32::from_le_bytes(*number))
    }

    /// Takes `length` octets and what fills them up; what there is of them where the list is cut, and none
    /// where it has ended, so that no count is followed past the end.
    fn padded(&mut self, length: usize) -> Option<&'a [u8]> {
        if length > 0 && self.rest.is_empty() {
            self.damages.note(Damage::Cut);
            return None;
        }
        let filled = length.checked_next_multiple_of(4).unwrap_or(usize::MAX);
        let whole = self.rest.split_at_checked(length);
        self.damages.note_if(whole.is_none(), Damage::Cut);
        let octets = whole.map_or(self.rest, |(octets, _)| octets);
        self.rest = self.rest.get(filled..).unwrap_or_default();
        Some(octets)
    }
}
