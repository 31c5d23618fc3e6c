//! Command lines as types (RFC 5321 section 4.1.1, RFC 3030, RFC 3207, Postfix XCLIENT and XFORWARD).
//!
//! A line is split into verb and arguments first, so that the session can refuse a verb where it stands
//! before anything of its arguments is looked at. What does not follow the grammar becomes the reply that
//! says so; no reply repeats a part of the line.

use sensor_mail::envelope::{Parameter, Provenance, Recipient};

use crate::reply::table;
use crate::{BodyType, Mail, Reply};

pub(crate) mod attributes;
mod parameters;
mod path;

use attributes::{ClientAttribute, ForwardAttribute};

/// The longest name in HELO or EHLO, in octets (RFC 5321 section 4.5.3.1.2).
const HELLO_OCTETS_MAX: usize = 255;

/// The first word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Helo,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    StartTls,
    XClient,
    XForward,
    /// Known and not done here: EXPN, ETRN, AUTH and the verbs that RFC 5321 appendix F retired.
    NotImplemented,
    Unknown,
}

/// A command that follows the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Hello { name: Box<str>, extended: bool },
    Mail(Mail),
    Recipient(Recipient),
    Data,
    Chunk(Chunk),
    BrokenChunk { octets: Option<u64> },
    Reset,
    Noop,
    Verify,
    Help,
    Quit,
    StartTls,
    XClient(Vec<ClientAttribute>),
    XForward(Vec<ForwardAttribute>),
}

/// The arguments of BDAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) octets: u64,
    pub(crate) last: bool,
}

const VERBS: [(&str, Verb); 22] = [
    ("HELO", Verb::Helo),
    ("EHLO", Verb::Ehlo),
    ("MAIL", Verb::Mail),
    ("RCPT", Verb::Rcpt),
    ("DATA", Verb::Data),
    ("BDAT", Verb::Bdat),
    ("RSET", Verb::Rset),
    ("NOOP", Verb::Noop),
    ("VRFY", Verb::Vrfy),
    ("HELP", Verb::Help),
    ("QUIT", Verb::Quit),
    ("STARTTLS", Verb::StartTls),
    ("XCLIENT", Verb::XClient),
    ("XFORWARD", Verb::XForward),
    ("EXPN", Verb::NotImplemented),
    ("ETRN", Verb::NotImplemented),
    ("AUTH", Verb::NotImplemented),
    ("TURN", Verb::NotImplemented),
    ("ATRN", Verb::NotImplemented),
    ("SEND", Verb::NotImplemented),
    ("SOML", Verb::NotImplemented),
    ("SAML", Verb::NotImplemented),
];

/// The line as text, if no octet of it is a control and all are UTF-8. A NUL or a bare CR or LF is
/// refused with the whole line: cutting it there would run a command that nobody sent.
pub(crate) fn printable(line: &[u8]) -> Option<&str> {
    if line.iter().any(u8::is_ascii_control) { None } else { std::str::from_utf8(line).ok() }
}

