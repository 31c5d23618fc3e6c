//! A filter that speaks ICAP, answers what it is told to, and remembers what it was shown.
//!
//! It reads questions by nothing but what they say of themselves (RFC 3507 section 4.4.1): as many octets of heads as
//! `Encapsulated` gives, then chunks. A question with a wrong offset is none that it can read.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::check::LONG;
use crate::fake::Fake;

/// A filter on a free port.
pub(crate) struct Filter {
    pub(crate) fake: Fake,
    connections: mpsc::UnboundedReceiver<Vec<Question>>,
}

/// What a filter wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// The preview, or all where there is none.
    ThePreview,
    /// And what is behind the preview.
    TheRest,
}

/// What is asked for with one head, read to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Question {
    /// Lines of its head.
    pub(crate) head: Vec<String>,
    /// The heads of HTTP that it encloses, by the names that `Encapsulated` has for them.
    pub(crate) enclosed: Vec<(String, String)>,
    /// The body, or its preview.
    pub(crate) body: Chunked,
    /// What came when the filter had said that it wants it.
    pub(crate) rest: Option<Chunked>,
}

/// A chunked body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunked {
    pub(crate) octets: Vec<u8>,
    /// It said that this is everything (`ieof`, section 4.5).
    pub(crate) is_all: bool,
}

impl Filter {
    /// Answers OPTIONS with `options`, finds nothing in anything, and after each preview `wants` the rest, if there
    /// is any, or does not.
    pub(crate) async fn answering(options: String, wants: Wants) -> Self {
        let (told, connections) = mpsc::unbounded_channel();
        let fake = Fake::serving(move |socket, _| {
            let (told, options) = (told.clone(), options.clone());
            async move {
                let mut hearing = Hearing { socket, buffer: Vec::new(), questions: Vec::new() };
                hearing.run(&options, wants).await;
                drop(told.send(hearing.questions));
            }
        })
        .await;
        Self { fake, connections }
    }

    /// Everything that was said on the next connection, up to its end.
    pub(crate) async fn connection(&mut self) -> Vec<Question> {
        let said = tokio::time::timeout(LONG, self.connections.recv()).await;
        said.expect("the connection does not end").unwrap()
    }
}

struct Hearing {
    socket: TcpStream,
    buffer: Vec<u8>,
    questions: Vec<Question>,
}

impl Hearing {
    async fn run(&mut self, options: &str, wants: Wants) {
        while let Some(head) = self.head().await {
            let mut question = Question { head, ..Question::default() };
            if question.head[0].starts_with("OPTIONS ") {
                self.say(options).await;
            } else {
                question.enclosed = self.enclosed(question.field("Encapsulated")).await;
                question.body = self.chunked().await;
                if wants == Wants::TheRest && !question.body.is_all {
                    self.say("ICAP/1.0 100 Continue\r\n\r\n").await;
                    question.rest = Some(self.chunked().await);
                }
                self.say("ICAP/1.0 204 None\r\n\r\n").await;
            }
            self.questions.push(question);
        }
        assert_eq!(String::from_utf8_lossy(&self.buffer), "", "octets that belong to no question");
    }

    async fn say(&mut self, answer: &str) {
        self.socket.write_all(answer.as_bytes()).await.unwrap();
    }

    /// None at the end of the connection.
    async fn head(&mut self) -> Option<Vec<String>> {
        let head = self.until(b"\r\n\r\n").await?;
        Some(head.split("\r\n").map(str::to_owned).collect())
    }

    /// Heads one behind the other, each up to where the next entry begins; the last entry is the body.
    async fn enclosed(&mut self, entries: &str) -> Vec<(String, String)> {
        let offset = |entry: &str| {
            let (name, offset) = entry.trim().split_once('=').unwrap();
            (name.to_owned(), offset.parse::<usize>().unwrap())
        };
        let entries: Vec<_> = entries.split(',').map(offset).collect();
        let (body, end) = entries.last().unwrap();
        assert!(body.ends_with("-body") && entries[0].1 == 0, "{entries:?}");
        let heads = self.octets(*end).await.expect("the heads end before the offset of the body");
        let head = |pair: &[(String, usize)]| {
            (pair[0].0.clone(), String::from_utf8(heads[pair[0].1..pair[1].1].to_vec()).unwrap())
        };
        entries.windows(2).map(head).collect()
    }

    async fn chunked(&mut self) -> Chunked {
        let mut octets = Vec::new();
        loop {
            let line = self.until(b"\r\n").await.expect("the line of a chunk");
            let (size, extension) = line.split_once("; ").unwrap_or((&line, ""));
            let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("{line:?} is no size"));
            octets.extend(self.octets(size).await.expect("the chunk is shorter than its size"));
            assert_eq!(self.octets(2).await.as_deref(), Some(&b"\r\n"[..]), "the end of a chunk");
            if size == 0 {
                return Chunked { octets, is_all: extension == "ieof" };
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                let line = self.octets(at).await?;
                self.octets(end.len()).await?;
                return Some(String::from_utf8(line).unwrap());
            }
            self.more().await?;
        }
    }

    async fn octets(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.more().await?;
        }
        Some(self.buffer.drain(..count).collect())
    }

    async fn more(&mut self) -> Option<()> {
        let count = self.socket.read_buf(&mut self.buffer).await.unwrap_or(0);
        (count > 0).then_some(())
    }
}

impl Question {
    pub(crate) fn field(&self, name: &str) -> &str {
        let value = self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("no {name} in {:?}", self.head))
    }
}
