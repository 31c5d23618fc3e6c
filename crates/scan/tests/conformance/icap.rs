mod questions;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sensor_mail::PartId;
use sensor_mail::finding::Missed;
use sensor_scan::{Installed, Sample, Value};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::check::{self, budget, build, id, now, scan, text, whys};
use crate::clamd::Clamd;
use crate::fake::Fake;
use crate::real::{Running, directory, free_port, program, skip};

const LONG: Duration = Duration::from_secs(60);

fn at(
    address: impl ToString,
    service: &str,
    more: impl IntoIterator<Item = (&'static str, Value)>,
) -> Arc<dyn Installed> {
    let url = format!("icap://{}/{service}", address.to_string());
    build("icap", [("url", text(url))].into_iter().chain(more)).unwrap()
}

/// c-icap with its echo service, and with ClamAV behind it.
struct CIcap {
    address: String,
    _directory: TempDir,
    _running: Running,
    _clamd: Clamd,
}

impl CIcap {
    async fn start(test: &str) -> Option<Self> {
        let (Some(program), Some(modules)) = (program("c-icap"), modules()) else {
            skip(test, "c-icap or its module virus_scan is not installed");
            return None;
        };
        let clamd = Clamd::start(test).await?;
        let directory = directory();
        let path = |name: &str| directory.path().join(name);
        let address = format!("127.0.0.1:{}", free_port());
        let config = format!(
            "PidFile {0}/pid\nCommandsSocket {0}/control\nPort {address}\nStartServers 1\nMaxServers 1\n\
             ThreadsPerChild 5\nServerAdmin nobody@example.com\nServerName scan.example.com\nTmpDir {0}\n\
             ModulesDir {2}\nServicesDir {2}\nTemplateDir /usr/share/c_icap/templates/\n\
             LoadMagicFile /etc/c-icap/c-icap.magic\nServerLog {0}/server.log\nAccessLog {0}/access.log\n\
             Service echo srv_echo.so\nModule common clamd_mod.so\nclamd_mod.ClamdSocket {1}\n\
             Service antivirus virus_scan.so\nvirus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE\n\
             virus_scan.DefaultEngine clamd\nvirus_scan.MaxObjectSize 5M\n",
            directory.path().display(),
            clamd.socket().display(),
            modules.display(),
        );
        std::fs::write(path("conf"), config).unwrap();
        let mut command = Command::new(program);
        command.args(["-N", "-f"]).arg(path("conf"));
        let mut running = Running::start(&mut command, &path("log"));
        running.wait_until(async || TcpStream::connect(&address).await.is_ok()).await;
        Some(Self { address, _directory: directory, _running: running, _clamd: clamd })
    }
}

/// Where the modules of c-icap lie on this architecture, if the one for viruses is there.
fn modules() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("c_icap"));
    folders.into_iter().find(|folder| folder.join("virus_scan.so").exists())
}

#[tokio::test]
async fn real_c_icap_finds_its_sample() {
    let Some(c_icap) = CIcap::start("icap").await else { return };
    for method in ["respmod", "reqmod"] {
        let scanner = at(&c_icap.address, "virus_scan", [("method", text(method))]);
        check::finds_its_sample(&*scanner).await;
        check::finds_nothing_in_harmless_mail(&*scanner).await;
        check::obeys_its_budget(&*scanner).await;
        assert!(scanner.ruleset().is_some());
        let asked = at(&c_icap.address, "virus_scan?allow204=off", [("method", text(method))]);
        check::finds_nothing_in_harmless_mail(&*asked).await;
        let echo = at(&c_icap.address, "echo", [("method", text(method))]);
        check::finds_nothing_in_harmless_mail(&*echo).await;
        // More than a preview.
        let mut long = Sample::eicar();
        long.line.push_str(&"x".repeat(3_000_000));
        let (findings, coverage) = scan(&*echo, &long.mail(id(), now()), &budget(LONG)).await;
        assert_eq!((findings, coverage.gaps), (vec![], vec![]));
    }
    let absent = at(&c_icap.address, "nothing", []);
    check::reports_an_absent_peer(&*absent, "/nothing").await;
    let small = at(&c_icap.address, "virus_scan", [("size_max", Value::Number(100))]);
    check::skips_what_is_too_large(&*small, &[PartId(0)]).await;
}

const OPTIONS: &[u8] = b"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nISTag: \"t\"\r\n\r\n";

