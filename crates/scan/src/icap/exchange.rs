//! One question to a filter: a part, and what it says of it.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use sensor_pipeline::Piece;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::Method;
use super::wire::{Head, Line, Reading};
use crate::octets::Chunks;
use crate::trouble::Trouble;
use crate::url::Url;
use crate::words::told;

/// The most octets of a preview, whatever a filter asks for.
pub(super) const PREVIEW_OCTETS_MAX: u64 = 64 * 1024;
/// How much more than was sent a filter may send back: a page that says why it blocks.
const ADDED_OCTETS_MAX: u64 = 1 << 20;

/// What a filter says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Clean,
    Found(Box<str>),
    /// It answers in place of the server, with this status.
    Blocked(Box<str>),
    Modified,
}

/// An answer, read to its end.
pub(super) struct Answered {
    pub(super) head: Head,
    pub(super) verdict: Verdict,
    /// Whether another question may follow on the connection.
    pub(super) is_open: bool,
}

pub(super) struct Exchange<'a> {
    pub(super) url: &'a Url,
    pub(super) method: Method,
    pub(super) preview: Option<usize>,
    pub(super) piece: &'a Piece,
}

/// What of a part is still to be sent.
struct Rest {
    /// Read already.
    ahead: VecDeque<Bytes>,
    chunks: Chunks,
}

impl Exchange<'_> {
    /// Shows the part and reads the answer to its end.
    pub(super) async fn run(&self, line: &mut Line) -> Result<Answered, Trouble> {
        let mut rest = Rest { ahead: VecDeque::new(), chunks: Chunks::of(&self.piece.octets) };
        line.write(self.head().as_bytes()).await?;
        if let Some(preview) = self.preview {
            let is_all = rest.preview(line, preview).await?;
            let head = line.head().await?;
            match (head.status, is_all) {
                (100, false) => {}
                (100, true) => return Err(Trouble::failed("the filter wants more than there is")),
                (_, _) => return self.answered(head, true, &mut line.from).await,
            }
        }
        let Line { from, to } = line;
        let (is_sent, head) = converse(rest.send(to), from.head(b"ICAP/")).await?;
        let answered = self.answered(head, is_sent, from).await?;
        match (is_sent, &answered.verdict) {
            (false, Verdict::Clean) => Err(Trouble::failed("the filter answered before it had everything")),
            (_, _) => Ok(answered),
        }
    }

    /// The head of the question, with a request and a response made up around the part. Names of parts stay
    /// here: they are the sender's.
    fn head(&self) -> String {
        let (url, host, method) = (self.url.whole(), &self.url.authority, self.method.word());
        let number = self.piece.part.id.0;
        let length = self.piece.octets.len();
        let around = format!("/part-{number} HTTP/1.1\r\nHost: mailsensor.invalid\r\n");
        let kind = format!("Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n");
        let (enclosed, encapsulated) = match self.method {
            Method::Respmod => {
                let request = format!("GET http://mailsensor.invalid{around}\r\n");
                let response = format!("HTTP/1.1 200 OK\r\n{kind}");
                let (first, second) = (request.len(), request.len() + response.len());
                (request + &response, format!("req-hdr=0, res-hdr={first}, res-body={second}"))
            }
            Method::Reqmod => {
                let request = format!("POST http://mailsensor.invalid{around}{kind}");
                let end = request.len();
                (request, format!("req-hdr=0, req-body={end}"))
            }
        };
        let preview = self.preview.map(|preview| format!("Preview: {preview}\r\n")).unwrap_or_default();
        format!(
            "{method} {url} ICAP/1.0\r\nHost: {host}\r\nUser-Agent: mailsensor\r\nAllow: 204\r\n{preview}\
             Encapsulated: {encapsulated}\r\n\r\n{enclosed}"
        )
    }

    async fn answered(&self, head: Head, is_sent: bool, from: &mut Reading) -> Result<Answered, Trouble> {
        let seen = match head.status {
            204 => Verdict::Clean,
            200 => self.enclosed(&head, from).await?,
            404 => return Err(Trouble::failed(format!("the filter has no service {}", self.url))),
            status => return Err(Trouble::failed(format!("the filter answers {status}"))),
        };
        let verdict = infection(&head).map_or(seen, Verdict::Found);
        let is_open = is_sent && !head.closes();
        Ok(Answered { head, verdict, is_open })
    }

    /// What it sends in place of what was shown to it.
    async fn enclosed(&self, head: &Head, from: &mut Reading) -> Result<Verdict, Trouble> {
        let encapsulated = head.text("encapsulated").unwrap_or_default().to_ascii_lowercase();
        let has = |name: &str| encapsulated.split(',').any(|entry| entry.trim().starts_with(name));
        let status = match has("req-hdr=") || has("res-hdr=") {
            true => from.enclosed_status().await?,
            false => None,
        };
        let octets_max = self.piece.octets.len().saturating_add(ADDED_OCTETS_MAX);
        let digest = match has("req-body=") || has("res-body=") || has("opt-body=") {
            true => Some(from.body(octets_max).await?),
            false => None,
        };
        Ok(match (self.method, status) {
            (Method::Respmod, Some(200)) | (Method::Reqmod, None) => match digest {
                Some(digest) if digest == self.piece.part.sha256 => Verdict::Clean,
                Some(_) | None => Verdict::Modified,
            },
            // A response to our request, or another one than ours.
            (Method::Respmod | Method::Reqmod, Some(status)) => Verdict::Blocked(status.to_string().into()),
            (Method::Respmod, None) => return Err(Trouble::failed("the filter sent back no response")),
        })
    }
}

