//! The table of all routes: each needs the token, but for two.

use std::collections::BTreeSet;

use crate::raw::{Running, request};

/// Method, path, body; what it is answered with the token, and whether it needs one.
const ROUTES: &[(&str, &str, &str, u16, bool)] = &[
    ("GET", "/v1/sensors/self/smtp", "", 200, true),
    ("PATCH", "/v1/sensors/self/smtp", r#"{"enabled": false}"#, 200, true),
    ("POST", "/v1/sensors/self/smtp/enable", "", 200, true),
    ("POST", "/v1/sensors/self/smtp/disable", "", 200, true),
    ("POST", "/v1/sensors/self/smtp/end-grace", "", 200, true),
    ("POST", "/v1/explain", r#"{"client": "192.0.2.7", "recipients": ["bob@example.com"]}"#, 200, true),
    ("POST", "/v1/looks", r#"{"what": "retry", "all": true}"#, 202, true),
    ("GET", "/v1/status", "", 200, true),
    ("POST", "/v1/reload", "", 200, true),
    ("POST", "/v1/drain", "", 202, true),
    ("GET", "/metrics", "", 200, true),
    ("GET", "/openapi.json", "", 200, true),
    ("GET", "/livez", "", 200, false),
    ("GET", "/readyz", "", 200, false),
];

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];

fn has(method: &str, path: &str) -> bool {
    // Where there is GET there is HEAD (RFC 9110 section 9.3.2).
    let method = if method == "HEAD" { "GET" } else { method };
    ROUTES.iter().any(|route| (route.0, route.1) == (method, path))
}

fn is_open(method: &str, path: &str) -> bool {
    matches!(path, "/livez" | "/readyz") && matches!(method, "GET" | "HEAD")
}

#[test]
fn the_table_has_every_route_of_the_document() {
    let document = serde_json::to_value(sensor_control::openapi()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.insert((method.to_uppercase(), path.replace("{sensor}", "self")));
        }
    }
    let table: BTreeSet<_> = ROUTES.iter().map(|route| (route.0.to_owned(), route.1.to_owned())).collect();
    assert_eq!(described, table);
}

#[test]
fn the_document_says_which_routes_need_the_token() {
    let document = serde_json::to_value(sensor_control::openapi()).unwrap();
    assert_eq!(document["security"][0]["token"], serde_json::json!([]));
    for (method, path, _, _, needs_token) in ROUTES {
        let path = path.replace("self", "{sensor}");
        let operation = &document["paths"][&path][method.to_lowercase()];
        let is_open = operation["security"] == serde_json::json!([{}]);
        assert_eq!(is_open, !needs_token, "{method} {path}: {operation}");
    }
}

#[tokio::test]
async fn every_route_answers_with_the_token() {
    for (method, path, body, status, _) in ROUTES {
        let answer = Running::start().json(method, path, body).await;
        assert_eq!(answer.status, *status, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn at_the_socket_every_route_answers_its_owner_without_the_token() {
    for (method, path, body, status, _) in ROUTES {
        let request = request(method, path, "Content-Type: application/json\r\n", body);
        let answer = Running::start().exchange_local(&request).await;
        assert_eq!(answer.status, *status, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn every_method_of_every_path_needs_the_token_but_for_two() {
    let running = Running::start();
    let other_paths =
        ["/", "/v1", "/livez/", "/LIVEZ", "/readyz/x", "/v1/sensors/other/smtp", "//livez", "*"];
    let paths: BTreeSet<&str> = ROUTES.iter().map(|route| route.1).chain(other_paths).collect();
    for path in paths {
        for method in METHODS {
            for lines in faulty_credentials(&running.token) {
                let lines = format!("Host: {}\r\nContent-Type: application/json\r\n{lines}", running.address);
                let answer = running.exchange(&request(method, path, &lines, "")).await;
                let expected = if is_open(method, path) { 200 } else { 401 };
                assert_eq!(answer.status, expected, "{method} {path} {lines}: {answer:?}");
                if expected == 401 {
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"mailsensor\""));
                }
            }
        }
    }
    assert_eq!(running.node.changes.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert!(!*running.node.draining.lock().unwrap());
}

/// What is not the token.
fn faulty_credentials(token: &str) -> Vec<String> {
    let almost = format!("{}x", &token[..token.len() - 1]);
    vec![
        String::new(),
        "Authorization: Bearer\r\n".to_owned(),
        "Authorization: Bearer \r\n".to_owned(),
        format!("Authorization: Bearer {almost}\r\n"),
        format!("Authorization: Bearer {}\r\n", &token[1..]),
        format!("Authorization: Bearer {token}{token}\r\n"),
        format!("Authorization: Basic {token}\r\n"),
        format!("Authorization: {token}\r\n"),
        // Two of them: which one counts is not to be guessed.
        format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {almost}\r\n"),
        format!("X-Token: {token}\r\nCookie: token={token}\r\n"),
    ]
}

#[tokio::test]
async fn what_a_path_does_not_take_is_a_problem() {
    let running = Running::start();
    for (_, path, ..) in ROUTES {
        for method in METHODS.iter().filter(|method| !has(method, path)) {
            let answer = running.send(method, path, "", "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            if *method != "HEAD" {
                answer.is_problem(405, "method-not-allowed");
            }
            let allowed = answer.header("allow").unwrap_or_else(|| panic!("no Allow: {method} {path}"));
            assert!(allowed.split(',').all(|method| has(method.trim(), path)), "{allowed}");
        }
    }
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let running = Running::start();
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let lines = format!("Host: localhost\r\nAuthorization: {scheme} {}\r\n", running.token);
        assert_eq!(running.exchange(&request("GET", "/v1/status", &lines, "")).await.status, 200, "{scheme}");
    }
}
