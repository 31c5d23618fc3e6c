//! Settings are changed as the client meant it, or not at all.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};

use sensor_control::{ChangeRefused, Fault, ProblemKind};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::fake::{flip, overridden};
use crate::raw::Running;

const SMTP: &str = "/v1/sensors/self/smtp";

async fn tag(running: &Running) -> String {
    let answer = running.send("GET", SMTP, "", "").await;
    answer.header("etag").unwrap().to_owned()
}

#[tokio::test]
async fn what_is_shown_has_value_meaning_and_origin() {
    let shown = Running::start().send("GET", SMTP, "", "").await.json();
    assert_eq!(shown["enabled"], json!(true));
    assert_eq!(shown["tls"], json!({ "security": "opportunistic" }));
    for name in ["enabled", "destination_domains", "clients", "message_size_limit", "tls.security"] {
        let about = &shown["about"][name];
        assert_eq!(about["origin"], "default", "{name}");
        assert_eq!(about["meaning"], format!("what smtp.{name} means"));
    }
}

#[tokio::test]
async fn a_change_against_what_is_no_longer_so_is_refused() {
    let running = Running::start();
    let first = tag(&running).await;
    assert!(first.starts_with('"') && first.ends_with('"'), "a strong tag: {first}");
    assert_eq!(tag(&running).await, first);
    let condition = |tag: &str| format!("If-Match: {tag}\r\nContent-Type: application/json\r\n");
    let changed = running.send("PATCH", SMTP, &condition(&first), r#"{"enabled": false}"#).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let second = tag(&running).await;
    assert_ne!(second, first);
    assert_eq!(changed.header("etag"), Some(second.as_str()));
    for (method, path, body) in [
        ("PATCH", SMTP, "{}"),
        ("POST", &format!("{SMTP}/enable"), ""),
        ("POST", &format!("{SMTP}/disable"), ""),
    ] {
        let weak = format!("W/{second}");
        for stale in [first.as_str(), weak.as_str(), "\"x\""] {
            running.send(method, path, &condition(stale), body).await.is_problem(412, "stale");
        }
        running.send(method, path, &condition("nonsense"), body).await.is_problem(400, "bad-request");
    }
    assert_eq!(running.node.changes.load(Ordering::Relaxed), 1);
    for fresh in ["*".to_owned(), format!("{first}, {second}")] {
        let answer = running.send("PATCH", SMTP, &condition(&fresh), "{}").await;
        assert_eq!(answer.status, 200, "{fresh}");
    }
}

#[tokio::test]
async fn a_dry_run_tells_and_changes_nothing() {
    let running = Running::start();
    let before = tag(&running).await;
    for (method, path, body) in
        [("PATCH", SMTP, r#"{"enabled": false}"#), ("POST", "/v1/sensors/self/smtp/disable", "")]
    {
        let answer = running.json(method, &format!("{path}?dry_run=true"), body).await;
        assert_eq!(answer.header("etag"), None);
        let told = answer.json();
        assert_eq!(told["dry_run"], true);
        assert_eq!(told["differences"][0]["key"], "smtp.enabled");
        assert_eq!(told["smtp"]["enabled"], false);
    }
    assert_eq!(tag(&running).await, before);
    assert_eq!(running.node.changes.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_flip_is_spelled_out_until_it_is_confirmed() {
    let running = Running::start();
    let body = r#"{"clients": ["192.0.2.7"]}"#;
    for path in [SMTP.to_owned(), format!("{SMTP}?dry_run=true"), format!("{SMTP}?confirm=false")] {
        let answer = running.json("PATCH", &path, body).await;
        answer.is_problem(409, "needs-confirmation");
        assert_eq!(answer.problem().flips, [flip()]);
    }
    assert_eq!(running.json("PATCH", &format!("{SMTP}?confirm=true"), body).await.status, 200);
    let shown = running.send("GET", SMTP, "", "").await.json();
    assert_eq!(shown["clients"], json!(["192.0.2.7"]));
    assert_eq!(shown["about"]["clients"]["origin"], "runtime.toml:3");
    // Null takes it back (RFC 7396).
    let back = running.json("PATCH", &format!("{SMTP}?confirm=true"), r#"{"clients": null}"#).await;
    assert_eq!(back.json()["smtp"]["about"]["clients"]["origin"], "default");
}

#[tokio::test]
async fn each_refusal_has_its_problem() {
    let faults = vec![Fault::new("smtp.clients[1]", "host bits are set"), Fault::new("smtp.uncovered", "no")];
    let cases = [
        (ChangeRefused::Stale, 412, ProblemKind::Stale),
        (ChangeRefused::Overridden(vec![overridden()]), 409, ProblemKind::Overridden),
        (ChangeRefused::Faulty(faults.clone()), 422, ProblemKind::Faulty),
        (ChangeRefused::NeedsConfirmation(vec![flip()]), 409, ProblemKind::NeedsConfirmation),
        (ChangeRefused::NotApplied("address in use".to_owned()), 503, ProblemKind::NotApplied),
        (ChangeRefused::NoRoom("disk full".to_owned()), 507, ProblemKind::NoRoom),
        (ChangeRefused::NotKept("input/output error".to_owned()), 500, ProblemKind::Internal),
    ];
    let running = Running::start();
    for (refused, status, kind) in cases {
        *running.node.refuses.lock().unwrap() = Some(refused.clone());
        for (method, path, body) in [("PATCH", SMTP, "{}"), ("POST", "/v1/sensors/self/smtp/enable", "")] {
            let answer = running.json(method, path, body).await;
            let problem = answer.problem();
            assert_eq!((problem.status, problem.kind), (status, kind), "{refused:?}");
            match &refused {
                ChangeRefused::Overridden(expected) => assert_eq!(&problem.overridden, expected),
                ChangeRefused::Faulty(expected) => assert_eq!(&problem.faults, expected),
                ChangeRefused::NeedsConfirmation(expected) => assert_eq!(&problem.flips, expected),
                ChangeRefused::Stale => {}
                ChangeRefused::NotApplied(why) | ChangeRefused::NoRoom(why) | ChangeRefused::NotKept(why) => {
                    assert!(problem.detail.contains(why), "{problem:?}");
                }
            }
        }
    }
    *running.node.refuses.lock().unwrap() = Some(ChangeRefused::Faulty(faults.clone()));
    assert_eq!(running.send("POST", "/v1/reload", "", "").await.problem().faults, faults);
    *running.node.refuses.lock().unwrap() = Some(ChangeRefused::Stale);
    running.send("POST", "/v1/reload", "", "").await.is_problem(503, "not-applied");
}

#[tokio::test]
async fn the_grace_is_ended_once() {
    let running = Running::start();
    let before = tag(&running).await;
    for expected in [false, true] {
        let answer = running.send("POST", "/v1/sensors/self/smtp/end-grace", "", "").await;
        assert_eq!(answer.json()["ended"].is_null(), expected);
    }
    assert_eq!(tag(&running).await, before, "a grace that ends by itself is in no client's way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_has_begun_ends_without_its_client_and_before_the_next() {
    let running = Arc::new(Running::start());
    let barrier = Arc::new(Barrier::new(2));
    *running.node.barrier.lock().unwrap() = Some(Arc::clone(&barrier));
    let pass = async || {
        let barrier = Arc::clone(&barrier);
        tokio::task::spawn_blocking(move || barrier.wait()).await.unwrap();
    };
    let mut first = TcpStream::connect(running.address).await.unwrap();
    let post = format!(
        "POST {SMTP}/disable HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        running.token
    );
    first.write_all(post.as_bytes()).await.unwrap();
    pass().await;
    drop(first);
    let second = tokio::spawn({
        let running = Arc::clone(&running);
        async move { running.send("POST", &format!("{SMTP}/enable"), "", "").await.json() }
    });
    pass().await;
    // The second found what the first had made.
    assert_eq!(second.await.unwrap()["differences"][0]["old"], "false");
    assert_eq!(running.node.changes.load(Ordering::Relaxed), 2);
}
