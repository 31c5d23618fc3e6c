//! What has arrived and is not used up.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use sensor_smtp::UNREAD_OCTETS_MAX;
use tokio::io::{AsyncRead, ReadBuf};

use crate::buffers::ReadBuffer;

/// The input of a connection. While nothing is there to work on it holds no buffer: the few octets that a
/// session may leave are carried in place.
#[derive(Default)]
pub(super) struct Input {
    held: Held,
    unread: Range<usize>,
    carried: [u8; UNREAD_OCTETS_MAX],
    carried_octets: usize,
}

/// Where the octets are that are not used up.
#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Read(ReadBuffer),
    Parked(Box<[u8]>),
}

/// The most that is copied to give a read buffer back: a few commands, such as the QUIT that Postfix sends
/// with the end of its message.
const PARKED_OCTETS_MAX: usize = 1024;

impl Input {
    pub(super) fn unread(&self) -> &[u8] {
        self.octets(self.unread.clone())
    }

    /// Octets of the buffer, by the offsets that [`consume`](Self::consume) gave.
    pub(super) fn octets(&self, range: Range<usize>) -> &[u8] {
        match &self.held {
            Held::Nothing => &[],
            Held::Read(buffer) => &buffer[range],
            Held::Parked(octets) => &octets[range],
        }
    }

    /// Uses octets up; gives the offset of the first of them.
    pub(super) fn consume(&mut self, octets: usize) -> usize {
        let start = self.unread.start;
        self.unread.start += octets;
        assert!(self.unread.start <= self.unread.end, "no more is consumed than was given");
        start
    }

    /// Gives the buffer back; what is unread is carried.
    pub(super) fn release(&mut self) {
        if matches!(self.held, Held::Nothing) {
            return;
        }
        let mut carried = [0; UNREAD_OCTETS_MAX];
        let left = self.unread();
        let octets = left.len();
        carried[..octets].copy_from_slice(left);
        *self = Self { carried, carried_octets: octets, ..Self::default() };
    }

    /// Before a wait that may be long: gives the buffer back where little in it is unread.
    pub(super) fn park(&mut self) {
        let left = self.unread();
        if left.is_empty() {
            self.release();
        } else if matches!(self.held, Held::Read(_)) && left.len() <= PARKED_OCTETS_MAX {
            let (octets, end) = (Box::from(left), left.len());
            *self = Self { held: Held::Parked(octets), unread: 0..end, ..Self::default() };
        }
    }

    /// Waits for octets, behind those that are carried; 0 is the end.
    ///
    /// # Cancel safety
    /// Cancel safe: dropped, nothing was read.
    pub(super) async fn fill<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<usize> {
        poll_fn(|context| self.poll_fill(stream, context)).await
    }

    /// Whether octets, or the end, are there already. Reads them if so.
    pub(super) fn has_arrived<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        matches!(self.poll_fill(stream, &mut context), Poll::Ready(Ok(1..)))
    }

    fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        assert!(matches!(self.held, Held::Nothing), "input is read when all before it was used up");
        let mut buffer = ReadBuffer::take();
        buffer[..self.carried_octets].copy_from_slice(&self.carried[..self.carried_octets]);
        let mut free = ReadBuf::new(&mut buffer[self.carried_octets..]);
        ready!(Pin::new(stream).poll_read(context, &mut free))?;
        let read = free.filled().len();
        self.unread = 0..self.carried_octets + read;
        self.carried_octets = 0;
        self.held = Held::Read(buffer);
        Poll::Ready(Ok(read))
    }
}
