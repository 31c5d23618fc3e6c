use serde_json::json;

use super::*;

fn entries(text: &str) -> Result<Vec<(Key, Option<Value>)>, Vec<String>> {
    let patch: Patch = serde_json::from_str(text).map_err(|error| vec![error.to_string()])?;
    patch.entries().map_err(|faults| faults.iter().map(|f| format!("{}: {}", f.key, f.message)).collect())
}

#[test]
fn a_patch_names_keys_and_takes_them_back_by_null() {
    let cases = [
        ("{}", vec![]),
        (r#"{"enabled": false}"#, vec![(Key::Enabled, Some(json!(false)))]),
        (r#"{"clients": ["192.0.2.7"]}"#, vec![(Key::Clients, Some(json!(["192.0.2.7"])))]),
        (r#"{"clients": null}"#, vec![(Key::Clients, None)]),
        (r#"{"tls": {"security": "required"}}"#, vec![(Key::TlsSecurity, Some(json!("required")))]),
        (r#"{"tls": {"security": null}}"#, vec![(Key::TlsSecurity, None)]),
        // RFC 7396 section 2: null removes the member, with all that is in it; an empty object changes nothing.
        (r#"{"tls": null}"#, vec![(Key::TlsSecurity, None)]),
        (r#"{"tls": {}}"#, vec![]),
    ];
    for (text, expected) in cases {
        assert_eq!(entries(text).as_ref(), Ok(&expected), "{text}");
    }
}

#[test]
fn every_member_that_no_key_takes_is_named() {
    let cases: &[(&str, &[&str])] = &[
        (
            r#"{"enabled": 1, "enable": true}"#,
            &["enabled: takes true or false, or null", "enable: there is no such setting"],
        ),
        (r#"{"enabled": true, "enabled": false}"#, &["enabled: stands here twice"]),
        (r#"{"enabled": {"x": 1}}"#, &["enabled: takes true or false, or null"]),
        (r#"{"clients": "192.0.2.7"}"#, &["clients: takes a list of texts, or null"]),
        (r#"{"clients": ["192.0.2.7", null]}"#, &["clients: takes a list of texts, or null"]),
        (r#"{"tls": true}"#, &["tls: takes an object, or null"]),
        (r#"{"tls": {"securty": "none"}}"#, &["tls.securty: there is no such setting"]),
        (r#"{"tls.security": "none"}"#, &["tls.security: there is no such setting"]),
        (r#"{"about": {}, "grace": null}"#, &["about: is for reading only", "grace: is for reading only"]),
        (r#"{"": {"": 1}}"#, &[": there is no such setting"]),
    ];
    for (text, expected) in cases {
        assert_eq!(entries(text).unwrap_err(), *expected, "{text}");
    }
    for not_a_patch in ["[]", "5", "null", "\"x\""] {
        assert_eq!(entries(not_a_patch).unwrap_err().len(), 1, "{not_a_patch}");
    }
}

#[test]
fn faults_are_told_up_to_a_limit() {
    let members: Vec<String> = (0..1_000).map(|n| format!("\"x{n}\": 0")).collect();
    assert_eq!(entries(&format!("{{{}}}", members.join(","))).unwrap_err().len(), FAULTS_MAX);
}
