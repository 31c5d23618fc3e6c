//! A driver without a socket: what surrounds a session in dialogues and under the fuzzer.
//!
//! It also minds the order of events: an event that does not fit what came before is our own mistake, and
//! panics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sensor_mail::envelope::{Recipient, Tls};
use sensor_mail::{Admission, DomainRef, ForwardPath, MailIds, NodeId, Refusal};

use crate::{
    BodyStart, CloseReason, EndOfMessage, Event, LINE_OCTETS_MAX, Mail, Received, Reply, Session, StartTls,
    Step, TRANSMIT_OCTETS_MAX, UNREAD_OCTETS_MAX,
};

use super::{Kept, Scene, account};

/// More than the longest reply: EHLO.
const REPLY_OCTETS_MAX: usize = 1024;

pub(super) struct Driver<'a> {
    scene: &'a Scene,
    session: Session,
    now: Instant,
    unread: Vec<u8>,
    transaction: Option<Transaction>,
    /// Between STARTTLS and the end of the handshake.
    securing: bool,
    ids: MailIds,
    heard: Vec<u8>,
    pub(super) kept: Vec<Kept>,
    pub(super) end: Option<CloseReason>,
}

struct Transaction {
    mail: Mail,
    recipients: Vec<Recipient>,
    body: Option<Vec<u8>>,
}

impl<'a> Driver<'a> {
    /// A session that just connected.
    pub(super) fn new(scene: &'a Scene) -> Self {
        let mut session = Session::new(Arc::new(scene.config.clone()));
        session.permit(scene.permits);
        if scene.config.starttls == StartTls::Implicit {
            session.tls_established(tls());
        }
        let ids = MailIds::new(NodeId::default(), 0);
        Self {
            scene,
            session,
            now: some_instant(),
            unread: Vec::new(),
            transaction: None,
            securing: false,
            ids,
            heard: Vec::new(),
            kept: Vec::new(),
            end: None,
        }
    }

    pub(super) fn greet(&mut self) {
        self.session.greet(&self.scene.client);
        self.turn();
    }

    pub(super) fn early_talker(&mut self) {
        self.session.early_talker();
        self.turn();
    }

    pub(super) fn feed(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
        self.turn();
    }

    pub(super) fn handshake(&mut self) {
        self.securing = false;
        self.session.tls_established(tls());
        self.turn();
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.turn();
    }

    pub(super) fn gone(&mut self) {
        self.session.closed();
        self.turn();
    }

    pub(super) fn shut_down(&mut self) {
        self.session.shut_down(Reply::from(&Refusal::Draining));
        self.turn();
    }

