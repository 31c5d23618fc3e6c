//! One client's connection: socket, clock and questions of a session.
//!
//! ```text
//!        +--> receive --NeedInput--> flush, fill (waits: octets, time, the sensor's phase) --+
//!        |       |                                                                           |
//!        |       +--Event--> rules, transaction, spool --answer--+                           |
//!        +<------------------------------------------------------+<--------------------------+
//! ```
//!
//! Replies leave when there is no more input to answer (RFC 2920 section 3.2). While the spool makes a
//! message durable nothing is read, and no read buffer is held unless there is input in it already.

mod channel;
mod input;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sensor_mail::envelope::{Origin, Recipient, SmtpOrigin, Tls};
use sensor_mail::{Admission, Refusal};
use sensor_policy::{Decision, Treatment};
use sensor_smtp::{CloseReason, EndOfMessage, Event, Mail, Reply, Session, SessionConfig, Step};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::door::{BareNewline, Door, Phase};
use crate::intake::{Accepted, Transaction};
use crate::slots::Slot;
use channel::Channel;
use input::Input;

/// How long a client may take to read our replies.
const WRITE_TIME_MAX: Duration = Duration::from_secs(300);
/// After we closed, how long we go on reading so that the client sees the last reply and not a reset.
const LINGER_TIME_MAX: Duration = Duration::from_secs(2);
/// How much is read and dropped meanwhile.
const LINGER_OCTETS_MAX: usize = 4 << 20;
/// How long a timer sleeps that has nothing to wait for.
const FAR: Duration = Duration::from_secs(3600);

/// Who connected to what.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The client's address.
    pub address: SocketAddr,
    /// Our own address on this connection.
    pub local: SocketAddr,
}

impl Peer {
    fn client(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}

/// Serves one client until either side closes.
pub async fn serve<S>(
    stream: S,
    peer: Peer,
    config: Arc<SessionConfig>,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    phase: watch::Receiver<Phase>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let number = door.next_connection();
    let mut connection = Connection {
        channel: Channel::Plain(stream),
        input: Input::default(),
        session: Session::new(config),
        timer: Box::pin(tokio::time::sleep(FAR)),
        transaction: None,
        peer,
        number,
        tls,
        door,
        phase,
        shut_down: false,
    };
    let ended = connection.drive().await;
    connection.end(ended).await;
}

struct Connection<S> {
    channel: Channel<S>,
    input: Input,
    session: Session,
    timer: Pin<Box<Sleep>>,
    transaction: Option<Transaction>,
    peer: Peer,
    number: u64,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    phase: watch::Receiver<Phase>,
    shut_down: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn drive(&mut self) -> io::Result<CloseReason> {
        let _slot = self.greet();
        loop {
            self.follow_phase();
            let received = self.session.receive(self.input.unread(), Instant::now().into_std());
            let start = self.input.consume(received.consumed);
            match received.step {
                Step::NeedInput => {
                    self.input.release();
                    self.flush().await?;
                    self.fill().await?;
                }
                Step::Transmit => self.flush().await?,
                Step::Blocked => unreachable!("every question is answered before the session goes on"),
                Step::Event(Event::Close(reason)) => return Ok(reason),
                Step::Event(event) => self.handle(event, start).await?,
            }
        }
    }

    /// Greets or turns away. Whoever spoke already does not speak SMTP: looked for without a delay.
    fn greet(&mut self) -> Option<Slot> {
        let client = self.peer.client();
        let (slot, admission) = match self.door.slots.take(client) {
            Ok(slot) => (Some(slot), self.admission_of_client()),
            Err(refusal) => (None, Admission::TryLater(refusal)),
        };
        if admission != Admission::Admit {
            let reason = Reply::to_client(&admission).map(|reply| reply.to_string());
            tracing::info!(conn = self.number, listener = %self.peer.listener, %client, reason, "client refused");
        } else if self.input.has_arrived(&mut self.channel) {
            tracing::info!(conn = self.number, listener = %self.peer.listener, %client, "client spoke first");
            self.session.early_talker();
            return slot;
        }
        self.session.greet(&admission);
        slot
    }

    fn admission_of_client(&self) -> Admission {
        let interfaces = self.door.interfaces.at(Instant::now().into_std());
        let local = self.peer.local.ip();
        self.door.rules.at_connect(self.peer.client(), local, &interfaces).admission
    }

