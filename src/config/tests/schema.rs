//! The schema and the reader say the same about whole files.

use serde_json::Value;

use super::*;

/// Why `document` does not fit `schema`; knows the words that our schema uses, and no others.
fn misfit(schema: &Value, document: &Value, path: &str) -> Option<String> {
    let words = schema.as_object().unwrap();
    words.iter().find_map(|(word, rule)| {
        let fits = match word.as_str() {
            "type" => is_of_type(document, rule.as_str().unwrap()),
            "enum" => rule.as_array().unwrap().contains(document),
            "required" => document.as_object().is_none_or(|keys| {
                rule.as_array().unwrap().iter().all(|name| keys.contains_key(name.as_str().unwrap()))
            }),
            "oneOf" => {
                let fits = |one: &&Value| misfit(one, document, path).is_none();
                rule.as_array().unwrap().iter().filter(fits).count() == 1
            }
            "minimum" => document.as_i64().is_none_or(|number| Some(number) >= rule.as_i64()),
            "maximum" => document.as_i64().is_none_or(|number| Some(number) <= rule.as_i64()),
            "items" => return document.as_array()?.iter().find_map(|item| misfit(rule, item, path)),
            "properties" => {
                return document.as_object()?.iter().find_map(|(name, value)| {
                    rule.get(name).and_then(|rule| misfit(rule, value, &format!("{path}.{name}")))
                });
            }
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false));
                let known = &words["properties"];
                document.as_object().is_none_or(|keys| keys.keys().all(|name| known.get(name).is_some()))
            }
            "$schema" | "title" | "writeOnly" | "description" | "default" | "examples" | "x-reload"
            | "x-run-time" => true,
            other => panic!("{other} is not known to this check"),
        };
        (!fits).then(|| format!("{path}: {word}"))
    })
}

fn is_of_type(document: &Value, name: &str) -> bool {
    match name {
        "object" => document.is_object(),
        "array" => document.is_array(),
        "string" => document.is_string(),
        "boolean" => document.is_boolean(),
        "integer" => document.is_i64(),
        other => panic!("{other} is not known to this check"),
    }
}

/// What the schema has against a file, and whether the reader takes it.
fn judged(text: &str) -> (Option<String>, bool) {
    let document: toml::Table = text.parse().unwrap();
    let document = serde_json::to_value(document).unwrap();
    (misfit(&described().json_schema("mailsensor"), &document, ""), read(text).is_ok())
}

#[test]
fn the_shipped_file_fits_commented_or_not() {
    let shipped = include_str!("../../../conf/mailsensor.toml");
    assert_eq!(judged(shipped), (None, true));
    let setting =
        |line: &'static str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
    let uncommented: Vec<&str> = shipped.lines().map(setting).collect();
    // An authority is of use only where certificates are asked for.
    let asked = ["client_certificates = \"ignore\"", "client_certificates = \"request\""];
    let uncommented = uncommented.join("\n").replace(asked[0], asked[1]);
    // A secret has to be there to be read.
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "a long random text\n").unwrap();
    let uncommented = uncommented.replace("/etc/mailsensor/secret", secret.path().to_str().unwrap());
    assert_eq!(judged(&uncommented), (None, true));
    // Everything has a default or an example there: nothing of the schema was left untried.
    let shown = read(&uncommented).unwrap();
    let unset: Vec<&str> =
        shown.iter().filter(|record| record.value.is_none()).map(|record| record.path.as_str()).collect();
    assert_eq!(unset, [""; 0]);
    let document: toml::Table = uncommented.parse().unwrap();
    assert_eq!(document["smtp"]["limits"].as_table().unwrap().len(), 12);
    assert_eq!(document["smtp"]["listener"][0]["address"].as_str(), Some("127.0.0.1:2525"));
}

#[test]
fn what_the_schema_refuses_the_reader_refuses() {
    for (text, why) in [
        ("colour = 'red'", ": additionalProperties"),
        ("state_dir = 7", ".state_dir: type"),
        ("node = -1", ".node: minimum"),
        ("node = 16384", ".node: maximum"),
        ("node = '7'", ".node: type"),
        ("node = 0.5", ".node: type"),
        ("smtp = true", ".smtp: type"),
        ("smtp.enabled = 'yes'", ".smtp.enabled: type"),
        ("smtp.clients = '10.0.0.0/8'", ".smtp.clients: type"),
        ("smtp.clients = [10]", ".smtp.clients: type"),
        ("smtp.uncovered = 'keep'", ".smtp.uncovered: enum"),
        ("smtp.limits.recipient = 3", ".smtp.limits: additionalProperties"),
        ("[smtp.listener]\nname = 'a'", ".smtp.listener: type"),
        ("[[smtp.listener]]\nsecurity = 'maybe'", ".smtp.listener.security: enum"),
        ("[[scanner]]\nkind = 'clam'", ".scanner: oneOf"),
        ("[[scanner]]\nkind = 'clamd'\nurl = 'x'", ".scanner: oneOf"),
        ("[[rule]]\nverdict = 'bad'", ".rule.verdict: enum"),
        ("[[smtp.listener]]\nport = 25", ".smtp.listener: additionalProperties"),
    ] {
        assert_eq!(judged(text), (Some(why.to_owned()), false), "{text}");
    }
    // The other way round it does not hold: what a text means is for the reader.
    assert_eq!(judged("smtp.clients = ['10.0.0.0/33']"), (None, false));
}
