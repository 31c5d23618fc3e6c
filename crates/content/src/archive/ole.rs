//! OLE compound files (MS-CFB): the office documents of old, and what is embedded in those of today.
//!
//! Each stream is a part. Of an object that packs a file (`\x01Ole10Native`) the file is one too.

use std::io::Cursor;

use bytes::Bytes;
use cfb::CompoundFile;
use sensor_mail::part::{PartFlag, Role, WhyUnopened};

use crate::openers::Trouble;
use crate::yard::{Find, Yard};

/// The most streams of one file.
const STREAMS_MAX: usize = 2_000;

/// Opens a compound file.
pub(crate) fn open(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let mut file = CompoundFile::open(Cursor::new(&octets[..])).map_err(Trouble::damaged)?;
    let streams: Vec<_> = file.walk().filter(|entry| entry.is_stream()).take(STREAMS_MAX + 1).collect();
    if streams.len() > STREAMS_MAX {
        yard.gap(WhyUnopened::PartsMax, Some("ole: streams"));
    }
    for entry in streams.iter().take(STREAMS_MAX) {
        let name = entry.path().to_string_lossy().trim_start_matches('/').to_owned();
        remark(&name, yard);
        if entry.is_empty() {
            continue;
        }
        match file.open_stream(entry.path()) {
            Ok(mut stream) => put(&name, &mut stream, yard)?,
            Err(error) => yard.damaged(&format!("ole: {name}: {error}")),
        }
    }
    Ok(())
}

/// What the names of streams say about the document.
fn remark(name: &str, yard: &mut Yard<'_>) {
    let last = name.rsplit('/').next().unwrap_or_default();
    match last {
        "_VBA_PROJECT" | "PROJECT" => yard.flag(PartFlag::Macros),
        // MS-OFFCRYPTO section 2.3.2: the document proper, encrypted.
        "EncryptedPackage" => {
            yard.flag(PartFlag::Encrypted);
            yard.gap(WhyUnopened::Encrypted, Some("ole: EncryptedPackage"));
        }
        _ => {}
    }
}

fn put(name: &str, stream: &mut dyn std::io::Read, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let mut find = Find::new(Role::Embedded, Bytes::new());
    find.name = Some(name.to_owned());
    let taken = yard.read(stream);
    let packed = name.ends_with("\u{1}Ole10Native").then(|| packed(&taken.octets)).flatten();
    match super::stream::put_taken(find, taken, yard) {
        Err(Trouble::Damaged(text)) => yard.damaged(&format!("ole: {name}: {text}")),
        other => other?,
    }
    if let Some((name, octets)) = packed {
        let find = Find { name: Some(name), ..Find::new(Role::Embedded, octets) };
        yard.put(find)?;
    }
    Ok(())
}

/// The file in a package (MS-OLEDS section 2.3.6, and what Windows writes there): the size of all, a word,
/// a label, the path it came from, two words, the length of a temporary path and that path, the size of the
/// file, the file.
fn packed(native: &Bytes) -> Option<(String, Bytes)> {
    let label = 6;
    let origin = end_of_text(native, label)?;
    let words = end_of_text(native, origin)?;
    let temporary = words + 8;
    let length = number(native, words + 4)?;
    let size_at = temporary.checked_add(length)?;
    let size = number(native, size_at)?;
    let start = size_at.checked_add(4)?;
    let end = start.checked_add(size)?.min(native.len());
    let name = String::from_utf8_lossy(native.get(label..origin - 1)?).into_owned();
    (start < end).then(|| (name, native.slice(start..end)))
}

/// Where what follows a text ends that is ended by a zero.
fn end_of_text(octets: &[u8], start: usize) -> Option<usize> {
    memchr::memchr(0, octets.get(start..)?).map(|length| start + length + 1)
}

fn number(octets: &[u8], at: usize) -> Option<usize> {
    let four = octets.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(four.try_into().expect("four octets"))).ok()
}
