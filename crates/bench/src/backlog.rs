//! A spool with mail waiting in it, made in seconds.
//!
//! ```text
//!   corpus -> committer --.
//!   corpus -> committer ---+--> Spool: group commit, as behind the door
//!   corpus -> committer --'
//! ```
//!
//! It writes through the spool's own API, so that what a sensor finds at its start is what it would have
//! written itself: dense sequences, envelopes, true digests. What it lacks is SMTP, which takes ten times as
//! long. Memory does not grow with the number of entries.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use bytesize::ByteSize;
use sensor_mail::{Envelope, MailIds, NodeId, Sha256, fixture};
use sensor_spool::{Clock, CommitError, Full, OpenError, RealDisk, Runner, Spool, WriteError};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::corpus::{self, Shape, Structure};
use crate::meter;

/// Entries on their way at a time: enough for groups that are worth a sync.
const COMMITTERS: u64 = 128;
/// So many different messages take turns.
const DIFFERENT: u64 = 64;

/// What `sensor-bench backlog` fills, and how far.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The directory of the spool (`spool` in the state directory of a sensor that does not run).
    #[arg(long)]
    pub dir: PathBuf,
    /// How many entries wait there in the end. Those that wait already count.
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    pub entries: u64,
    /// The length of each new message, headers included; up to 100 MiB.
    #[arg(long, default_value = "4KiB")]
    pub octets: ByteSize,
    /// The seed of the messages.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// The largest message.
const OCTETS_MAX: u64 = 100 << 20;

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct Filled {
    /// Entries that were there already.
    pub found: u64,
    /// How long it took to open the spool: what recovery costs.
    pub open_seconds: f64,
    /// Entries that were added.
    pub added: u64,
    /// How long that took.
    pub seconds: f64,
    /// Entries that wait now.
    pub in_spool: u64,
}

/// Why a spool cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum BacklogError {
    /// No runtime.
    #[error("no runtime: {0}")]
    Runtime(#[source] std::io::Error),
    /// More than is measured was asked for.
    #[error("a message has at most {OCTETS_MAX} octets")]
    Octets,
    /// The directory cannot be used.
    #[error("the directory cannot be used: {0}")]
    Directory(#[source] std::io::Error),
    /// It is no spool that can be opened, or a sensor has it open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no room.
    #[error(transparent)]
    Full(#[from] Full),
    /// A body could not be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// An entry did not become durable.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Fills a spool.
///
/// # Errors
/// When it cannot be opened, or takes no more. What was added until then is durable.
pub fn run(options: &Options) -> Result<Filled, BacklogError> {
    if options.octets.as_u64() > OCTETS_MAX {
        return Err(BacklogError::Octets);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(BacklogError::Runtime)?;
    runtime.block_on(fill(options))
}

async fn fill(options: &Options) -> Result<Filled, BacklogError> {
    let disk = RealDisk::new(&options.dir).map_err(BacklogError::Directory)?;
    let settings = sensor_spool::Options::default();
    let clock = Arc::clone(&settings.clock);
    let start = meter::now();
    let (spool, _) = Spool::open(Arc::new(disk), settings, Runner::Thread)?;
    let (found, opened) = (spool.status().in_spool, meter::now());
    let source = Arc::new(Source::new(options, clock, options.entries.saturating_sub(found)));
    let filled = commit_all(&spool, &source).await;
    let (in_spool, seconds) = (spool.status().in_spool, opened.elapsed().as_secs_f64());
    spool.shut_down().await;
    filled?;
    let open_seconds = (opened - start).as_secs_f64();
    Ok(Filled { found, open_seconds, added: in_spool - found, seconds, in_spool })
}

async fn commit_all(spool: &Spool<Envelope>, source: &Arc<Source>) -> Result<(), BacklogError> {
    let mut committers = JoinSet::new();
    for _ in 0..COMMITTERS {
        committers.spawn(commit(spool.clone(), Arc::clone(source)));
    }
    while let Some(ended) = committers.join_next().await {
        ended.expect("a committer does not panic")?;
    }
    Ok(())
}

async fn commit(spool: Spool<Envelope>, source: Arc<Source>) -> Result<(), BacklogError> {
    while let Some((envelope, message)) = source.next() {
        let mut draft = spool.draft()?;
        draft.write(message).await?;
        draft.commit(&envelope).await?;
    }
    Ok(())
}

/// What all committers take their messages from.
struct Source {
    messages: Vec<(Sha256, Vec<u8>)>,
    ids: MailIds,
    clock: Clock,
    begun: AtomicU64,
    wanted: u64,
}

impl Source {
    fn new(options: &Options, clock: Clock, wanted: u64) -> Self {
        let octets = usize::try_from(options.octets.as_u64()).expect("at most 100 MiB");
        let shape = Shape { octets, structure: Structure::Text };
        // Large ones would take more memory than they are worth.
        let different = if octets > 1 << 20 { 1 } else { DIFFERENT };
        let message = |number| {
            let message = corpus::message(options.seed.wrapping_add(number), shape);
            (sha256(&message), message)
        };
        let messages = (0..different.min(wanted)).map(message).collect();
        Self { messages, ids: MailIds::new(NodeId::default(), options.seed), clock, begun: 0.into(), wanted }
    }

    fn next(&self) -> Option<(Envelope, &[u8])> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let number = (number < self.wanted).then_some(number)?;
        let at = number % self.messages.len() as u64;
        let (sha256, message) = &self.messages[usize::try_from(at).expect("less than a length")];
        let id = self.ids.next((self.clock)());
        Some((fixture::envelope(id, message.len() as u64, *sha256), message))
    }
}

fn sha256(message: &[u8]) -> Sha256 {
    let digest = digest::digest(&digest::SHA256, message);
    Sha256(digest.as_ref().try_into().expect("a SHA-256 digest has 32 octets"))
}
