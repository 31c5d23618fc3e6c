//! What the server says: a code, an enhanced code and text.
//!
//! ```text
//!  550 5.7.1 recipient domain is not accepted here (rule destination_domains[2])
//!  ^code     ^text
//!      ^enhanced: its class is the code's first digit, so the two cannot disagree
//! ```
//!
//! A reply never repeats what the client said. Most replies are constants; a reply allocates only where it
//! holds a number or the id of a rule.

use std::borrow::Cow;
use std::fmt;

use sensor_mail::{Admission, MailId, Refusal};

pub(crate) mod table;

/// The longest reply line with its CRLF, in octets (RFC 5321 section 4.5.3.1.5).
const LINE_OCTETS_MAX: usize = 512;
/// What a line has around its text: codes, spaces and CRLF.
const LINE_OVERHEAD: usize = 24;

/// A reply to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    text: Cow<'static, str>,
}

/// Subject and detail of an enhanced status code (RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Enhanced {
    subject: u8,
    detail: u8,
}

impl Reply {
    /// A reply that is known when the program is built; `enhanced` is subject and detail. Lines of `text`
    /// are separated by `\n`.
    ///
    /// # Panics
    /// When `code` is not from 200 to 599.
    #[must_use]
    pub const fn fixed(code: u16, enhanced: (u8, u8), text: &'static str) -> Self {
        let (subject, detail) = enhanced;
        let mut reply = Self::bare(code, text);
        reply.enhanced = Some(Enhanced { subject, detail });
        reply
    }

    /// A reply without an enhanced code, for the greeting, HELO, EHLO and 354 (RFC 2034 section 3).
    pub(crate) const fn bare(code: u16, text: &'static str) -> Self {
        assert!(200 <= code && code <= 599, "a reply code");
        Self { code, enhanced: None, text: Cow::Borrowed(text) }
    }

    fn composed(code: u16, enhanced: (u8, u8), text: String) -> Self {
        Self { text: Cow::Owned(text), ..Self::fixed(code, enhanced, "") }
    }

    /// The reply to HELO and EHLO.
    pub(crate) fn hello(text: String) -> Self {
        Self { text: Cow::Owned(text), ..Self::bare(250, "") }
    }

    /// `250 2.0.0 queued as <id>`: the message is durable.
    #[must_use]
    pub fn queued(id: MailId) -> Self {
        let text = ["queued as ", id.encode(&mut [0; MailId::TEXT_OCTETS])].concat();
        Self::composed(250, (0, 0), text)
    }

    /// The reply to what is not admitted; `None` where it is.
    ///
    /// The refusal decides the code. Where it stands for a permanent one and the admission says "later",
    /// the reply says later too: a sender that gives up loses a copy.
    #[must_use]
    pub fn to_admission(admission: &Admission) -> Option<Self> {
        match admission {
            Admission::Admit => None,
            Admission::Refuse(refusal) => Some(Self::from(refusal)),
            Admission::TryLater(refusal) => Some(Self::from(refusal).temporary()),
        }
    }

    /// The same as a greeting: 554 for good, 421 for now (RFC 5321 section 3.1); `None` where the
    /// client is admitted.
    #[must_use]
    pub fn to_client(admission: &Admission) -> Option<Self> {
        let reply = Self::to_admission(admission)?;
        let temporary = reply.code < 500;
        Some(if temporary {
            Self { code: 421, ..reply }
        } else {
            // RFC 2034 section 3: no enhanced code in a greeting.
            Self { code: 554, enhanced: None, ..reply }
        })
    }