    fn follow_phase(&mut self) {
        if !self.shut_down && *self.phase.borrow() == Phase::Draining {
            self.shut_down = true;
            self.session.shut_down(Reply::from(&Refusal::Draining));
        }
    }

    async fn handle(&mut self, event: Event, start: usize) -> io::Result<()> {
        match event {
            Event::Mail(mail) => self.mail(mail),
            Event::Recipient(recipient) => self.recipient(recipient),
            Event::BodyStart(_) => self.session.admit(),
            Event::Body(range) => self.body(start + range.start..start + range.end).await,
            Event::EndOfMessage(end) => self.end_of_message(end).await,
            Event::Reset => self.abandon(),
            Event::StartTls => {
                self.abandon();
                return self.start_tls().await;
            }
            Event::Close(_) => unreachable!("the loop ends with it"),
        }
        Ok(())
    }

    fn mail(&mut self, mail: Mail) {
        let admission = match self.door.rules.at_mail(mail.size).admission {
            Admission::Admit => match self.door.intake.open(mail.path, mail.parameters) {
                Ok(transaction) => {
                    self.transaction = Some(transaction);
                    Admission::Admit
                }
                Err(refusal) => Admission::TryLater(refusal),
            },
            refused @ (Admission::Refuse(_) | Admission::TryLater(_)) => refused,
        };
        if let Some(reply) = Reply::to_admission(&admission) {
            self.log_refused("MAIL", &reply, None);
        }
        self.session.answer_admission(&admission);
    }

    fn recipient(&mut self, mut recipient: Recipient) {
        let Decision { admission, treatment } = self.door.rules.at_rcpt(&recipient.path);
        match &admission {
            Admission::Admit => {
                recipient.unscanned = treatment == Treatment::Unscanned;
                self.open_transaction().recipient(recipient);
            }
            Admission::Refuse(_) | Admission::TryLater(_) => {
                let to = self.door.addresses.recipients(std::slice::from_ref(&recipient));
                let reply = Reply::to_admission(&admission).map(|reply| reply.to_string());
                tracing::info!(conn = self.number, client = %self.peer.client(), %to, reply, "recipient refused");
            }
        }
        self.session.answer_admission(&admission);
    }

    async fn body(&mut self, range: std::ops::Range<usize>) {
        let transaction =
            self.transaction.as_mut().expect("a session announces a body in a transaction only");
        let octets = self.input.octets(range);
        let total = transaction.octets() + octets.len() as u64;
        let refused = match Reply::to_admission(&self.door.rules.at_body(total).admission) {
            Some(reply) => Some(reply),
            None => transaction.write(octets).await.err().map(|refusal| Reply::from(&refusal)),
        };
        if let Some(reply) = refused {
            let transaction = self.transaction.take();
            self.log_refused("body", &reply, transaction.as_ref());
            self.session.refuse_body(reply);
        }
    }

    async fn end_of_message(&mut self, end: EndOfMessage) {
        self.input.release_if_empty();
        let transaction = self.transaction.take().expect("a session ends messages of a transaction only");
        if self.door.bare_newline == BareNewline::Reject && !end.line_endings.is_canonical() {
            let reply = Reply::from(&Refusal::BareNewline);
            self.log_refused("end of message", &reply, Some(&transaction));
            return self.session.answer(reply);
        }
        let from = self.door.addresses.reverse_path(transaction.reverse_path());
        let to = self.door.addresses.recipients(transaction.recipients()).to_string();
        let origin = self.origin(&end);
        let reply = match self.door.intake.accept(transaction, origin, end.line_endings).await {
            Ok(accepted) => {
                self.log_accepted(&accepted, &from, &to);
                Reply::queued(accepted.id)
            }
            Err(refusal) => {
                let reply = Reply::from(&refusal);
                self.log_refused("commit", &reply, None);
                reply
            }
        };
        self.session.answer(reply);
    }

    fn origin(&self, end: &EndOfMessage) -> Origin {
        Origin::Smtp(SmtpOrigin {
            listener: (&*self.peer.listener).into(),
            connection: self.number,
            client: self.peer.client(),
            port: self.peer.address.port(),
            helo: self.session.hello().map(Into::into),
            protocol: end.protocol,
            tls: self.session.tls().cloned(),
            transfer: end.transfer,
        })
    }

    fn open_transaction(&mut self) -> &mut Transaction {
        self.transaction.as_mut().expect("a session asks for recipients in a transaction only")
    }

