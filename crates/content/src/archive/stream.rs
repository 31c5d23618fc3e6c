//! Compressed streams: one content each.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use sensor_mail::part::{PartFlag, Unopened, WhyUnopened};

use crate::openers::Trouble;
use crate::yard::{Cut, Find, Taken, Yard};

/// The largest window of zstd that is given memory, as a power of two: 128 MiB, what its own tool takes.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

pub(crate) fn gzip(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let mut reader = MultiGzDecoder::new(&octets[..]);
    let name = reader
        .header()
        .and_then(|header| header.filename())
        .map(|it| String::from_utf8_lossy(it).into_owned());
    content(name, &["gz", "tgz"], &mut reader, yard)
}

pub(crate) fn bzip2(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    content(None, &["bz2", "tbz", "tbz2"], &mut bzip2::bufread::MultiBzDecoder::new(&octets[..]), yard)
}

pub(crate) fn xz(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    content(None, &["xz", "txz"], &mut lzma_rust2::XzReader::new(&octets[..], true), yard)
}

pub(crate) fn zstd(octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let mut reader = zstd::Decoder::with_buffer(&octets[..]).map_err(Trouble::damaged)?;
    reader.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(Trouble::damaged)?;
    content(None, &["zst", "tzst"], &mut reader, yard)
}

fn content(
    name: Option<String>,
    extensions: &[&str],
    reader: &mut dyn Read,
    yard: &mut Yard<'_>,
) -> Result<(), Trouble> {
    let name = name.or_else(|| yard.opened().name.as_deref().and_then(|name| stem(name, extensions)));
    let name = name.unwrap_or_else(|| "content".to_owned());
    put_read(Find::member(&name, Bytes::new()), reader, yard)
}

/// The name without the extension of the compression; of `.tgz` the first letter says that it is tar.
fn stem(name: &str, extensions: &[&str]) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    let extension = extensions.iter().find(|known| extension.eq_ignore_ascii_case(known))?;
    Some(if extension.starts_with('t') { format!("{stem}.tar") } else { stem.to_owned() })
}

/// Reads what was found, and puts it.
pub(super) fn put_read(find: Find, reader: &mut dyn Read, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let taken = yard.read(reader);
    put_taken(find, taken, yard)
}

/// Puts what was read: as much as there is, and what is wrong with it.
pub(super) fn put_taken(mut find: Find, taken: Taken, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    find.octets = taken.octets;
    let trouble = match taken.ended {
        None => None,
        Some(Cut::End(end)) => {
            end.flag().into_iter().for_each(|flag| find.flags.raise(flag));
            find.gaps.push(end.gap());
            Some(Trouble::End(end))
        }
        Some(Cut::Reader(error)) => {
            find.flags.raise(PartFlag::Damaged);
            find.gaps.push(Unopened { why: WhyUnopened::Damaged, detail: Some(error.to_string().into()) });
            Some(Trouble::damaged(error))
        }
    };
    // Of what is broken from its begin there is nothing to put.
    if trouble.is_none() || !find.octets.is_empty() {
        yard.put(find)?;
    }
    trouble.map_or(Ok(()), Err)
}