    /// The code's three digits.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Whether the client gets what it asked for: 2yz or 354.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.code < 400
    }

    /// Whether the connection closes behind it (RFC 5321 section 3.8).
    pub(crate) fn closes(&self) -> bool {
        self.code == 421
    }

    fn temporary(self) -> Self {
        if self.code < 500 { self } else { Self { code: 451, ..self } }
    }

    /// Appends the reply as it is transmitted. What is neither printable ASCII nor a line end becomes a
    /// question mark, so that no text can forge a second reply.
    pub(crate) fn write(&self, hostname: &str, out: &mut Vec<u8>) {
        // RFC 5321 section 4.2: these carry the server's name as the first word.
        let mut name = matches!(self.code, 220 | 221 | 421).then_some(hostname);
        let mut rest = &*self.text;
        out.reserve(rest.len() + hostname.len() + LINE_OVERHEAD);
        while let Some((line, behind)) = rest.split_once('\n') {
            self.write_line(b'-', name.take(), line, out);
            rest = behind;
        }
        self.write_line(b' ', name.take(), rest, out);
    }

    fn write_line(&self, separator: u8, name: Option<&str>, text: &str, out: &mut Vec<u8>) {
        let start = out.len();
        push_number(self.code, out);
        out.push(separator);
        if let Some(Enhanced { subject, detail }) = self.enhanced {
            for (number, behind) in [(self.code / 100, b'.'), (subject.into(), b'.'), (detail.into(), b' ')] {
                push_number(number, out);
                out.push(behind);
            }
        }
        if let Some(name) = name {
            out.extend_from_slice(name.as_bytes());
            out.push(b' ');
        }
        out.extend(text.bytes().map(|octet| if matches!(octet, 32..=126) { octet } else { b'?' }));
        out.truncate(start + LINE_OCTETS_MAX - 2);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends decimal digits, without the machinery of `fmt`: each message has some ten such numbers.
fn push_number(number: u16, out: &mut Vec<u8>) {
    if number >= 10 {
        push_number(number / 10, out);
    }
    out.push(b'0' + u8::try_from(number % 10).expect("a digit"));
}

/// The reply as a person reads it: its lines without line end, and without the server's name.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, "{}.{enhanced} ", self.code / 100)?;
        }
        f.write_str(&self.text)
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.subject, self.detail)
    }
}

/// The one table from what the house decides to what the client is told. What the operator can mend is
/// 4yz: Exchange and Google give up for good on 5yz.
impl From<&Refusal> for Reply {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Client(rule) => {
                Self::composed(554, (7, 1), format!("your address is not allowed here (rule {rule})"))
            }
            Refusal::RecipientDomain(rule) => {
                Self::composed(550, (7, 1), format!("recipient domain is not accepted here (rule {rule})"))
            }
            Refusal::MessageSize { limit } => {
                let text = format!("message is larger than {limit} octets (rule message_size_limit)");
                Self::composed(552, (3, 4), text)
            }
            Refusal::Recipients { limit } => {
                let text = format!("no more than {limit} recipients at a time (rule limits.recipients)");
                Self::composed(452, (5, 3), text)
            }
            Refusal::Connections { limit } => {
                Self::composed(421, (7, 0), format!("all {limit} connections are in use"))
            }
            Refusal::ConnectionsOfClient { limit } => {
                Self::composed(421, (7, 0), format!("no more than {limit} connections from your address"))
            }
            Refusal::TlsRequired => table::TLS_REQUIRED,
            Refusal::StorageLow => Self::fixed(452, (3, 1), "storage is low"),
            Refusal::MemoryLow => Self::fixed(452, (3, 1), "memory is low"),
            Refusal::Disabled => Self::fixed(421, (3, 2), "no mail is taken here now"),
            Refusal::Draining => Self::fixed(421, (3, 2), "going down, try again"),
            Refusal::StorageFailed => Self::fixed(451, (3, 0), "message could not be stored"),
            Refusal::StorageSlow => Self::fixed(451, (4, 5), "message could not be stored in time"),
            Refusal::BareNewline => {
                Self::fixed(550, (6, 0), "message has a bare CR or LF (rule bare_newline)")
            }
        }
    }
}

#[cfg(test)]
mod tests;
