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

mod account;
mod background;
mod channel;
mod handshake;
mod identity;
mod input;
mod opening;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use sensor_mail::envelope::Recipient;
use sensor_mail::{Admission, Refusal};
use sensor_policy::{Decision, Treatment};
use sensor_smtp::{CloseReason, EndOfMessage, Event, Mail, Reply, Session, SessionConfig, Step};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::alarm::Alarm;
use crate::door::{Door, Live, Phase};
use crate::intake::{NotAccepted, Transaction};
use crate::reception::Reception;
use crate::slots::Slot;
use channel::Channel;
use identity::Relation;
use input::Input;

/// How long a client may take to read our replies.
const WRITE_TIME_MAX: Duration = Duration::from_secs(300);
/// After we closed, how long we go on reading so that the client sees the last reply and not a reset.
const LINGER_TIME_MAX: Duration = Duration::from_secs(2);
/// How much is read and dropped meanwhile.
const LINGER_OCTETS_MAX: usize = 4 << 20;

/// Who connected to what.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The listener's name.
    pub listener: Arc<str>,
    /// How the listener receives those who connect.
    pub reception: Arc<Reception>,
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
///
/// # Cancel safety
/// Dropped, the connection is cut. A message whose end has come may still become durable, without its
/// sender knowing; any other never was.
pub fn serve<S>(
    stream: S,
    peer: Peer,
    config: Arc<SessionConfig>,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    phase: watch::Receiver<Phase>,
) -> impl Future<Output = ()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection {
        channel: Channel::Plain(stream),
        input: Input::default(),
        session: Session::new(config),
        alarm: Alarm::default(),
        transaction: None,
        number: door.next_connection(),
        peer,
        relation: None,
        tls,
        door,
        phase,
        shut_down: false,
        slot: None,
    };
    // Made outside and borrowed inside: else the task would have room for it twice.
    async move {
        let ended = connection.drive().await;
        connection.end(ended).await;
    }
}

struct Connection<S> {
    channel: Channel<S>,
    input: Input,
    session: Session,
    alarm: Alarm,
    transaction: Option<Box<Admitted>>,
    /// With the address of the client that is spoken for, where somebody may speak for others.
    peer: Peer,
    relation: Option<Box<Relation>>,
    number: u64,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    phase: watch::Receiver<Phase>,
    shut_down: bool,
    /// Held to the very end: a client that does not take our last reply costs what any client costs.
    slot: Option<Slot>,
}

