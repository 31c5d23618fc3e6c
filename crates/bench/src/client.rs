//! The client's side of one connection: what the load generator says and hears.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::meter;

mod dial;
mod failure;
mod payload;
mod replies;

pub use dial::Target;
pub(crate) use failure::Failure;
use failure::Stage;
pub(crate) use payload::Payload;
use payload::id_line;
use replies::Replies;

/// A message up to this length is copied behind what is to be written before it, so that both leave in one
/// write; a longer one is written from where it stands.
const COPY_OCTETS_MAX: usize = 32 * 1024;

/// How messages are sent.
#[derive(Clone, Debug, clap::Args)]
pub struct Manner {
    /// Commands are sent without waiting for replies, where RFC 2920 allows it.
    #[arg(long)]
    pub pipelining: bool,
    /// The message goes by one BDAT LAST (RFC 3030) instead of DATA.
    #[arg(long)]
    pub chunking: bool,
    /// The reverse path.
    #[arg(long, default_value = "load@example.net")]
    pub from: String,
    /// The forward path.
    #[arg(long, default_value = "sink@example.org")]
    pub to: String,
}

/// Commands gather in `unsent` and their replies in `due` until they are heard.
pub(crate) struct Client<S> {
    stream: S,
    replies: Replies,
    unsent: Vec<u8>,
    due: Vec<Stage>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, replies: Replies::new(), unsent: Vec::new(), due: vec![Stage::Greeting] }
    }

    pub(crate) async fn hello(&mut self) -> Result<(), Failure> {
        self.hear().await?;
        self.say(Stage::Ehlo, "EHLO load.example.net\r\n");
        self.hear().await
    }

    /// Sends one message. Returns how long the final reply took from the last octet on.
    pub(crate) async fn transaction(
        &mut self,
        manner: &Manner,
        payload: &Payload,
        number: u64,
    ) -> Result<Duration, Failure> {
        self.say(Stage::Mail, &format!("MAIL FROM:<{}>\r\n", manner.from));
        self.hear_unless(manner.pipelining).await?;
        self.say(Stage::Rcpt, &format!("RCPT TO:<{}>\r\n", manner.to));
        self.hear_unless(manner.pipelining).await?;
        if manner.chunking {
            self.send_chunk(payload, number).await?;
        } else {
            self.send_data(payload, number).await?;
        }
        self.due.push(Stage::Final);
        let sent = meter::now();
        self.hear().await?;
        Ok(sent.elapsed())
    }

    pub(crate) async fn quit(&mut self) -> Result<(), Failure> {
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

    async fn hear_unless(&mut self, pipelining: bool) -> Result<(), Failure> {
        if pipelining { Ok(()) } else { self.hear().await }
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
