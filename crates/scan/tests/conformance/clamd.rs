use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sensor_mail::PartId;
use sensor_mail::finding::Missed;
use sensor_scan::{Installed, Sample, Value};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::check::{self, budget, build, id, now, scan, text, whys};
use crate::fake::Fake;
use crate::real::{Running, directory, program, skip};

fn at(address: impl ToString, more: impl IntoIterator<Item = (&'static str, Value)>) -> Arc<dyn Installed> {
    build("clamd", [("address", text(address))].into_iter().chain(more)).unwrap()
}

/// A clamd that knows EICAR, and takes 4 KiB.
pub(crate) struct Clamd {
    directory: TempDir,
    _running: Running,
}

impl Clamd {
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let Some(program) = program("clamd") else {
            skip(test, "clamd is not installed");
            return None;
        };
        let directory = directory();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir(path("db")).unwrap();
        let hex: String = Sample::eicar().line.bytes().map(|octet| format!("{octet:02x}")).collect();
        std::fs::write(path("db/own.ndb"), format!("Own.Eicar:0:*:{hex}\n")).unwrap();
        let config = format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nTemporaryDirectory {}\nUser root\n\
             StreamMaxLength 4K\n",
            path("socket").display(),
            path("db").display(),
            directory.path().display(),
        );
        let root = rustix::process::getuid().is_root();
        std::fs::write(path("conf"), if root { config } else { config.replace("User root\n", "") }).unwrap();
        let mut command = Command::new(program);
        command.arg("--config-file").arg(path("conf"));
        let mut running = Running::start(&mut command, &path("log"));
        running.wait_until(async || UnixStream::connect(path("socket")).await.is_ok()).await;
        Some(Self { directory, _running: running })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn scanner(&self, more: impl IntoIterator<Item = (&'static str, Value)>) -> Arc<dyn Installed> {
        at(self.socket().display(), more)
    }
}

#[tokio::test]
async fn real_clamd_finds_its_sample_and_skips_what_its_limit_keeps_out() {
    let Some(clamd) = Clamd::start("clamd").await else { return };
    for look_at in ["both", "message", "parts"] {
        let scanner = clamd.scanner([("look_at", text(look_at))]);
        check::finds_its_sample(&*scanner).await;
        check::finds_nothing_in_harmless_mail(&*scanner).await;
    }
    let scanner = clamd.scanner([]);
    assert!(scanner.ruleset().is_none(), "it has not been asked yet");
    check::finds_its_sample(&*scanner).await;
    assert!(scanner.ruleset().unwrap().starts_with("ClamAV "), "{:?}", scanner.ruleset());
    check::obeys_its_budget(&*scanner).await;
    check::skips_what_is_too_large(&*clamd.scanner([("size_max", Value::Number(100))]), &[PartId(0)]).await;

    // Above its limit it hangs up; the next part is looked at on a new connection.
    for octets in [5_000, 3_000_000] {
        let mut sample = Sample::eicar();
        sample.line.push_str(&"x".repeat(octets));
        let mut mail = sample.mail(id(), now());
        let mut parts = mail.parts.to_vec();
        parts.push(Sample::eicar().mail(id(), now()).parts[2].clone());
        mail.parts = parts.into();
        let (findings, coverage) = scan(&*scanner, &mail, &budget(Duration::from_secs(60))).await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        let parts: Vec<_> = coverage.gaps.iter().map(|gap| gap.part).collect();
        assert_eq!(parts, [Some(PartId(0)), Some(PartId(2))], "{coverage:?}");
        for why in whys(&coverage) {
            assert_eq!(why, Missed::Skipped("INSTREAM size limit exceeded.".into()), "{octets}");
        }
    }
}

#[tokio::test]
async fn clamd_may_be_absent_or_misbehave() {
    let address = Fake::absent().await;
    check::reports_an_absent_peer(&*at(address, []), &address.to_string()).await;
    let nowhere = "/nonexistent/clamd.ctl";
    check::reports_an_absent_peer(&*at(nowhere, []), nowhere).await;
    check::survives_peers(&[b"", b"1: Clam", b"1: ClamAV 1\0", b"1: ClamAV 1\x002: stream: O"], |fake| {
        at(fake.address, [])
    })
    .await;
}

#[tokio::test]
async fn clamd_may_lie() {
    for (words, told) in [
        // Before it has anything.
        (&b"1: ClamAV 1\x002: stream: OK\0"[..], "before it had everything"),
        // To another question.
        (b"1: ClamAV 1\x003: stream: OK\0", "3: stream: OK"),
        (b"stream: OK\0", "stream: OK"),
        (b"1: ClamAV 1\x002: stream: Sorry ERROR\0", "Sorry ERROR"),
        (b"1: ClamAV 1\0COMMAND READ TIMED OUT\0", "COMMAND READ TIMED OUT"),
    ] {
        let fake = Fake::serving(move |mut socket, _| async move {
            drop(socket.write_all(words).await);
            std::future::pending::<()>().await;
        })
        .await;
        // Larger than what sockets hold, so that an answer comes before everything is sent.
        let mut sample = Sample::eicar();
        sample.line.push_str(&"x".repeat(16 << 20));
        let scanner = at(fake.address, [("look_at", text("message"))]);
        let (findings, coverage) =
            scan(&*scanner, &sample.mail(id(), now()), &budget(Duration::from_secs(60))).await;
        assert_eq!(findings, []);
        let [Missed::Failed(why)] = &whys(&coverage)[..] else { panic!("{coverage:?}") };
        assert!(why.contains(told), "{why:?} does not tell {told:?}");
    }
}
