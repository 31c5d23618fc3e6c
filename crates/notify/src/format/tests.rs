use proptest::prelude::*;
use serde_json::Value;

use super::syslog::{Body, Facility, Syslog};
use super::*;
use crate::keys::MESSAGE_OCTETS_MIN;
use crate::notice::tests::{event, hostile, notice_of};

fn reporter() -> Reporter {
    Reporter { hostname: "sensor.example.com".into(), version: "0.1.0".into() }
}

fn syslog(body: Body, octets_max: usize) -> Format {
    let facility = Facility(16);
    Format::Syslog(Syslog { facility, sd_id: "mailsensor@32473".into(), body, octets_max })
}

fn text(format: &Format, notice: &Notice) -> String {
    String::from_utf8(format.write(notice, &reporter())).unwrap()
}

/// docs/events.md shows these events; what it shows is what is sent.
#[test]
fn the_examples_of_the_docs_are_what_is_sent() {
    let docs = include_str!("../../../../docs/events.md");
    let notice = notice_of(&event());
    let formats = [("jsonl", Format::Ecs), ("cef", Format::Cef), ("syslog", syslog(Body::Structured, 8_192))];
    let written = formats.map(|(of, format)| (of, text(&format, &notice)));
    let lacks = |(_, line): &&(&str, String)| !docs.lines().any(|shown| is_same(shown, line));
    let missing = written
        .iter()
        .filter(lacks)
        .map(|(of, line)| format!("docs/events.md lacks the line of {of}:\n{line}\n"));
    let missing: String = missing.collect();
    assert!(missing.is_empty(), "{missing}");
}

/// In JSON the order of members says nothing.
fn is_same(shown: &str, line: &str) -> bool {
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    shown == line || value(line).is_some_and(|of_line| value(shown) == Some(of_line))
}

/// Every field that an event may have stands in the table of the docs, and nothing else does.
#[test]
fn the_table_of_the_docs_has_every_field() {
    let docs = include_str!("../../../../docs/events.md");
    let mut documented: Vec<&str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(field, _)| field))
        .collect();
    documented.sort_unstable();
    let notice = Notice { cut: true, ..notice_of(&event()) };
    let mut notice = notice;
    notice.cc = notice.to.clone();
    let mut fields = Vec::new();
    flatten("", &serde_json::from_str(&text(&Format::Ecs, &notice)).unwrap(), &mut fields);
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(fields, documented);
}

fn flatten(path: &str, value: &Value, fields: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), value, fields);
            }
        }
        Value::Array(members) if members.iter().any(Value::is_object) => {
            members.iter().for_each(|member| flatten(path, member, fields));
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            fields.push(path.to_owned());
        }
    }
}