    fn abandon(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            let from = self.door.addresses.reverse_path(transaction.reverse_path());
            let to = self.door.addresses.recipients(transaction.recipients());
            let octets = transaction.octets();
            let client = self.peer.client();
            tracing::info!(conn = self.number, %client, %from, %to, octets, "transaction given up by the client");
        }
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        self.flush().await?;
        let acceptor = self.tls.as_ref().expect("STARTTLS is offered only where there is TLS");
        let plain = self.channel.take_plain();
        let limit = self.session.poll_timeout().map_or(FAR, |at| Instant::from_std(at) - Instant::now());
        let stream = match timeout(limit, acceptor.accept(plain)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.log_handshake(error)),
            Err(_) => return Err(self.log_handshake(io::ErrorKind::TimedOut.into())),
        };
        let (_, tls) = stream.get_ref();
        let server_name = tls.server_name().map(Into::into);
        let version = tls.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
        let version = version.replace('_', ".").into();
        let suite = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        // The registry names the suites of TLS 1.3 without the version that rustls puts into theirs.
        let cipher = suite.unwrap_or("unknown").replace("TLS13_", "TLS_").into();
        self.session.tls_established(Tls { version, cipher, server_name });
        self.channel = Channel::Tls(Box::new(stream));
        Ok(())
    }

    /// Sends what waits.
    async fn flush(&mut self) -> io::Result<()> {
        let waiting = self.session.transmit();
        if waiting.is_empty() {
            return Ok(());
        }
        let octets = waiting.len();
        let sent = async {
            self.channel.write_all(waiting).await?;
            self.channel.flush().await
        };
        timeout(WRITE_TIME_MAX, sent).await.map_err(io::Error::from)??;
        self.session.sent(octets);
        Ok(())
    }

    /// Waits for octets, for the time the session gives the client, or for the sensor's next phase.
    async fn fill(&mut self) -> io::Result<()> {
        loop {
            self.set_timer();
            tokio::select! {
                biased;
                read = self.input.fill(&mut self.channel) => {
                    if read? == 0 {
                        self.session.closed();
                    }
                    return Ok(());
                }
                _ = self.phase.changed(), if !self.shut_down => return Ok(()),
                () = self.timer.as_mut() => {
                    let now = Instant::now();
                    if self.session.poll_timeout().is_some_and(|at| at <= now.into_std()) {
                        self.session.handle_timeout(now.into_std());
                        return Ok(());
                    }
                    self.timer.as_mut().reset(now + FAR);
                }
            }
        }
    }

    /// The timer is only ever moved forward when it fires, and back when the session wants it earlier: most
    /// waits end with octets long before, and moving it each time would cost more than it is worth.
    fn set_timer(&mut self) {
        if let Some(at) = self.session.poll_timeout() {
            let at = Instant::from_std(at);
            if at < self.timer.deadline() {
                self.timer.as_mut().reset(at);
            }
        }
    }

    async fn end(&mut self, ended: io::Result<CloseReason>) {
        self.abandon();
        let client = self.peer.client();
        match &ended {
            Ok(reason) => tracing::debug!(conn = self.number, %client, ?reason, "connection closed"),
            Err(error) => tracing::debug!(conn = self.number, %client, %error, "connection lost"),
        }
        if let Ok(reason) = ended {
            let _ = self.flush().await;
            let _ = timeout(LINGER_TIME_MAX, self.channel.close(reason, LINGER_OCTETS_MAX)).await;
        }
    }

    fn log_accepted(&self, accepted: &Accepted, from: &str, to: &str) {
        let Accepted { id, sequence, octets } = accepted;
        let (conn, client, tls) = (self.number, self.peer.client(), self.session.tls().is_some());
        tracing::info!(%id, sequence, octets, from, to, %client, conn, tls, "accepted");
    }

    fn log_refused(&self, at: &str, reply: &Reply, transaction: Option<&Transaction>) {
        let octets = transaction.map(Transaction::octets);
        let from = transaction.map(|open| self.door.addresses.reverse_path(open.reverse_path()));
        let client = self.peer.client();
        tracing::info!(conn = self.number, %client, at, %reply, from, octets, "refused");
    }

    fn log_handshake(&self, error: io::Error) -> io::Error {
        tracing::info!(conn = self.number, client = %self.peer.client(), %error, "TLS handshake failed");
        error
    }
}
