//! How many commits a second a spool takes: `commit_rate DIRECTORY [COMMITTERS] [OCTETS] [SECONDS] [SETTLE]`.
//!
//! Committers are tasks on one tokio worker thread, each with one entry on its way at a time; the writer
//! has a thread of its own. With SETTLE at 1, the default, entries are leased and settled on the side; at
//! 0 the directory fills.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sensor_spool::{Options, RealDisk, Runner, Spool};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Header {
    sender: String,
    recipients: Vec<String>,
    octets: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: commit_rate DIRECTORY [COMMITTERS] [OCTETS] [SECONDS]")?;
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse::<usize>());
    let (committers, octets, seconds, settles) = (number(50)?, number(4096)?, number(5)?, number(1)? > 0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(measure(directory, committers, octets, Duration::from_secs(seconds as u64), settles))
}

async fn measure(
    directory: String,
    committers: usize,
    octets: usize,
    span: Duration,
    settles: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let start = tokio::time::Instant::now();
    let (spool, recovery) =
        Spool::open(Arc::new(RealDisk::new(directory)?), Options::default(), Runner::Thread)?;
    let took = start.elapsed();
    println!("found {} entries in {} segments in {took:?}", recovery.entries, recovery.segments);
    let stop = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicU64::new(0));
    let before = spool.status();
    let tasks: Vec<_> = (0..committers)
        .map(|_| tokio::spawn(commit(spool.clone(), octets, Arc::clone(&stop), Arc::clone(&refused))))
        .collect();
    let settler = settles.then(|| tokio::spawn(settle(spool.clone())));
    tokio::time::sleep(span).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await?;
    }
    let after = spool.status();
    settler.iter().for_each(tokio::task::JoinHandle::abort);
    let commits = after.accepted - before.accepted;
    let groups = after.groups - before.groups;
    println!("{committers} committers of {octets} octets for {span:?}");
    println!(
        "  {:.0} commits/s in {groups} groups, {} refused",
        commits as f64 / span.as_secs_f64(),
        refused.load(Ordering::Relaxed)
    );
    println!("  {} segments, {} in the spool", after.segments, after.in_spool);
    spool.shut_down().await;
    Ok(())
}

async fn commit(spool: Spool<Header>, octets: usize, stop: Arc<AtomicBool>, refused: Arc<AtomicU64>) {
    let body = vec![b'x'; octets];
    let recipients = vec!["journal@example.com".to_owned()];
    let header = Header { sender: "alice@example.com".to_owned(), recipients, octets };
    while !stop.load(Ordering::Relaxed) {
        let done = match spool.draft() {
            Ok(mut draft) => draft.write(&body).await.is_ok() && draft.commit(&header).await.is_ok(),
            Err(_) => false,
        };
        if !done {
            refused.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn settle(spool: Spool<Header>) {
    while let Ok(leases) = spool.lease(1_024).await {
        if spool.settle(leases).await.is_err() {
            return;
        }
    }
}
