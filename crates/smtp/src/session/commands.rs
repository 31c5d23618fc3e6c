//! What each command does, and the two ways a session ends.

use std::time::Instant;

use sensor_mail::Refusal;
use sensor_mail::envelope::{Protocol, Recipient};

use crate::command::{Chunk, Command, Verb, printable};
use crate::lines::{LINE_OCTETS_MAX, Line, LineReader};
use crate::reply::table;
use crate::{BodyStart, BodyType, CloseReason, EndOfMessage, Event, Mail, Reply, StartTls, Step};

use super::body::{Body, Fate};
use super::state::{Question, Stage, State, Transaction};
use super::{Hello, Session};

/// A client that was turned away needs no longer line than `QUIT` CRLF; a longer one is not held.
const TURNED_AWAY_LINE_OCTETS_MAX: usize = 6;

impl Session {
    /// Reads a command line; no step if there is nothing to tell.
    pub(super) fn read_command(&mut self, input: &[u8], now: Instant) -> (usize, Option<Step>) {
        let turned_away = matches!(self.state, State::TurnedAway);
        let octets_max = if turned_away { TURNED_AWAY_LINE_OCTETS_MAX } else { LINE_OCTETS_MAX };
        let (taken, line) = self.lines.read(input, octets_max);
        if line == Line::Incomplete {
            self.patience.begin(now);
            return (taken, Some(Step::NeedInput));
        }
        if !turned_away {
            self.patience.end(now);
        }
        let is_last = taken == input.len();
        let event = if self.count_command() { self.line(&line, is_last) } else { None };
        if matches!(self.state, State::Securing) {
            self.patience.begin(now);
        }
        (taken, event.map(Step::Event))
    }

    fn count_command(&mut self) -> bool {
        self.tally.commands = self.tally.commands.saturating_add(1);
        let good = self.tally.commands <= self.config.limits.commands_max;
        if !good {
            self.close_with(&table::TOO_MANY_COMMANDS, CloseReason::TooManyCommands);
        }
        good
    }

    fn line(&mut self, line: &Line<'_>, is_last: bool) -> Option<Event> {
        if matches!(self.state, State::TurnedAway) {
            return self.turn_away(line);
        }
        match line {
            Line::Incomplete => None,
            Line::TooLong { start } => self.garbled(start, &table::LINE_TOO_LONG),
            Line::Complete(line) => match printable(line) {
                None => self.garbled(line, &table::BAD_OCTETS),
                Some(text) => self.verb(text, is_last),
            },
        }
    }

    /// RFC 5321 section 3.1: 503 to all but QUIT.
    fn turn_away(&mut self, line: &Line<'_>) -> Option<Event> {
        match line {
            Line::Complete(line) if line.eq_ignore_ascii_case(b"QUIT") => self.quit(),
            Line::Complete(_) | Line::TooLong { .. } | Line::Incomplete => self.fault(&table::TURNED_AWAY),
        }
    }