/// A message that is coming in.
struct Admitted {
    message: Transaction,
    /// What held when its MAIL was admitted: the message is held to that.
    live: Arc<Live>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn drive(&mut self) -> io::Result<CloseReason> {
        if self.something_comes_first() {
            // Boxed, as the end of a message is: other connections have no room for it.
            Box::pin(self.open()).await?;
        } else {
            self.greet()?;
        }
        // Read again behind each wait: it does not move in between.
        let mut now = Instant::now();
        loop {
            self.follow_phase();
            let received = self.session.receive(self.input.unread(), now.into_std());
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
                Step::Event(event) => {
                    let takes_time = takes_time(&event);
                    self.handle(event, start).await?;
                    if !takes_time {
                        continue;
                    }
                }
            }
            now = Instant::now();
        }
    }

    /// Greets or turns away. Whoever spoke already does not speak SMTP: looked for without a delay.
    fn greet(&mut self) -> io::Result<()> {
        let admission = self.admission()?;
        if admission != Admission::Admit {
            self.log_turned_away(&admission);
        } else if !self.input.unread().is_empty() || self.input.has_arrived(&mut self.channel) {
            self.log_early_talker();
            self.session.early_talker();
            return Ok(());
        }
        self.session.permit(self.permits());
        self.session.greet(&admission);
        Ok(())
    }

    /// Whether the client may come in, with a slot for it.
    fn admission(&mut self) -> io::Result<Admission> {
        // What it held as somebody else, or as nobody, is not counted twice.
        self.slot = None;
        match self.door.take_slot(self.peer.client()) {
            Ok(slot) => {
                self.slot = Some(slot);
                Ok(self.admission_of_client())
            }
            Err(refusal) => self.admission_without_slot(refusal),
        }
    }

    /// There is no slot for the client. A few at a time are told so; who comes besides is dropped at once.
    fn admission_without_slot(&mut self, refusal: Refusal) -> io::Result<Admission> {
        self.slot = self.door.slots.take_turned_away();
        if self.slot.is_none() {
            return Err(io::Error::other("as many clients as may be are being turned away"));
        }
        Ok(Admission::TryLater(refusal))
    }

    /// Where nobody is left who could say that the sensor goes down, it does.
    fn follow_phase(&mut self) {
        if !self.shut_down && (*self.phase.borrow() == Phase::Draining || self.phase.has_changed().is_err()) {
            self.shut_down = true;
            self.session.shut_down(Reply::from(&self.door.farewell()));
        }
    }

    async fn handle(&mut self, event: Event, start: usize) -> io::Result<()> {
        match event {
            Event::Mail(mail) => self.mail(mail),
            Event::Recipient(recipient) => self.recipient(recipient),
            Event::BodyStart(_) => self.session.admit(),
            Event::Body(range) => self.body(start + range.start..start + range.end).await,
            // Boxed, as the handshake is: else every idle connection has the room that it takes.
            Event::EndOfMessage(end) => return Box::pin(self.end_of_message(end)).await,
            Event::Refused(refusal) => self.door.count(&refusal),
            Event::Reset => self.abandon("the client began anew"),
            Event::Introduced => self.introduced()?,
            Event::StartTls => {
                self.abandon("the client began anew");
                Box::pin(self.start_tls()).await?;
            }
            Event::Close(_) => unreachable!("the loop ends with it"),
        }
        Ok(())
    }

    fn mail(&mut self, mail: Mail) {
        let live = self.door.live();
        let admission = match self.admission_of_mail(&live, mail.size) {
            Admission::Admit => match self.door.intake.open(mail.path.clone(), mail.parameters) {
                Ok(mut message) => {
                    message.set_aside(self.background_octets_max());
                    self.transaction = Some(Box::new(Admitted { message, live }));
                    Admission::Admit
                }
                Err(refusal) => self.later(refusal),
            },
            refused @ (Admission::Refuse(_) | Admission::TryLater(_)) => refused,
        };
        if let Some(reply) = Reply::to_admission(&admission) {
            self.log_refused("MAIL", &reply, &self.people(&mail.path, &[]), None);
        }
        self.session.answer_admission(&admission);
    }

    fn recipient(&mut self, mut recipient: Recipient) {
        let Decision { admission, treatment, .. } = self.door.at_rcpt(&recipient.path);
        let admission = match admission {
            Admission::Admit => {
                recipient.unscanned = treatment == Treatment::Unscanned;
                let added = self.open_transaction().recipient(recipient);
                added.map_or_else(|refusal| self.later(refusal), |()| Admission::Admit)
            }
            refused @ (Admission::Refuse(_) | Admission::TryLater(_)) => {
                self.log_recipient_refused(&recipient, &refused);
                refused
            }
        };
        self.session.answer_admission(&admission);
    }

    async fn body(&mut self, range: std::ops::Range<usize>) {
        let Admitted { message, live } =
            self.transaction.as_deref_mut().expect("a session announces a body in a transaction only");
        let octets = self.input.octets(range);
        let total = message.octets() + octets.len() as u64;
        let refused = match Reply::to_admission(&self.door.at_body(live, total)) {
            Some(reply) => Some(reply),
            None => {
                let written = message.write(octets).await.inspect_err(|refusal| self.door.count(refusal));
                written.err().map(|refusal| Reply::from(&refusal))
            }
        };
        if let Some(reply) = refused {
            self.log_body_refused(&reply);
            self.transaction = None;
            self.session.refuse_body(reply);
        }
    }

    async fn end_of_message(&mut self, end: EndOfMessage) -> io::Result<()> {
        self.input.park();
        let transaction = self.transaction.take().expect("a session ends messages of a transaction only");
        let Admitted { message, live } = *transaction;
        let people = self.people(message.reverse_path(), message.recipients());
        let octets = message.octets();
        let line_endings = end.line_endings;
        let admission =
            if line_endings.is_canonical() { Admission::Admit } else { self.door.at_bare_newline(&live) };
        drop(live);
        if let Some(reply) = Reply::to_admission(&admission) {
            self.log_refused("end of message", &reply, &people, Some(octets));
            self.session.answer(reply);
            return Ok(());
        }
        let origin = self.origin(end);
        let reply = match self.door.intake.accept(message, origin, line_endings, &mut self.alarm).await {
            Ok(accepted) => {
                self.log_accepted(&accepted, &people);
                Reply::queued(accepted.id)
            }
            Err(NotAccepted::Refused(refusal)) => {
                self.door.count(&refusal);
                let reply = Reply::from(&refusal);
                self.log_refused("end of message", &reply, &people, Some(octets));
                reply
            }
            Err(NotAccepted::Unknown) => {
                return Err(io::Error::other("the spool ended before it knew about the message"));
            }
        };
        self.session.answer(reply);
        Ok(())
    }

    fn open_transaction(&mut self) -> &mut Transaction {
        let open = self.transaction.as_mut().expect("a session asks for recipients in a transaction only");
        &mut open.message
    }

    fn later(&self, refusal: Refusal) -> Admission {
        self.door.count(&refusal);
        Admission::TryLater(refusal)
    }

    /// Sends what waits.
    async fn flush(&mut self) -> io::Result<()> {
        let waiting = self.session.transmit();
        if waiting.is_empty() {
            return Ok(());
        }
        let octets = waiting.len();
        let mut sent = pin!(async {
            self.channel.write_all(waiting).await?;
            self.channel.flush().await
        });
        // Nearly every reply fits the socket's buffer: only one that waits is worth a timer.
        match poll_fn(|context| Poll::Ready(sent.as_mut().poll(context))).await {
            Poll::Ready(sent) => sent?,
            Poll::Pending => timeout(WRITE_TIME_MAX, sent).await.map_err(io::Error::from)??,
        }
        self.session.sent(octets);
        Ok(())
    }

    /// Waits for octets, for the time the session gives the client, or for the sensor's next phase.
    async fn fill(&mut self) -> io::Result<()> {
        let limit = self.session.poll_timeout().map(Instant::from_std);
        tokio::select! {
            biased;
            read = self.input.fill(&mut self.channel) => {
                if read? == 0 {
                    self.session.closed();
                }
            }
            _ = self.phase.changed(), if !self.shut_down => {}
            () = rings(&mut self.alarm, limit) => self.session.handle_timeout(Instant::now().into_std()),
        }
        Ok(())
    }

    async fn end(&mut self, ended: io::Result<CloseReason>) {
        self.input = Input::default();
        self.log_end(&ended);
        if let Ok(reason) = ended {
            self.door.count_end(reason);
            let _ = self.flush().await;
            let _ = timeout(LINGER_TIME_MAX, self.channel.close(reason, LINGER_OCTETS_MAX)).await;
        }
    }
}

/// Whether the handling of an event may wait, so that the clock is read again behind it.
fn takes_time(event: &Event) -> bool {
    match event {
        Event::Body(_) | Event::EndOfMessage(_) | Event::Introduced | Event::StartTls | Event::Close(_) => {
            true
        }
        Event::Mail(_) | Event::Recipient(_) | Event::BodyStart(_) | Event::Refused(_) | Event::Reset => {
            false
        }
    }
}

async fn rings(alarm: &mut Alarm, at: Option<Instant>) {
    match at {
        Some(at) => alarm.rings(at).await,
        None => std::future::pending().await,
    }
}
