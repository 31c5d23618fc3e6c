//! One client's session, from the greeting to the close.

use std::sync::Arc;
use std::time::Instant;

use sensor_mail::Admission;
use sensor_mail::envelope::Tls;

use crate::{Received, Reply, SessionConfig};

/// How many octets [`receive`](Session::receive) may leave unread when it needs more: the `.` CR that may
/// be the end of a message.
pub const UNREAD_OCTETS_MAX: usize = 2;
/// How many octets of replies wait before no more commands are read. A reply more may stand above it.
pub const TRANSMIT_OCTETS_MAX: usize = 4096;

/// One client's session.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
}

impl Session {
    /// A session with a client that just connected. Nothing is read or said before [`greet`](Self::greet)
    /// or [`early_talker`](Self::early_talker).
    #[must_use]
    pub fn new(config: Arc<SessionConfig>) -> Self {
        Self { config }
    }

    /// Greets the client, or turns it away: 554, then 503 to all but QUIT for a short time; or 421 and
    /// close.
    ///
    /// # Panics
    /// When the session was greeted before.
    pub fn greet(&mut self, _admission: &Admission) {
        unreachable!()
    }

    /// Says 421 4.7.0 instead of a greeting: input is there already, looked for without a delay.
    pub fn early_talker(&mut self) {
        unreachable!()
    }

    /// Reads from `input` up to the next event; call until it needs input. Octets that are not consumed
    /// are given again, in front of what arrives next. An empty `input` is fine.
    pub fn receive(&mut self, _input: &[u8], _now: Instant) -> Received {
        unreachable!()
    }

    /// Closes the open question. A positive reply (2yz, 354) admits, any other refuses; 421 also closes
    /// the session.
    ///
    /// # Panics
    /// When no question is open.
    pub fn answer(&mut self, _reply: Reply) {
        unreachable!()
    }

    /// Closes the open question with the usual positive reply.
    ///
    /// # Panics
    /// When no question is open, or the one about a whole message: only [`Reply::queued`] accepts that.
    pub fn admit(&mut self) {
        unreachable!()
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

    /// Refuses the body that is arriving, after an [`Event::Body`](crate::Event::Body) and before the next
    /// `receive`. The rest is read and dropped, then the reply is given where the client looks for it.
    ///
    /// # Panics
    /// When no body is arriving, or it was refused before.
    pub fn refuse_body(&mut self, _reply: Reply) {
        unreachable!()
    }

    /// Replies that wait to be transmitted. They leave in one write when a step says so.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        unreachable!()
    }

    /// The first `n` octets of [`transmit`](Self::transmit) are sent.
    ///
    /// # Panics
    /// When that is more than wait.
    pub fn sent(&mut self, _n: usize) {
        unreachable!()
    }

    /// The handshake after [`Event::StartTls`](crate::Event::StartTls) is done, or a channel that is TLS
    /// from its first octet is up. All that the client said before is forgotten (RFC 3207 section 4.2).
    ///
    /// # Panics
    /// When neither is the case.
    pub fn tls_established(&mut self, _tls: Tls) {
        unreachable!()
    }

    /// Ends the session with `reply`, a 421, as soon as no transaction is open: at once, after the answer
    /// to a message or a RSET. Call `receive` afterwards, with no input if there is none.
    pub fn shut_down(&mut self, _reply: Reply) {
        unreachable!()
    }

    /// The connection is gone. `receive` answers with the close from now on.
    pub fn closed(&mut self) {
        unreachable!()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless something happens first. `None` while
    /// the client waits for us.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        unreachable!()
    }

    /// Ends the session with 421 4.4.2 if its time is up. Call `receive` afterwards.
    pub fn handle_timeout(&mut self, _now: Instant) {
        unreachable!()
    }

    /// The name that the client gave in HELO or EHLO since the session, or TLS, began.
    #[must_use]
    pub fn hello(&self) -> Option<&str> {
        unreachable!()
    }

    /// The TLS session.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        unreachable!()
    }
}
