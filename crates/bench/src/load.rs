//! The load generator.
//!
//! ```text
//!  connection:  connect, greeting, EHLO | message, message, ... | QUIT       again until time or count is up
//!               ... STARTTLS, handshake, EHLO | ...                          --starttls
//!  message:     MAIL  RCPT  DATA  <octets> .                                 one command a round trip
//!               MAIL RCPT DATA  <octets> .                                   --pipelining
//!               MAIL RCPT BDAT n LAST <octets>                               --pipelining --chunking
//! ```
//!
//! Closed loop: a connection sends its next message when the last one is answered, so a rate is what the
//! server sustains, and a latency is not what an open loop would see. One thread: pin it to a core of its own.
//! Nothing starts after `seconds`; what is under way may end within `grace`, then it is cut and counted as
//! `time-up`. Memory: 12 octets a message for the latencies.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::client::{Client, Failure, Payload};
use crate::corpus::{Shape, Structure};
use crate::meter;

mod report;

pub use crate::client::{Manner, Target};
pub(crate) use report::micros;
use report::{Machine, Samples};
pub use report::{Quantiles, Report, ServerReport};

/// A connection that fails waits this much longer after each failure in a row, up to 100 times as long.
const RETRY_STEP: Duration = Duration::from_millis(10);
const RETRY_STEPS_MAX: u32 = 100;

/// What to send, how, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to.
    #[command(flatten)]
    pub target: Target,
    /// How each message is sent.
    #[command(flatten)]
    pub manner: Manner,
    /// How many connections at a time.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub connections: u64,
    /// How many messages a connection carries before it is made anew.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub per_connection: u64,
    /// The most messages that are sent in all.
    #[arg(long, default_value_t = 100_000_000)]
    pub messages: u64,
    /// How long messages are begun.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// How long what has begun may take then.
    #[arg(long, default_value_t = 20.0)]
    pub grace: f64,
    /// The length of a message, headers included.
    #[arg(long, default_value = "4KiB")]
    pub octets: ByteSize,
    /// What the messages are made of.
    #[arg(long, default_value = "text")]
    pub structure: Structure,
    /// The seed of the messages.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The server's process: its CPU time and that of its descendants is measured.
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// How long to wait at most until the server is idle again; what it uses until then counts.
    #[arg(long, default_value_t = 15.0)]
    pub settle: f64,
}

/// What keeps a measurement from being made. What goes wrong with messages is counted in the [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The runtime cannot be built.
    #[error("no runtime: {0}")]
    Runtime(#[source] std::io::Error),
    /// There is no such process.
    #[error("process {0} does not run")]
    NoServer(u32),
    /// More than fits memory was asked for.
    #[error("a message cannot be that large")]
    Octets,
    /// Seconds are negative or beyond counting.
    #[error("seconds must be a number from 0 to 86400")]
    Seconds,
}

/// Sends the load and reports what came of it.
///
/// # Errors
/// When no measurement can be made at all.
pub fn run(options: &Options) -> Result<Report, LoadError> {
    let plan = Arc::new(Plan::new(options)?);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Runtime)?;
    let before = Machine::now(options.server_pid)?;
    let samples = runtime.block_on(send_all(&plan));
    let seconds = plan.start.elapsed().as_secs_f64();
    let after = Machine::now(options.server_pid)?;
    let server = options.server_pid.map(|pid| {
        let settled = meter::settle(pid, span(options.settle).unwrap_or_default());
        (settled, meter::tree(pid))
    });
    Ok(Report::new(samples, seconds, &before, &after, server))
}

fn span(seconds: f64) -> Result<Duration, LoadError> {
    meter::span(seconds).ok_or(LoadError::Seconds)
}

/// What all connections share.
struct Plan {
    options: Options,
    payloads: Vec<Payload>,
    tls: Option<TlsConnector>,
    start: Instant,
    last_begin: Instant,
    cut: Instant,
    begun: AtomicU64,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, LoadError> {
        let octets = usize::try_from(options.octets.as_u64()).map_err(|_| LoadError::Octets)?;
        let shape = Shape { octets, structure: options.structure };
        let payloads = Payload::some(options.seed, shape, options.manner.chunking);
        let (seconds, grace) = (span(options.seconds)?, span(options.grace)?);
        span(options.settle)?;
        let start = meter::now();
        let last_begin = start + seconds;
        Ok(Self {
            options: options.clone(),
            payloads,
            tls: options.target.tls(),
            start,
            last_begin,
            cut: last_begin + grace,
            begun: AtomicU64::new(0),
        })
    }

    /// The number of the next message, as long as time and count are not up.
    fn begin(&self) -> Option<u64> {
        if meter::now() >= self.last_begin {
            return None;
        }
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        (number < self.options.messages).then_some(number)
    }

    fn payload(&self, number: u64) -> &Payload {
        let at = number % self.payloads.len() as u64;
        &self.payloads[usize::try_from(at).expect("less than a length")]
    }
}

async fn send_all(plan: &Arc<Plan>) -> Samples {
    let mut connections = JoinSet::new();
    for number in 0..plan.options.connections {
        connections.spawn(send_until_cut(Arc::clone(plan), number));
    }
    let mut all = Samples::default();
    while let Some(samples) = connections.join_next().await {
        all.absorb(samples.expect("a connection does not panic"));
    }
    all
}

async fn send_until_cut(plan: Arc<Plan>, number: u64) -> Samples {
    let mut samples = Samples::default();
    if tokio::time::timeout_at(plan.cut.into(), send(&plan, number, &mut samples)).await.is_err() {
        samples.count(Failure::TimeUp);
    }
    samples
}

/// Makes connection after connection.
async fn send(plan: &Plan, number: u64, samples: &mut Samples) {
    let mut failures = 0;
    while let Some(first) = plan.begin() {
        match connection(plan, number, first, samples).await {
            Ok(()) => failures = 0,
            Err(failure) => {
                samples.count(failure);
                failures = RETRY_STEPS_MAX.min(failures + 1);
                tokio::time::sleep(RETRY_STEP * failures).await;
            }
        }
    }
}

/// Sends message `first` and those after it. A message that fails is not sent again.
async fn connection(plan: &Plan, number: u64, first: u64, samples: &mut Samples) -> Result<(), Failure> {
    let start = meter::now();
    let mut client = Client::new(plan.options.target.connect(number).await?);
    client.hello().await?;
    match &plan.tls {
        None => converse(plan, client, start, first, samples).await,
        Some(tls) => converse(plan, client.start_tls(tls).await?, start, first, samples).await,
    }
}

/// What is said after EHLO on a connection that was begun at `start`.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    plan: &Plan,
    mut client: Client<S>,
    start: Instant,
    first: u64,
    samples: &mut Samples,
) -> Result<(), Failure> {
    samples.connected(start.elapsed());
    let messages = iter::once(first).chain(iter::from_fn(|| plan.begin()));
    // A connection carries less than usize::MAX messages, whatever was typed.
    for message in messages.take(usize::try_from(plan.options.per_connection).unwrap_or(usize::MAX)) {
        let payload = plan.payload(message);
        let start = meter::now();
        let final_wait = client.transaction(&plan.options.manner, payload, message).await?;
        samples.accepted(payload.octets(), start.elapsed(), final_wait);
    }
    client.quit().await
}