impl Verb {
    /// Splits a line into its verb and what stands behind the space.
    pub(crate) fn split(line: &str) -> (Self, &str) {
        let (word, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let verb = VERBS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        (verb.map_or(Self::Unknown, |&(_, verb)| verb), arguments.trim_matches(' '))
    }

    /// Reads the arguments of a command.
    ///
    /// # Errors
    /// The reply to what does not follow the grammar.
    pub(crate) fn command(self, arguments: &str) -> Result<Command, Reply> {
        match self {
            Self::Helo => hello(arguments, false),
            Self::Ehlo => hello(arguments, true),
            Self::Mail => mail(arguments).map(Command::Mail),
            Self::Rcpt => recipient(arguments).map(Command::Recipient),
            Self::Data => alone(Command::Data, arguments),
            Self::Bdat => Ok(chunk(arguments)),
            Self::Rset => alone(Command::Reset, arguments),
            Self::Noop => Ok(Command::Noop),
            Self::Vrfy => Ok(Command::Verify),
            Self::Help => Ok(Command::Help),
            Self::Quit => alone(Command::Quit, arguments),
            Self::StartTls => alone(Command::StartTls, arguments),
            Self::XClient => attributes::of_client(arguments).map(Command::XClient),
            Self::XForward => attributes::forwarded(arguments).map(Command::XForward),
            Self::NotImplemented => Err(table::NOT_IMPLEMENTED),
            Self::Unknown => Err(table::UNKNOWN_COMMAND),
        }
    }
}

fn alone(command: Command, arguments: &str) -> Result<Command, Reply> {
    if arguments.is_empty() { Ok(command) } else { Err(table::NO_ARGUMENTS) }
}

/// The name is taken as it comes: it proves nothing, and real clients send names that are no domains.
fn hello(name: &str, extended: bool) -> Result<Command, Reply> {
    if name.is_empty() || name.len() > HELLO_OCTETS_MAX || name.contains(' ') {
        return Err(table::BAD_HELLO);
    }
    Ok(Command::Hello { name: name.into(), extended })
}

fn mail(arguments: &str) -> Result<Mail, Reply> {
    let (path, rest) = path::split("FROM:", arguments).ok_or(table::BAD_SYNTAX)?;
    let path = path::reverse(path).ok_or(table::BAD_SENDER)?;
    let parameters = parameters::parse(rest)?;
    let mut mail = Mail { path, size: None, body: BodyType::SevenBit, smtputf8: false, parameters };
    for Parameter { keyword, value } in &mail.parameters {
        match (&**keyword, value.as_deref()) {
            ("SIZE", Some(value)) => mail.size = Some(parameters::size(value)?),
            ("BODY", Some(value)) => mail.body = parameters::body(value)?,
            ("SMTPUTF8", None) => mail.smtputf8 = true,
            // Nothing here answers a sender, so what these ask for is kept and not looked at.
            ("RET" | "ENVID" | "AUTH", Some(_)) => {}
            ("SIZE" | "BODY" | "SMTPUTF8" | "RET" | "ENVID" | "AUTH", _) => return Err(table::BAD_PARAMETER),
            (_, _) => return Err(table::UNKNOWN_PARAMETER),
        }
    }
    Ok(mail)
}

fn recipient(arguments: &str) -> Result<Recipient, Reply> {
    let (path, rest) = path::split("TO:", arguments).ok_or(table::BAD_SYNTAX)?;
    let path = path::forward(path).ok_or(table::BAD_RECIPIENT)?;
    let parameters = parameters::parse(rest)?;
    for Parameter { keyword, value } in &parameters {
        match (&**keyword, value) {
            ("NOTIFY" | "ORCPT", Some(_)) => {}
            ("NOTIFY" | "ORCPT", None) => return Err(table::BAD_PARAMETER),
            (_, _) => return Err(table::UNKNOWN_PARAMETER),
        }
    }
    Ok(Recipient { path, parameters, provenance: Provenance::Envelope, unscanned: false })
}

/// RFC 3030 section 2: `BDAT SP chunk-size [ SP "LAST" ]`. Where the rest is wrong but the size can be
/// read, the payload can still be stepped over.
fn chunk(arguments: &str) -> Command {
    let (size, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let digits = !size.is_empty() && size.bytes().all(|octet| octet.is_ascii_digit());
    let octets = if digits { size.parse().ok() } else { None };
    match (octets, rest.trim_start_matches(' ')) {
        (Some(octets), "") => Command::Chunk(Chunk { octets, last: false }),
        (Some(octets), last) if last.eq_ignore_ascii_case("LAST") => {
            Command::Chunk(Chunk { octets, last: true })
        }
        (octets, _) => Command::BrokenChunk { octets },
    }
}

#[cfg(test)]
mod tests;
