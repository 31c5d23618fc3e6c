//! What can go wrong with one connection.

use std::io::ErrorKind;

/// A step of the dialogue that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Greeting,
    Ehlo,
    StartTls,
    Mail,
    Rcpt,
    Data,
    Final,
    Quit,
}

impl Stage {
    /// The one reply code with which the dialogue goes on (RFC 5321 section 4.3.2).
    pub(super) fn success(self) -> u16 {
        match self {
            Self::Greeting | Self::StartTls => 220,
            Self::Ehlo | Self::Mail | Self::Rcpt | Self::Final => 250,
            Self::Data => 354,
            Self::Quit => 221,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Final => "final",
            Self::Quit => "quit",
        }
    }
}

/// Why a connection ended early. The text is the key under which it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Another code than the one that goes on.
    #[error("{}-{code}", stage.name())]
    Refused { stage: Stage, code: u16 },
    /// No connection.
    #[error("connect-{0:?}")]
    Connect(ErrorKind),
    /// Reading or writing failed.
    #[error("stream-{0:?}")]
    Stream(ErrorKind),
    /// No handshake.
    #[error("tls-{0:?}")]
    Tls(ErrorKind),
    /// More than the reply to STARTTLS came in front of the handshake.
    #[error("plaintext-behind-starttls")]
    PlaintextBehindStartTls,
    /// The server closed while a reply was due.
    #[error("closed")]
    Closed,
    /// What came is no reply.
    #[error("no-reply")]
    NoReply,
    /// The server closed, or spoke, while the connection was idle.
    #[error("not-held")]
    NotHeld,
    /// The time was up before the dialogue had ended.
    #[error("time-up")]
    TimeUp,
}
