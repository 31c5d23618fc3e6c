//! Syslog over TCP with octet counting (RFC 6587 section 3.4.1) and over TLS (RFC 5425 section 4.3, the same frames).

use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::tls::Tls;
use super::{Failure, Message, Sending, Target, Transport};

/// The most messages in one go.
const BATCH_MAX: usize = 64;

/// The most octets that are read of a receiver in one go: a syslog receiver has nothing to say.
const TALK_OCTETS_MAX: usize = 64 * 1024;

pub(crate) struct Stream {
    target: Target,
    tls: Option<Tls>,
    connection: Option<Connection>,
}

/// TCP, or TLS on it.
pub(super) type Connection = Box<dyn Duplex>;

/// Both directions of a connection.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Connects, with TLS where there is some.
pub(super) async fn connect(target: &Target, tls: Option<&Tls>) -> Result<Connection, Failure> {
    let failed = |error| Failure::peer("no connection", error);
    let socket = TcpStream::connect(target.pair()).await.map_err(failed)?;
    socket.set_nodelay(true).map_err(failed)?;
    match tls {
        None => Ok(Box::new(socket)),
        Some(tls) => Ok(Box::new(tls.connect(socket).await?)),
    }
}

impl Stream {
    pub(crate) fn new(target: Target, tls: Option<Tls>) -> Self {
        Self { target, tls, connection: None }
    }

    async fn send_all(&mut self, messages: &[Message]) -> Result<(), Failure> {
        // What a receiver closed while nothing was sent would take one more message into nowhere.
        let mut connection = match self.take_whole().await {
            Some(connection) => connection,
            None => connect(&self.target, self.tls.as_ref()).await?,
        };
        let failed = |error| Failure::peer("the connection broke", error);
        connection.write_all(&frames(messages)).await.map_err(failed)?;
        connection.flush().await.map_err(failed)?;
        is_whole(&mut connection).await.map_err(failed)?;
        self.connection = Some(connection);
        Ok(())
    }

    /// The connection, unless it was closed meanwhile.
    async fn take_whole(&mut self) -> Option<Connection> {
        let mut connection = self.connection.take()?;
        is_whole(&mut connection).await.is_ok().then_some(connection)
    }
}

impl Transport for Stream {
    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    fn send<'a>(&'a mut self, messages: &'a [Message]) -> Sending<'a> {
        Box::pin(self.send_all(messages))
    }
}

/// `MSG-LEN SP SYSLOG-MSG`, one after the other.
fn frames(messages: &[Message]) -> Vec<u8> {
    let mut frames = Vec::new();
    for message in messages {
        frames.extend_from_slice(message.octets.len().to_string().as_bytes());
        frames.push(b' ');
        frames.extend_from_slice(&message.octets);
    }
    frames
}

/// Whether the receiver has neither closed nor reset the connection, as far as is known here. What it says is
/// dropped.
async fn is_whole(connection: &mut Connection) -> io::Result<()> {
    let mut heard = 0;
    std::future::poll_fn(|context| {
        loop {
            let mut octets = [0; 1024];
            let mut buffer = ReadBuf::new(&mut octets);
            match Pin::new(&mut *connection).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    return Poll::Ready(Err(io::Error::other("closed by the receiver")));
                }
                Poll::Ready(Ok(())) => heard += buffer.filled().len(),
            }
            if heard > TALK_OCTETS_MAX {
                return Poll::Ready(Err(io::Error::other("the receiver talks, and is no syslog receiver")));
            }
        }
    })
    .await
}
