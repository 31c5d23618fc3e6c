//! What has to hold before the reader of 7z is let at an archive: it believes sizes and counts.
//!
//! ```text
//!  as it came:  start | packed streams | 17 streams of the packed header
//!  handed over: start | packed streams | 01 header, unpacked and weighed
//! ```
//!
//! The header is mostly packed, and sometimes encrypted. So that nothing but what was weighed is read, the
//! archive is put together anew with its header in the clear. To unpack it the same reader serves: an archive
//! of one file is made of the streams that the header lies in.

use std::io::{Cursor, Read};
use std::ops::Range;

use bytes::Bytes;
use flate2::Crc;
use sevenz_rust2::{ArchiveReader, Password};

use super::{header, trouble};
use crate::openers::Trouble;

/// The sign, the version, and the start header: the checksum of the rest of it, where the header lies behind
/// it, how long that is, its checksum.
const START_OCTETS: usize = 32;
/// The longest header that is unpacked: some hundred octets for each of the members that are allowed.
const HEADER_OCTETS_MAX: usize = 8 << 20;
/// In place of a header: it is packed.
const PACKED: u8 = 0x17;

/// The archive with its header in the clear.
///
/// # Errors
/// When the reader would be told to take more memory than the archive deserves, or the password does not open
/// the header.
pub(super) fn cleared(octets: &Bytes, password: &Password, is_tried: bool) -> Result<Bytes, Trouble> {
    let place = header_place(octets)?;
    let own = &octets[place.clone()];
    let Some((&PACKED, streams)) = own.split_first() else {
        header::check(own)?;
        return Ok(octets.clone());
    };
    let streams = header::packed_streams(streams)?;
    let streams_of_one = [&b"\x01\x04"[..], &streams, ONE_FILE].concat();
    let unpacked = unpacked(&with_header(&octets[..place.start], &streams_of_one), password, is_tried)?;
    // What a wrong password gives is no header.
    header::check(&unpacked).map_err(|trouble| match trouble {
        Trouble::Damaged(_) if is_tried => Trouble::Encrypted,
        Trouble::Damaged(_)
        | Trouble::End(_)
        | Trouble::Encrypted
        | Trouble::Unsupported(_)
        | Trouble::Failed(_) => trouble,
    })?;
    Ok(with_header(&octets[..place.start], &unpacked).into())
}

/// Files: one, and the property of names has 5 octets, which stand here: "h". The end of the properties, and
/// that of the header.
const ONE_FILE: &[u8] = b"\x05\x01\x11\x05\0h\0\0\0\0\0";

/// Where the header lies. A header that lies outside of the archive would be given memory for its size as it
/// is told, and one that is not there at all be looked for.
fn header_place(octets: &[u8]) -> Result<Range<usize>, Trouble> {
    let damaged = |text: &str| Trouble::Damaged(text.into());
    let number =
        |at: usize| octets.get(at..at + 8).map(|it| u64::from_le_bytes(it.try_into().expect("8 octets")));
    let (Some(offset), Some(size)) = (number(12), number(20)) else {
        return Err(damaged("the archive ends in its first header"));
    };
    let place = || {
        let start = usize::try_from(offset).ok()?.checked_add(START_OCTETS)?;
        Some(start..start.checked_add(usize::try_from(size).ok()?)?)
    };
    place()
        .filter(|place| place.end <= octets.len() && !place.is_empty())
        .ok_or_else(|| damaged("its header lies outside of the archive"))
}

/// The archive up to its header, with another header.
fn with_header(archive: &[u8], header: &[u8]) -> Vec<u8> {
    let offset = (archive.len() - START_OCTETS) as u64;
    let mut start = [0; 20];
    start[..8].copy_from_slice(&offset.to_le_bytes());
    start[8..16].copy_from_slice(&(header.len() as u64).to_le_bytes());
    start[16..].copy_from_slice(&checksum(header).to_le_bytes());
    [&archive[..8], &checksum(&start).to_le_bytes(), &start, &archive[START_OCTETS..], header].concat()
}

fn checksum(octets: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(octets);
    crc.sum()
}

/// The one file of an archive.
fn unpacked(archive: &[u8], password: &Password, is_tried: bool) -> Result<Vec<u8>, Trouble> {
    let mut reader = ArchiveReader::new(Cursor::new(archive), password.clone())
        .map_err(|error| trouble(error, is_tried))?;
    reader.set_thread_count(1);
    let mut header = Vec::new();
    let outcome = reader.for_each_entries(|_, file| {
        file.take(HEADER_OCTETS_MAX as u64 + 1).read_to_end(&mut header)?;
        Ok(false)
    });
    outcome.map_err(|error| trouble(error, is_tried))?;
    if header.len() > HEADER_OCTETS_MAX {
        return Err(Trouble::Unsupported("its header is too long".into()));
    }
    Ok(header)
}

#[cfg(test)]
mod tests;