/// Sends and reads at once: a filter may answer at any time. Whether everything was sent.
async fn converse(
    sending: impl Future<Output = Result<io::Result<()>, Trouble>>,
    reading: impl Future<Output = Result<Head, Trouble>>,
) -> Result<(bool, Head), Trouble> {
    tokio::pin!(sending, reading);
    tokio::select! {
        biased;
        sent = &mut sending => match sent? {
            Ok(()) => Ok((true, reading.await?)),
            // Why it takes no more may be in its answer.
            Err(broken) => match reading.await {
                Ok(head) => Ok((false, head)),
                Err(_) => Err(Trouble::at("the filter took no more", &broken)),
            },
        },
        head = &mut reading => Ok((false, head?)),
    }
}

/// The name of what was found, in the fields that filters use for it
/// (draft-stecher-icap-subid-00 section 3.3, and what came before it).
fn infection(head: &Head) -> Option<Box<str>> {
    if let Some(found) = head.text("x-infection-found") {
        let threat = found.split(';').find_map(|entry| entry.trim().strip_prefix("Threat="));
        return Some(told(threat.filter(|threat| !threat.is_empty()).unwrap_or("infection").as_bytes()));
    }
    let name = head.text("x-virus-id").or_else(|| head.text("x-virus-name"))?;
    // Some say so of what is clean.
    (!name.is_empty() && !name.eq_ignore_ascii_case("none") && !name.eq_ignore_ascii_case("no threats"))
        .then(|| told(name.as_bytes()))
}

impl Rest {
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        match self.ahead.pop_front() {
            Some(chunk) => Ok(Some(chunk)),
            None => self.chunks.next().await,
        }
    }

    /// Sends the first octets. Whether these are all.
    async fn preview(&mut self, line: &mut Line, octets: usize) -> Result<bool, Trouble> {
        let mut left = octets;
        while left > 0
            && let Some(mut chunk) = self.next().await?
        {
            let first = chunk.split_to(left.min(chunk.len()));
            left -= first.len();
            line.write(&framed(&first)).await?;
            if !chunk.is_empty() {
                self.ahead.push_front(chunk);
            }
        }
        let next = self.next().await?;
        let is_all = next.is_none();
        self.ahead.extend(next);
        line.write(if is_all { b"0; ieof\r\n\r\n" } else { b"0\r\n\r\n" }).await?;
        Ok(is_all)
    }

    /// The outer error is about the octets, the inner one about the connection.
    async fn send(mut self, to: &mut (impl AsyncWrite + Unpin)) -> Result<io::Result<()>, Trouble> {
        let mut written = Ok(());
        while let (Ok(()), Some(chunk)) = (&written, self.next().await?) {
            written = to.write_all(&framed(&chunk)).await;
        }
        if written.is_ok() {
            written = to.write_all(b"0\r\n\r\n").await;
        }
        Ok(written)
    }
}

fn framed(chunk: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()
}
