//! An event as one JSON object with the names of the Elastic Common Schema.
//!
//! What ECS has no name for stands below `mailsensor`. docs/events.md lists the fields; a test holds it to
//! what is written here.

use sensor_mail::Verdict;
use sensor_mail::terminal::acts;
use serde_json::{Map, Value, json};

use super::Reporter;
use crate::notice::{Covered, File, Hit, Listed, Notice, Shadow};
use crate::words;

/// The version of ECS whose names are used.
const ECS_VERSION: &str = "8.11.0";

/// The event as one line of JSON without its end, in ASCII but for printable text.
pub(crate) fn write(notice: &Notice, reporter: &Reporter) -> String {
    escaped(Value::Object(object(notice, reporter)).to_string(), acts)
}

/// The same in ASCII alone: syslog tells what is no ASCII apart by a mark that many receivers take for text.
pub(crate) fn write_ascii(notice: &Notice, reporter: &Reporter) -> String {
    escaped(write(notice, reporter), |c| !c.is_ascii())
}

/// JSON in which the characters that `is_bad` are escaped. Outside its strings JSON has ASCII alone, and
/// none of the controls where it is compact: so all of them stand in strings.
fn escaped(json: String, is_bad: impl Fn(char) -> bool) -> String {
    if !json.contains(&is_bad) {
        return json;
    }
    let mut out = String::with_capacity(json.len() * 2);
    for c in json.chars() {
        if !is_bad(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

fn object(notice: &Notice, reporter: &Reporter) -> Map<String, Value> {
    let mut object = Map::new();
    for (path, value) in event(notice).into_iter().chain(email(notice)).chain(judged(notice, reporter)) {
        put(&mut object, path, value);
    }
    object
}

/// Puts a value at a dotted path, unless there is nothing to say.
fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    let is_nothing = match &value {
        Value::Null => true,
        Value::Array(members) => members.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if is_nothing {
        return;
    }
    let Some((first, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let inner = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
    put(inner.as_object_mut().expect("no path is the beginning of another"), rest, value);
}

fn event(notice: &Notice) -> Vec<(&'static str, Value)> {
    vec![
        ("@timestamp", json!(notice.looked)),
        ("ecs.version", json!(ECS_VERSION)),
        ("event.kind", json!(if is_alert(notice.verdict) { "alert" } else { "event" })),
        ("event.category", json!(["email"])),
        ("event.type", json!(["info"])),
        ("event.action", json!("look")),
        ("event.outcome", json!(outcome(notice))),
        ("event.severity", json!(words::severity_number(notice.severity))),
        ("event.id", json!(notice.key())),
        ("event.created", json!(notice.created)),
        ("event.module", json!("mailsensor")),
        ("event.dataset", json!("mailsensor.look")),
    ]
}

fn is_alert(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Suspect | Verdict::Hostile => true,
        Verdict::Clean | Verdict::Undetermined => false,
    }
}

/// Of the look, not of the mail: whether all was looked at that had to be.
pub(super) fn outcome(notice: &Notice) -> &'static str {
    match (notice.owed, notice.verdict) {
        (true, _) => "failure",
        (false, Verdict::Undetermined) => "unknown",
        (false, Verdict::Clean | Verdict::Suspect | Verdict::Hostile) => "success",
    }
}

fn email(notice: &Notice) -> Vec<(&'static str, Value)> {
    vec![
        ("email.message_id", json!(notice.message_id)),
        ("email.from.address", json!(notice.from.shown)),
        ("email.to.address", json!(notice.to.shown)),
        ("email.cc.address", json!(notice.cc.shown)),
        ("email.delivery_timestamp", json!(notice.arrival)),
        ("email.attachments", notice.files.shown.iter().map(attachment).collect()),
        ("source.ip", json!(notice.client)),
        // XCLIENT may name an address without a port.
        ("source.port", json!(Some(notice.port).filter(|port| *port != 0))),
    ]
}

fn attachment(file: &File) -> Value {
    let mut object = Map::new();
    for (path, value) in [
        ("file.name", json!(file.name)),
        ("file.extension", json!(file.extension())),
        ("file.mime_type", json!(file.mime_type)),
        ("file.size", json!(file.octets)),
        ("file.hash.sha256", json!(file.sha256)),
        ("file.path", json!(file.path)),
    ] {
        put(&mut object, path, value);
    }
    Value::Object(object)
}

fn judged(notice: &Notice, reporter: &Reporter) -> Vec<(&'static str, Value)> {
    let counts = counts(notice);
    vec![
        ("observer.hostname", json!(reporter.hostname)),
        ("observer.product", json!("mailsensor")),
        ("observer.version", json!(reporter.version)),
        ("tags", json!(notice.tags.shown)),
        ("rule.name", distinct(&notice.findings, |hit| &hit.rule)),
        ("rule.ruleset", distinct(&notice.findings, |hit| &hit.scanner)),
        ("mailsensor.mail_id", json!(notice.mail)),
        ("mailsensor.revision", json!(notice.revision)),
        ("mailsensor.verdict", json!(words::verdict(notice.verdict))),
        ("mailsensor.severity", json!(words::severity(notice.severity))),
        ("mailsensor.disposition", json!(words::disposition(notice.disposition))),
        ("mailsensor.notices", json!(notice.notices.shown)),
        ("mailsensor.rules", json!(notice.rules.shown)),
        ("mailsensor.rules_version", json!(Some(&notice.ruleset).filter(|text| !text.is_empty()))),
        ("mailsensor.findings", notice.findings.shown.iter().map(finding).collect()),
        ("mailsensor.coverage", notice.coverage.shown.iter().map(coverage).collect()),
        ("mailsensor.owed", json!(notice.owed)),
        ("mailsensor.shadow", notice.shadow.as_ref().map_or(Value::Null, shadow)),
        ("mailsensor.envelope.from", json!(notice.envelope_from)),
        ("mailsensor.envelope.to", json!(notice.envelope_to.shown)),
        ("mailsensor.listener", json!(notice.listener)),
        ("mailsensor.node", json!(notice.node)),
        ("mailsensor.tenant", json!(notice.tenant)),
        ("mailsensor.size", json!(notice.octets)),
        ("mailsensor.sha256", json!(notice.sha256)),
        ("mailsensor.counts", counts),
        ("mailsensor.cut", json!(Some(notice.cut).filter(|cut| *cut))),
    ]
}

/// How many there are of what lists show some of.
fn counts(notice: &Notice) -> Value {
    json!({
        "attachments": notice.files.total,
        "findings": notice.findings.total,
        "scanners": notice.coverage.total,
        "recipients": notice.envelope_to.total,
    })
}

/// Each once, in their order.
fn distinct<'a>(findings: &'a Listed<Hit>, name: impl Fn(&'a Hit) -> &'a String) -> Value {
    let mut names: Vec<&String> = Vec::new();
    for hit in &findings.shown {
        if !names.contains(&name(hit)) {
            names.push(name(hit));
        }
    }
    json!(names)
}

fn finding(hit: &Hit) -> Value {
    let mut object = Map::new();
    for (path, value) in [
        ("scanner", json!(hit.scanner)),
        ("rule", json!(hit.rule)),
        ("severity", json!(words::severity(hit.severity))),
        ("path", json!(Some(&hit.path).filter(|path| !path.is_empty()))),
        ("tags", json!(hit.tags)),
    ] {
        put(&mut object, path, value);
    }
    Value::Object(object)
}

fn coverage(covered: &Covered) -> Value {
    let mut object = Map::new();
    for (path, value) in [
        ("scanner", json!(covered.scanner)),
        ("required", json!(covered.required)),
        ("outcome", json!(words::outcome(covered.outcome))),
        ("gaps", json!(covered.gaps)),
        ("ruleset", json!(covered.ruleset)),
    ] {
        put(&mut object, path, value);
    }
    Value::Object(object)
}

fn shadow(shadow: &Shadow) -> Value {
    json!({
        "verdict": words::verdict(shadow.verdict),
        "severity": words::severity(shadow.severity),
        "disposition": words::disposition(shadow.disposition),
        "rules_version": shadow.ruleset,
        "differs": shadow.differs,
    })
}
