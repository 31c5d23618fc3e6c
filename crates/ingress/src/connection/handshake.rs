//! From the first octet of TLS to its last parameter, behind STARTTLS or at once.

use std::io;

use rustls::ServerConnection;
use rustls::pki_types::UnixTime;
use sensor_mail::envelope::Tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;

use super::Connection;
use super::channel::Channel;
use crate::alarm::FAR;
use crate::door::Phase;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// From STARTTLS to TLS.
    pub(super) async fn start_tls(&mut self) -> io::Result<()> {
        self.input.release();
        self.flush().await?;
        self.shake_hands().await
    }

    /// Shakes hands, for as long as the session gives the client.
    pub(super) async fn shake_hands(&mut self) -> io::Result<()> {
        let shaken = self.handshake().await;
        let stream = shaken.inspect_err(|error| self.log_handshake_failed(error))?;
        let mut tls = parameters(&stream);
        let (_, connection) = stream.get_ref();
        let clients = &self.peer.reception.client_certificates;
        tls.client = clients.judge(connection.peer_certificates(), UnixTime::now());
        self.session.tls_established(tls);
        self.channel = Channel::Tls(Box::new(stream));
        Ok(())
    }

    async fn handshake(&mut self) -> io::Result<TlsStream<S>> {
        let acceptor = self.tls.as_ref().expect("TLS is spoken only where there is a certificate");
        // What came in one piece with a header of the PROXY protocol is the begin of TLS.
        let early = std::mem::take(&mut self.input);
        let mut fed = Ok(());
        let handshake =
            acceptor.accept_with(self.channel.take_plain(), |tls| fed = feed(tls, early.unread()));
        drop(early);
        fed?;
        in_time(self.session.poll_timeout(), &mut self.phase, handshake).await
    }
}

/// Gives TLS what has arrived already.
fn feed(tls: &mut ServerConnection, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        tls.read_tls(&mut octets)?;
        tls.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    }
    Ok(())
}

/// Waits for the client until `limit`, and not while the sensor goes down: no message is in progress, so
/// nobody need wait for it.
pub(super) async fn in_time<T>(
    limit: Option<std::time::Instant>,
    phase: &mut watch::Receiver<Phase>,
    wait: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let limit = limit.map_or_else(|| Instant::now() + FAR, Instant::from_std);
    tokio::select! {
        biased;
        ended = timeout_at(limit, wait) => ended.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        _ = phase.wait_for(|phase| *phase == Phase::Draining) => {
            Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the sensor goes down"))
        }
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
        client: None,
    }
}
