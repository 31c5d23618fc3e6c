//! The server's side of one connection: enough SMTP for a well-behaved client.

use std::io;

use memchr::{memchr, memmem};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::commit::Store;

const COMMAND_OCTETS_MAX: usize = 16 * 1024;
/// One message may take this much memory.
const MESSAGE_OCTETS_MAX: usize = 256 << 20;
/// A buffer begins with this and doubles up to [`GROWTH_OCTETS_MAX`] at a time.
const READ_OCTETS: usize = 8 * 1024;
const GROWTH_OCTETS_MAX: usize = 4 << 20;

const GREETING: &[u8] = b"220 bare.example.org ESMTP\r\n";
const EHLO: &[u8] = b"250-bare.example.org\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n";
const EHLO_WITH_STARTTLS: &[u8] =
    b"250-bare.example.org\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-STARTTLS\r\n250 8BITMIME\r\n";
const GO_AHEAD: &[u8] = b"354 go ahead\r\n";
const OK: &[u8] = b"250 ok\r\n";
const NOT_STORED: &[u8] = b"451 4.3.0 not stored\r\n";
const SYNTAX: &[u8] = b"501 5.5.4 octets expected\r\n";
const START_TLS: &[u8] = b"220 go ahead\r\n";
const NO_TLS: &[u8] = b"502 5.5.1 no TLS\r\n";
const BYE: &[u8] = b"221 bye\r\n";

/// Replies gather in `replies` and leave before the session waits for more input, so a pipelined group is
/// answered in one write.
pub(super) struct Session<S> {
    stream: S,
    store: Option<Store>,
    input: Vec<u8>,
    replies: Vec<u8>,
    /// What BDAT has brought so far.
    chunks: Vec<u8>,
    offers_tls: bool,
}

/// How a session ended.
pub(super) enum End<S> {
    /// The client said QUIT.
    Quit,
    /// The handshake is to be done on this stream.
    StartTls(S),
}

enum Command {
    Ehlo,
    StartTls,
    Data,
    Bdat(Option<Chunk>),
    Quit,
    /// Whatever else a client says is fine.
    Other,
}

struct Chunk {
    octets: usize,
    is_last: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(stream: S, store: Option<Store>, offers_tls: bool) -> Self {
        Self { replies: GREETING.to_vec(), offers_tls, ..Self::secured(stream, store) }
    }

    /// A session that goes on behind a handshake, without a greeting (RFC 3207 section 4.2).
    pub(super) fn secured(stream: S, store: Option<Store>) -> Self {
        let (input, replies, chunks) = (Vec::new(), Vec::new(), Vec::new());
        Self { stream, store, input, replies, chunks, offers_tls: false }
    }

    pub(super) async fn run(mut self) -> io::Result<End<S>> {
        loop {
            match self.command().await? {
                Command::Ehlo if self.offers_tls => self.replies.extend_from_slice(EHLO_WITH_STARTTLS),
                Command::Ehlo => self.replies.extend_from_slice(EHLO),
                Command::StartTls if self.offers_tls => return self.start_tls().await,
                Command::StartTls => self.replies.extend_from_slice(NO_TLS),
                Command::Data => {
                    self.replies.extend_from_slice(GO_AHEAD);
                    let message = self.data().await?;
                    self.store(message).await;
                }
                Command::Bdat(Some(chunk)) => self.bdat(chunk).await?,
                Command::Bdat(None) => self.replies.extend_from_slice(SYNTAX),
                Command::Quit => {
                    self.replies.extend_from_slice(BYE);
                    self.flush().await?;
                    return Ok(End::Quit);
                }
                Command::Other => self.replies.extend_from_slice(OK),
            }
        }
    }

    /// What came behind the command in plaintext would be taken for what came in TLS (CVE-2011-0411).
    async fn start_tls(mut self) -> io::Result<End<S>> {
        self.flush().await?;
        if !self.input.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.replies.extend_from_slice(START_TLS);
        self.flush().await?;
        Ok(End::StartTls(self.stream))
    }

    async fn command(&mut self) -> io::Result<Command> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr(b'\n', self.input.get(searched..).unwrap_or_default()) {
                let end = searched + at + 1;
                let command = Command::parse(&self.input[..end]);
                self.input.drain(..end);
                return Ok(command);
            }
            searched = self.input.len();
            self.read_more(COMMAND_OCTETS_MAX).await?;
        }
    }

    /// The message up to and with the line that ends it, dots still doubled.
    async fn data(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(end) = end_of_data(&self.input, searched) {
                return Ok(self.take(end));
            }
            searched = self.input.len();
            self.read_more(MESSAGE_OCTETS_MAX).await?;
        }
    }

    async fn bdat(&mut self, chunk: Chunk) -> io::Result<()> {
        if chunk.octets > MESSAGE_OCTETS_MAX - self.chunks.len() {
            self.flush().await?;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        while self.input.len() < chunk.octets {
            self.read_more(chunk.octets).await?;
        }
        let octets = self.take(chunk.octets);
        if self.chunks.is_empty() {
            self.chunks = octets;
        } else {
            self.chunks.extend_from_slice(&octets);
        }
        if chunk.is_last {
            let message = std::mem::take(&mut self.chunks);
            self.store(message).await;
        } else {
            self.replies.extend_from_slice(OK);
        }
        Ok(())
    }

    async fn store(&mut self, message: Vec<u8>) {
        let stored = match &self.store {
            Some(store) => store.commit(message).await.is_ok(),
            None => true,
        };
        self.replies.extend_from_slice(if stored { OK } else { NOT_STORED });
    }

    /// Hands the buffer itself over; only what lies behind `end` is copied.
    fn take(&mut self, end: usize) -> Vec<u8> {
        let rest = self.input.split_off(end);
        std::mem::replace(&mut self.input, rest)
    }

    async fn read_more(&mut self, octets_max: usize) -> io::Result<()> {
        self.flush().await?;
        if self.input.len() >= octets_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.input.capacity() - self.input.len() < READ_OCTETS / 2 {
            self.input.reserve(self.input.len().clamp(READ_OCTETS, GROWTH_OCTETS_MAX));
        }
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.replies.is_empty() {
            self.stream.write_all(&self.replies).await?;
            self.replies.clear();
            // TLS may have taken octets that are not on their way yet.
            self.stream.flush().await?;
        }
        Ok(())
    }
}

impl Command {
    fn parse(line: &[u8]) -> Self {
        match line.first_chunk::<4>().map(|verb| verb.to_ascii_uppercase()).as_deref() {
            Some(b"EHLO" | b"HELO") => Self::Ehlo,
            Some(b"STAR") => Self::StartTls,
            Some(b"DATA") => Self::Data,
            Some(b"BDAT") => Self::Bdat(Chunk::parse(line)),
            Some(b"QUIT") => Self::Quit,
            Some(_) | None => Self::Other,
        }
    }
}

impl Chunk {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace().skip(1);
        let octets = words.next()?.parse().ok()?;
        Some(Self { octets, is_last: words.next().is_some() })
    }
}

/// Where the line that ends DATA ends, when nothing was found in the first `searched` octets.
fn end_of_data(input: &[u8], searched: usize) -> Option<usize> {
    const END: &[u8] = b"\r\n.\r\n";
    if input.starts_with(&END[2..]) {
        return Some(END.len() - 2);
    }
    let from = searched.saturating_sub(END.len() - 1);
    memmem::find(&input[from..], END).map(|at| from + at + END.len())
}