#[test]
fn what_a_stranger_wrote_is_escaped_by_the_rules_of_the_format() {
    for (name, json, cef, structured) in [
        ("plain.txt", r#""name":"plain.txt""#, "fname=plain.txt", r#" file="plain.txt""#),
        (
            "a\r\nCEF:0|x",
            r#""name":"a\r\nCEF:0|x""#,
            r"fname=a\r\nCEF:0|x",
            " file=\"a\u{fffd}\u{fffd}CEF:0|x\"",
        ),
        (r#"a"] x="#, r#""name":"a\"] x=""#, r#"fname=a"] x\="#, r#" file="a\"\] x=""#),
        (r"a\|b", r#""name":"a\\|b""#, r"fname=a\\|b", r#" file="a\\|b""#),
        (
            "a\u{202e}fdp.exe",
            r#""name":"a\u202efdp.exe""#,
            "fname=a\u{fffd}fdp.exe",
            " file=\"a\u{fffd}fdp.exe\"",
        ),
        (
            "\u{9b}31m\u{7f}",
            r#""name":"\u009b31m\u007f""#,
            "fname=\u{fffd}31m\u{fffd}",
            " file=\"\u{fffd}31m\u{fffd}\"",
        ),
        (
            "r\u{e9}sum\u{e9}",
            "\"name\":\"r\u{e9}sum\u{e9}\"",
            "fname=r\u{e9}sum\u{e9}",
            " file=\"r\u{e9}sum\u{e9}\"",
        ),
    ] {
        let mut notice = notice_of(&event());
        notice.files.shown.truncate(1);
        notice.files.shown[0].name = Some(name.to_owned());
        for (format, expected) in
            [(Format::Ecs, json), (Format::Cef, cef), (syslog(Body::Structured, 8_192), structured)]
        {
            let written = text(&format, &notice);
            assert!(written.contains(expected), "{name:?}: no {expected:?} in {written}");
        }
        let Value::Object(object) = serde_json::from_str(&text(&Format::Ecs, &notice)).unwrap() else {
            panic!()
        };
        assert_eq!(object["email"]["attachments"][0]["file"]["name"], name);
    }
}

#[test]
fn a_header_of_cef_escapes_what_ends_its_fields() {
    let reporter = Reporter { version: "1|2\\3\n".into(), ..reporter() };
    let written = super::cef::write(&notice_of(&event()), &reporter);
    assert!(
        written
            .starts_with("CEF:0|mailsensor|mailsensor|1\\|2\\\\3\u{fffd}|look.hostile|Hostile mail|10|rt=")
    );
}

#[test]
fn a_host_name_that_is_none_is_told_by_a_dash() {
    for (name, told) in
        [("sensor.example.com", "sensor.example.com"), ("", "-"), ("a b", "-"), ("b\u{fc}cher", "-")]
    {
        let reporter = Reporter { hostname: name.into(), ..reporter() };
        let written = syslog(Body::Json, 8_192).write(&notice_of(&event()), &reporter);
        let start = format!("<130>1 2026-11-22T10:00:01.500Z {told} mailsensor - look - {{");
        assert!(written.starts_with(start.as_bytes()), "{}", String::from_utf8_lossy(&written));
        assert!(written.is_ascii());
    }
}

/// The smallest that a receiver may be set to take, the largest that a stranger may write.
#[test]
fn every_event_fits_every_receiver_whole_by_its_grammar() {
    let octets_min = usize::try_from(MESSAGE_OCTETS_MIN).unwrap();
    let reporter = Reporter { hostname: "h".repeat(255).into(), version: "0.1.0".into() };
    for unit in ["a", "\u{1}", "\"", "\\", "]", "=", "\r\n", "\u{202e}", "\u{1f600}"] {
        let notice = notice_of(&hostile(&unit.repeat(2_000)));
        for octets_max in [octets_min, 8_192, 65_507] {
            for body in [Body::Json, Body::Structured, Body::Cef] {
                let written = syslog(body, octets_max).write(&notice, &reporter);
                let len = written.len();
                assert!(len <= octets_max, "{unit:?} as {body:?}: {len} octets of {octets_max}");
                let written = String::from_utf8(written).unwrap();
                let message = written.splitn(8, ' ').nth(7).unwrap();
                if body == Body::Json {
                    assert!(serde_json::from_str::<Value>(message).is_ok(), "{message}");
                }
                let says_so = ["\"cut\":true", " cut=\"true\"", " cs6=true cs6Label=cut"];
                let is_told = says_so.iter().any(|mark| written.contains(mark));
                assert!(is_told || octets_max > octets_min, "{written}");
                assert!(!written.contains(sensor_mail::terminal::acts), "{written:?}");
            }
        }
    }
}

#[test]
fn what_fits_is_not_cut() {
    for body in [Body::Json, Body::Structured, Body::Cef] {
        assert!(!text(&syslog(body, 8_192), &notice_of(&event())).contains("cut"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is in it, a line is one line, JSON is JSON that says it, and a CEF extension splits into its fields.
    #[test]
    fn no_text_leaves_its_field(name in "\\PC*|[\\x00-\\x7f|=\\\\\"\\]]{0,40}|(?s).{0,30}") {
        let mut notice = notice_of(&event());
        notice.files.shown.truncate(1);
        notice.files.shown[0].name = Some(name.clone());
        let json = text(&Format::Ecs, &notice);
        prop_assert!(!json.contains(sensor_mail::terminal::acts));
        let value: Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(value["email"]["attachments"][0]["file"]["name"].as_str(), Some(&*name));

        let cef = text(&Format::Cef, &notice);
        prop_assert!(!cef.contains(sensor_mail::terminal::acts));
        let keys = |cef: &str| unescaped_equals(cef);
        prop_assert_eq!(keys(&cef), keys(&text(&Format::Cef, &notice_without_name(&notice))));

        let structured = text(&syslog(Body::Structured, 60_000), &notice);
        prop_assert_eq!(parameters(&structured)["file"].clone(), sensor_mail::terminal::visible(&name));
    }
}

fn notice_without_name(notice: &Notice) -> Notice {
    let mut notice = notice.clone();
    notice.files.shown[0].name = Some("x".to_owned());
    notice
}

/// How many fields a receiver sees. An empty one is left out, so a name counts as one here.
fn unescaped_equals(cef: &str) -> usize {
    let mut escaped = false;
    let mut count = usize::from(!cef.contains(" fname="));
    for c in cef.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            '=' if !escaped => count += 1,
            _ => escaped = false,
        }
        if c != '\\' {
            escaped = false;
        }
    }
    count
}

/// Reads structured data as RFC 5424 section 6.3 has it.
fn parameters(message: &str) -> std::collections::HashMap<String, String> {
    let mut rest = &message[message.find(" event=\"").unwrap()..];
    let mut found = std::collections::HashMap::new();
    while let Some(after) = rest.strip_prefix(' ') {
        let (name, value) = after.split_once("=\"").unwrap();
        let mut text = String::new();
        let mut characters = value.char_indices();
        let end = loop {
            match characters.next().unwrap() {
                (_, '\\') => text.push(characters.next().unwrap().1),
                (end, '"') => break end,
                (_, c) => text.push(c),
            }
        };
        found.insert(name.to_owned(), text);
        rest = &value[end + 1..];
    }
    assert!(rest.starts_with("] "), "{rest}");
    found
}
