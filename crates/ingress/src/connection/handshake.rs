//! From STARTTLS to TLS.

use std::io;

use sensor_mail::envelope::Tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;

use super::channel::Channel;
use super::{Connection, FAR};
use crate::door::Phase;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Shakes hands, for as long as the session gives the client, and not while the sensor goes down: no
    /// message is in progress, so nobody need wait for it.
    pub(super) async fn start_tls(&mut self) -> io::Result<()> {
        self.input.release();
        self.flush().await?;
        let acceptor = self.tls.as_ref().expect("STARTTLS is offered only where there is TLS");
        let handshake = acceptor.accept(self.channel.take_plain());
        let limit = self.session.poll_timeout().map_or(FAR, |at| Instant::from_std(at) - Instant::now());
        let ended = tokio::select! {
            biased;
            ended = timeout(limit, handshake) => ended.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            _ = self.phase.wait_for(|phase| *phase == Phase::Draining) => {
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the sensor goes down"))
            }
        };
        let stream = ended.inspect_err(|error| self.log_handshake_failed(error))?;
        self.session.tls_established(parameters(&stream));
        self.channel = Channel::Tls(Box::new(stream));
        Ok(())
    }
}

/// What was agreed on, in the names of the registries.
fn parameters<S>(stream: &TlsStream<S>) -> Tls {
    let (_, tls) = stream.get_ref();
    let version = tls.protocol_version().and_then(|version| version.as_str()).unwrap_or("unknown");
    let suite = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
    Tls {
        version: version.replace('_', ".").into(),
        // The registry names the suites of TLS 1.3 without the version that rustls puts into theirs.
        cipher: suite.replace("TLS13_", "TLS_").into(),
        server_name: tls.server_name().map(Into::into),
    }
}
