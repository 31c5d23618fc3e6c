//! Peers that do not behave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What a peer does behind the first words of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misbehaviour {
    /// Says nothing more, and keeps the connection.
    Hang,
    /// Says an octet now and then, without an end.
    Drip,
    /// Breaks the connection.
    Reset,
    /// Ends it in mid-answer.
    Die,
    /// Talks without an end.
    Flood,
}

pub(crate) const MISBEHAVIOURS: [Misbehaviour; 5] =
    [Misbehaviour::Hang, Misbehaviour::Drip, Misbehaviour::Reset, Misbehaviour::Die, Misbehaviour::Flood];

/// A peer on a free port of 127.0.0.1, until it is dropped.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    /// Tells that somebody has connected and said something.
    pub(crate) asked: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Waits for the first octets of a question, says `words`, and misbehaves.
    pub(crate) async fn misbehaving(words: &'static [u8], misbehaviour: Misbehaviour) -> Self {
        Self::serving(move |mut socket, asked| async move {
            let mut question = [0; 1024];
            drop(socket.read(&mut question).await);
            asked.notify_one();
            drop(socket.write_all(words).await);
            misbehave(socket, misbehaviour).await;
        })
        .await
    }

    /// Serves each connection by `serve`.
    pub(crate) async fn serving<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream, Arc<Notify>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Notify::new());
        let told = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            // Dropped with the peer, so that each connection ends with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, Arc::clone(&told)));
            }
        });
        Self { address, asked, task }
    }

    /// An address where nobody listens.
    pub(crate) async fn absent() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }
}

async fn misbehave(socket: TcpStream, misbehaviour: Misbehaviour) {
    match misbehaviour {
        Misbehaviour::Reset => socket.set_zero_linger().unwrap(),
        Misbehaviour::Die => {}
        Misbehaviour::Hang => read_on(socket).await,
        Misbehaviour::Drip => {
            let (from, mut to) = socket.into_split();
            let drip = async {
                while to.write_all(b"1").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::join!(drip, read_on(from));
        }
        Misbehaviour::Flood => {
            let (from, mut to) = socket.into_split();
            let flood = async { while to.write_all(&[b'1'; 8192]).await.is_ok() {} };
            tokio::join!(flood, read_on(from));
        }
    }
}

/// Takes whatever is sent, so that the other side does not wait for us to read.
async fn read_on(mut from: impl tokio::io::AsyncRead + Unpin) {
    let mut buffer = vec![0; 64 * 1024];
    while from.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    std::future::pending::<()>().await;
}