    /// A line that is not looked into. If it may be a BDAT, what follows may be its payload, and must not
    /// be run: the session cannot go on.
    fn garbled(&mut self, start: &[u8], reply: &Reply) -> Option<Event> {
        if start.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT")) {
            self.close_with(reply, CloseReason::OutOfStep);
            return None;
        }
        self.fault(reply)
    }

    fn verb(&mut self, text: &str, is_last: bool) -> Option<Event> {
        let (verb, arguments) = Verb::split(text);
        if let Some(reply) = self.tls_refusal(verb) {
            self.fault(&reply);
            return (!self.is_closing()).then_some(Event::Refused(Refusal::TlsRequired));
        }
        if let Some(reply) = self.relay_refusal(verb) {
            return self.fault(&reply);
        }
        match verb.command(arguments) {
            Ok(command) => self.command(command, is_last),
            Err(reply) => self.fault(&reply),
        }
    }

    /// RFC 3207 section 4. BDAT is refused later, when its payload can be stepped over.
    fn tls_refusal(&self, verb: Verb) -> Option<Reply> {
        match verb {
            Verb::Ehlo | Verb::Noop | Verb::StartTls | Verb::Quit | Verb::Bdat => None,
            Verb::Helo => self.needs_tls().then_some(table::HELO_NEEDS_TLS),
            Verb::Mail
            | Verb::Rcpt
            | Verb::Data
            | Verb::Rset
            | Verb::Vrfy
            | Verb::Help
            | Verb::XClient
            | Verb::XForward
            | Verb::NotImplemented
            | Verb::Unknown => self.needs_tls().then_some(table::TLS_REQUIRED),
        }
    }

    fn command(&mut self, command: Command, is_last: bool) -> Option<Event> {
        match command {
            Command::Hello { name, extended } => self.greeted(name, extended),
            Command::Mail(mail) => self.mail(mail),
            Command::Recipient(recipient) => self.recipient(recipient),
            Command::Data => self.data(),
            Command::Chunk(chunk) => self.chunk(chunk),
            Command::BrokenChunk { octets } => self.broken_chunk(octets),
            Command::Reset => {
                self.say(&table::OK);
                self.abandon()
            }
            Command::Noop => self.told(&table::OK),
            Command::Verify => self.told(&table::NOT_VERIFIED),
            Command::Help => self.told(&table::HELP),
            Command::Quit => self.quit(),
            Command::StartTls => self.start_tls(is_last),
            Command::XClient(attributes) => self.introduce(attributes),
            Command::XForward(attributes) => self.forward(attributes),
        }
    }

    fn greeted(&mut self, name: Box<str>, extended: bool) -> Option<Event> {
        self.hello = Some(Hello { name, extended });
        let extensions = if extended { self.extensions() } else { String::new() };
        self.say(&Reply::hello(format!("{}{extensions}", self.config.hostname)));
        self.abandon()
    }

    fn mail(&mut self, mail: Mail) -> Option<Event> {
        if let State::Open(transaction) = &self.state {
            let reply = transaction.only_chunks().unwrap_or(table::MAIL_ALREADY);
            return self.fault(&reply);
        }
        if self.hello.is_none() {
            return self.fault(&table::HELLO_FIRST);
        }
        if self.config.limits.messages_max.is_some_and(|max| self.tally.messages >= max.get()) {
            self.close_with(&table::TOO_MANY_MESSAGES, CloseReason::TooManyMessages);
            return None;
        }
        if !mail.smtputf8 && !mail.path.as_str().is_ascii() {
            return self.fault(&table::NEEDS_SMTPUTF8);
        }
        let transaction = Transaction::new(mail.body, mail.smtputf8, self.forwarded.take());
        self.state = State::Asked(Question::Sender(transaction));
        Some(Event::Mail(mail))
    }

    fn recipient(&mut self, recipient: Recipient) -> Option<Event> {
        let Some(transaction) = self.take_open() else { return self.fault(&table::MAIL_FIRST) };
        if let Some(reply) = transaction.only_chunks() {
            return self.back_to(transaction).fault(&reply);
        }
        if !transaction.smtputf8 && !recipient.path.as_str().is_ascii() {
            return self.back_to(transaction).fault(&table::NEEDS_SMTPUTF8);
        }
        let limit = self.config.limits.recipients_max;
        if transaction.recipients >= limit {
            // No fault: the client cannot know the limit, and sends these again (RFC 5321 4.5.3.1.10).
            let refusal = Refusal::Recipients { limit };
            self.back_to(transaction).say(&Reply::from(&refusal));
            return Some(Event::Refused(refusal));
        }
        self.state = State::Asked(Question::Recipient(transaction));
        Some(Event::Recipient(recipient))
    }

    fn data(&mut self) -> Option<Event> {
        let Some(transaction) = self.take_open() else { return self.fault(&table::MAIL_FIRST) };
        if let Some(reply) = transaction.only_chunks() {
            return self.back_to(transaction).fault(&reply);
        }
        if transaction.body == BodyType::Binary {
            return self.back_to(transaction).fault(&table::BINARY_BY_DATA);
        }
        if transaction.recipients == 0 {
            // No fault: a group of commands holds DATA whatever became of its RCPTs (RFC 2920 3.1).
            return self.back_to(transaction).told(&table::NO_RECIPIENTS);
        }
        self.state = State::Asked(Question::Data(transaction));
        Some(Event::BodyStart(BodyStart::Data))
    }

    fn chunk(&mut self, chunk: Chunk) -> Option<Event> {
        let Some(transaction) = self.take_open() else {
            return self.stray_chunk(chunk.octets);
        };
        if transaction.recipients == 0 {
            self.swallow(chunk.octets, table::NO_RECIPIENTS);
            return Some(Event::Reset);
        }
        match transaction.stage {
            Stage::Addressing => {
                self.state = State::Asked(Question::Chunk(transaction, chunk));
                Some(Event::BodyStart(BodyStart::Chunk { octets: chunk.octets, last: chunk.last }))
            }
            Stage::Chunking => {
                self.state = State::Receiving(Body::chunk(transaction, chunk));
                None
            }
        }
    }

    /// A chunk of no message.
    fn stray_chunk(&mut self, octets: u64) -> Option<Event> {
        if self.needs_tls() {
            self.swallow(octets, table::TLS_REQUIRED);
            return Some(Event::Refused(Refusal::TlsRequired));
        }
        self.swallow(octets, table::MAIL_FIRST);
        None
    }

    fn broken_chunk(&mut self, octets: Option<u64>) -> Option<Event> {
        let Some(octets) = octets else {
            self.close_with(&table::BAD_CHUNK, CloseReason::OutOfStep);
            return None;
        };
        let reset = self.abandon();
        self.swallow(octets, table::BAD_CHUNK);
        reset
    }

    /// Steps over the payload of a BDAT, then replies. This is no fault that counts: a client that sends
    /// its chunks in a group has sent the next ones already.
    pub(super) fn swallow(&mut self, octets: u64, reply: Reply) {
        self.state = State::Receiving(Body::refused_chunk(octets, reply));
        self.stop_hopeless_drain();
    }

    /// Replies now and closes where more is to come than is worth reading, or where the reply closes.
    pub(super) fn stop_hopeless_drain(&mut self) {
        if let State::Receiving(body) = &self.state
            && let Some(reply) = body.hopeless(self.config.refused_body_octets_max())
        {
            let reply = reply.clone();
            let reason = if reply.closes() { CloseReason::Unavailable } else { CloseReason::DrainLimit };
            self.close_with(&reply, reason);
        }
    }

    /// The body is whole, or its refused rest has passed.
    pub(super) fn end_body(&mut self) -> Option<Event> {
        let State::Receiving(body) = std::mem::replace(&mut self.state, State::Idle) else {
            unreachable!("only a body that is received ends")
        };
        match body.finish() {
            (Fate::Refused(reply), _) => self.told(&reply),
            (Fate::Kept(transaction), false) => self.back_to(transaction).told(&table::CHUNK_OK),
            (Fate::Kept(transaction), true) => {
                self.state = State::Asked(Question::Message);
                Some(Event::EndOfMessage(EndOfMessage {
                    transfer: transaction.transfer(),
                    protocol: self.protocol(transaction.smtputf8),
                    line_endings: transaction.line_endings(),
                    forwarded: transaction.forwarded,
                }))
            }
        }
    }

    /// RFC 3848 and RFC 6531 section 4.3.
    fn protocol(&self, smtputf8: bool) -> Protocol {
        let extended = self.hello.as_ref().is_some_and(|hello| hello.extended);
        match (smtputf8, extended, self.tls.is_some()) {
            (true, _, false) => Protocol::Utf8smtp,
            (true, _, true) => Protocol::Utf8smtps,
            (false, true, false) => Protocol::Esmtp,
            (false, true, true) => Protocol::Esmtps,
            (false, false, false) => Protocol::Smtp,
            (false, false, true) => Protocol::Smtps,
        }
    }

    fn start_tls(&mut self, is_last: bool) -> Option<Event> {
        if self.tls.is_some() {
            return self.fault(&table::TLS_ALREADY);
        }
        match self.config.starttls {
            StartTls::Unavailable | StartTls::Implicit => return self.fault(&table::NOT_IMPLEMENTED),
            StartTls::Offered | StartTls::Required => {}
        }
        if self.introduced.is_some() {
            // What was said in clear must be forgotten in TLS (RFC 3207 section 4.2); who is spoken for is
            // decided on already.
            return self.fault(&table::TLS_COMES_FIRST);
        }
        if !is_last {
            // An attacker in the middle may have put it there, to be run as if it came in TLS
            // (CVE-2011-0411). Going on in plaintext would run it too.
            self.close_with(&table::PLAINTEXT_BEHIND_STARTTLS, CloseReason::PlaintextBehindStartTls);
            return None;
        }
        self.say(&table::START_TLS);
        self.state = State::Securing;
        Some(Event::StartTls)
    }

    fn needs_tls(&self) -> bool {
        self.tls.is_none() && matches!(self.config.starttls, StartTls::Required | StartTls::Implicit)
    }

    fn quit(&mut self) -> Option<Event> {
        self.close_with(&table::GOODBYE, CloseReason::Quit);
        None
    }

    fn take_open(&mut self) -> Option<Transaction> {
        if !matches!(self.state, State::Open(_)) {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Open(transaction) => Some(transaction),
            State::Connected
            | State::TurnedAway
            | State::Idle
            | State::Asked(_)
            | State::Receiving(_)
            | State::Securing
            | State::Closing(_) => None,
        }
    }

    fn back_to(&mut self, transaction: Transaction) -> &mut Self {
        self.state = State::Open(transaction);
        self
    }

    fn abandon(&mut self) -> Option<Event> {
        self.forwarded = None;
        self.take_open().map(|_| Event::Reset)
    }

    pub(super) fn told(&mut self, reply: &Reply) -> Option<Event> {
        self.say(reply);
        None
    }

    /// Refuses a command that is out of sequence or against the grammar.
    pub(super) fn fault(&mut self, reply: &Reply) -> Option<Event> {
        self.tally.errors = self.tally.errors.saturating_add(1);
        if self.tally.errors > self.config.limits.errors_max {
            self.close_with(&table::TOO_MANY_ERRORS, CloseReason::TooManyErrors);
        } else {
            self.say(reply);
        }
        None
    }

    pub(super) fn say(&mut self, reply: &Reply) {
        self.transmit.push(reply, &self.config.hostname);
        if reply.closes() {
            self.close(CloseReason::Unavailable);
        }
    }

    pub(super) fn close_with(&mut self, reply: &Reply, reason: CloseReason) {
        if !self.is_closing() {
            self.transmit.push(reply, &self.config.hostname);
            self.close(reason);
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing(_))
    }

    /// The first reason stays.
    pub(super) fn close(&mut self, reason: CloseReason) {
        if !self.is_closing() {
            let turned_away = matches!(self.state, State::TurnedAway);
            self.state = State::Closing(if turned_away { reason.of_turned_away() } else { reason });
            self.lines = LineReader::default();
        }
    }
}
