//! Webhooks.

use aws_lc_rs::hmac;
use sensor_notify::keys::KindName;

use super::peer::{Act, Speech, header, listen, taken};
use super::*;

async fn check(script: &[Act], failed_tries: u64) {
    let (address, inbox) = listen(Speech::Requests, script, None).await;
    let url = format!("http://{address}/events?from=sensor");
    let running = Running::start(KindName::Webhook, &[("url", &url), ("secret", "hunter2")]);
    let keys = running.emit(4).await;
    let status = running.until_delivered(4).await;
    assert_eq!(status.failed_tries, failed_tries, "{script:?}: {status:?}");
    let requests = taken(&inbox);
    assert_eq!(sorted(requests.iter().map(|request| key_in(request)).collect()), sorted(keys), "{script:?}");
    requests.iter().for_each(|request| check_request(request));
}

fn check_request(request: &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /events?from=sensor HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(request, "content-type").unwrap(), "application/json");
    assert_eq!(header(request, "idempotency-key").unwrap(), key_in(body));
    let time = header(request, "x-mailsensor-timestamp").unwrap();
    assert_eq!(time, "1795341600");
    let signature = header(request, "x-mailsensor-signature").unwrap();
    let octets = signature.strip_prefix("v1=").unwrap();
    let octets: Vec<u8> =
        (0..octets.len()).step_by(2).map(|at| u8::from_str_radix(&octets[at..at + 2], 16).unwrap()).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"hunter2");
    hmac::verify(&key, format!("{time}.{body}").as_bytes(), &octets).unwrap();
}

#[tokio::test]
async fn requests_are_signed() {
    check(&[], 0).await;
}

#[tokio::test]
async fn a_receiver_that_goes_away_gets_the_event_again() {
    check(&[Act::Close], 1).await;
    check(&[Act::Reset], 1).await;
}

#[tokio::test]
async fn a_receiver_that_hangs_or_drips_is_given_up() {
    check(&[Act::Hang], 1).await;
    check(&[Act::Drip], 1).await;
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    check(&[Act::Lie], 1).await;
}

#[tokio::test]
async fn any_failure_of_the_receiver_is_tried_again() {
    for status in [500, 429, 401, 302] {
        // The connection goes on: its next request is answered alike, until it is given up here.
        let (address, inbox) = listen(Speech::Requests, &[Act::Status(status)], None).await;
        let running = Running::start(KindName::Webhook, &[("url", &format!("http://{address}/"))]);
        running.emit(1).await;
        let told = running.until("failed", |status| status.failed_tries > 0).await;
        assert_eq!((told.delivered, told.queued, told.dropped.total()), (0, 1, 0), "{status}");
        assert_eq!(told.last_error.unwrap().text, format!("answered {status}"));
        assert!(taken(&inbox).is_empty());
    }
}

#[tokio::test]
async fn what_is_refused_is_counted() {
    for status in [400, 413, 422] {
        let (address, _inbox) = listen(Speech::Requests, &[Act::Status(status)], None).await;
        let running = Running::start(KindName::Webhook, &[("url", &format!("http://{address}/"))]);
        running.emit(3).await;
        let told = running.until("refused", |status| status.queued == 0).await;
        assert_eq!((told.delivered, told.dropped.refused), (0, 3), "{status}");
    }
}

#[tokio::test]
async fn a_batch_is_an_array() {
    let (address, inbox) = listen(Speech::Requests, &[], None).await;
    let (sink, courier) =
        open(KindName::Webhook, &[("url", &format!("http://{address}/")), ("batch_max", "5")]);
    // They wait before the courier runs, so that there is something to batch.
    for number in 0..20 {
        sink.emit(&event(number)).await;
    }
    let running = Running { sink, task: tokio::spawn(courier.run(CancellationToken::new())) };
    running.until_delivered(20).await;
    let requests = taken(&inbox);
    assert!(requests.len() < 20, "{}", requests.len());
    let mut ids = Vec::new();
    for request in &requests {
        let body: serde_json::Value =
            serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        let events = body.as_array().unwrap();
        assert!((1..=5).contains(&events.len()));
        ids.extend(events.iter().map(|event| event["event"]["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(ids, (0..20).map(|number| key(&event(number))).collect::<Vec<_>>());
}

/// A receiver that hangs holds up its own events alone.
#[tokio::test]
async fn a_sink_waits_for_no_other() {
    let (hung, _) = listen(Speech::Requests, &[Act::Hang; 100], None).await;
    let (works, inbox) = listen(Speech::Requests, &[], None).await;
    let url = |address| format!("http://{address}/");
    let stuck = Running::start(KindName::Webhook, &[("url", &url(hung)), ("deadline", "300000")]);
    let good = Running::start(KindName::Webhook, &[("url", &url(works))]);
    stuck.emit(10).await;
    good.emit(10).await;
    good.until_delivered(10).await;
    assert_eq!((taken(&inbox).len(), stuck.sink.status().queued), (10, 10));
}