    /// What the server has said since the last time.
    pub(super) fn heard(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.heard)
    }

    fn turn(&mut self) {
        while self.end.is_none() {
            let Received { consumed, step } = self.session.receive(&self.unread, self.now);
            let unread = self.unread.split_off(consumed);
            let input = std::mem::replace(&mut self.unread, unread);
            match step {
                Step::Event(event) => self.event(event, &input),
                Step::Transmit => self.transmit(),
                Step::Blocked => return self.transmit(),
                Step::NeedInput => {
                    assert!(self.unread.len() <= UNREAD_OCTETS_MAX, "the input is used up");
                    self.transmit();
                    assert!(
                        self.session.buffer_octets() <= 2 * LINE_OCTETS_MAX,
                        "only a line's start is held"
                    );
                    return;
                }
            }
        }
    }

    /// Sends all that waits, in two writes, as a socket may.
    fn transmit(&mut self) {
        for _ in 0..2 {
            let waiting = self.session.transmit();
            assert!(waiting.len() <= TRANSMIT_OCTETS_MAX + REPLY_OCTETS_MAX, "replies do not pile up");
            let n = waiting.len().div_ceil(2).max(waiting.len().min(9));
            self.heard.extend_from_slice(&waiting[..n]);
            self.session.sent(n);
        }
        let rest = self.session.transmit().to_vec();
        self.heard.extend_from_slice(&rest);
        self.session.sent(rest.len());
    }

    fn event(&mut self, event: Event, input: &[u8]) {
        assert!(!self.securing || matches!(event, Event::Close(_)), "plaintext behind STARTTLS is run");
        match event {
            Event::Mail(mail) => self.mail(mail),
            Event::Recipient(recipient) => self.recipient(recipient),
            Event::BodyStart(start) => self.start(start),
            Event::Body(range) => self.body(&input[range]),
            Event::EndOfMessage(end) => self.end_of_message(&end),
            Event::Refused(refusal) => self.refused(&refusal),
            Event::Reset => assert!(self.transaction.take().is_some(), "only what is open is reset"),
            Event::Introduced => self.introduced(),
            Event::StartTls => {
                self.securing = true;
                self.transaction = None;
                self.transmit();
            }
            Event::Close(reason) => {
                self.transmit();
                self.end = Some(reason);
            }
        }
    }

    fn mail(&mut self, mail: Mail) {
        assert!(self.transaction.is_none(), "MAIL opens one transaction at a time");
        let answer = self.size_admission(mail.size.unwrap_or(0)).unwrap_or(self.scene.sender.clone());
        if answer == Admission::Admit {
            self.transaction = Some(Transaction { mail, recipients: Vec::new(), body: None });
        }
        self.session.answer_admission(&answer);
    }

    fn introduced(&mut self) {
        assert!(self.transaction.is_none(), "a client is introduced between transactions");
        assert_eq!(self.session.hello(), None, "another client's name is forgotten");
        let said = self.session.introduced().expect("it was introduced");
        let rule = self.scene.addresses.iter().find(|(address, _)| said.address == Some(*address));
        let answer = rule.map_or(Admission::Admit, |(_, answer)| answer.clone());
        self.session.greet(&answer);
    }

    fn size_admission(&self, octets: u64) -> Option<Admission> {
        let limit = self.scene.config.size_max?.get();
        (octets > limit).then_some(Admission::Refuse(Refusal::MessageSize { limit }))
    }

    fn recipient(&mut self, recipient: Recipient) {
        let transaction = self.transaction.as_mut().expect("RCPT comes behind MAIL");
        assert!(transaction.body.is_none(), "RCPT comes before the body");
        let domain = match &recipient.path {
            ForwardPath::Postmaster => "",
            ForwardPath::Mailbox(mailbox) => match mailbox.domain() {
                DomainRef::Name(name) | DomainRef::Literal(name) => name,
            },
        };
        let rule = self.scene.recipients.iter().find(|(covered, _)| covered.eq_ignore_ascii_case(domain));
        let answer = rule.map_or(Admission::Admit, |(_, answer)| answer.clone());
        if answer == Admission::Admit {
            transaction.recipients.push(recipient);
        }
        self.session.answer_admission(&answer);
    }

    /// Only these two a session refuses by itself.
    fn refused(&mut self, refusal: &Refusal) {
        if let Refusal::Recipients { limit } = refusal {
            let transaction = self.transaction.as_ref().expect("RCPT comes behind MAIL");
            let recipients = u32::try_from(transaction.recipients.len()).expect("it fits");
            assert_eq!(recipients, *limit, "as many as may be are there");
        } else {
            assert_eq!(*refusal, Refusal::TlsRequired);
            assert!(self.session.tls().is_none() && self.transaction.is_none(), "there is TLS");
        }
    }

    fn start(&mut self, start: BodyStart) {
        let transaction = self.transaction.as_mut().expect("a body comes behind MAIL");
        assert!(!transaction.recipients.is_empty(), "a body comes behind RCPT");
        assert!(transaction.body.is_none(), "a message begins once");
        transaction.body = Some(Vec::new());
        let octets = match start {
            BodyStart::Data => 0,
            BodyStart::Chunk { octets, .. } => octets,
        };
        let answer = self.size_admission(octets).unwrap_or(self.scene.start.clone());
        if answer != Admission::Admit {
            self.transaction = None;
        }
        self.session.answer_admission(&answer);
    }

    fn body(&mut self, octets: &[u8]) {
        assert!(!octets.is_empty(), "a piece holds something");
        let transaction = self.transaction.as_mut().expect("a body lies in a transaction");
        let body = transaction.body.as_mut().expect("a body has a start");
        body.extend_from_slice(octets);
        let length = u64::try_from(body.len()).expect("it fits");
        if let Some(Admission::Refuse(refusal)) = self.size_admission(length) {
            self.transaction = None;
            self.session.refuse_body(Reply::from(&refusal));
        }
    }

    fn end_of_message(&mut self, end: &EndOfMessage) {
        let Transaction { mail, recipients, body } = self.transaction.take().expect("a message is open");
        let octets = body.expect("a message has a start");
        if self.scene.message != Admission::Admit {
            return self.session.answer_admission(&self.scene.message);
        }
        if self.scene.refuses_bare_newlines && !end.line_endings.is_canonical() {
            return self.session.answer(Reply::from(&Refusal::BareNewline));
        }
        let account = account(&mail, &recipients, end, self.session.introduced());
        self.kept.push(Kept { account, octets });
        self.session.answer(Reply::queued(self.ids.next(0)));
    }
}

fn tls() -> Tls {
    Tls { version: "TLSv1.3".into(), cipher: "TLS_AES_128_GCM_SHA256".into(), ..Tls::default() }
}

/// The clock of a test starts anywhere and goes on as the test says.
#[expect(
    clippy::disallowed_methods,
    reason = "an instant cannot be made otherwise; this one is only counted from"
)]
pub(crate) fn some_instant() -> Instant {
    Instant::now()
}
