//! Descriptors that a worker gets by accident. By itself in its process, for every worker that is started there
//! gets them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::{Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use sensor_mail::fixture::envelope;
use sensor_mail::{Description, MailIds, NodeId, Sha256};
use sensor_pipeline::worker::{Pool, PoolOptions, Program, Sandbox, Setup};
use sensor_pipeline::{Assignment, Octets, Record, Taker, Task};

/// How a worker is confined that has a shell, and what it finds when it searches its descriptors.
async fn search() -> (Sandbox, Vec<String>) {
    let program = Program { path: PathBuf::from(env!("CARGO_BIN_EXE_planted-worker")), arguments: vec![] };
    let options = PoolOptions { program, workers: 1, messages_max: 1 };
    let setup = Setup { runs: vec!["/bin/sh".into()], ..Setup::default() };
    let pool = Pool::new(options, setup).unwrap();
    let taken = pool.take(task(b"SEARCH\n\n")).await.unwrap();
    assert_eq!(taken.death, None);
    let found = taken.reports[0].0.findings().iter().map(|finding| finding.rule.to_string()).collect();
    (pool.status().sandbox.unwrap(), found)
}

fn task(message: &'static [u8]) -> Task {
    let sha256 = Sha256(digest::digest(&digest::SHA256, message).as_ref().try_into().unwrap());
    let id = MailIds::new(NodeId::default(), 0).next(1_795_000_000_000);
    let envelope = envelope(id, message.len() as u64, sha256);
    let record = Record { sequence: None, envelope, description: Description::of(message, true) };
    Task {
        record: Arc::new(record),
        octets: Octets::Held(message.into()),
        patience: Duration::from_secs(10),
        inspectors: vec![Assignment { name: "words".into(), deadline: Duration::from_secs(30) }],
    }
}

/// A file that who starts a program by mistake hands on to it.
fn left_open(secret: &str) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    writeln!(file, "{secret}").unwrap();
    file.rewind().unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    file
}

#[tokio::test]
async fn what_a_worker_was_not_given_is_told_and_of_no_use_to_it() {
    let (clean, _) = search().await;
    let _left_open = [left_open("a private key"), left_open("another")];
    let (sandbox, found) = search().await;
    assert_eq!(sandbox.inherited, clean.inherited + 2);
    if !sandbox.is_full() {
        println!("SKIPPED: this kernel does not confine in full, so nothing is asserted of use: {sandbox:?}");
        return;
    }
    assert_eq!(found, ["has a shell"]);
}
