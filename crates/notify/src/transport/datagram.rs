//! Syslog over UDP (RFC 5426): a message is a datagram.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::time::Instant;

use super::{Failure, Message, Sending, Target, Transport};

/// The most datagrams in one go: more may be lost in the buffer of a receiver before it wakes.
const BATCH_MAX: usize = 32;

/// How long the address is used that a name had. Nobody tells a sender of datagrams that the host has moved.
const RESOLVE_AGAIN: Duration = Duration::from_secs(60);

pub(crate) struct Datagram {
    target: Target,
    socket: Option<(UdpSocket, Instant)>,
}

impl Datagram {
    pub(crate) fn new(target: Target) -> Self {
        Self { target, socket: None }
    }

    /// Sends all. A refusal (ICMP) is told by the kernel with some later call, about an earlier datagram: so all
    /// of them count as lost.
    async fn send_all(&mut self, messages: &[Message]) -> Result<(), Failure> {
        let fresh = self.socket.take().filter(|(_, since)| since.elapsed() < RESOLVE_AGAIN);
        let (socket, since) = match fresh {
            Some(socket) => socket,
            None => (connect(&self.target).await?, Instant::now()),
        };
        let failed = |error| Failure::peer("cannot be sent to", error);
        for message in messages {
            socket.send(&message.octets).await.map_err(failed)?;
        }
        if let Some(error) = socket.take_error().map_err(failed)? {
            return Err(failed(error));
        }
        self.socket = Some((socket, since));
        Ok(())
    }
}

impl Transport for Datagram {
    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    fn send<'a>(&'a mut self, messages: &'a [Message]) -> Sending<'a> {
        Box::pin(self.send_all(messages))
    }
}

async fn connect(target: &Target) -> Result<UdpSocket, Failure> {
    let failed = |error| Failure::peer("no socket", error);
    let mut addresses =
        lookup_host(target.pair()).await.map_err(|error| Failure::peer("the name is not known", error))?;
    let Some(address) = addresses.next() else {
        return Err(Failure::Peer("the name has no address".to_owned()));
    };
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await.map_err(failed)?;
    socket.connect(address).await.map_err(failed)?;
    Ok(socket)
}
