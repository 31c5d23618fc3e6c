//! What was said about a message on its way in: everything but its bytes.
//!
//! An [`Envelope`] grows while a transaction is open and is stored beside the message from then on. Its
//! serialized form is self-describing (field names are part of it), so a later version reads what an
//! earlier one wrote: fields are added with a default, never renamed.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ForwardPath, MailId, NodeId, ReversePath, Sha256};

mod peer;

pub use peer::{ClientCertificate, Endpoint, Introduction, Source, XClient, XForward};

/// One accepted message's account of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The name of the message.
    pub id: MailId,
    /// Whose mail it is.
    pub tenant: Tenant,
    /// Which node took it.
    pub node: NodeId,
    /// When the last octet had arrived, by the node's clock.
    pub arrival: Timestamp,
    /// The way it came in.
    pub origin: Origin,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// The parameters of MAIL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mail_parameters: Vec<Parameter>,
    /// RCPT TO, in the order of the commands; at least one.
    pub recipients: Vec<Recipient>,
    /// The size of the message in octets, after dot-unstuffing.
    pub octets: u64,
    /// The digest of exactly these octets.
    pub sha256: Sha256,
    /// What is odd about how the message's lines end.
    #[serde(default, skip_serializing_if = "LineEndings::is_canonical")]
    pub line_endings: LineEndings,
}

/// Whose mail it is. There is one tenant today; every record names it all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(pub std::borrow::Cow<'static, str>);

impl Default for Tenant {
    fn default() -> Self {
        Self("default".into())
    }
}

/// The way a message came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// Relayed to a listener by SMTP.
    Smtp(SmtpOrigin),
}

/// What is known about an SMTP session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpOrigin {
    /// The listener's name in the configuration.
    pub listener: Box<str>,
    /// Numbers the connection since the sensor started; the same in the log.
    pub connection: u64,
    /// The client's address; an IPv4-mapped IPv6 address is shown as IPv4. Where a proxy or a filter that is
    /// trusted to speaks for another, that one's.
    pub client: IpAddr,
    /// The client's port; 0 where XCLIENT gave an address without one.
    pub port: u16,
    /// Who said by the PROXY protocol who the client is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Endpoint>,
    /// What was said of the client by XCLIENT, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xclient: Option<Box<Introduction>>,
    /// What the client said by XFORWARD of where it had this message from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xforward: Option<Box<XForward>>,
    /// The name in HELO or EHLO, unverified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helo: Option<Box<str>>,
    /// The protocol, as in a Received field (RFC 3848): SMTP, ESMTP, ESMTPS, UTF8SMTP, UTF8SMTPS.
    pub protocol: Protocol,
    /// The TLS session, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// How the message was sent.
    pub transfer: Transfer,
}

/// Transmission types of RFC 3848 and RFC 6531 section 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are the registry's")]
pub enum Protocol {
    Smtp,
    Smtps,
    Esmtp,
    Esmtps,
    Utf8smtp,
    Utf8smtps,
}

/// A TLS session's parameters, in the names of the IANA registries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: Box<str>,
    /// The cipher suite, such as `TLS_AES_128_GCM_SHA256`.
    pub cipher: Box<str>,
    /// The server name that the client asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<Box<str>>,
    /// The client's certificate, where the listener asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientCertificate>,
}

/// The command that carried the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Transfer {
    /// DATA (RFC 5321 section 4.1.1.4).
    Data,
    /// BDAT (RFC 3030).
    Bdat,
}

/// An ESMTP parameter of MAIL or RCPT, as it came: `BODY=8BITMIME` or `SMTPUTF8`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// The keyword, in upper case.
    pub keyword: Box<str>,
    /// What stands behind the equals sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<str>>,
}

/// One recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// RCPT TO.
    pub path: ForwardPath,
    /// The parameters of RCPT.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// How it is known that this is a recipient.
    pub provenance: Provenance,
    /// Taken though no rule covers it (`uncovered = "accept"`): not looked into on its account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unscanned: bool,
}

/// How a recipient is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// From the envelope of the transaction.
    Envelope,
    /// From a field of the message's header block.
    Header,
    /// From the sub-address of another recipient (RFC 5233): `archive+bob=example.com@sensor.example.com`.
    SubAddress,
    /// From a journal report that came from nobody who is trusted to write one.
    Journal,
}

/// How often a message's lines end otherwise than in CR LF. Mail is kept as it came; this says what came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEndings {
    /// CRs that no LF follows.
    pub bare_cr: u64,
    /// LFs that no CR precedes.
    pub bare_lf: u64,
}

impl LineEndings {
    /// Whether every line ends in CR LF.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        *self == Self::default()
    }
}
