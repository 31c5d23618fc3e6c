//! What a session tells its driver.

use std::ops::Range;

use sensor_mail::envelope::{LineEndings, Parameter, Protocol, Recipient, Transfer, XForward};
use sensor_mail::{Refusal, ReversePath};

/// What one call of [`receive`](crate::Session::receive) came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Received {
    /// How many octets of the input are used up. The rest is given again, in front of what arrives next.
    pub consumed: usize,
    /// What to do next.
    pub step: Step,
}

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Transmit what waits, read more and call again. All input is consumed, but for at most
    /// [`UNREAD_OCTETS_MAX`](crate::UNREAD_OCTETS_MAX) octets in front of the end of a message.
    NeedInput,
    /// Transmit what waits and call again: as many replies are waiting as may wait.
    Transmit,
    /// Nothing is read before the session is greeted, the open question answered or TLS established.
    Blocked,
    /// Handle this and call again.
    Event(Event),
}

/// What happened. Events marked *question* block the session until
/// [`answer`](crate::Session::answer) or [`admit`](crate::Session::admit), unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// *Question.* MAIL: a transaction begins if it is admitted.
    Mail(Mail),
    /// *Question.* RCPT. Asked only while the transaction has fewer recipients than it may have.
    /// [`Refused`](Self::Refused) tells of the others.
    Recipient(Recipient),
    /// *Question.* DATA or the first BDAT of a transaction with at least one recipient. A refusal ends
    /// the transaction.
    BodyStart(BodyStart),
    /// Octets of the message: this range of the input that was given, within what was consumed. Call
    /// [`refuse_body`](crate::Session::refuse_body) now if they cannot be taken; that ends the
    /// transaction.
    Body(Range<usize>),
    /// *Question.* The message is whole. The transaction is over with any answer.
    EndOfMessage(EndOfMessage),
    /// The session itself refused a command: one recipient too many, or no TLS where it is required. It has
    /// answered; this is for whoever counts.
    Refused(Refusal),
    /// The open transaction is given up (RSET, HELO, EHLO, a broken BDAT): drop what was gathered.
    Reset,
    /// *Question.* XCLIENT: the client speaks for another one, as [`introduced`](crate::Session::introduced)
    /// tells. Decide about that one as about any client that connects and call
    /// [`greet`](crate::Session::greet): the session begins anew. No transaction is open.
    Introduced,
    /// Transmit what waits, do the TLS handshake and call
    /// [`tls_established`](crate::Session::tls_established). An open transaction is given up.
    StartTls,
    /// Transmit what waits and close the connection. An open transaction is given up.
    Close(CloseReason),
}

/// MAIL FROM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who sends.
    pub path: ReversePath,
    /// SIZE: how many octets the message will have, as the client estimates (RFC 1870). A number that
    /// does not fit is the largest that does.
    pub size: Option<u64>,
    /// BODY.
    pub body: BodyType,
    /// Whether the envelope may hold addresses in UTF-8 (RFC 6531).
    pub smtputf8: bool,
    /// All parameters in their order, those above too.
    pub parameters: Vec<Parameter>,
}

/// BODY of MAIL (RFC 6152, RFC 3030). What a message holds is kept whatever was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyType {
    /// Nothing said, or `7BIT`.
    #[default]
    SevenBit,
    /// `8BITMIME`
    EightBit,
    /// `BINARYMIME`: comes by BDAT only.
    Binary,
}

/// How a body begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyStart {
    /// DATA: 354 is not sent yet.
    Data,
    /// The first BDAT.
    Chunk {
        /// How many octets it has.
        octets: u64,
        /// Whether it is the only one.
        last: bool,
    },
}

/// The facts about a whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndOfMessage {
    /// The command that carried it.
    pub transfer: Transfer,
    /// The protocol for its envelope.
    pub protocol: Protocol,
    /// What is odd about its line ends. Nothing is where the client declared BODY=BINARYMIME: such a body
    /// has no lines (RFC 3030 section 3).
    pub line_endings: LineEndings,
    /// What XFORWARD said of this message.
    pub forwarded: Option<Box<XForward>>,
}

/// Why a session closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client said QUIT.
    Quit,
    /// The client closed the connection, or it broke.
    PeerGone,
    /// The driver answered with 421, in the greeting or later.
    Unavailable,
    /// The driver shut the session down.
    ShutDown,
    /// The client sent no command in time.
    Idle,
    /// The client sent a body too slowly.
    TooSlow,
    /// The client did not get done in time with what comes before a greeting, or with a handshake. Nothing
    /// was said.
    TimedOut,
    /// The client was refused in the greeting, and did not go by itself.
    TurnedAway,
    /// The client spoke before it was greeted.
    EarlyTalker,
    /// More errors than the limit.
    TooManyErrors,
    /// More commands than the limit.
    TooManyCommands,
    /// More messages than the limit.
    TooManyMessages,
    /// Plaintext came behind STARTTLS.
    PlaintextBehindStartTls,
    /// A BDAT without a readable size: where its octets end is not known.
    OutOfStep,
    /// A refused body went on for longer than it is worth reading.
    DrainLimit,
}

impl CloseReason {
    /// The same for a client that was refused already: it reaches no limit besides.
    pub(crate) fn of_turned_away(self) -> Self {
        match self {
            Self::Idle
            | Self::TooSlow
            | Self::TimedOut
            | Self::TurnedAway
            | Self::EarlyTalker
            | Self::TooManyErrors
            | Self::TooManyCommands
            | Self::TooManyMessages
            | Self::PlaintextBehindStartTls
            | Self::OutOfStep
            | Self::DrainLimit => Self::TurnedAway,
            Self::Quit | Self::PeerGone | Self::Unavailable | Self::ShutDown => self,
        }
    }
}