#[tokio::test]
async fn a_filter_may_be_absent_or_misbehave() {
    let address = Fake::absent().await;
    check::reports_an_absent_peer(&*at(address, "avscan", []), &address.to_string()).await;
    check::survives_peers(
        &[
            b"",
            b"ICAP/1.0 2",
            OPTIONS,
            b"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nPreview: 10\r\n\r\nICAP/1.0 100 Continue\r\n\r\n",
            b"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\n\r\nICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=9\r\n\r\n",
            b"ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\n\r\nICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=9\r\n\r\n\
              HTTP/1.1 200 OK\r\n\r\nff\r\n",
        ],
        |fake| at(fake.address, "avscan", []),
    )
    .await;
}

/// Answers OPTIONS, and one question after it has come whole.
async fn answering(options: &'static [u8], answer: &'static str) -> Fake {
    Fake::serving(move |mut socket, _| async move {
        let mut question = Vec::new();
        for answer in [options, answer.as_bytes()] {
            let is_first = answer == options;
            let end: &[u8] = if is_first { b"\r\n\r\n" } else { b"0\r\n\r\n" };
            question.clear();
            while !question.ends_with(end) && !question.ends_with(b"ieof\r\n\r\n") {
                if socket.read_buf(&mut question).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            drop(socket.write_all(answer).await);
        }
        while socket.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
    })
    .await
}

#[tokio::test]
async fn what_a_filter_answers_is_told() {
    let failed = |why: &str| Some(Missed::Failed(why.into()));
    let preview = b"ICAP/1.0 200 OK\r\nMethods: REQMOD, RESPMOD\r\nPreview: 0\r\nOptions-TTL: 0\r\n\r\n";
    for (options, answer, rule, why) in [
        (OPTIONS, "ICAP/1.0 204 None\r\n\r\n", None, None),
        (&preview[..], "ICAP/1.0 204 None\r\n\r\n", None, None),
        (
            OPTIONS,
            "ICAP/1.0 204 None\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Bad.One;\r\n\r\n",
            Some("Bad.One"),
            None,
        ),
        (OPTIONS, "ICAP/1.0 204 None\r\nX-Virus-ID: Bad.Two\r\n\r\n", Some("Bad.Two"), None),
        (OPTIONS, "ICAP/1.0 204 None\r\nX-Virus-ID: none\r\n\r\n", None, None),
        (
            OPTIONS,
            "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=30\r\n\r\nHTTP/1.1 403 No\r\n\r\n2\r\nno\r\n0\r\n\r\n",
            Some("blocked"),
            None,
        ),
        (
            OPTIONS,
            "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=30\r\n\r\nHTTP/1.1 200 OK\r\n\r\n2\r\nno\r\n0\r\n\r\n",
            Some("modified"),
            None,
        ),
        (OPTIONS, "ICAP/1.0 404 No\r\n\r\n", None, failed("no service")),
        (OPTIONS, "ICAP/1.0 500 No\r\n\r\n", None, failed("answers 500")),
        (OPTIONS, "HTTP/1.1 200 OK\r\n\r\n", None, failed("HTTP/1.1 200 OK")),
        (OPTIONS, "ICAP/1.0 100 Go\r\n\r\n", None, failed("answers 100")),
        (b"ICAP/1.0 403 No\r\n\r\n", "", None, failed("OPTIONS with 403")),
        (b"ICAP/1.0 200 OK\r\nMethods: REQMOD\r\n\r\n", "", None, failed("and not RESPMOD")),
    ] {
        let fake = answering(options, answer).await;
        let scanner = at(fake.address, "avscan", [("look_at", text("message"))]);
        let mail = Sample::eicar().mail(id(), now());
        let (findings, coverage) = scan(&*scanner, &mail, &budget(LONG)).await;
        let found: Vec<&str> = findings.iter().map(|finding| &*finding.rule).collect();
        assert_eq!(found, Vec::from_iter(rule), "{answer:?}");
        match (&whys(&coverage)[..], &why) {
            ([], None) => {}
            ([Missed::Failed(told)], Some(Missed::Failed(why))) => assert!(told.contains(&**why), "{told:?}"),
            (told, why) => panic!("{told:?} instead of {why:?} for {answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_filter_that_calls_clean_what_it_has_not_seen_failed() {
    let answer: &'static [u8] = [OPTIONS, b"ICAP/1.0 204 None\r\n\r\n"].concat().leak();
    let fake = Fake::serving(move |mut socket, _| async move {
        drop(socket.write_all(answer).await);
        std::future::pending::<()>().await;
    })
    .await;
    let mut sample = Sample::eicar();
    sample.line.push_str(&"x".repeat(16 << 20));
    let scanner =
        at(fake.address, "avscan", [("look_at", text("message")), ("size_max", Value::Number(64 << 20))]);
    let (_, coverage) = scan(&*scanner, &sample.mail(id(), now()), &budget(LONG)).await;
    assert_eq!(whys(&coverage), [Missed::Failed("the filter answered before it had everything".into())]);
}
