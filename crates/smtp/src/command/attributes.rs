//! The attributes of XCLIENT and XFORWARD (Postfix XCLIENT_README and XFORWARD_README).
//!
//! ```text
//!  XCLIENT NAME=mail.example.com ADDR=IPV6:2001:db8::7 HELO=[UNAVAILABLE]
//!          name=value            value is xtext (RFC 3461 section 4), or a word in brackets
//! ```
//!
//! A value is printable ASCII without spaces once it is decoded, so that nothing in a record or a log can be
//! forged by it: neither a line nor a field.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_mail::envelope::{Source, XClient, XForward};

use crate::Reply;
use crate::reply::table;

/// The longest value, decoded (XFORWARD_README, note 1).
const VALUE_OCTETS_MAX: usize = 255;
/// The longest name of a protocol (XFORWARD_README, PROTO).
const PROTOCOL_OCTETS_MAX: usize = 64;

type Text = Option<Box<str>>;

/// One attribute of XCLIENT; `None` is said to be unavailable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientAttribute {
    Name(Text),
    Address(Option<IpAddr>),
    Port(Option<u16>),
    Protocol(Text),
    Helo(Text),
    Login(Text),
    Destination(Option<IpAddr>),
    DestinationPort(Option<u16>),
}

/// One attribute of XFORWARD; `None` is said to be unavailable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ForwardAttribute {
    Name(Text),
    Address(Text),
    Port(Option<u16>),
    Protocol(Text),
    Helo(Text),
    Ident(Text),
    Source(Option<Source>),
}

/// What EHLO lists.
pub(crate) const CLIENT_KEYWORDS: &str = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";
/// What EHLO lists.
pub(crate) const FORWARD_KEYWORDS: &str = "NAME ADDR PORT PROTO HELO IDENT SOURCE";

impl ClientAttribute {
    fn read(keyword: &str, value: Text) -> Option<Self> {
        Some(match keyword {
            "NAME" => Self::Name(value.filter(|name| !is(name, "[TEMPUNAVAIL]"))),
            "ADDR" => Self::Address(known(value, address)?),
            "PORT" => Self::Port(known(value, port)?),
            "PROTO" => Self::Protocol(known(value, smtp_or_esmtp)?),
            "HELO" => Self::Helo(value),
            "LOGIN" => Self::Login(value),
            "DESTADDR" => Self::Destination(known(value, address)?),
            "DESTPORT" => Self::DestinationPort(known(value, port)?),
            _ => return None,
        })
    }

    /// Takes the place of what was said before.
    pub(crate) fn apply(self, said: &mut XClient) {
        match self {
            Self::Name(name) => said.name = name,
            Self::Address(address) => said.address = address,
            Self::Port(port) => said.port = port,
            Self::Protocol(protocol) => said.protocol = protocol,
            Self::Helo(helo) => said.helo = helo,
            Self::Login(login) => said.login = login,
            Self::Destination(address) => said.destination = address,
            Self::DestinationPort(port) => said.destination_port = port,
        }
    }
}

impl ForwardAttribute {
    fn read(keyword: &str, value: Text) -> Option<Self> {
        Some(match keyword {
            "NAME" => Self::Name(value.filter(|name| !is(name, "[TEMPUNAVAIL]"))),
            "ADDR" => Self::Address(value),
            "PORT" => Self::Port(known(value, port)?),
            "PROTO" => Self::Protocol(known(value, protocol)?),
            "HELO" => Self::Helo(value),
            "IDENT" => Self::Ident(value),
            "SOURCE" => Self::Source(known(value, source)?),
            _ => return None,
        })
    }

    /// Takes the place of what was said before.
    pub(crate) fn apply(self, said: &mut XForward) {
        match self {
            Self::Name(name) => said.name = name,
            Self::Address(address) => said.address = address,
            Self::Port(port) => said.port = port,
            Self::Protocol(protocol) => said.protocol = protocol,
            Self::Helo(helo) => said.helo = helo,
            Self::Ident(ident) => said.ident = ident,
            Self::Source(source) => said.source = source,
        }
    }
}

/// Reads the arguments of XCLIENT: all of them, or the reply that says what is wrong.
pub(super) fn of_client(arguments: &str) -> Result<Vec<ClientAttribute>, Reply> {
    parse(arguments, ClientAttribute::read)
}

/// Reads the arguments of XFORWARD: all of them, or the reply that says what is wrong.
pub(super) fn forwarded(arguments: &str) -> Result<Vec<ForwardAttribute>, Reply> {
    parse(arguments, ForwardAttribute::read)
}

fn parse<A>(arguments: &str, read: impl Fn(&str, Text) -> Option<A>) -> Result<Vec<A>, Reply> {
    let (mut seen, mut attributes) = (Vec::new(), Vec::new());
    for word in arguments.split(' ').filter(|word| !word.is_empty()) {
        let (keyword, value) = word.split_once('=').ok_or(table::BAD_ATTRIBUTE)?;
        let keyword = keyword.to_ascii_uppercase();
        if seen.contains(&keyword) {
            return Err(table::REPEATED_PARAMETER);
        }
        let value = match is(value, "[UNAVAILABLE]") {
            true => None,
            false => Some(xtext(value).ok_or(table::BAD_ATTRIBUTE)?),
        };
        attributes.push(read(&keyword, value).ok_or(table::BAD_ATTRIBUTE)?);
        seen.push(keyword);
    }
    if attributes.is_empty() { Err(table::BAD_ATTRIBUTE) } else { Ok(attributes) }
}

fn is(value: &str, word: &str) -> bool {
    value.eq_ignore_ascii_case(word)
}

/// Parses a value that is there; what is unavailable stays so.
fn known<T>(value: Text, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => parse(&value).map(Some),
    }
}

/// RFC 3461 section 4: `+` and two hex digits are an octet. An octet that is a space, a control or not
/// ASCII is refused, encoded or not.
fn xtext(value: &str) -> Option<Box<str>> {
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let (octet, behind) = match (first, behind) {
            (b'+', [high, low, behind @ ..]) => (hex(*high)? << 4 | hex(*low)?, behind),
            (b'+', _) => return None,
            (plain, behind) => (plain, behind),
        };
        if !octet.is_ascii_graphic() {
            return None;
        }
        decoded.push(char::from(octet));
        rest = behind;
    }
    let fits = !decoded.is_empty() && decoded.len() <= VALUE_OCTETS_MAX;
    fits.then(|| decoded.into())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// An IPv4 address, or `IPV6:` and an IPv6 address. One that is IPv4 in IPv6 is IPv4.
fn address(text: &str) -> Option<IpAddr> {
    const PREFIX: &str = "IPV6:";
    match text.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if is(prefix, PREFIX) => {
            rest.parse::<Ipv6Addr>().ok().map(|address| IpAddr::from(address).to_canonical())
        }
        Some(_) | None => text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
    }
}

/// Digits alone: a sign is none of them.
fn port(text: &str) -> Option<u16> {
    if text.bytes().all(|octet| octet.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn smtp_or_esmtp(text: &str) -> Option<Box<str>> {
    let protocol = text.to_ascii_uppercase();
    matches!(&*protocol, "SMTP" | "ESMTP").then(|| protocol.into())
}

fn protocol(text: &str) -> Option<Box<str>> {
    (text.len() <= PROTOCOL_OCTETS_MAX).then(|| text.into())
}

fn source(text: &str) -> Option<Source> {
    if is(text, "LOCAL") {
        Some(Source::Local)
    } else if is(text, "REMOTE") {
        Some(Source::Remote)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
