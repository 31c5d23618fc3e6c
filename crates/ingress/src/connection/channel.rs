//! The octets of a connection, in clear or inside TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sensor_smtp::CloseReason;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::server::TlsStream;

pub(super) enum Channel<S> {
    Plain(S),
    Tls(Box<TlsStream<S>>),
    /// The handshake has the stream; when it fails there is none.
    Handshaking,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    /// The stream for a handshake.
    pub(super) fn take_plain(&mut self) -> S {
        match std::mem::replace(self, Self::Handshaking) {
            Self::Plain(stream) => stream,
            Self::Tls(_) | Self::Handshaking => unreachable!("TLS is started once"),
        }
    }

    /// Says that we are done. A close with octets unread makes the kernel reset the connection and the
    /// client lose our last reply: where it may still be sending, its octets are read and dropped first.
    pub(super) async fn close(&mut self, reason: CloseReason, octets_max: usize) -> io::Result<()> {
        self.shutdown().await?;
        if matches!(reason, CloseReason::Quit | CloseReason::PeerGone) {
            return Ok(());
        }
        let mut dropped = 0;
        // Not on the stack: that is part of every connection's task.
        let mut buffer = vec![0; 4096];
        while dropped < octets_max {
            match self.read(&mut buffer).await? {
                0 => break,
                count => dropped += count,
            }
        }
        Ok(())
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Channel<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => {
                match ready!(Pin::new(stream.as_mut()).poll_read(context, buffer)) {
                    // Mail servers often close without close_notify. SMTP itself says where a message ends,
                    // so nothing can be cut off unseen.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
                    read => Poll::Ready(read),
                }
            }
            Self::Handshaking => Poll::Ready(Err(gone())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Channel<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, octets),
            Self::Handshaking => Poll::Ready(Err(gone())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
            Self::Handshaking => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
            Self::Handshaking => Poll::Ready(Err(gone())),
        }
    }
}
