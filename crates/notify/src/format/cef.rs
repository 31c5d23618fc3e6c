//! An event as a line of ArcSight's Common Event Format, version 0.
//!
//! ```text
//!  CEF:0|mailsensor|mailsensor|0.1.0|look.hostile|Hostile mail|8|key=value key=value
//!        \__________ header: \ and | are escaped ____________/ | \_ extension: \, = and line ends are _/
//!                                                              severity, 0 to 10
//! ```
//!
//! The keys and their longest values are those of the CEF implementation standard, its table of producer
//! keys.

use std::net::IpAddr;

use sensor_mail::Verdict;
use sensor_mail::terminal::visible;

use super::{Reporter, ecs};
use crate::notice::{Hit, Notice};
use crate::words;

/// The most octets of a value, before it is escaped.
fn octets_max(key: &str) -> usize {
    match key {
        "dvchost" => 100,
        "cs1" | "cs2" | "cs3" | "cs4" | "cs5" => 4_000,
        _ => 1_023,
    }
}

pub(crate) fn write(notice: &Notice, reporter: &Reporter) -> String {
    let mut out = String::from("CEF:0");
    let (id, name) = class(notice.verdict);
    let severity = words::severity_number(notice.severity).to_string();
    for field in ["mailsensor", "mailsensor", &reporter.version, id, name, &severity] {
        out.push('|');
        out.push_str(&header(field));
    }
    out.push('|');
    let fields = extension(notice, reporter);
    for (index, (key, value)) in fields.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { " " });
        out.push_str(key);
        out.push('=');
        out.push_str(&escape_value(value));
    }
    out
}

/// The class of the event, by which correlation rules tell events apart, and its name for people.
fn class(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Clean => ("look.clean", "Clean mail"),
        Verdict::Undetermined => ("look.undetermined", "Mail that was not looked at in full"),
        Verdict::Suspect => ("look.suspect", "Suspect mail"),
        Verdict::Hostile => ("look.hostile", "Hostile mail"),
    }
}

fn extension(notice: &Notice, reporter: &Reporter) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("rt", notice.looked.as_millisecond().to_string()),
        ("start", notice.arrival.as_millisecond().to_string()),
        ("externalId", notice.key()),
        ("cat", words::verdict(notice.verdict).to_owned()),
        ("act", words::disposition(notice.disposition).to_owned()),
        ("outcome", ecs::outcome(notice).to_owned()),
        ("dvchost", reporter.hostname.to_string()),
        ("fsize", notice.octets.to_string()),
        ("fileHash", notice.sha256.to_string()),
    ];
    fields.extend(source(notice));
    fields.push(("suser", notice.envelope_from.clone().unwrap_or_default()));
    fields.push(("duser", notice.envelope_to.shown.join(",")));
    let files: Vec<String> = notice.files.shown.iter().filter_map(|file| file.name.clone()).collect();
    fields.push(("fname", files.join(",")));
    fields.extend(custom(notice));
    fields.retain(|(_, value)| !value.is_empty());
    let mut is_cut = notice.cut;
    for (key, value) in &mut fields {
        is_cut |= value.len() > octets_max(key);
        value.truncate(value.floor_char_boundary(octets_max(key)));
    }
    if is_cut {
        fields.extend([("cs6", "true".to_owned()), ("cs6Label", "cut".to_owned())]);
    }
    fields
}

/// `src` is an IPv4 address by its type; one of IPv6 has a field of its own.
fn source(notice: &Notice) -> Vec<(&'static str, String)> {
    let mut fields = match notice.client {
        IpAddr::V4(address) => vec![("src", address.to_string())],
        IpAddr::V6(address) => {
            vec![("c6a2", address.to_string()), ("c6a2Label", "Source IPv6 Address".to_owned())]
        }
    };
    if notice.port != 0 {
        fields.push(("spt", notice.port.to_string()));
    }
    fields
}

/// The fields that each producer names itself. A name without a value is left out.
fn custom(notice: &Notice) -> Vec<(&'static str, String)> {
    let texts = [
        ("cs1", "cs1Label", "findings", join(notice.findings.shown.iter().map(found))),
        ("cs2", "cs2Label", "rules", join(notice.rules.shown.iter().cloned())),
        ("cs3", "cs3Label", "tags", join(notice.tags.shown.iter().cloned())),
        ("cs4", "cs4Label", "message_id", notice.message_id.clone().unwrap_or_default()),
        ("cs5", "cs5Label", "missed_by", join(missed(notice))),
    ];
    let numbers = [
        ("cn1", "cn1Label", "revision", notice.revision as usize),
        ("cn2", "cn2Label", "findings", notice.findings.total),
        ("cn3", "cn3Label", "recipients", notice.envelope_to.total),
    ];
    let numbers = numbers.map(|(key, label, name, number)| (key, label, name, number.to_string()));
    let mut fields = Vec::new();
    for (key, label, name, value) in texts.into_iter().chain(numbers) {
        if !value.is_empty() {
            fields.push((key, value));
            fields.push((label, name.to_owned()));
        }
    }
    fields
}

/// The scanners that did not look at everything.
fn missed(notice: &Notice) -> impl Iterator<Item = String> {
    let missed = notice.coverage.shown.iter().filter(|covered| covered.gaps > 0);
    missed.map(|covered| covered.scanner.clone())
}

fn found(hit: &Hit) -> String {
    format!("{}: {}", hit.scanner, hit.rule)
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

/// In the header a line end cannot be told: it is replaced, as is all that acts on a display.
fn header(text: &str) -> String {
    visible(text).replace('\\', "\\\\").replace('|', "\\|")
}

fn escape_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '=' => out.push_str("\\="),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if sensor_mail::terminal::acts(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
