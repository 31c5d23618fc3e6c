//! zip, and everything that is zip underneath: OOXML, ODF, JAR, APK.
//!
//! Members are found by the central directory. What lies outside of all members that it names, and begins as
//! a member, is read too: archives whose directory is lost, and members that a directory hides.

use std::io::{Cursor, Read};

use bytes::Bytes;
use sensor_mail::part::{PartFlag, WhyUnopened};
use zip::ZipArchive;
use zip::result::ZipError;

use super::stream::put_taken;
use crate::openers::Trouble;
use crate::yard::{Cut, Find, Taken, Yard};

mod office;
mod stray;

/// The most passwords that are tried on one archive, over all its members.
const TRIES_MAX: usize = 2_000;
/// The most that are tried on one member: each costs AES a thousand rounds of HMAC.
const CANDIDATES_MAX: usize = 400;

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// Opens a zip archive.
pub(crate) fn open(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let archive = ZipArchive::new(Cursor::new(&octets[..]));
    let mut archive = match archive {
        Ok(archive) => archive,
        Err(error) => {
            let found = stray::open(octets, Vec::new(), yard)?;
            yard.damaged(&format!("zip: {error}; {found} members found without it"));
            return Ok(());
        }
    };
    let mut locks = Locks { found: None, tries: 0 };
    let mut known = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        known.extend(extent(&mut archive, index));
        member(&mut archive, index, &mut locks, yard)?;
    }
    let hidden = stray::open(octets, known, yard)?;
    if hidden > 0 {
        yard.damaged(&format!("zip: {hidden} members that the directory does not name"));
    }
    Ok(())
}

/// Passwords of one archive.
struct Locks {
    /// The one that opened a member.
    found: Option<Box<str>>,
    tries: usize,
}

/// Where a member lies, from its own header to the end of its data.
fn extent(archive: &mut Archive<'_>, index: usize) -> Option<std::ops::Range<u64>> {
    let raw = archive.by_index_raw(index).ok()?;
    let start = raw.header_start();
    Some(start..raw.data_start()?.saturating_add(raw.compressed_size()))
}

fn member(
    archive: &mut Archive<'_>,
    index: usize,
    locks: &mut Locks,
    yard: &mut Yard<'_>,
) -> Result<(), Trouble> {
    let (name, is_folder, is_encrypted) = match archive.by_index_raw(index) {
        Ok(raw) => (raw.name().to_owned(), raw.is_dir() && raw.size() == 0, raw.encrypted()),
        Err(error) => return refused("a member", &error, yard),
    };
    if is_folder {
        return Ok(());
    }
    if is_encrypted {
        return locked(archive, index, &name, locks, yard);
    }
    match archive.by_index(index) {
        Ok(mut reader) => put(&name, &mut reader, yard),
        Err(error) => refused(&name, &error, yard),
    }
}

/// Puts a member; that one is broken says nothing of the next.
fn put(name: &str, reader: &mut dyn Read, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let taken = yard.read(reader);
    put_member(name, taken, false, yard)
}

fn put_member(name: &str, taken: Taken, decrypted: bool, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    office::remark(name, &taken.octets, yard);
    let mut find = Find::member(name, Bytes::new());
    find.flags.raise_if(PartFlag::Decrypted, decrypted);
    match put_taken(find, taken, yard) {
        Err(Trouble::Damaged(text)) => {
            yard.damaged(&format!("zip: {name}: {text}"));
            Ok(())
        }
        other => other,
    }
}

/// Opens an encrypted member with the first password that does: the one that opened another, then what the
/// message says, then the caller's list.
fn locked(
    archive: &mut Archive<'_>,
    index: usize,
    name: &str,
    locks: &mut Locks,
    yard: &mut Yard<'_>,
) -> Result<(), Trouble> {
    let candidates = yard.words.candidates(yard.budget.aids.passwords(), CANDIDATES_MAX);
    for password in locks.found.clone().into_iter().chain(candidates) {
        yard.budget.check_time()?;
        locks.tries += 1;
        if locks.tries > TRIES_MAX {
            break;
        }
        if let Some(taken) = unlocked(archive, index, &password, yard) {
            locks.found = Some(password);
            yard.flag(PartFlag::Decrypted);
            return put_member(name, taken, true, yard);
        }
    }
    yard.flag(PartFlag::Encrypted);
    yard.gap(WhyUnopened::Encrypted, Some(&format!("zip: {name}")));
    Ok(())
}

/// What a member holds by this password. A wrong one passes the check of a header once in 256 tries (or
/// 65,536 with AES); what comes out then fails to unfold, or its checksum is wrong.
fn unlocked(archive: &mut Archive<'_>, index: usize, password: &str, yard: &mut Yard<'_>) -> Option<Taken> {
    let mut reader = archive.by_index_decrypt(index, password.as_bytes()).ok()?;
    let taken = yard.read(&mut reader);
    match taken.ended {
        Some(Cut::Reader(_)) => {
            yard.budget.fold(taken.octets.len());
            None
        }
        None | Some(Cut::End(_)) => Some(taken),
    }
}

/// A member that cannot be read.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is the reader's: the rest is damage")]
fn refused(name: &str, error: &ZipError, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let detail = format!("zip: {name}: {error}");
    match error {
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            yard.gap(WhyUnopened::Unsupported, Some(&detail));
        }
        _ => yard.damaged(&detail),
    }
    Ok(())
}
