//! Read buffers that belong to the thread, not to the connection.
//!
//! A connection holds one only while there is input to work on; an idle session holds none. Each thread
//! keeps a few for the next reader, so that taking one costs no allocation.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// The size of a read buffer: the most that one read takes from a socket.
pub(crate) const READ_OCTETS: usize = 64 * 1024;

/// Free buffers that a thread keeps; more are given back to the allocator.
const FREE_BUFFERS_MAX: usize = 8;

thread_local! {
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`READ_OCTETS`]. What it holds when taken is left over from somebody else: only what was
/// read into it may be looked at.
pub(crate) struct ReadBuffer(Box<[u8]>);

impl ReadBuffer {
    /// A free buffer of this thread, or a new one.
    #[must_use]
    pub(crate) fn take() -> Self {
        let free = FREE.with_borrow_mut(Vec::pop);
        Self(free.unwrap_or_else(|| vec![0; READ_OCTETS].into_boxed_slice()))
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        let octets = std::mem::take(&mut self.0);
        // The thread may be ending: then the buffer simply goes.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < FREE_BUFFERS_MAX {
                free.push(octets);
            }
        });
    }
}

impl Deref for ReadBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for ReadBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
