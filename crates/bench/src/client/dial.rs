//! How a connection is made.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::Failure;
use crate::{Loopback, tls};

/// Addresses 127.0.1.1 to 127.0.240.250 are enough for every connection to have its own for long.
const SOURCES_IN_A_BLOCK: u64 = 250;

/// Where connections go to and come from.
#[derive(Clone, Debug, clap::Args)]
pub struct Target {
    /// The server, on a loopback address.
    #[arg(long)]
    pub addr: Loopback,
    /// How many source addresses, from 127.0.1.1 on; 0 lets the kernel choose.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub sources: u64,
    /// TLS is started by STARTTLS, without resuming a session.
    #[arg(long)]
    pub starttls: bool,
}

impl Target {
    /// What starts TLS, if it is to be started.
    pub(crate) fn tls(&self) -> Option<TlsConnector> {
        self.starttls.then(tls::connector)
    }

    /// Makes connection `number`.
    pub(crate) async fn connect(&self, number: u64) -> Result<TcpStream, Failure> {
        self.open(number).await.map_err(|error| Failure::Connect(error.kind()))
    }

    async fn open(&self, number: u64) -> std::io::Result<TcpStream> {
        let target = SocketAddr::from(self.addr);
        let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = self.source(number) {
            socket.bind(source)?;
        }
        let stream = socket.connect(target).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Many source addresses, because one has but 28,000 ports and each waits a minute after use.
    fn source(&self, connection: u64) -> Option<SocketAddr> {
        if self.sources == 0 || SocketAddr::from(self.addr).is_ipv6() {
            return None;
        }
        let number = connection % self.sources;
        let octet = |value: u64| u8::try_from(value + 1).expect("sources are limited to 60,000");
        let [block, host] = [number / SOURCES_IN_A_BLOCK, number % SOURCES_IN_A_BLOCK].map(octet);
        Some((IpAddr::from(Ipv4Addr::new(127, 0, block, host)), 0).into())
    }
}
