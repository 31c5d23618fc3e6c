//! One client's session, from the greeting to the close.
//!
//! ```text
//!               greet                MAIL?           RCPT?    DATA? BDAT?
//!  Connected ---------> Idle --ask--> Open <--ask--> Open ------ask------> Receiving
//!      |    \            ^ ^                          ^                     |    |
//!      |     \ 554       | |      a chunk, not LAST   +---------------------+    | whole
//!      |      TurnedAway | +-- tls_established -- Securing                       v
//!      |           |     +---------------- answer ------------------------------ask
//!      v           v                                                  (State::Asked: nothing is read)
//!   Closing <------+------- QUIT, 421, a timeout, a limit, shut_down
//! ```
//!
//! The driver owns socket, clock, rules and storage. Its loop: call [`receive`](Session::receive) with what
//! is in its read buffer; drop what was consumed; do what the step says. Everything a session knows by then
//! lives in its state; there is no flag that another state would have to mind.

use std::sync::Arc;
use std::time::Instant;

use sensor_mail::Admission;
use sensor_mail::envelope::{Tls, XClient, XForward};

use crate::lines::LineReader;
use crate::reply::table;
use crate::{CloseReason, Event, Received, Reply, SessionConfig, StartTls, Step};

mod body;
mod commands;
mod extensions;
mod patience;
mod relayed;
mod state;
mod transmit;

use body::{Body, Pace, Progress};
use patience::Patience;
use state::{Question, State};
use transmit::Transmit;

/// How many octets [`receive`](Session::receive) may leave unread when it needs more: the `.` CR that may
/// be the end of a message.
pub const UNREAD_OCTETS_MAX: usize = 2;
/// How many octets of replies wait before no more commands are read. A reply more may stand above it.
pub const TRANSMIT_OCTETS_MAX: usize = 4096;

/// One client's session. An idle one holds the client's name, what is known of its TLS, and no buffer.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    state: State,
    hello: Option<Hello>,
    tls: Option<Box<Tls>>,
    permits: Permits,
    introduced: Option<Box<XClient>>,
    /// For the next transaction.
    forwarded: Option<Box<XForward>>,
    lines: LineReader,
    transmit: Transmit,
    tally: Tally,
    /// Waiting for commands.
    patience: Patience,
    /// Waiting for bodies.
    pace: Pace,
    shut_down: Option<Reply>,
}

/// What a client is trusted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permits {
    /// To say by XCLIENT that it speaks for another client. Others get 550 5.7.0.
    pub xclient: bool,
    /// To say by XFORWARD where it had a message from. Others get 550 5.7.0.
    pub xforward: bool,
}

/// What HELO or EHLO said.
#[derive(Debug)]
struct Hello {
    name: Box<str>,
    extended: bool,
}

/// What is counted against the limits. All but messages begin anew with each message that is taken.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    errors: u32,
    commands: u32,
    messages: u32,
}

impl Session {
    /// A session with a client that just connected. Nothing is read or said before [`greet`](Self::greet)
    /// or [`early_talker`](Self::early_talker).
    #[must_use]
    pub fn new(config: Arc<SessionConfig>) -> Self {
        Self {
            config,
            state: State::Connected,
            hello: None,
            tls: None,
            permits: Permits::default(),
            introduced: None,
            forwarded: None,
            lines: LineReader::default(),
            transmit: Transmit::default(),
            tally: Tally::default(),
            patience: Patience::default(),
            pace: Pace::default(),
            shut_down: None,
        }
    }

    /// Greets the client, or turns it away: 554, then 503 to all but QUIT for a short time; or 421 and
    /// close. Does nothing where the session is closing already.
    ///
    /// # Panics
    /// When the session was greeted before, XCLIENT aside; and when there is no TLS where it is implicit.
    pub fn greet(&mut self, admission: &Admission) {
        if self.is_closing() {
            return;
        }
        assert!(matches!(self.state, State::Connected), "a client is greeted once, not in {:?}", self.state);
        assert!(
            !self.is_tls_implicit() || self.tls.is_some(),
            "nothing is said in clear where TLS is implicit"
        );
        self.patience = Patience::default();
        match Reply::to_client(admission) {
            None => {
                self.state = State::Idle;
                self.say(&table::GREETING);
            }
            Some(refusal) => {
                self.state = State::TurnedAway;
                self.say(&refusal);
            }
        }
    }

