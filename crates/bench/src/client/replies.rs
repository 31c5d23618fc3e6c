//! Replies as they arrive (RFC 5321 section 4.2).

use tokio::io::{AsyncRead, AsyncReadExt};

use super::failure::Failure;

/// The longest line of a reply; a server that sends a longer one is not measured.
const LINE_OCTETS_MAX: usize = 4_096;

/// What was read and not yet taken.
pub(super) struct Replies {
    buffer: Vec<u8>,
    taken: usize,
}

impl Replies {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::with_capacity(LINE_OCTETS_MAX), taken: 0 }
    }

    /// Whether nothing waits that was read and not taken.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.len() == self.taken
    }

    /// The code of the next reply; its other lines are skipped.
    pub(super) async fn next<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<u16, Failure> {
        loop {
            match self.take_line()? {
                Some(Line { code, is_last: true }) => return Ok(code),
                Some(Line { is_last: false, .. }) => {}
                None => self.fill(stream).await?,
            }
        }
    }

    fn take_line(&mut self) -> Result<Option<Line>, Failure> {
        let waiting = self.buffer.get(self.taken..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', waiting) else { return Ok(None) };
        let line = Line::parse(&waiting[..end])?;
        self.taken += end + 1;
        Ok(Some(line))
    }

    async fn fill<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<(), Failure> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        if self.buffer.len() >= LINE_OCTETS_MAX {
            return Err(Failure::NoReply);
        }
        match stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Failure::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Stream(error.kind())),
        }
    }
}

struct Line {
    code: u16,
    is_last: bool,
}

impl Line {
    fn parse(line: &[u8]) -> Result<Self, Failure> {
        let (digits, rest) = line.split_first_chunk::<3>().ok_or(Failure::NoReply)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(Failure::NoReply);
        }
        let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        Ok(Self { code, is_last: rest.first() != Some(&b'-') })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn codes(pieces: &[&[u8]]) -> Vec<Result<u16, Failure>> {
        let mut mock = tokio_pieces(pieces).await;
        let mut replies = Replies::new();
        let mut codes = Vec::new();
        loop {
            let code = replies.next(&mut mock).await;
            codes.push(code);
            if code.is_err() {
                return codes;
            }
        }
    }

    async fn tokio_pieces(pieces: &[&[u8]]) -> tokio::io::DuplexStream {
        use tokio::io::AsyncWriteExt;
        let (mut server, client) = tokio::io::duplex(1 << 20);
        for piece in pieces {
            server.write_all(piece).await.unwrap();
        }
        client
    }

    #[tokio::test]
    async fn replies_are_read_whole_one_at_a_time() {
        for (text, expected) in [
            ("220 ready\r\n", vec![Ok(220)]),
            ("250-a\r\n250-b\r\n250 c\r\n354\r\n", vec![Ok(250), Ok(354)]),
            ("250 a\n550 b\r\n", vec![Ok(250), Ok(550)]),
            ("250-a\r\n", vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().chain([Err(Failure::Closed)]).collect();
            assert_eq!(codes(&[text.as_bytes()]).await, expected, "{text:?}");
            let octets: Vec<_> = text.as_bytes().chunks(1).collect();
            assert_eq!(codes(&octets).await, expected, "{text:?} by octets");
        }
    }

    #[tokio::test]
    async fn what_is_no_reply_ends_the_dialogue() {
        let endless = vec![b'2'; LINE_OCTETS_MAX + 1];
        for text in [&b"25\r\n"[..], b"\r\n", b"2x0 a\r\n", &endless] {
            assert_eq!(codes(&[text]).await, [Err(Failure::NoReply)]);
        }
    }
}
