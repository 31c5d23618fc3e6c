//! tar: members are slices of the archive.

use std::io::Cursor;

use bytes::Bytes;
use sensor_mail::part::{PartFlag, Role, Unopened, WhyUnopened};
use tar::{Archive, Entry, EntryType};

use super::stream::put_read;
use crate::openers::Trouble;
use crate::yard::{Find, Yard};

type Source<'a> = Cursor<&'a [u8]>;

/// Opens a tar archive.
pub(crate) fn open(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let mut archive = Archive::new(Cursor::new(&octets[..]));
    for entry in archive.entries().map_err(Trouble::damaged)? {
        let mut entry = entry.map_err(Trouble::damaged)?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => member(&entry, octets, yard)?,
            // Its holes are in no octets of the archive.
            EntryType::GNUSparse => {
                let name = name(&entry);
                put_read(Find::member(&name, Bytes::new()), &mut entry, yard)?;
            }
            EntryType::Link
            | EntryType::Symlink
            | EntryType::Char
            | EntryType::Block
            | EntryType::Directory
            | EntryType::Fifo
            | EntryType::GNULongName
            | EntryType::GNULongLink
            | EntryType::XGlobalHeader
            | EntryType::XHeader => {}
            // POSIX: an unknown type is a file.
            _ => member(&entry, octets, yard)?,
        }
    }
    Ok(())
}

fn name(entry: &Entry<'_, Source<'_>>) -> String {
    String::from_utf8_lossy(&entry.path_bytes()).into_owned()
}

fn member(entry: &Entry<'_, Source<'_>>, octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX).min(octets.len());
    let end = usize::try_from(entry.size()).unwrap_or(usize::MAX).saturating_add(start);
    let mut find = Find::member(&name(entry), octets.slice(start..end.min(octets.len())));
    find.role = Role::Member;
    if end > octets.len() {
        find.flags.raise(PartFlag::Damaged);
        find.gaps.push(Unopened { why: WhyUnopened::Damaged, detail: Some("tar: the member is cut".into()) });
    }
    yard.put(find)?;
    Ok(())
}
