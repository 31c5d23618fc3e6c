//! Paths of SMTP: who a message is from and for.
//!
//! The grammar is that of RFC 5321 section 4.1.2 with RFC 6531 section 3.3, read generously where refusing
//! would lose a copy that the mail server itself has already accepted: dots may stand anywhere in an
//! unquoted local part (Japanese carriers gave out such addresses for years) and a domain label may hold
//! an underscore. An address keeps the text its sender typed; nothing is folded or re-encoded.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The largest domain, in octets (RFC 5321 section 4.5.3.1.2).
pub const DOMAIN_OCTETS_MAX: usize = 255;
/// The largest label of a domain, in octets (RFC 1035 section 2.3.4), where it is an A-label already.
const LABEL_OCTETS_MAX: usize = 63;

/// An address with a local part and a domain, as typed: `"quoted local"@example.com`, `a@[192.0.2.7]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    text: Box<str>,
    at: usize,
}

impl Mailbox {
    /// Reads `local-part "@" ( domain / address-literal )`.
    ///
    /// # Errors
    /// Says which part breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = local_part_octets(text)?;
        match text.as_bytes().get(at) {
            None => return Err(AddressError::NoDomain),
            Some(b'@') => {}
            Some(_) => return Err(AddressError::LocalPart),
        }
        check_domain(&text[at + 1..])?;
        Ok(Self { text: text.into(), at })
    }

    /// The local part as typed, quotes included.
    #[must_use]
    pub fn local_part(&self) -> &str {
        &self.text[..self.at]
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> DomainRef<'_> {
        let text = &self.text[self.at + 1..];
        match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(literal) => DomainRef::Literal(literal),
            None => DomainRef::Name(text),
        }
    }

    /// The whole address as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The domain of a [`Mailbox`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainRef<'a> {
    /// A name, as typed: any case, A-labels or U-labels, perhaps a trailing dot.
    Name(&'a str),
    /// What stands between the brackets of an address literal: `192.0.2.7`, `IPv6:2001:db8::7`.
    Literal(&'a str),
}

impl DomainRef<'_> {
    /// The IP address of a literal.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::Literal(text) => parse_literal(text).flatten(),
        }
    }
}

/// MAIL FROM: an address, or `<>` for mail that must not be answered.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`
    Null,
    /// An address.
    Mailbox(Mailbox),
}

/// RCPT TO: an address, or `<postmaster>` without a domain (RFC 5321 section 4.5.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<postmaster>`, in any case, without a domain.
    Postmaster,
    /// An address.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// The address without its brackets; empty for the null path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Mailbox(mailbox) => mailbox.as_str(),
        }
    }
}

impl ForwardPath {
    /// The address without its brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Postmaster => "postmaster",
            Self::Mailbox(mailbox) => mailbox.as_str(),
        }
    }

    /// Reads an address, or `postmaster` alone.
    ///
    /// # Errors
    /// Says which part breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.eq_ignore_ascii_case("postmaster") {
            return Ok(Self::Postmaster);
        }
        Mailbox::parse(text).map(Self::Mailbox)
    }
}

/// What breaks the grammar of an address. Carries no part of the address: it ends up in replies and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The part before the `@`.
    #[error("bad local part")]
    LocalPart,
    /// There is no `@`.
    #[error("no domain")]
    NoDomain,
    /// The name behind the `@`.
    #[error("bad domain")]
    Domain,
    /// The address between brackets behind the `@`.
    #[error("bad address literal")]
    Literal,
}

/// The length of the local part that `text` begins with.
fn local_part_octets(text: &str) -> Result<usize, AddressError> {
    let octets = if text.starts_with('"') { quoted_octets(text)? } else { unquoted_octets(text) };
    if octets == 0 { Err(AddressError::LocalPart) } else { Ok(octets) }
}

fn unquoted_octets(text: &str) -> usize {
    text.bytes().position(|octet| !is_atext(octet) && octet != b'.').unwrap_or(text.len())
}

/// RFC 5321 section 4.1.2: Quoted-string, with UTF-8 by RFC 6531 section 3.3.
fn quoted_octets(text: &str) -> Result<usize, AddressError> {
    let mut escaped = false;
    for (at, octet) in text.bytes().enumerate().skip(1) {
        match octet {
            0..=31 | 127 => return Err(AddressError::LocalPart),
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(at + 1),
            _ => {}
        }
    }
    Err(AddressError::LocalPart)
}

/// RFC 5322 section 3.2.3, and any octet of a UTF-8 sequence.
fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet) || octet >= 0x80
}

fn check_domain(domain: &str) -> Result<(), AddressError> {
    if let Some(rest) = domain.strip_prefix('[') {
        let literal = rest.strip_suffix(']').ok_or(AddressError::Literal)?;
        return parse_literal(literal).map(drop).ok_or(AddressError::Literal);
    }
    let name = domain.strip_suffix('.').unwrap_or(domain);
    let good = !name.is_empty() && name.len() <= DOMAIN_OCTETS_MAX && name.split('.').all(is_label);
    if good { Ok(()) } else { Err(AddressError::Domain) }
}

