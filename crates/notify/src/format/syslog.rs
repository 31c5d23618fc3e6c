//! An event as a message of RFC 5424.
//!
//! ```text
//!  <PRI>1 2026-11-22T10:00:00.000Z sensor.example.com mailsensor - look [mailsensor@32473 verdict=".."] MSG
//!   |     TIMESTAMP                HOSTNAME           APP-NAME  PROCID MSGID STRUCTURED-DATA
//!   facility * 8 + severity
//! ```
//!
//! MSG is ASCII, or UTF-8 without the mark of section 6.4 where it is CEF: receivers take the mark for text.

use std::fmt::Write as _;

use sensor_mail::Severity;
use sensor_mail::terminal::visible;

use super::{Reporter, cef, ecs};
use crate::notice::{Hit, Notice};
use crate::words;

/// How a message is written.
#[derive(Clone, Debug)]
pub(crate) struct Syslog {
    pub(crate) facility: Facility,
    /// The name of the structured data: `name@` and the private enterprise number of whoever named it.
    pub(crate) sd_id: String,
    pub(crate) body: Body,
    /// The most octets of a message.
    pub(crate) octets_max: usize,
}

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The event in JSON with ECS names, as the message.
    Json,
    /// The most important fields as structured data (RFC 5424 section 6.3), and a sentence.
    Structured,
    /// CEF, as the message.
    Cef,
}

/// The code of a facility (RFC 5424 section 6.2.1), 0 to 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(pub(crate) u8);

/// The facilities that an event may have, by the names of syslog.conf(5).
pub(crate) const FACILITIES: &[(&str, Facility)] = &[
    ("user", Facility(1)),
    ("mail", Facility(2)),
    ("daemon", Facility(3)),
    ("auth", Facility(4)),
    ("authpriv", Facility(10)),
    ("local0", Facility(16)),
    ("local1", Facility(17)),
    ("local2", Facility(18)),
    ("local3", Facility(19)),
    ("local4", Facility(20)),
    ("local5", Facility(21)),
    ("local6", Facility(22)),
    ("local7", Facility(23)),
];

/// The longest HOSTNAME (section 6).
const HOSTNAME_OCTETS_MAX: usize = 255;

impl Syslog {
    pub(crate) fn write(&self, notice: &Notice, reporter: &Reporter) -> String {
        let priority = self.facility.0 * 8 + level(notice.severity);
        let time = format!("{:.3}", notice.looked);
        let host = hostname(&reporter.hostname);
        let mut out = format!("<{priority}>1 {time} {host} mailsensor - look ");
        match self.body {
            Body::Json => write!(out, "- {}", ecs::write_ascii(notice, reporter)),
            Body::Cef => write!(out, "- {}", cef::write(notice, reporter)),
            Body::Structured => {
                let verdict = words::verdict(notice.verdict);
                write!(out, "{} mail {} is {verdict}", structured(&self.sd_id, notice), notice.mail)
            }
        }
        .expect("a String takes everything");
        out
    }
}

/// The severity of section 6.2.1. Nothing that mail can be is an emergency of the system, or an alert.
fn level(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
        Severity::Info => 6,
    }
}

/// HOSTNAME is printable ASCII without a space, or `-`.
fn hostname(name: &str) -> &str {
    let is_one =
        (1..=HOSTNAME_OCTETS_MAX).contains(&name.len()) && name.bytes().all(|o| o.is_ascii_graphic());
    if is_one { name } else { "-" }
}

fn structured(sd_id: &str, notice: &Notice) -> String {
    let mut out = format!("[{sd_id}");
    let mut put = |name: &str, value: &str| {
        // A String takes everything.
        let _ = write!(out, " {name}=\"{}\"", parameter(value));
    };
    put("event", &notice.key());
    put("verdict", words::verdict(notice.verdict));
    put("severity", words::severity(notice.severity));
    put("disposition", words::disposition(notice.disposition));
    put("client", &notice.client.to_string());
    put("size", &notice.octets.to_string());
    put("sha256", &notice.sha256.to_string());
    put("owed", if notice.owed { "true" } else { "false" });
    for (name, text) in [("from", &notice.envelope_from), ("message_id", &notice.message_id)] {
        if let Some(text) = text {
            put(name, text);
        }
    }
    // RFC 5424 section 6.3.3: a name may stand more than once, for a list.
    notice.envelope_to.shown.iter().for_each(|to| put("to", to));
    notice.tags.shown.iter().for_each(|tag| put("tag", tag));
    notice.rules.shown.iter().for_each(|rule| put("rule", rule));
    notice.findings.shown.iter().for_each(|hit| put("finding", &found(hit)));
    notice.files.shown.iter().filter_map(|file| file.name.as_deref()).for_each(|name| put("file", name));
    put("findings", &notice.findings.total.to_string());
    put("files", &notice.files.total.to_string());
    if notice.cut {
        put("cut", "true");
    }
    out.push(']');
    out
}

fn found(hit: &Hit) -> String {
    format!("{}: {}", hit.scanner, hit.rule)
}

/// Section 6.3.3: quote, backslash and closing bracket are escaped.
fn parameter(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for c in visible(value).chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
