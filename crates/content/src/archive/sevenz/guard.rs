//! What has to hold before the reader of 7z is let at an archive: it believes sizes.

use crate::openers::Trouble;

/// The start header: where the header proper lies, behind 32 octets.
const START_OCTETS: u64 = 32;

/// A header that lies outside of the archive would be given memory for its size as it is told.
pub(super) fn check(octets: &[u8]) -> Result<(), Trouble> {
    let number =
        |at: usize| octets.get(at..at + 8).map(|it| u64::from_le_bytes(it.try_into().expect("8 octets")));
    let (Some(offset), Some(size)) = (number(12), number(20)) else {
        return Err(Trouble::Damaged("the archive ends in its first header".into()));
    };
    let end = START_OCTETS.checked_add(offset).and_then(|start| start.checked_add(size));
    if end.is_none_or(|end| end > octets.len() as u64) {
        return Err(Trouble::Damaged("its header lies outside of the archive".into()));
    }
    Ok(())
}
