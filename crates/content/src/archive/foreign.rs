//! Archives without a reader here: a tool of the host makes tar of them, or they stay closed and say so.

use bytes::Bytes;

use super::tar;
use crate::openers::Trouble;
use crate::yard::Yard;
use crate::{AidError, Foreign};

/// Opens an archive with the caller's tool.
pub(crate) fn open(format: Foreign, octets: &Bytes, yard: &mut Yard<'_>) -> Result<(), Trouble> {
    let (octets_max, end) = yard.budget.readable();
    let tarred = yard.budget.aids.to_tar(format, octets, octets_max).map_err(trouble)?;
    yard.budget.unfold(tarred.octets.len());
    let opened = tar::open(&tarred.octets, yard);
    if tarred.cut {
        return Err(end.into());
    }
    match tarred.complaint {
        Some(complaint) => Err(Trouble::Damaged(complaint)),
        None => opened,
    }
}

fn trouble(error: AidError) -> Trouble {
    match error {
        AidError::Unsupported => Trouble::Unsupported(error.to_string().into()),
        AidError::Encrypted => Trouble::Encrypted,
        AidError::Damaged(text) => Trouble::Damaged(text),
        AidError::Failed(text) => Trouble::Failed(text),
    }
}

/// Formats that no tool is asked for.
pub(crate) fn unknown(_: &Bytes, _: &mut Yard<'_>) -> Result<(), Trouble> {
    Err(Trouble::Unsupported("nothing here reads it".into()))
}

/// Formats whose reader was left out of this build.
#[cfg(not(all(feature = "7z", feature = "ole")))]
pub(crate) fn compiled_out(_: &Bytes, _: &mut Yard<'_>) -> Result<(), Trouble> {
    Err(Trouble::Unsupported("its reader is compiled out".into()))
}
