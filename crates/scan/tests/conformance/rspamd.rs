use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sensor_mail::envelope::{Envelope, Origin, Recipient, SmtpOrigin};
use sensor_mail::finding::{Missed, Severity};
use sensor_mail::{ForwardPath, Mailbox, PartId, ReversePath};
use sensor_pipeline::Dissected;
use sensor_scan::{Installed, Sample, Value};

use crate::check::{self, budget, build, id, now, scan, text, whys};
use crate::fake::Fake;
use crate::real::{Running, directory, free_port, program, skip};
use crate::service::Service;

fn at(address: impl ToString, more: impl IntoIterator<Item = (&'static str, Value)>) -> Arc<dyn Installed> {
    let url = format!("http://{}/checkv2", address.to_string());
    build("rspamd", [("url", text(url))].into_iter().chain(more)).unwrap()
}

#[tokio::test]
async fn real_rspamd_finds_its_sample() {
    let Some(program) = program("rspamd") else { return skip("rspamd", "rspamd is not installed") };
    let directory = directory();
    let path = |name: &str| directory.path().join(name);
    let address = format!("127.0.0.1:{}", free_port());
    let config = format!(
        "options {{ pidfile = \"{0}/pid\"; tempdir = \"{0}\"; control_socket = \"{0}/control mode=0600\"; \
         filters = \"\"; url_tld = \"{0}/tld\"; }}\n\
         logging {{ type = \"console\"; level = \"warning\"; }}\n\
         actions {{ reject = 15; add_header = 6; greylist = 4; }}\n\
         worker \"normal\" {{ bind_socket = \"{address}\"; count = 1; }}\n",
        directory.path().display(),
    );
    std::fs::write(path("conf"), config).unwrap();
    // Its own list of domains takes minutes to prepare.
    std::fs::write(path("tld"), "com\n").unwrap();
    let mut command = Command::new(program);
    command.args(["--no-fork", "--insecure", "--config"]).arg(path("conf"));
    let mut running = Running::start(&mut command, &path("log"));
    let scanner = at(&address, []);
    // Its port is open before it answers.
    running
        .wait_until(async || {
            let mail = Sample::harmless().mail(id(), now());
            scan(&*scanner, &mail, &budget(Duration::from_secs(5))).await.1.gaps.is_empty()
        })
        .await;
    check::finds_its_sample(&*scanner).await;
    check::finds_nothing_in_harmless_mail(&*scanner).await;
    check::obeys_its_budget(&*scanner).await;
    assert!(scanner.ruleset().unwrap().starts_with("rspamd/"), "{:?}", scanner.ruleset());
    let (findings, _) =
        scan(&*scanner, &Sample::gtube().mail(id(), now()), &budget(Duration::from_secs(60))).await;
    let found: Vec<_> = findings.iter().map(|finding| (&*finding.rule, finding.severity)).collect();
    assert_eq!(found.first(), Some(&("reject", Severity::High)), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.details.contains_key("required_score")), "{findings:?}");
}

#[tokio::test]
async fn rspamd_may_be_absent_or_misbehave() {
    let address = Fake::absent().await;
    check::reports_an_absent_peer(&*at(address, []), &address.to_string()).await;
    check::survives_peers(
        &[
            b"",
            b"HTTP/1.1 2",
            b"HTTP/1.1 200 OK\r\nServer: rspamd/3\r\nX: ",
            b"HTTP/1.1 200 OK\r\n\r\n{\"score\":",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"sco\r\n",
        ],
        |fake| at(fake.address, []),
    )
    .await;
}

