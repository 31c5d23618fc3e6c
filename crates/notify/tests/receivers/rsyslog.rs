//! rsyslog from Debian as a receiver that nobody here wrote.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sensor_notify::keys::KindName;

use super::*;

/// rsyslogd with its own configuration; dropped, it is ended.
struct Rsyslog {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders.find_map(|folder| Some(PathBuf::from(folder).join("rsyslogd")).filter(|path| path.is_file()))
}

impl Rsyslog {
    fn start(program: &Path, input: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, lines) = (folder.path().join("rsyslog.conf"), folder.path().join("lines"));
        let text = format!(
            "global(workDirectory=\"{work}\")\n{input}\n\
             template(name=\"t\" type=\"string\" string=\"%pri%|%protocol-version%|%hostname%|%app-name%|%msgid%|\
             %structured-data%|%msg%\\n\")\n\
             action(type=\"omfile\" file=\"{lines}\" template=\"t\")\n",
            work = folder.path().display(),
            lines = lines.display(),
        );
        fs::write(&config, text).unwrap();
        let child = Command::new(program)
            .arg("-n")
            .arg("-f")
            .arg(&config)
            .arg("-i")
            .arg(folder.path().join("pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("lines")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn until(&self, keys: &[String]) -> Vec<String> {
        let wait = async {
            loop {
                let lines = self.lines();
                let ours = lines.iter().filter(|line| line.contains("|mailsensor|"));
                if sorted(ours.map(|line| key_in(line)).collect()) == sorted(keys.to_vec()) {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("only {:?}", self.lines()))
    }
}

#[tokio::test]
async fn rsyslog_reads_what_is_sent_by_tcp() {
    let Some(program) = program() else {
        return skip("rsyslog_reads_what_is_sent_by_tcp", "rsyslogd is not installed");
    };
    for (format, data, message) in [
        ("json", "|-|", "{\"@timestamp\":\"2026-11-22T10:00:00Z\""),
        ("structured", "|[mailsensor@32473 event=\"", "is hostile"),
    ] {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let input =
            format!("module(load=\"imtcp\")\ninput(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\")");
        let rsyslog = Rsyslog::start(&program, &input);
        let address = format!("127.0.0.1:{port}");
        let running = Running::start(
            KindName::Syslog,
            &[("transport", "tcp"), ("address", &address), ("format", format)],
        );
        let keys = running.emit(10).await;
        running.until_delivered(10).await;
        for line in rsyslog.until(&keys).await.iter().filter(|line| line.contains("|mailsensor|")) {
            assert!(line.starts_with("131|1|sensor.example.com|mailsensor|look|"), "{line}");
            assert!(line.contains(data) && line.contains(message), "{line}");
        }
    }
}

#[tokio::test]
async fn rsyslog_reads_what_is_sent_by_udp() {
    let Some(program) = program() else {
        return skip("rsyslog_reads_what_is_sent_by_udp", "rsyslogd is not installed");
    };
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let input =
        format!("module(load=\"imudp\")\ninput(type=\"imudp\" port=\"{port}\" address=\"127.0.0.1\")");
    let rsyslog = Rsyslog::start(&program, &input);
    let running =
        Running::start(KindName::Cef, &[("transport", "udp"), ("address", &format!("127.0.0.1:{port}"))]);
    // Datagrams are lost before it listens: what is sent after shows that it does.
    let seen = async {
        while !rsyslog.lines().iter().any(|line| line.contains("CEF:0|mailsensor|")) {
            running.emit(1).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap();
}