    /// Says 421 4.7.0 instead of a greeting: input is there already, looked for without a delay.
    pub fn early_talker(&mut self) {
        self.close_with(&table::EARLY_TALKER, CloseReason::EarlyTalker);
    }

    /// Reads from `input` up to the next event; call until it needs input. Octets that are not consumed
    /// are given again, in front of what arrives next. An empty `input` is fine.
    pub fn receive(&mut self, input: &[u8], now: Instant) -> Received {
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).expect("no more is read than there is");
            let (taken, step) = self.advance(rest, now);
            if let Some(step) = step {
                return Received { consumed: consumed + taken, step: shifted(step, consumed) };
            }
            consumed += taken;
        }
    }

    /// One command line or one piece of a body; no step if there is nothing to tell.
    fn advance(&mut self, input: &[u8], now: Instant) -> (usize, Option<Step>) {
        self.heed_shut_down();
        match &mut self.state {
            State::Connected | State::Asked(_) => (0, Some(Step::Blocked)),
            State::Securing if input.is_empty() => (0, Some(Step::Blocked)),
            State::Securing => {
                // RFC 3207 section 6: whatever came in plaintext behind STARTTLS may be an attacker's.
                self.close(CloseReason::PlaintextBehindStartTls);
                (input.len(), None)
            }
            State::Closing(reason) => (0, Some(Step::Event(Event::Close(*reason)))),
            State::TurnedAway | State::Idle | State::Open(_) if self.transmit.is_full() => {
                self.patience.begin(now);
                (0, Some(Step::Transmit))
            }
            State::TurnedAway | State::Idle | State::Open(_) => self.read_command(input, now),
            State::Receiving(body) => {
                let (taken, progress) = body.read(input, &mut self.pace, now);
                (taken, self.progressed(progress))
            }
        }
    }

    fn progressed(&mut self, progress: Progress) -> Option<Step> {
        match progress {
            Progress::NeedInput => Some(Step::NeedInput),
            Progress::Octets(range) => Some(Step::Event(Event::Body(range))),
            Progress::Dropped => {
                self.stop_hopeless_drain();
                None
            }
            Progress::End => self.end_body().map(Step::Event),
        }
    }

    /// Closes the open question. A positive reply (2yz, 354) admits, any other refuses; 421 also closes
    /// the session. Where the session closed meanwhile, the answer comes too late and is dropped.
    ///
    /// # Panics
    /// When no question is open.
    pub fn answer(&mut self, reply: Reply) {
        if reply.is_positive() { self.grant(reply) } else { self.deny(reply) }
    }

    /// Closes the open question with the usual positive reply.
    ///
    /// # Panics
    /// When no question is open, or the one about a whole message: only [`Reply::queued`] accepts that.
    pub fn admit(&mut self) {
        let State::Asked(question) = &self.state else {
            assert!(self.is_closing(), "no question is open in {:?}", self.state);
            return;
        };
        self.grant(match question {
            Question::Sender(_) => table::SENDER_OK,
            Question::Recipient(_) => table::RECIPIENT_OK,
            Question::Data(_) => table::SEND_BODY,
            Question::Chunk(..) => table::CHUNK_OK,
            Question::Message => panic!("only an id accepts a message"),
        });
    }

    /// [`admit`](Self::admit) or [`answer`](Self::answer), as decided.
    ///
    /// # Panics
    /// As they do.
    pub fn answer_admission(&mut self, admission: &Admission) {
        match Reply::to_admission(admission) {
            None => self.admit(),
            Some(reply) => self.answer(reply),
        }
    }

    fn grant(&mut self, reply: Reply) {
        let Some(question) = self.take_question() else { return };
        self.state = match question {
            Question::Sender(transaction) => State::Open(transaction),
            Question::Recipient(transaction) => State::Open(transaction.with_recipient()),
            Question::Data(transaction) => State::Receiving(Body::data(transaction)),
            Question::Chunk(transaction, chunk) => {
                // Its reply is due when the payload is here.
                self.state = State::Receiving(Body::chunk(transaction, chunk));
                return;
            }
            Question::Message => {
                self.message_taken();
                State::Idle
            }
        };
        self.say(&reply);
    }

    fn deny(&mut self, reply: Reply) {
        let Some(question) = self.take_question() else { return };
        self.state = match question {
            Question::Sender(transaction) => {
                // A transaction that never was takes nothing with it.
                self.forwarded = transaction.forwarded;
                State::Idle
            }
            Question::Data(_) | Question::Message => State::Idle,
            Question::Recipient(transaction) => State::Open(transaction),
            Question::Chunk(_, chunk) => return self.swallow(chunk.octets, reply),
        };
        self.say(&reply);
    }

    fn take_question(&mut self) -> Option<Question> {
        if self.is_closing() {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Asked(question) => Some(question),
            other @ (State::Connected
            | State::TurnedAway
            | State::Idle
            | State::Open(_)
            | State::Receiving(_)
            | State::Securing
            | State::Closing(_)) => panic!("no question is open in {other:?}"),
        }
    }

    fn message_taken(&mut self) {
        self.tally = Tally { messages: self.tally.messages.saturating_add(1), ..Tally::default() };
        self.patience = Patience::default();
        self.pace = Pace::default();
    }

    /// Refuses the body that is arriving, after an [`Event::Body`](crate::Event::Body) and before the next
    /// `receive`. The rest is read and dropped, then the reply is given where the client looks for it; a
    /// 421, and what is too long to read, is given at once and closes.
    ///
    /// # Panics
    /// When no body is arriving, or it was refused before.
    pub fn refuse_body(&mut self, reply: Reply) {
        let State::Receiving(body) = &mut self.state else {
            assert!(self.is_closing(), "no body arrives in {:?}", self.state);
            return;
        };
        body.refuse(reply);
        self.stop_hopeless_drain();
    }

    /// Replies that wait to be transmitted. They leave in one write when a step says so.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.transmit.waiting()
    }

    /// The first `n` octets of [`transmit`](Self::transmit) are sent.
    ///
    /// # Panics
    /// When that is more than wait.
    pub fn sent(&mut self, n: usize) {
        self.transmit.sent(n);
    }

    /// The handshake after [`Event::StartTls`](crate::Event::StartTls) is done, or a channel that is TLS
    /// from its first octet is up. All that the client said before is forgotten (RFC 3207 section 4.2).
    ///
    /// # Panics
    /// When neither is the case.
    pub fn tls_established(&mut self, tls: Tls) {
        match &self.state {
            State::Connected | State::Closing(_) => {}
            State::Securing => self.state = State::Idle,
            other @ (State::TurnedAway
            | State::Idle
            | State::Open(_)
            | State::Asked(_)
            | State::Receiving(_)) => panic!("no TLS is established in {other:?}"),
        }
        self.hello = None;
        self.forwarded = None;
        self.tls = Some(Box::new(tls));
        self.patience = Patience::default();
    }

    /// Ends the session with `reply`, a 421, as soon as no transaction is open: at once, after the answer
    /// to a message or a RSET. Call `receive` afterwards, with no input if there is none.
    pub fn shut_down(&mut self, reply: Reply) {
        self.shut_down = Some(reply);
    }

    fn heed_shut_down(&mut self) {
        match self.state {
            State::Connected | State::TurnedAway | State::Idle => {
                if let Some(reply) = self.shut_down.take() {
                    self.close_with(&reply, CloseReason::ShutDown);
                }
            }
            State::Open(_) | State::Asked(_) | State::Receiving(_) | State::Securing | State::Closing(_) => {}
        }
    }

    /// The connection is gone. `receive` answers with the close from now on.
    pub fn closed(&mut self) {
        self.transmit = Transmit::default();
        self.close(CloseReason::PeerGone);
    }

    /// How many octets of memory the session's buffers take: 0 while it is idle.
    #[must_use]
    pub fn buffer_octets(&self) -> usize {
        self.lines.capacity() + self.transmit.capacity()
    }

    /// The name that the client gave in HELO or EHLO since the session, or TLS, began.
    #[must_use]
    pub fn hello(&self) -> Option<&str> {
        self.hello.as_ref().map(|hello| &*hello.name)
    }

    /// Whether the channel is TLS from its first octet.
    #[must_use]
    pub fn is_tls_implicit(&self) -> bool {
        self.config.starttls == StartTls::Implicit
    }

    /// The TLS session.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_deref()
    }
}

/// A range of the rest of an input, as a range of the input.
fn shifted(step: Step, by: usize) -> Step {
    match step {
        Step::Event(Event::Body(range)) => Step::Event(Event::Body(range.start + by..range.end + by)),
        Step::Event(_) | Step::NeedInput | Step::Transmit | Step::Blocked => step,
    }
}

#[cfg(test)]
mod tests;