/// Answers each request with `answer`.
async fn answering(answer: String) -> Service {
    Service::answering(move |_, _| answer.clone()).await
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nServer: rspamd/9\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn what_rspamd_answers_is_told() {
    let failed = |why: &str| Missed::Failed(why.into());
    let symbols = r#""symbols":{"BAD":{"score":3.5,"options":["secret"]},"GOOD":{"score":-1.0}}"#;
    let answer =
        |action: &str| format!(r#"{{"score":2.5,"required_score":15,"action":"{action}",{symbols}}}"#);
    for (status, body, symbols, rules, why) in [
        ("200 OK", answer("no action"), "with_action", &[][..], None),
        ("200 OK", answer("no action"), "always", &["BAD"], None),
        ("200 OK", answer("add header"), "with_action", &["add header", "BAD"], None),
        ("200 OK", answer("a\\u0007b"), "with_action", &["a\\u{7}b", "BAD"], None),
        (
            "200 OK",
            answer("no action").replace("\"score\":2.5", "\"is_skipped\":true,\"score\":0"),
            "always",
            &[],
            Some(Missed::Skipped("rspamd skipped it by its own settings".into())),
        ),
        ("500 Oh", "busy\nvery".to_owned(), "always", &[], Some(failed("answered 500: busy"))),
        ("302 Found", String::new(), "always", &[], Some(failed("answered 302: "))),
        (
            "200 OK",
            "{}".to_owned(),
            "always",
            &[],
            Some(failed("its answer is none of rspamd: missing field `score` at line 1 column 2")),
        ),
    ] {
        let rspamd = answering(http(status, &body)).await;
        let scanner = at(rspamd.fake.address, [("symbols", text(symbols))]);
        let mail = Sample::gtube().mail(id(), now());
        let (findings, coverage) = scan(&*scanner, &mail, &budget(Duration::from_secs(60))).await;
        let found: Vec<&str> = findings.iter().map(|finding| &*finding.rule).collect();
        assert_eq!(found, rules, "{body}");
        assert_eq!(whys(&coverage), Vec::from_iter(why), "{body}");
        assert!(findings.iter().all(|finding| finding.part == PartId::MESSAGE));
        let said = format!("{findings:?}");
        assert!(!said.contains("secret"), "options quote the message: {said}");
    }
    let rspamd = answering(http("200 OK", &answer("reject"))).await;
    let scanner = at(rspamd.fake.address, [("size_max", Value::Number(10))]);
    check::skips_what_is_too_large(&*scanner, &[]).await;
}

/// The sample, with an envelope that was changed.
fn sent(change: impl FnOnce(&mut Envelope)) -> Dissected {
    let mut mail = Sample::gtube().mail(id(), now());
    change(&mut Arc::make_mut(&mut mail.record).envelope);
    mail
}

fn smtp(envelope: &mut Envelope) -> &mut SmtpOrigin {
    let Origin::Smtp(origin) = &mut envelope.origin;
    origin
}

fn received_by(paths: impl IntoIterator<Item = String>, envelope: &mut Envelope) {
    let recipient = |path: String| Recipient {
        path: ForwardPath::parse(&path).unwrap(),
        ..envelope.recipients[0].clone()
    };
    envelope.recipients = paths.into_iter().map(recipient).collect();
}

/// What rspamd's protocol knows of an envelope, and nothing that is not known: a header field that is made up,
/// such as the name of a host, would change the score.
#[tokio::test]
async fn rspamd_is_told_the_envelope_and_given_the_message() {
    let cases: [(Dissected, &[&str]); 5] = [
        (sent(|_| ()), &["from: <>", "rcpt: nobody@example.com", "ip: 127.0.0.1", "helo: trial.example.com"]),
        (
            sent(|envelope| {
                envelope.reverse_path = ReversePath::Mailbox(Mailbox::parse("Ann.Lee@example.com").unwrap());
                received_by(["a@example.com".into(), "postmaster".into()], envelope);
                smtp(envelope).client = "2001:db8::1".parse().unwrap();
                smtp(envelope).helo = None;
            }),
            &["from: Ann.Lee@example.com", "rcpt: a@example.com", "rcpt: postmaster", "ip: 2001:db8::1"],
        ),
        (
            sent(|envelope| received_by([], envelope)),
            &["from: <>", "ip: 127.0.0.1", "helo: trial.example.com"],
        ),
        // RFC 6531: addresses and names in UTF-8 go as they are.
        (
            sent(|envelope| {
                received_by(["j\u{f6}rg@example.com".into()], envelope);
                smtp(envelope).helo = Some("b\u{fc}cher.example.com".into());
            }),
            &["from: <>", "rcpt: j\u{f6}rg@example.com", "ip: 127.0.0.1", "helo: b\u{fc}cher.example.com"],
        ),
        // A client does not write header fields of its own.
        (
            sent(|envelope| smtp(envelope).helo = Some("x\r\nip: 192.0.2.1".into())),
            &["from: <>", "rcpt: nobody@example.com", "ip: 127.0.0.1"],
        ),
    ];
    for (mail, told) in cases {
        let (lines, body, host) = question(&mail).await;
        let mut expected: Vec<String> = told.iter().map(|line| (*line).to_owned()).collect();
        expected.extend([
            format!("queue-id: {}", id()),
            format!("host: {host}"),
            "user-agent: mailsensor".to_owned(),
            "content-type: message/rfc822".to_owned(),
            format!("content-length: {}", body.len()),
        ]);
        assert_eq!(lines[0], "POST /checkv2 HTTP/1.1");
        assert_eq!(sorted(&lines[1..]), sorted(&expected));
        assert_eq!(body, mail.parts[0].octets.as_slice().unwrap());
    }
}

fn sorted(lines: &[String]) -> Vec<&String> {
    let mut lines: Vec<&String> = lines.iter().collect();
    lines.sort();
    lines
}

/// The head, line by line, and the body that rspamd at `host` was sent.
async fn question(mail: &Dissected) -> (Vec<String>, Vec<u8>, String) {
    let nothing = r#"{"score":0,"required_score":15,"action":"no action","symbols":{}}"#;
    let rspamd = answering(http("200 OK", nothing)).await;
    let host = rspamd.fake.address.to_string();
    let (_, coverage) = scan(&*at(&host, []), mail, &budget(Duration::from_secs(60))).await;
    assert_eq!(whys(&coverage), []);
    let [asked] = &rspamd.asked()[..] else { panic!("asked more than once") };
    (asked.head.lines().map(str::to_owned).collect(), asked.body.clone(), host)
}

#[tokio::test]
async fn rspamd_is_told_of_the_first_fifty_recipients() {
    let path = |number: u32| format!("to-{number}@example.com");
    for (recipients, told) in [(49, 49), (50, 50), (51, 50), (1_000, 50)] {
        let mail = sent(|envelope| received_by((0..recipients).map(path), envelope));
        let (lines, ..) = question(&mail).await;
        let named: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("rcpt: ")).collect();
        assert_eq!(named, (0..told).map(path).collect::<Vec<_>>());
    }
}
