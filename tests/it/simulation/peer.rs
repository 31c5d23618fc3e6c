//! A sender with moods: splits its words anywhere, changes its mind, hangs up.

use std::io;
use std::time::Duration;

use sensor_spool::disk::Chance;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::sleep;

use super::ledger::{Outcome, Shared};
use super::node::SIZE_MAX;
use crate::harness::client::stuffed;

pub(super) struct Peer {
    chance: Chance,
    ledger: Shared,
    /// Octets that are said before it hangs up.
    fuse: usize,
}

impl Peer {
    pub(super) fn new(seed: u64, ledger: Shared) -> Self {
        let mut chance = Chance(seed);
        let fuse = if chance.one_in(3) { chance.below(6_000) } else { usize::MAX };
        Self { chance, ledger, fuse }
    }

    /// Sends a few messages; an error is the end of the connection, from whichever side.
    pub(super) async fn converse(mut self, stream: DuplexStream) {
        let _ = self.session(&mut BufReader::new(stream)).await;
    }

    async fn session(&mut self, stream: &mut BufReader<DuplexStream>) -> io::Result<()> {
        if !self.reply(stream).await?.starts_with("220") {
            return Ok(());
        }
        self.command(stream, "EHLO peer.example.com").await?;
        for _ in 0..1 + self.chance.below(5) {
            self.message(stream).await?;
        }
        self.command(stream, "QUIT").await.map(drop)
    }

    async fn message(&mut self, stream: &mut BufReader<DuplexStream>) -> io::Result<()> {
        self.command(stream, "MAIL FROM:<ada@example.com>").await?;
        let first = ["bob@example.com", "bob@lab.example.com", "bob@example.test"][self.chance.below(3)];
        self.command(stream, &format!("RCPT TO:<{first}>")).await?;
        if self.chance.one_in(2) {
            self.command(stream, "RCPT TO:<carol@x.example.com>").await?;
        }
        match self.chance.below(8) {
            0 => self.command(stream, "RSET").await.map(drop),
            1..=4 => self.by_data(stream).await,
            _ => self.by_bdat(stream).await,
        }
    }

    async fn by_data(&mut self, stream: &mut BufReader<DuplexStream>) -> io::Result<()> {
        if !self.command(stream, "DATA").await?.starts_with("354") {
            return Ok(());
        }
        let mut message = self.compose();
        message.extend_from_slice(b"\r\n");
        self.ledger.lock().unwrap().sending(message.clone());
        self.say(stream, &stuffed(&message)).await?;
        let reply = self.reply(stream).await?;
        self.note(&message, &reply);
        Ok(())
    }

    async fn by_bdat(&mut self, stream: &mut BufReader<DuplexStream>) -> io::Result<()> {
        let message = self.compose();
        self.ledger.lock().unwrap().sending(message.clone());
        let mut rest = &message[..];
        loop {
            let (chunk, behind) = rest.split_at(self.chance.below(rest.len() + 1).max(rest.len().min(400)));
            rest = behind;
            let last = if rest.is_empty() { " LAST" } else { "" };
            let mut words = format!("BDAT {}{last}\r\n", chunk.len()).into_bytes();
            words.extend_from_slice(chunk);
            self.say(stream, &words).await?;
            let reply = self.reply(stream).await?;
            if rest.is_empty() || !reply.starts_with("250") {
                self.note(&message, &reply);
                return Ok(());
            }
        }
    }

    /// A message of its own bytes, with dots and stray line ends.
    fn compose(&mut self) -> Vec<u8> {
        const PIECES: [&[u8]; 8] = [b"word", b" ", b"\r\n", b"\r\n.", b".", b"\r", b"\n", b"\0"];
        let number = self.ledger.lock().unwrap().next_number();
        let mut message = format!("Subject: {number}\r\n\r\n").into_bytes();
        for _ in 0..self.chance.below(200) {
            message.extend_from_slice(PIECES[self.chance.below(PIECES.len())]);
        }
        match self.chance.below(40) {
            0 => message.resize(usize::try_from(SIZE_MAX).unwrap() + 10, b'x'),
            1..=4 => message.resize(message.len() + self.chance.below(90_000), b'y'),
            _ => {}
        }
        message
    }

    fn note(&self, message: &[u8], reply: &str) {
        let outcome = match reply.strip_prefix("250 2.0.0 queued as ") {
            Some(id) => Outcome::Acknowledged(id.to_owned()),
            None => Outcome::Refused(reply.to_owned()),
        };
        self.ledger.lock().unwrap().answered(message, outcome);
    }

    async fn command(&mut self, stream: &mut BufReader<DuplexStream>, line: &str) -> io::Result<String> {
        self.say(stream, format!("{line}\r\n").as_bytes()).await?;
        self.reply(stream).await
    }

    /// Says something in pieces; hangs up where the fuse ends.
    async fn say(&mut self, stream: &mut BufReader<DuplexStream>, mut words: &[u8]) -> io::Result<()> {
        while !words.is_empty() {
            let piece = if self.chance.one_in(3) { 1 + self.chance.below(words.len()) } else { words.len() };
            let piece = piece.min(self.fuse);
            if piece == 0 {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            stream.get_mut().write_all(&words[..piece]).await?;
            self.fuse -= piece;
            words = &words[piece..];
            if self.chance.one_in(4) {
                sleep(Duration::from_millis(self.chance.draw() % 50)).await;
            }
        }
        Ok(())
    }

    async fn reply(&mut self, stream: &mut BufReader<DuplexStream>) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            self.ledger.lock().unwrap().heard(line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.to_owned());
            }
        }
    }
}
