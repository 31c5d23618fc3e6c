//! 7z, by sevenz-rust2. Its passwords cost half a second each, so few are tried.

use std::io::{Cursor, Read};

use bytes::Bytes;
use sensor_mail::part::{PartFlag, WhyUnopened};
use sevenz_rust2::{ArchiveEntry, ArchiveReader, Error, Password};

use super::stream::put_read;
use crate::openers::Trouble;
use crate::yard::{Find, Yard};

mod guard;
mod header;

/// The most passwords that are tried: each costs some 2^19 rounds of SHA-256.
const CANDIDATES_MAX: usize = 12;

/// Opens a 7z archive.
pub(crate) fn open(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let mut result = read(octets, Password::empty(), false, yard);
    if !matches!(result, Err(Trouble::Encrypted)) {
        return result;
    }
    yard.flag(PartFlag::Encrypted);
    for candidate in yard.words.candidates(yard.budget.aids.passwords(), CANDIDATES_MAX) {
        yard.budget.check_time()?;
        result = read(octets, Password::from(&*candidate), true, yard);
        if !matches!(result, Err(Trouble::Encrypted)) {
            yard.flag(PartFlag::Decrypted);
            return result;
        }
    }
    yard.gap(WhyUnopened::Encrypted, Some("7z"));
    Ok(())
}

/// Reads the archive by a password. Nothing is put before the password has proved right.
fn read(octets: &Bytes, password: Password, is_tried: bool, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let octets = guard::cleared(octets, &password, is_tried)?;
    let mut archive =
        ArchiveReader::new(Cursor::new(&octets[..]), password).map_err(|error| trouble(error, is_tried))?;
    archive.set_thread_count(1);
    let mut trouble_within = None;
    let mut has_put = false;
    let outcome = archive.for_each_entries(|entry, reader| {
        // Told to end, the reader ends a block: entries without content are still to come.
        if trouble_within.is_some() {
            return Ok(false);
        }
        let put = member(entry, reader, is_tried && !has_put, yard);
        has_put |= put.is_ok() && entry.has_stream();
        trouble_within = put.err();
        Ok(trouble_within.is_none())
    });
    match (trouble_within, outcome) {
        (Some(trouble), _) => Err(trouble),
        (None, Err(error)) => Err(trouble(error, is_tried && !has_put)),
        (None, Ok(())) => Ok(()),
    }
}

fn member(
    entry: &ArchiveEntry,
    reader: &mut dyn Read,
    is_probe: bool,
    yard: &mut Yard<'_>,
) -> Result<(), Trouble> {
    if entry.is_directory() {
        return Ok(());
    }
    let find = Find::member(entry.name(), Bytes::new());
    if !is_probe {
        return put_read(find, reader, yard);
    }
    let taken = yard.read(reader);
    if let Some(crate::yard::Cut::Reader(_)) = taken.ended {
        yard.budget.fold(taken.octets.len());
        return Err(Trouble::Encrypted);
    }
    super::stream::put_taken(find, taken, yard)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is the reader's: the rest is damage")]
fn trouble(error: Error, is_tried: bool) -> Trouble {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => Trouble::Encrypted,
        _ if is_tried => Trouble::Encrypted,
        Error::UnsupportedCompressionMethod(_) | Error::ExternalUnsupported | Error::MaxMemLimited { .. } => {
            Trouble::Unsupported(error.to_string().into())
        }
        other => Trouble::damaged(other),
    }
}
