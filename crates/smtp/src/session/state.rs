//! Where a session stands.

use sensor_mail::envelope::{LineEndings, Transfer, XForward};

use crate::command::Chunk;
use crate::line_endings::LineEndingCounter;
use crate::reply::table;
use crate::{BodyType, CloseReason, Reply};

use super::body::Body;

/// Where a session stands; [`Session`](super::Session) has the picture.
#[derive(Debug)]
pub(super) enum State {
    Connected,
    TurnedAway,
    Idle,
    Open(Transaction),
    Asked(Question),
    Receiving(Body),
    Securing,
    Closing(CloseReason),
}

/// What waits for an answer, and what goes on with it.
#[derive(Debug)]
pub(super) enum Question {
    Sender(Transaction),
    Recipient(Transaction),
    Data(Transaction),
    Chunk(Transaction, Chunk),
    /// The end of a message: its transaction is over whatever the answer.
    Message,
}

/// From an admitted MAIL to the end of the message.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) recipients: u32,
    pub(super) body: BodyType,
    pub(super) smtputf8: bool,
    pub(super) stage: Stage,
    /// What XFORWARD said before MAIL. It goes with the transaction, however that ends.
    pub(super) forwarded: Option<Box<XForward>>,
    line_endings: LineEndingCounter,
}

/// What a transaction still takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// RCPT, then DATA or BDAT.
    Addressing,
    /// A BDAT has come: only BDAT may follow (RFC 3030 section 2).
    Chunking,
}

impl Transaction {
    pub(super) fn new(body: BodyType, smtputf8: bool, forwarded: Option<Box<XForward>>) -> Self {
        let line_endings = LineEndingCounter::default();
        Self { recipients: 0, body, smtputf8, stage: Stage::Addressing, forwarded, line_endings }
    }

    pub(super) fn with_recipient(self) -> Self {
        Self { recipients: self.recipients.saturating_add(1), ..self }
    }

    pub(super) fn in_chunks(self) -> Self {
        Self { stage: Stage::Chunking, ..self }
    }

    /// Takes the next octets of the message into account. A binary body has no lines to count.
    pub(super) fn see(&mut self, octets: &[u8]) {
        match self.body {
            BodyType::SevenBit | BodyType::EightBit => self.line_endings.see(octets),
            BodyType::Binary => {}
        }
    }

    /// The reply to what is not BDAT once BDAT has come.
    pub(super) fn only_chunks(&self) -> Option<Reply> {
        match self.stage {
            Stage::Addressing => None,
            Stage::Chunking => Some(table::AMONG_CHUNKS),
        }
    }

    pub(super) fn line_endings(&self) -> LineEndings {
        self.line_endings.finish()
    }

    pub(super) fn transfer(&self) -> Transfer {
        match self.stage {
            Stage::Addressing => Transfer::Data,
            Stage::Chunking => Transfer::Bdat,
        }
    }
}
