//! What comes before the greeting: a header of the PROXY protocol, then TLS where it is implicit.
//!
//! Both together have the time of a handshake. They hold a slot that counts for nobody, until it is known
//! whose it is.

use std::io;

use sensor_mail::Refusal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::Connection;
use super::handshake::in_time;
use crate::proxy::HeaderReader;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn something_comes_first(&self) -> bool {
        self.is_from_proxy() || self.session.is_tls_implicit()
    }

    fn is_from_proxy(&self) -> bool {
        self.peer.reception.proxies.contains(self.peer.client())
    }

    /// What comes first, and then the greeting.
    pub(super) async fn open(&mut self) -> io::Result<()> {
        match self.door.take_unknown_slot() {
            Ok(slot) => self.slot = Some(slot),
            Err(refusal) => return self.turn_away(refusal),
        }
        self.session.await_client(Instant::now().into_std());
        if self.is_from_proxy() {
            self.proxy_header().await.inspect_err(|error| self.log_no_header(error))?;
        }
        if self.session.is_tls_implicit() {
            self.shake_hands().await?;
        }
        self.greet()
    }

    /// Whose connection it is is not known, nor asked: what a proxy says does not make it the proxy's.
    fn turn_away(&mut self, refusal: Refusal) -> io::Result<()> {
        let admission = self.admission_without_slot(refusal)?;
        self.log_turned_away(&admission);
        if self.session.is_tls_implicit() {
            return Err(io::Error::other("there is no slot to say so in TLS"));
        }
        self.session.greet(&admission);
        Ok(())
    }

    async fn proxy_header(&mut self) -> io::Result<()> {
        let mut reader = HeaderReader::default();
        loop {
            let (taken, read) = reader.read(self.input.unread());
            self.input.consume(taken);
            if let Some(header) =
                read.map_err(|garbage| io::Error::new(io::ErrorKind::InvalidData, garbage))?
            {
                if self.input.unread().is_empty() {
                    self.input.release();
                }
                self.believe(header);
                return Ok(());
            }
            self.input.release();
            let limit = self.session.poll_timeout();
            let filled = in_time(limit, &mut self.phase, self.input.fill(&mut self.channel)).await?;
            if filled == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
