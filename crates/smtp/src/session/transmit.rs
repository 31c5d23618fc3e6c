//! Replies on their way to the client.

use crate::Reply;

use super::TRANSMIT_OCTETS_MAX;

/// Gathers the replies to a group of commands, so that they leave in one write (RFC 2920 section 3.2).
/// Holds no memory when all is sent.
#[derive(Debug, Default)]
pub(super) struct Transmit {
    octets: Vec<u8>,
    sent: usize,
}

impl Transmit {
    pub(super) fn push(&mut self, reply: &Reply, hostname: &str) {
        reply.write(hostname, &mut self.octets);
    }

    /// What is not sent yet.
    pub(super) fn waiting(&self) -> &[u8] {
        self.octets.get(self.sent..).expect("no more is sent than there is")
    }

    pub(super) fn sent(&mut self, n: usize) {
        assert!(n <= self.waiting().len(), "more is sent than waits");
        self.sent += n;
        if self.sent == self.octets.len() {
            *self = Self::default();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting().len() >= TRANSMIT_OCTETS_MAX
    }

    pub(super) fn capacity(&self) -> usize {
        self.octets.capacity()
    }
}
