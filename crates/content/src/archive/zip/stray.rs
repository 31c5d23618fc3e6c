//! Members of a zip archive that no directory names: found by the sign of their own header (APPNOTE section
//! 4.3.7).

use std::io::Read;
use std::ops::Range;

use bytes::Bytes;
use flate2::bufread::DeflateDecoder;
use memchr::memmem;
use sensor_mail::part::WhyUnopened;

use crate::openers::Trouble;
use crate::yard::Yard;

const SIGN: &[u8] = b"PK\x03\x04";
/// The header up to the name.
const HEADER_OCTETS: usize = 30;
const ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// The most that are tried: what fails at once is no part, and is counted by no other budget.
const STRAYS_MAX: usize = 10_000;

/// A header in the octets.
struct Header {
    flags: u16,
    method: u16,
    /// As it says; zero where a record behind the data says it.
    compressed: usize,
    name: String,
    data: usize,
}

/// Opens what begins as a member outside of the `known` ranges; gives how many there were.
pub(super) fn open(
    octets: &Bytes,
    mut known: Vec<Range<u64>>,
    yard: &mut Yard<'_>,
) -> Result<usize, Trouble> {
    known.sort_unstable_by_key(|range| range.start);
    let mut known = known.into_iter().peekable();
    let (mut count, mut at) = (0, 0);
    while let Some(found) = memmem::find(&octets[at..], SIGN) {
        let start = at + found;
        at = start + SIGN.len();
        while known.next_if(|range| range.end <= start as u64).is_some() {}
        if let Some(inside) = known.peek().filter(|range| range.contains(&(start as u64))) {
            at = usize::try_from(inside.end).unwrap_or(usize::MAX).min(octets.len()).max(at);
            continue;
        }
        let Some(header) = header(octets, start) else { continue };
        if count == STRAYS_MAX {
            yard.gap(WhyUnopened::PartsMax, Some("zip: members without a directory"));
            break;
        }
        count += 1;
        at = member(&header, octets, yard)?.max(at);
    }
    Ok(count)
}

fn header(octets: &[u8], start: usize) -> Option<Header> {
    let fixed = octets.get(start..start + HEADER_OCTETS)?;
    let short = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
    let long = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let name = start + HEADER_OCTETS..start + HEADER_OCTETS + usize::from(short(26));
    let data = name.end + usize::from(short(28));
    // Four octets may stand anywhere; a version above all that exist, or no name, is no header.
    let is_one = short(4) & 0xff <= 63 && !name.is_empty() && data <= octets.len();
    is_one.then(|| Header {
        flags: short(6),
        method: short(8),
        compressed: long(18) as usize,
        name: String::from_utf8_lossy(&octets[name]).into_owned(),
        data,
    })
}

/// Puts a member; gives where to go on.
fn member(header: &Header, octets: &Bytes, yard: &mut Yard<'_>) -> Result<usize, Trouble> {
    let end = header.data.saturating_add(header.compressed).min(octets.len());
    if header.flags & ENCRYPTED != 0 {
        yard.flag(sensor_mail::part::PartFlag::Encrypted);
        yard.gap(WhyUnopened::Encrypted, Some(&format!("zip: {}", header.name)));
        return Ok(end);
    }
    match header.method {
        STORED if header.name.ends_with('/') => Ok(end),
        STORED => put(header, &mut &octets[header.data..end], yard).map(|()| end),
        DEFLATED => {
            let mut reader = DeflateDecoder::new(&octets[header.data..]);
            put(header, &mut reader, yard)?;
            let read = usize::try_from(reader.total_in()).unwrap_or(0);
            Ok(header.data + read)
        }
        method => {
            yard.gap(WhyUnopened::Unsupported, Some(&format!("zip: {}: method {method}", header.name)));
            Ok(end)
        }
    }
}

fn put(header: &Header, reader: &mut dyn Read, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    super::put(&header.name, reader, yard)
}
