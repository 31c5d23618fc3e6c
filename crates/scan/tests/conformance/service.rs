//! A peer that speaks HTTP, answers what it is told to, and remembers what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fake::Fake;

/// A request, whole.
#[derive(Clone)]
pub(crate) struct Asked {
    /// Without the empty line behind it.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

/// A service that answers each request by its number, and remembers them.
pub(crate) struct Service {
    pub(crate) fake: Fake,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    pub(crate) async fn answering(answer: impl Fn(usize, &Asked) -> String + Send + Sync + 'static) -> Self {
        let (asked, answer, count) = (Arc::default(), Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        let log: Arc<Mutex<Vec<Asked>>> = Arc::clone(&asked);
        let fake = Fake::serving(move |mut socket, _| {
            let (log, answer, count) = (Arc::clone(&log), Arc::clone(&answer), Arc::clone(&count));
            async move {
                let Some(question) = read(&mut socket).await else { return };
                let said = answer(count.fetch_add(1, Ordering::SeqCst), &question);
                log.lock().unwrap().push(question);
                drop(socket.write_all(said.as_bytes()).await);
                while socket.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
            }
        })
        .await;
        Self { fake, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(socket: &mut TcpStream) -> Option<Asked> {
    let mut octets = Vec::new();
    loop {
        if let Some(end) = octets.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(octets[..end].to_vec()).unwrap();
            let asked = Asked { head, body: octets[end + 4..].to_vec() };
            let length: usize = asked.header("content-length").parse().unwrap();
            if asked.body.len() >= length {
                return Some(asked);
            }
        }
        if socket.read_buf(&mut octets).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}
