//! The client's side of one connection.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::Options;
use super::failure::{Failure, Stage};
use super::payload::{Payload, id_line};
use super::replies::Replies;
use crate::meter;

/// A message up to this length is copied behind what is to be written before it, so that both leave in one
/// write; a longer one is written from where it stands.
const COPY_OCTETS_MAX: usize = 32 * 1024;

/// Commands gather in `unsent` and their replies in `due` until they are heard.
pub(super) struct Client<S> {
    stream: S,
    replies: Replies,
    unsent: Vec<u8>,
    due: Vec<Stage>,
    pipelining: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) fn new(stream: S, pipelining: bool) -> Self {
        Self { stream, replies: Replies::new(), unsent: Vec::new(), due: vec![Stage::Greeting], pipelining }
    }

    pub(super) async fn hello(&mut self) -> Result<(), Failure> {
        self.hear().await?;
        self.say(Stage::Ehlo, "EHLO load.example.net\r\n");
        self.hear().await
    }

    /// Sends one message. Returns how long the final reply took from the last octet on.
    pub(super) async fn transaction(
        &mut self,
        options: &Options,
        payload: &Payload,
        number: u64,
    ) -> Result<Duration, Failure> {
        self.say(Stage::Mail, &format!("MAIL FROM:<{}>\r\n", options.from));
        self.hear_unless_pipelining().await?;
        self.say(Stage::Rcpt, &format!("RCPT TO:<{}>\r\n", options.to));
        self.hear_unless_pipelining().await?;
        if options.chunking {
            self.send_chunk(payload, number).await?;
        } else {
            self.send_data(payload, number).await?;
        }
        self.due.push(Stage::Final);
        let sent = meter::now();
        self.hear().await?;
        Ok(sent.elapsed())
    }

    pub(super) async fn quit(&mut self) -> Result<(), Failure> {
        self.say(Stage::Quit, "QUIT\r\n");
        self.hear().await
    }

    async fn send_data(&mut self, payload: &Payload, number: u64) -> Result<(), Failure> {
        self.say(Stage::Data, "DATA\r\n");
        self.hear().await?;
        self.append(payload, number).await?;
        self.unsent.extend_from_slice(b".\r\n");
        self.flush().await
    }

    async fn send_chunk(&mut self, payload: &Payload, number: u64) -> Result<(), Failure> {
        self.unsent.extend_from_slice(format!("BDAT {} LAST\r\n", payload.octets()).as_bytes());
        self.append(payload, number).await?;
        self.flush().await
    }

    async fn append(&mut self, payload: &Payload, number: u64) -> Result<(), Failure> {
        self.unsent.extend_from_slice(id_line(number).as_bytes());
        if payload.rest().len() <= COPY_OCTETS_MAX {
            self.unsent.extend_from_slice(payload.rest());
            return Ok(());
        }
        self.flush().await?;
        self.stream.write_all(payload.rest()).await.map_err(|error| Failure::Stream(error.kind()))
    }

    fn say(&mut self, stage: Stage, command: &str) {
        self.unsent.extend_from_slice(command.as_bytes());
        self.due.push(stage);
    }

    async fn hear_unless_pipelining(&mut self) -> Result<(), Failure> {
        if self.pipelining { Ok(()) } else { self.hear().await }
    }

    /// Sends what is unsent and reads every reply that is due.
    async fn hear(&mut self) -> Result<(), Failure> {
        self.flush().await?;
        for stage in self.due.drain(..) {
            let code = self.replies.next(&mut self.stream).await?;
            if code != stage.success() {
                return Err(Failure::Refused { stage, code });
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let written = self.stream.write_all(&self.unsent).await;
        self.unsent.clear();
        written.map_err(|error| Failure::Stream(error.kind()))
    }
}
