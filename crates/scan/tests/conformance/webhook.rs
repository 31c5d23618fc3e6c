use std::sync::Arc;
use std::time::Duration;

use sensor_mail::PartId;
use sensor_mail::finding::{Missed, Severity};
use sensor_scan::{Installed, Sample, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::check::{self, budget, build, id, now, scan, text, whys};
use crate::fake::Fake;
use crate::service::{Asked, Service};

const LONG: Duration = Duration::from_secs(60);

fn at(address: impl ToString, more: impl IntoIterator<Item = (&'static str, Value)>) -> Arc<dyn Installed> {
    let url = format!("http://{}/look?token=x", address.to_string());
    build("webhook", [("url", text(url))].into_iter().chain(more)).unwrap()
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn look(asked: &Asked) -> String {
    let has = String::from_utf8_lossy(&asked.body).contains("eicar.com");
    let found = if has { r#"{"rule":"eicar","severity":"high","part":2}"# } else { "" };
    http("200 OK", &format!(r#"{{"findings":[{found}],"ruleset":"v2"}}"#))
}

#[tokio::test]
async fn a_service_finds_its_sample() {
    for send in ["metadata", "message"] {
        let service = Service::answering(|_, asked| look(asked)).await;
        let scanner = at(service.fake.address, [("send", text(send))]);
        check::finds_its_sample(&*scanner).await;
        check::finds_nothing_in_harmless_mail(&*scanner).await;
        check::obeys_its_budget(&*scanner).await;
        let (findings, _) = scan(&*scanner, &Sample::eicar().mail(id(), now()), &budget(LONG)).await;
        assert_eq!((findings[0].part, findings[0].severity), (PartId(2), Severity::High));
        let small = at(service.fake.address, [("size_max", Value::Number(10))]);
        check::skips_what_is_too_large(&*small, &[]).await;
    }
}

#[tokio::test]
async fn a_request_is_signed_and_holds_the_message() {
    let service = Service::answering(|_, asked| look(asked)).await;
    let secret = ("secret", text("a secret of the test"));
    let token = ("authorization", text("Bearer 123"));
    let scanner = at(service.fake.address, [("send", text("message")), secret, token]);
    let mail = Sample::eicar().mail(id(), now());
    scan(&*scanner, &mail, &budget(LONG)).await;
    let [asked] = &service.asked()[..] else { panic!("asked more than once") };
    assert!(asked.head.starts_with("POST /look?token=x HTTP/1.1\r\n"), "{}", asked.head);
    assert_eq!(asked.header("authorization"), "Bearer 123");
    assert_eq!(asked.header("x-mailsensor-message"), mail.record.envelope.id.to_string());
    let own = asked.head.lines().filter_map(|line| line.split(':').next()?.strip_prefix("x-mailsensor-"));
    let own: Vec<&str> = own.collect();
    assert_eq!(own, ["message", "timestamp", "signature"]);
    let page = crate::docs::PAGE.to_lowercase();
    assert!(
        own.iter().all(|name| page.contains(&format!("x-mailsensor-{name}"))),
        "docs/scanners.md lacks one"
    );
    let seconds = asked.header("x-mailsensor-timestamp");
    assert_eq!(seconds, now().as_second().to_string());
    let signed = [seconds.as_bytes(), b".", &asked.body].concat();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"a secret of the test");
    let tag = aws_lc_rs::hmac::sign(&key, &signed);
    let hex: String = tag.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(asked.header("x-mailsensor-signature"), format!("v1={hex}"));

    let boundary = asked.header("content-type").strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8(asked.body.clone()).unwrap();
    let fields: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    let ["", metadata, message, "--\r\n"] = fields[..] else { panic!("{body}") };
    let content =
        |field: &str| field.split_once("\r\n\r\n").unwrap().1.strip_suffix("\r\n").unwrap().to_owned();
    assert_eq!(content(message).as_bytes(), mail.parts[0].octets.as_slice().unwrap());
    let metadata: serde_json::Value = serde_json::from_str(&content(metadata)).unwrap();
    assert_eq!(metadata["parts"][2]["name"], "eicar.com");
    assert_eq!(metadata["recipients"][0], "nobody@example.com");
}

#[tokio::test]
async fn a_service_may_be_absent_or_misbehave() {
    let address = Fake::absent().await;
    let once = || ("tries", Value::Number(1));
    check::reports_an_absent_peer(&*at(address, []), &address.to_string()).await;
    check::survives_peers(
        &[
            b"",
            b"HTTP/1.1 200 OK\r\n\r\n{\"findings\":[",
            b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"findings\":[",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"findings\":[]}\r\n",
        ],
        |fake| at(fake.address, [once()]),
    )
    .await;
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let failed = |why: &str| vec![Missed::Failed(why.into())];
    for (answers, tries, expected) in [
        (&["500 Oh", "503 Oh", "200 OK"][..], 3, vec![]),
        (&["429 Much", "200 OK"], 2, vec![]),
        (&["500 Oh", "500 Oh", "500 Oh"], 3, failed("answered 500: {\"findings\":[]}")),
        (&["404 No"], 1, failed("answered 404: {\"findings\":[]}")),
        (&["302 Go"], 1, failed("answered 302: {\"findings\":[]}")),
        (&["413 Big"], 1, vec![Missed::Skipped("it is too large for the service".into())]),
    ] {
        let service =
            Service::answering(|number, _| http(answers.get(number).unwrap(), "{\"findings\":[]}")).await;
        let scanner = at(service.fake.address, []);
        let (_, coverage) = scan(&*scanner, &Sample::eicar().mail(id(), now()), &budget(LONG)).await;
        assert_eq!((whys(&coverage), service.asked().len()), (expected, tries), "{answers:?}");
    }
}

#[tokio::test]
async fn a_service_is_known_by_its_certificate() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, signed.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let fake = Fake::serving(move |socket, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut socket) = acceptor.accept(socket).await else { return };
            let mut question = vec![0; 64 * 1024];
            drop(socket.read(&mut question).await);
            drop(socket.write_all(http("200 OK", "{\"findings\":[]}").as_bytes()).await);
            drop(socket.shutdown().await);
        }
    })
    .await;
    let port = fake.address.port();
    let scanner = |host: &str, ca: Option<Value>| {
        let url = text(format!("https://{host}:{port}/"));
        build(
            "webhook",
            [("url", url), ("tries", Value::Number(1))].into_iter().chain(ca.map(|ca| ("ca", ca))),
        )
    };
    let trusted = || Some(text(ca.display()));
    check::finds_nothing_in_harmless_mail(&*scanner("localhost", trusted()).unwrap()).await;
    check::reports_an_absent_peer(&*scanner("127.0.0.1", trusted()).unwrap(), "no TLS").await;
    if let Ok(strange) = scanner("localhost", None) {
        check::reports_an_absent_peer(&*strange, "no TLS").await;
    }
    let fault = scanner("localhost", Some(text("/nonexistent/ca.pem"))).err().unwrap();
    assert_eq!(&*fault[0].key, "ca");
}
