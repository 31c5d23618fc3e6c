//! The octets of an entry, read back from the log.

use crate::error::BodyError;

/// The octets of an entry. Cheap to clone; every read verifies what it returns.
#[derive(Clone, Debug)]
pub struct Body {}

#[expect(clippy::len_without_is_empty, reason = "an empty body is nothing special to a spool")]
impl Body {
    /// How many octets it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        unimplemented!()
    }

    /// Reads octets from `offset` on: as many as fit `buffer` and are there; 0 at the end.
    ///
    /// # Errors
    /// When octets do not verify or cannot be read.
    pub fn read_at(&self, _offset: u64, _buffer: &mut [u8]) -> Result<usize, BodyError> {
        unimplemented!()
    }
}
