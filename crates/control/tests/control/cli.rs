//! The client of the command line.

use std::os::unix::net::UnixListener;

use sensor_control::{
    ChangeRefused, Client, ClientError, Fault, Flags, Outcome, ProblemKind, Question, State,
};
use serde_json::json;

use crate::fake::{flip, overridden};
use crate::raw::Running;

#[tokio::test]
async fn every_request_comes_back_typed() {
    let running = Running::start();
    let client = Client::connect(&running.socket).await.unwrap();
    let before = client.smtp().await.unwrap();
    assert_eq!(client.status().await.unwrap().state, State::Enabled);
    let plain = Flags::default();
    let dry = Flags { dry_run: true, ..Flags::default() };
    assert!(client.disable(&dry).await.unwrap().dry_run);
    assert!(!client.disable(&plain).await.unwrap().smtp.enabled);
    assert_eq!(client.status().await.unwrap().state, State::Disabled);
    assert!(client.enable(&plain).await.unwrap().smtp.enabled);
    let confirmed = Flags { confirm: true, ..Flags::default() };
    let changed = client.change(&json!({ "clients": ["192.0.2.7"] }), &confirmed).await.unwrap();
    assert_eq!(changed.smtp.clients, ["192.0.2.7"]);
    let stale = Flags { if_match: Some(before.revision()), ..Flags::default() };
    assert_eq!(refused(client.enable(&stale).await).kind, ProblemKind::Stale);
    let fresh = Flags { if_match: Some(client.smtp().await.unwrap().revision()), ..Flags::default() };
    client.enable(&fresh).await.unwrap();
    assert!(client.end_grace().await.unwrap().ended.is_some());
    let question = Question {
        client: "192.0.2.7".parse().unwrap(),
        local: None,
        size: None,
        recipients: vec!["bob@example.com".to_owned()],
    };
    assert_eq!(client.explain(&question).await.unwrap().steps[0].outcome, Outcome::Refused);
    assert!(client.reload().await.unwrap().differences.is_empty());
    assert_eq!(client.drain().await.unwrap().deadline_seconds, 30);
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> sensor_control::Problem {
    match outcome {
        Err(ClientError::Refused(problem)) => *problem,
        Ok(_) | Err(_) => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn a_refusal_is_told_line_by_line() {
    let fault = Fault {
        expected: Some("a list of addresses".to_owned()),
        file: Some("mailsensor.toml".to_owned()),
        line: Some(12),
        column: Some(3),
        ..Fault::new("smtp.clients[1]", "host bits are set")
    };
    let cases = [
        (
            ChangeRefused::Faulty(vec![fault]),
            "\n  mailsensor.toml:12:3: smtp.clients[1]: host bits are set; expected a list of addresses",
        ),
        (
            ChangeRefused::Overridden(vec![overridden()]),
            "\n  smtp.enabled is set by MAILSENSOR__SMTP__ENABLED",
        ),
        (
            ChangeRefused::NeedsConfirmation(vec![flip()]),
            "\n  smtp.clients: now any client may connect; then only listed clients may connect",
        ),
    ];
    let running = Running::start();
    let client = Client::connect(&running.socket).await.unwrap();
    for (refusal, end) in cases {
        *running.node.refuses.lock().unwrap() = Some(refusal);
        let told = refused(client.enable(&Flags::default()).await).to_string();
        assert!(told.ends_with(end), "{told}");
    }
}

#[tokio::test]
async fn a_sensor_that_does_not_run_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let error = Client::connect(&path).await.unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
    assert!(error.to_string().contains("mailsensor run"), "{error}");
    // What a killed sensor leaves: a name that nobody listens at.
    drop(UnixListener::bind(&path).unwrap());
    let error = Client::connect(&path).await.unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "").unwrap();
    assert!(Client::connect(&path).await.is_err());
}
