//! The bare durable server: what accepting mail costs when nothing is done but keeping the promise.
//!
//! ```text
//!  session ----.                                 .--> 250
//!  session -----+--> jobs --> committer ---------+--> 250    one pwritev and one fdatasync for all
//!  session ----'              (thread, one file) '--> 250    that waited while the last one ran
//! ```
//!
//! It promises what the sensor promises: a `250` after a message means that its octets are on stable storage.
//! It lacks everything else: no rules, no envelope, no limits worth the name, no checksum, no way to read a
//! message back; it looks for the end of DATA and for nothing inside. So it is a yardstick: no durable server
//! on the same runtime and disk does less for a message. Never let it near real mail.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::Loopback;
use crate::tls::{self, TlsError};

mod commit;
mod session;

use commit::Store;
pub use commit::StoreError;
use session::{End, Session};

/// Each costs a descriptor, a task and, while a message arrives, its octets.
const CONNECTIONS_MAX: usize = 20_000;
const BACKLOG: u32 = 4_096;

/// What a `250` after a message stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Promise {
    /// Nothing: the message is dropped.
    Discard,
    /// Durable in a file that grows with each message, as a log does.
    Growing,
    /// Durable in a file that was filled with zeros once and is written again and again, as a recycled
    /// segment is: a sync needs no change of the file's length.
    Recycled,
}

/// What `sensor-bench bare` serves.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to listen, on a loopback address; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub addr: Loopback,
    /// What a 250 stands for.
    #[arg(long, default_value = "discard")]
    pub promise: Promise,
    /// The file of a durable promise; overwritten.
    #[arg(long, required_if_eq_any([("promise", "growing"), ("promise", "recycled")]))]
    pub file: Option<PathBuf>,
    /// The length at which the file is begun anew.
    #[arg(long, default_value = "1GiB")]
    pub capacity: ByteSize,
    /// STARTTLS is offered, with the certificate in this directory (`sensor-bench certificate`).
    #[arg(long)]
    pub tls: Option<PathBuf>,
    /// Threads that serve connections, beside the one that commits.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
}

/// What keeps the server from starting.
#[derive(Debug, thiserror::Error)]
pub enum BareError {
    /// A durable promise without a file to keep it in.
    #[error("a durable promise needs a file")]
    NoFile,
    /// The file cannot be prepared.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No runtime, or no socket.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
}

/// Serves until the process is ended. `ready` is told the address once connections are taken, which is
/// after the file has been filled.
///
/// # Errors
/// When it cannot start.
pub fn run(options: &Options, ready: impl FnOnce(SocketAddr)) -> Result<(), BareError> {
    let runtime = match options.threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        threads => {
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads.into()).enable_all().build()?
        }
    };
    runtime.block_on(async {
        let server = Server::bind(options)?;
        ready(server.address()?);
        server.serve().await;
        Ok(())
    })
}

/// A server that is bound and not serving yet.
pub struct Server {
    listener: TcpListener,
    store: Option<Store>,
    tls: Option<TlsAcceptor>,
}

impl Server {
    /// Prepares the file, then binds. To be called within a runtime.
    ///
    /// # Errors
    /// When either fails.
    pub fn bind(options: &Options) -> Result<Self, BareError> {
        let store = match options.promise {
            Promise::Discard => None,
            Promise::Growing | Promise::Recycled => {
                let path = options.file.as_deref().ok_or(BareError::NoFile)?;
                let filled = options.promise == Promise::Recycled;
                Some(Store::create(path, options.capacity.as_u64(), filled)?)
            }
        };
        let tls = options.tls.as_deref().map(tls::acceptor).transpose()?;
        Ok(Self { listener: listen(options.addr.into())?, store, tls })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the socket does not know.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes connections until the future is dropped.
    pub async fn serve(self) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
            // Accepting fails for the one connection, or for want of descriptors, which others give back.
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            let (store, tls) = (self.store.clone(), self.tls.clone());
            tokio::spawn(async move {
                // A connection that breaks is the load generator's to count.
                let _ = converse(stream, store, tls).await;
                drop(slot);
            });
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn converse(stream: TcpStream, store: Option<Store>, tls: Option<TlsAcceptor>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match (Session::new(stream, store.clone(), tls.is_some()).run().await?, tls) {
        // Boxed, so that a connection without TLS does not hold the room for it.
        (End::StartTls(stream), Some(tls)) => Box::pin(converse_in_tls(stream, store, tls)).await,
        (End::StartTls(_), None) | (End::Quit, _) => Ok(()),
    }
}

async fn converse_in_tls(stream: TcpStream, store: Option<Store>, tls: TlsAcceptor) -> io::Result<()> {
    Session::secured(tls.accept(stream).await?, store).run().await.map(drop)
}

#[cfg(test)]
mod tests;
