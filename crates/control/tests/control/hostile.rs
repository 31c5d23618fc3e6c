//! What comes in may be anything: it gets a problem that says who is to blame.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::raw::{Running, request};

const SMTP: &str = "/v1/sensors/self/smtp";

#[tokio::test]
async fn each_mistake_has_its_problem() {
    const JSON: &str = "Content-Type: application/json\r\n";
    let deep = format!("{{\"clients\": {}", "[".repeat(100_000));
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let huge = "x".repeat(8 << 20);
    let recipients = json!({ "client": "192.0.2.7", "recipients": vec!["a@example.com"; 1_001] }).to_string();
    let cases: &[(&str, &str, &str, &str, u16, &str)] = &[
        ("GET", "/v2", "", "", 404, "not-found"),
        ("GET", "/v1/sensors/other/smtp", "", "", 404, "not-found"),
        ("PATCH", "/v1/sensors/other/smtp", JSON, "{}", 404, "not-found"),
        ("GET", "/v1/sensors/%ff/smtp", "", "", 400, "bad-request"),
        ("PATCH", SMTP, "", "{}", 415, "unsupported-media-type"),
        ("PATCH", SMTP, "Content-Type: text/plain\r\n", "{}", 415, "unsupported-media-type"),
        ("PATCH", SMTP, "Content-Type: application/jsonx\r\n", "{}", 415, "unsupported-media-type"),
        (
            "POST",
            "/v1/explain",
            "Content-Type: application/x-www-form-urlencoded\r\n",
            "{}",
            415,
            "unsupported-media-type",
        ),
        ("PATCH", SMTP, JSON, "", 400, "bad-request"),
        ("PATCH", SMTP, JSON, "{", 400, "bad-request"),
        ("PATCH", SMTP, JSON, "{} {}", 400, "bad-request"),
        ("PATCH", SMTP, JSON, &deep, 400, "bad-request"),
        ("PATCH", SMTP, JSON, &large, 413, "too-large"),
        ("PATCH", SMTP, JSON, &huge, 413, "too-large"),
        ("PATCH", SMTP, JSON, "[]", 422, "faulty"),
        ("PATCH", SMTP, JSON, r#"{"enabled": "yes"}"#, 422, "faulty"),
        ("PATCH", SMTP, JSON, r#"{"hostname": "x"}"#, 422, "faulty"),
        ("PATCH", "/v1/sensors/self/smtp?dry_run=maybe", JSON, "{}", 400, "bad-request"),
        ("PATCH", "/v1/sensors/self/smtp?dryrun=true", JSON, "{}", 400, "bad-request"),
        ("PATCH", "/v1/sensors/self/smtp?dry_run=true&dry_run=false", JSON, "{}", 400, "bad-request"),
        ("POST", "/v1/explain", JSON, r#"{"client": "mail.example.com"}"#, 422, "faulty"),
        ("POST", "/v1/explain", JSON, r#"{"clients": "192.0.2.7"}"#, 422, "faulty"),
        ("POST", "/v1/explain", JSON, r#"{"client": "192.0.2.7", "size": "large"}"#, 422, "faulty"),
        ("POST", "/v1/explain", JSON, &recipients, 422, "faulty"),
        // What would be overlooked: these would do the thing.
        ("POST", "/v1/drain?dry_run=true", "", "", 400, "bad-request"),
        ("POST", "/v1/reload?dry_run=true", "", "", 400, "bad-request"),
        ("POST", "/v1/drain", JSON, r#"{"dry_run": true}"#, 400, "bad-request"),
        ("POST", "/v1/sensors/self/smtp/disable", JSON, r#"{"dry_run": true}"#, 400, "bad-request"),
        ("POST", "/v1/sensors/self/smtp/end-grace?dry_run=true", "", "", 400, "bad-request"),
        ("GET", "/v1/status", JSON, "{}", 400, "bad-request"),
        ("GET", "/metrics?x=1", "", "", 400, "bad-request"),
    ];
    let running = Running::start();
    for (method, path, lines, body, status, slug) in cases {
        let answer = running.send(method, path, lines, body).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.status, *status, "{method} {path} {lines} {shown}: {answer:?}");
        answer.is_problem(*status, slug);
        assert_eq!(answer.header("accept-patch").is_some(), *status == 415);
    }
    assert!(!*running.node.draining.lock().unwrap());
}

#[tokio::test]
async fn every_unknown_member_is_named() {
    let running = Running::start();
    let answer =
        running.json("PATCH", SMTP, r#"{"enabledd": true, "tls": {"key": "x"}, "uncovered": 1}"#).await;
    let faults = answer.problem().faults;
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["enabledd", "tls.key", "uncovered"]);
}

#[tokio::test]
async fn a_defect_of_the_node_is_a_problem_and_the_next_request_is_served() {
    let running = Running::start();
    let body = r#"{"client": "192.0.2.7", "size": "panic"}"#;
    for _ in 0..8 {
        running.json("POST", "/v1/explain", body).await.is_problem(500, "internal");
    }
    assert_eq!(running.json("POST", "/v1/explain", r#"{"client": "192.0.2.7"}"#).await.status, 200);
}

/// Any JSON, with the names of the API among its names so that it gets beyond the first check.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        4 => prop::sample::select(vec![
            "enabled", "destination_domains", "uncovered", "clients", "message_size_limit", "tls", "security",
            "about", "grace", "client", "local", "size", "recipients", "tls.security",
        ]).prop_map(str::to_owned),
        1 => ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["refuse", "accept", "192.0.2.7", "example.com", "50 MiB"])
            .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn nothing_that_a_client_sends_is_the_servers_fault() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = runtime.block_on(async { Running::start() });
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let cases = (any_json(), "[ -~]{0,40}", prop::sample::select(vec![SMTP, "/v1/explain"]), any::<bool>());
    let outcome = runner.run(&cases, |(json, garbage, path, is_json)| {
        let body = if is_json { json.to_string() } else { garbage };
        let method = if path == SMTP { "PATCH" } else { "POST" };
        let answer = runtime.block_on(running.json(method, path, &body));
        prop_assert!(answer.status < 500, "{body}: {answer:?}");
        if answer.status >= 400 {
            answer.problem();
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_before_anything_else() {
    let running = Running::start_with(sensor_control::Limits::default(), &["Sensor.example.com"]);
    let port = running.address.port();
    let cases = [
        (format!("127.0.0.1:{port}"), 200),
        ("127.0.0.1".to_owned(), 200),
        ("localhost".to_owned(), 200),
        ("LOCALHOST:8465".to_owned(), 200),
        ("[::ffff:127.0.0.1]".to_owned(), 200),
        ("sensor.EXAMPLE.com".to_owned(), 200),
        ("rebound.example.com".to_owned(), 421),
        ("localhost.example.com".to_owned(), 421),
        ("sensor.example.com.".to_owned(), 421),
        ("192.0.2.1".to_owned(), 421),
        ("[::1]".to_owned(), 421),
        ("a b".to_owned(), 400),
    ];
    for (host, status) in cases {
        for path in ["/v1/status", "/livez"] {
            let lines = format!("Host: {host}\r\nAuthorization: Bearer {}\r\n", running.token);
            let answer = running.exchange(&request("GET", path, &lines, "")).await;
            assert_eq!(answer.status, status, "{host} {path}: {answer:?}");
            if status != 200 {
                answer.problem();
            }
        }
    }
    let authorization = format!("Authorization: Bearer {}\r\n", running.token);
    for (target, lines, status) in [
        ("/livez", String::new(), 400),
        ("/livez", "Host: localhost\r\nHost: rebound.example.com\r\n".to_owned(), 400),
        ("http://rebound.example.com/v1/status", "Host: localhost\r\n".to_owned(), 421),
        ("http://localhost/v1/status", "Host: localhost\r\n".to_owned(), 200),
    ] {
        let answer = running.exchange(&request("GET", target, &format!("{lines}{authorization}"), "")).await;
        assert_eq!(answer.status, status, "{target} {lines}: {answer:?}");
    }
}

#[tokio::test]
async fn every_answer_keeps_itself_to_itself() {
    let running = Running::start();
    for path in ["/livez", "/v1/status", "/v1/none", "/metrics"] {
        let lines = "Origin: https://rebound.example.com\r\n";
        let answer = running.send("GET", path, lines, "").await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
        let policy = answer.header("content-security-policy");
        assert_eq!(policy, Some("default-src 'none'; frame-ancestors 'none'"), "{path}");
    }
}

#[tokio::test]
async fn a_member_that_cannot_be_used_is_named() {
    let running = Running::start();
    for (body, key, message) in [
        (r#"{"client": "x"}"#, "client", "invalid IP address"),
        (
            r#"{"client": "192.0.2.7", "recipients": ["bob@example.com", 7]}"#,
            "recipients[2]",
            "expected a string",
        ),
        (r#"{"client": "192.0.2.7", "colour": 1}"#, "colour", "unknown field"),
        (r#"{}"#, "", "missing field `client`"),
        (r#"[]"#, "", "invalid length"),
    ] {
        let answer = running.json("POST", "/v1/explain", body).await;
        let problem = answer.problem();
        assert!(
            !problem.detail.contains("changed"),
            "nothing is ever changed by a question: {}",
            problem.detail
        );
        let [fault] = &problem.faults[..] else { panic!("{body}: {problem:?}") };
        assert_eq!(fault.key, key, "{body}: {fault:?}");
        assert!(fault.message.contains(message), "{body}: {fault:?}");
    }
    let more = running.json("POST", "/v1/explain", r#"{"client": "192.0.2.7"} x"#).await;
    more.is_problem(400, "bad-request");
}

#[tokio::test]
async fn an_order_of_looks_says_of_which_messages() {
    let running = Running::start();
    let many = serde_json::json!({ "what": "drop", "ids": vec!["a"; 1_001] }).to_string();
    for (body, status, key) in [
        (r#"{"what": "retry"}"#, 422, "ids"),
        (r#"{"what": "retry", "all": true, "ids": ["a"]}"#, 422, "all"),
        (r#"{"what": "rescan", "all": true}"#, 422, "all"),
        (many.as_str(), 422, "ids"),
        (r#"{"what": "forget", "all": true}"#, 422, ""),
        (r#"{"what": "rescan", "ids": ["a", "b"]}"#, 202, ""),
    ] {
        let answer = running.send("POST", "/v1/looks", "content-type: application/json\r\n", body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        let value: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        match status {
            202 => assert_eq!(value["messages"], 2),
            _ if key.is_empty() => {}
            _ => assert_eq!(value["faults"][0]["key"], key, "{body}"),
        }
    }
}
