//! One message to one recipient, and what was answered.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::{CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;

use crate::cli::SendTls;

/// How long one answer may take. A sensor answers within `spool.commit_deadline`, 60 s where nobody changed
/// it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is sent to whom.
pub(super) struct Dialogue<'a> {
    pub(super) server: &'a str,
    pub(super) tls: Option<SendTls>,
    pub(super) from: Option<&'a Address>,
    pub(super) to: &'a Address,
    /// Lines end in CR LF, and so does the last.
    pub(super) message: &'a [u8],
}

/// The end that is hoped for.
pub(super) struct Accepted {
    /// The final reply.
    pub(super) reply: String,
    /// SHA-256 of the certificate that the server showed.
    pub(super) certificate: Option<String>,
}

impl Accepted {
    pub(super) fn queued_id(&self) -> Option<sensor_mail::MailId> {
        self.reply.rsplit(' ').next()?.parse().ok()
    }
}

/// What was asked when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connect,
    StartTls,
    Mail,
    Rcpt,
    Data,
    Message,
}

/// Another end.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    /// The number of the reply; none where there was no reply.
    pub(super) code: Option<u16>,
    /// The reply's text, or what the system says.
    pub(super) text: String,
}

impl Failure {
    fn at(stage: Stage) -> impl FnOnce(Error) -> Self {
        move |error| {
            let text = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
            Self { stage, code: error.status().map(u16::from), text }
        }
    }

    /// Whether the same may succeed later (RFC 5321 section 4.2.1).
    pub(super) fn is_for_later(&self) -> bool {
        self.code.is_some_and(|code| (400..500).contains(&code))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = match self.stage {
            Stage::Connect => "in its greeting",
            Stage::StartTls => "to STARTTLS",
            Stage::Mail => "to MAIL",
            Stage::Rcpt => "to RCPT",
            Stage::Data => "to DATA",
            Stage::Message => "to the message",
        };
        match self.code {
            Some(code) => write!(out, "answered {asked}: {code} {}", self.text),
            None if self.stage == Stage::Connect => write!(out, "no answer: {}", self.text),
            None => write!(out, "no answer {asked}: {}", self.text),
        }
    }
}

impl Dialogue<'_> {
    pub(super) fn run(&self) -> Result<Accepted, Failure> {
        let mut connection = self.connect()?;
        let certificate = connection.peer_certificate().ok().map(|certificate| fingerprint(&certificate));
        let mail = Mail::new(self.from.cloned(), self.parameters(&connection));
        connection.command(mail).map_err(Failure::at(Stage::Mail))?;
        connection.command(Rcpt::new(self.to.clone(), Vec::new())).map_err(Failure::at(Stage::Rcpt))?;
        connection.command(Data).map_err(Failure::at(Stage::Data))?;
        // The client ends the last line itself, together with the dot behind it.
        let text = self.message.strip_suffix(b"\r\n").unwrap_or(self.message);
        let reply = connection.message(text).map_err(Failure::at(Stage::Message))?;
        // What was accepted stays accepted, whatever becomes of the connection.
        let _ = connection.quit();
        Ok(Accepted { reply: shown(&reply), certificate })
    }

    fn connect(&self) -> Result<SmtpConnection, Failure> {
        let tls = self.tls.map(|_| any_certificate(self.server)).transpose();
        let tls = tls.map_err(Failure::at(Stage::StartTls))?;
        let at_once = tls.as_ref().filter(|_| self.tls == Some(SendTls::Implicit));
        let me = ClientId::default();
        let mut connection = SmtpConnection::connect(self.server, Some(PATIENCE), &me, at_once, None)
            .map_err(Failure::at(Stage::Connect))?;
        if let (Some(SendTls::Starttls), Some(tls)) = (self.tls, &tls) {
            connection.starttls(tls, &me).map_err(Failure::at(Stage::StartTls))?;
        }
        Ok(connection)
    }

    /// What of the message the server must be told (RFC 6152, RFC 6531), where it can be.
    fn parameters(&self, connection: &SmtpConnection) -> Vec<MailParameter> {
        let takes = |extension| connection.server_info().supports_feature(extension);
        let addresses = [self.from, Some(self.to)].into_iter().flatten();
        let is_ascii = addresses.map(AsRef::<str>::as_ref).all(str::is_ascii);
        let mut parameters = Vec::new();
        if !self.message.is_ascii() && takes(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if !is_ascii && takes(Extension::SmtpUtfEight) {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        parameters
    }
}

/// A test shows which certificate is there; a sensor's own signs itself.
fn any_certificate(server: &str) -> Result<TlsParameters, Error> {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    TlsParameters::builder(host.trim_matches(['[', ']']).to_owned())
        .certificate_store(CertificateStore::None)
        .dangerous_accept_invalid_certs(true)
        .dangerous_accept_invalid_hostnames(true)
        .build_rustls()
}

/// As the sensor prints it at its start.
fn fingerprint(certificate: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, certificate);
    let octets: Vec<String> = digest.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(":")
}

fn shown(reply: &Response) -> String {
    let lines: Vec<&str> = reply.message().collect();
    format!("{} {}", reply.code(), lines.join(" "))
}
