//! The client's side of one connection: what the load generator says and hears.

use std::task::Poll;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{meter, tls};

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
        self.say_ehlo().await
    }

    /// TLS from here on (RFC 3207), EHLO said anew.
    pub(crate) async fn start_tls(
        mut self,
        connector: &TlsConnector,
    ) -> Result<Client<TlsStream<S>>, Failure> {
        self.say(Stage::StartTls, "STARTTLS\r\n");
        self.hear().await?;
        if !self.replies.is_empty() {
            return Err(Failure::PlaintextBehindStartTls);
        }
        let name = ServerName::try_from(tls::SERVER_NAME).expect("it is a host name");
        let stream =
            connector.connect(name, self.stream).await.map_err(|error| Failure::Tls(error.kind()))?;
        let mut secured = Client { due: Vec::new(), ..Client::new(stream) };
        secured.say_ehlo().await?;
        Ok(secured)
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

    /// Whether the connection is open and the server has said nothing that was not asked for.
    pub(crate) async fn is_idle(&mut self) -> bool {
        if !self.replies.is_empty() {
            return false;
        }
        let mut octet = [0];
        let mut read = std::pin::pin!(tokio::task::unconstrained(self.stream.read(&mut octet)));
        std::future::poll_fn(|context| Poll::Ready(read.as_mut().poll(context).is_pending())).await
    }

    async fn say_ehlo(&mut self) -> Result<(), Failure> {
        self.say(Stage::Ehlo, "EHLO load.example.net\r\n");
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
        written.map_err(|error| Failure::Stream(error.kind()))?;
        // TLS may have taken octets that are not on their way yet.
        self.stream.flush().await.map_err(|error| Failure::Stream(error.kind()))
    }
}