fn is_label(label: &str) -> bool {
    let inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_' || octet >= 0x80;
    !label.is_empty()
        && (label.len() <= LABEL_OCTETS_MAX || !label.is_ascii())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// RFC 5321 section 4.1.3. `Some(None)` is a well-formed literal of a kind that is no IP address.
fn parse_literal(literal: &str) -> Option<Option<IpAddr>> {
    if let Ok(address) = literal.parse::<Ipv4Addr>() {
        return Some(Some(address.into()));
    }
    let (tag, content) = literal.split_once(':')?;
    if tag.eq_ignore_ascii_case("IPv6") {
        return content.parse::<Ipv6Addr>().ok().map(|address| Some(IpAddr::from(address).to_canonical()));
    }
    let tag_is_ldh =
        !tag.is_empty() && !tag.ends_with('-') && tag.bytes().all(|o| o.is_ascii_alphanumeric() || o == b'-');
    let dcontent = |octet: u8| matches!(octet, 33..=90 | 94..=126);
    (tag_is_ldh && !content.is_empty() && content.bytes().all(dcontent)).then_some(None)
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.as_str())
    }
}

impl fmt::Debug for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.as_str())
    }
}

impl Serialize for ReversePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReversePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self::Null);
        }
        Mailbox::parse(&text).map(Self::Mailbox).map_err(de::Error::custom)
    }
}

impl Serialize for ForwardPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ForwardPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_taken_keep_their_text_and_split_at_the_right_sign() {
        for (text, local, domain) in [
            ("a@example.com", "a", DomainRef::Name("example.com")),
            ("a.b+c=d@EXAMPLE.com.", "a.b+c=d", DomainRef::Name("EXAMPLE.com.")),
            ("..double..dots.@example.com", "..double..dots.", DomainRef::Name("example.com")),
            (r#""a@b \" c"@example.com"#, r#""a@b \" c""#, DomainRef::Name("example.com")),
            (r#"""@example.com"#, r#""""#, DomainRef::Name("example.com")),
            ("a@[192.0.2.7]", "a", DomainRef::Literal("192.0.2.7")),
            ("a@[IPv6:2001:db8::7]", "a", DomainRef::Literal("IPv6:2001:db8::7")),
            ("a@[x-note:hello]", "a", DomainRef::Literal("x-note:hello")),
            ("ünïcode@bücher.example", "ünïcode", DomainRef::Name("bücher.example")),
            ("a@_dmarc.example", "a", DomainRef::Name("_dmarc.example")),
            ("a@localhost", "a", DomainRef::Name("localhost")),
        ] {
            let mailbox = Mailbox::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((mailbox.as_str(), mailbox.local_part(), mailbox.domain()), (text, local, domain));
        }
    }

    #[test]
    fn addresses_that_break_the_grammar_say_where() {
        let long = format!("a@{}.example", "x".repeat(64));
        let longer = format!("a@{}", "abcdefgh.".repeat(30));
        for (text, error) in [
            ("", AddressError::LocalPart),
            ("@example.com", AddressError::LocalPart),
            ("a", AddressError::NoDomain),
            ("a b@example.com", AddressError::LocalPart),
            ("a@", AddressError::Domain),
            ("a@.", AddressError::Domain),
            ("a@b@c", AddressError::Domain),
            ("a@ex ample.com", AddressError::Domain),
            ("a@-x.example", AddressError::Domain),
            ("a@x..example", AddressError::Domain),
            (&long, AddressError::Domain),
            (&longer, AddressError::Domain),
            ("a@[192.0.2]", AddressError::Literal),
            ("a@[192.0.2.7", AddressError::Literal),
            ("a@[IPv6:zz]", AddressError::Literal),
            ("a@[]", AddressError::Literal),
            (r#""a@example.com"#, AddressError::LocalPart),
            (r#""a"b@example.com"#, AddressError::LocalPart),
            ("\"a\u{7}\"@example.com", AddressError::LocalPart),
            ("\"a\\\r\"@example.com", AddressError::LocalPart),
        ] {
            assert_eq!(Mailbox::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn literals_know_their_address() {
        let address = |text| Mailbox::parse(text).unwrap().domain().address();
        assert_eq!(address("a@[192.0.2.7]"), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(address("a@[IPv6:::ffff:192.0.2.7]"), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(address("a@[x:y]"), None);
        assert_eq!(address("a@example.com"), None);
    }

    #[test]
    fn paths_survive_their_serialized_form() {
        for text in ["", "a@example.com", "\"q \\\\ x\"@[192.0.2.7]"] {
            let path: ReversePath = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(&path).unwrap(), text);
        }
        for text in ["postmaster", "a@example.com"] {
            let path: ForwardPath = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(&path).unwrap(), text);
        }
        assert!(serde_json::from_value::<ForwardPath>("nobody".into()).is_err());
    }
}
