//! A client that says exactly what it is told to say.

use std::path::PathBuf;
use std::sync::Arc;

use sensor_control::{Control, Limits, Options, PROBLEM_TYPE, Problem, Token};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake::FakeNode;

/// A control plane that runs; it stops when this is dropped.
pub(crate) struct Running {
    pub(crate) node: Arc<FakeNode>,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) token: String,
    pub(crate) stop: CancellationToken,
    pub(crate) task: Option<JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::start_with(Limits::default(), &[])
    }

    pub(crate) fn start_with(limits: Limits, hosts: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let token = Token::load_or_create(directory.path()).unwrap();
        let secret = std::fs::read_to_string(token.path()).unwrap().trim().to_owned();
        let options = Options {
            address: Some("127.0.0.1:0".parse().unwrap()),
            socket: directory.path().join("control.sock"),
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            limits,
        };
        let node = FakeNode::new();
        let control = Control::bind(node.clone(), token, options).unwrap();
        let (address, socket) = (control.address().unwrap(), control.socket_path().to_owned());
        let stop = CancellationToken::new();
        let task = Some(tokio::spawn(control.run(stop.clone())));
        Self { node, address, socket, token: secret, stop, task, _directory: directory }
    }

    /// Sends one request by TCP, with `Host` and the token, and reads its response.
    pub(crate) async fn send(&self, method: &str, path: &str, lines: &str, body: &str) -> Answer {
        let host = self.address;
        let authorization = format!("Authorization: Bearer {}\r\n", self.token);
        self.exchange(&request(method, path, &format!("Host: {host}\r\n{authorization}{lines}"), body)).await
    }

    /// Sends JSON.
    pub(crate) async fn json(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, "Content-Type: application/json\r\n", body).await
    }

    pub(crate) async fn exchange(&self, octets: &str) -> Answer {
        exchange(TcpStream::connect(self.address).await.unwrap(), octets).await
    }

    pub(crate) async fn exchange_local(&self, octets: &str) -> Answer {
        exchange(UnixStream::connect(&self.socket).await.unwrap(), octets).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A request that is the last of its connection.
pub(crate) fn request(method: &str, path: &str, lines: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{lines}{length}\r\n{body}")
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, octets: &str) -> Answer {
    // A server that has answered before it read all may close.
    let _ = stream.write_all(octets.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    Answer::read(&answer)
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn read(octets: &[u8]) -> Self {
        let text = String::from_utf8(octets.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response in {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The problem that it must be, with the status of its kind.
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), Some(PROBLEM_TYPE), "{self:?}");
        let problem: Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!(
            (self.status, problem.kind.status().as_u16()),
            (problem.status, problem.status),
            "{self:?}"
        );
        assert!(!problem.detail.is_empty() && !problem.title.is_empty());
        problem
    }

    pub(crate) fn is_problem(&self, status: u16, slug: &str) {
        let problem = self.problem();
        assert_eq!((problem.status, problem.kind.slug()), (status, slug), "{self:?}");
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }
}
