//! Sinks before real sockets: receivers that work, and receivers that hang, drip, reset, refuse and lie.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod file;
mod http;
mod peer;
mod rsyslog;
mod stream;
mod udp;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sensor_mail::{Description, Look, MailIds, NodeId, Sha256};
use sensor_notify::keys::KindName;
use sensor_notify::{Courier, Options, Reporter, Sink, Status, Storage, options};
use sensor_pipeline::{Event, EventSink, Record};
use sensor_spool::Runner;
use sensor_spool::disk::SimDisk;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a test waits for what must come: far more than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sink that delivers; dropped, it ends.
struct Running {
    sink: Arc<Sink>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    fn start(kind: KindName, values: &[(&str, &str)]) -> Self {
        let (sink, courier) = open(kind, values);
        Self { sink, task: tokio::spawn(courier.run(CancellationToken::new())) }
    }

    /// Emits so many events; their keys.
    async fn emit(&self, events: u64) -> Vec<String> {
        let mut keys = Vec::new();
        for number in 0..events {
            let event = event(number);
            self.sink.emit(&event).await;
            keys.push(key(&event));
        }
        keys
    }

    /// Waits until the status is as it should be.
    async fn until(&self, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
        let wait = async {
            loop {
                let status = self.sink.status();
                if is_so(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("never {what}: {:?}", self.sink.status()))
    }

    async fn until_delivered(&self, events: u64) -> Status {
        let status = self.until("delivered", |status| status.queued == 0).await;
        assert_eq!((status.delivered, status.dropped.total()), (events, 0), "{status:?}");
        status
    }
}

fn options(kind: KindName, values: &[(&str, &str)]) -> Options {
    let mut all = BTreeMap::from([("deadline", "500")]);
    all.extend(values.iter().copied());
    options::read("test", kind, &|key| all.get(key).map(ToString::to_string)).unwrap()
}

fn open(kind: KindName, values: &[(&str, &str)]) -> (Arc<Sink>, Courier) {
    let storage = Storage {
        disk: Arc::new(SimDisk::new(1)),
        runner: Runner::task(),
        clock: Arc::new(|| 1_795_341_600_000),
        reserve_octets: 0,
        reserve_inodes: 0,
    };
    let reporter = Reporter { hostname: "sensor.example.com".into(), version: "0.1.0".into() };
    Sink::open(&options(kind, values), storage, &reporter).unwrap()
}

fn event(number: u64) -> Event {
    let id = MailIds::new(NodeId::default(), number).next(1_795_341_600_000);
    let envelope = sensor_mail::fixture::envelope(id, 100, Sha256([1; 32]));
    let look: Look = serde_json::from_value(serde_json::json!({
        "revision": 1,
        "begun": "2026-11-22T10:00:00Z",
        "judgement": {"verdict": "hostile", "severity": "high", "disposition": "keep"},
    }))
    .unwrap();
    let record = Record { sequence: None, envelope, description: Description::default() };
    Event { record: Arc::new(record), look: Arc::new(look) }
}

fn key(event: &Event) -> String {
    format!("{}-{}", event.record.envelope.id, event.look.revision)
}

/// The name of the event in a message of whatever format.
fn key_in(message: &str) -> String {
    let id =
        |start: &str, end: char| message.split_once(start)?.1.split_once(end).map(|(key, _)| key.to_owned());
    id("\"id\":\"", '"').or_else(|| id(" event=\"", '"')).or_else(|| id("externalId=", ' ')).unwrap()
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort();
    keys.dedup();
    keys
}

/// Prints a test that cannot run here, and counts it where `scripts/test` asks for that.
fn skip(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
    if let Some(path) = std::env::var_os("SENSOR_TEST_SKIPS") {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(Path::new(&path)).unwrap();
        writeln!(file, "{test}: {why}").unwrap();
    }
}
