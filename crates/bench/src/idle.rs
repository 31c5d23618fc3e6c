//! Idle connections: what one costs the server in memory.
//!
//! ```text
//!  PSS of the server | connect, greeting, EHLO (STARTTLS, handshake, EHLO)  x connections | hold | PSS again
//! ```
//!
//! Some connections are opened at a time, all are held until the end. What the report divides by is those
//! that are open at the end and of which nothing was heard since: a server that closed the others has not
//! held them. The memory of their sockets is the kernel's, is no process's and is not in the figure.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{Client, Failure, Target};
use crate::load::{Quantiles, micros};
use crate::meter::{self, TreeMemory};

/// Descriptors that are open beside the connections: standard streams, the runtime's, `/proc`.
const OTHER_DESCRIPTORS: u64 = 32;
/// How many connections are being opened at a time.
const OPENING_MAX: u64 = 50;

/// What `sensor-bench idle` does.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to.
    #[command(flatten)]
    pub target: Target,
    /// How many connections are held.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub connections: u64,
    /// How long opening them may take all together.
    #[arg(long, default_value_t = 120.0)]
    pub seconds: f64,
    /// How long they are held until the server is looked at, in seconds.
    #[arg(long, default_value_t = 2.0)]
    pub hold: f64,
    /// The server's process: its memory and that of its descendants is measured.
    #[arg(long)]
    pub server_pid: u32,
}

/// What keeps a measurement from being made.
#[derive(Debug, thiserror::Error)]
pub enum IdleError {
    /// The runtime cannot be built.
    #[error("no runtime: {0}")]
    Runtime(#[source] io::Error),
    /// The limit of open files is too low for the connections asked for.
    #[error(
        "{needed} descriptors are needed and {limit} allowed: raise the limit of open files (ulimit -Hn)"
    )]
    Descriptors {
        /// What is needed.
        needed: u64,
        /// The soft limit, which was raised to the hard one at the start.
        limit: u64,
    },
    /// There is no such process.
    #[error("process {0} does not run")]
    NoServer(u32),
    /// The memory of a process of somebody else cannot be read.
    #[error("the server's memory cannot be read, root can: {0}")]
    Memory(#[from] io::Error),
    /// Seconds are negative or beyond counting.
    #[error("seconds must be a number from 0 to 86400")]
    Seconds,
}

/// What holding the connections came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many were asked for.
    pub wanted: u64,
    /// How many were open at the end.
    pub held: u64,
    /// How long opening them took.
    pub open_seconds: f64,
    /// From connecting to the reply to EHLO, the one in TLS where that is started.
    pub connect_ms: Quantiles,
    /// What kept the others from being opened or held, and how often.
    pub errors: BTreeMap<String, u64>,
    /// The server before.
    pub before: TreeMemory,
    /// The server while they were held.
    pub after: TreeMemory,
    /// What one of those that were held costs.
    pub pss_kib_each: f64,
    /// CPU milliseconds that one costs, from connecting to the end.
    pub cpu_ms_each: f64,
}

/// Opens the connections, holds them and says what they cost.
///
/// # Errors
/// When no measurement can be made at all.
pub fn run(options: &Options) -> Result<Report, IdleError> {
    let (opening, hold) = (span(options.seconds)?, span(options.hold)?);
    enough_descriptors(options.connections, getrlimit(Resource::Nofile).current)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(IdleError::Runtime)?;
    let cpu = || meter::tree(options.server_pid).ok_or(IdleError::NoServer(options.server_pid));
    let (cpu_before, before) = (cpu()?, meter::memory(options.server_pid)?);
    runtime.block_on(async {
        let mut opened = open_all(options, opening).await;
        tokio::time::sleep(hold).await;
        let (after, cpu_after) = (meter::memory(options.server_pid)?, cpu()?);
        let held = opened.count_idle().await;
        let each = |sum: f64| if held == 0 { 0.0 } else { sum / held as f64 };
        Ok(Report {
            wanted: options.connections,
            held,
            open_seconds: opened.seconds,
            connect_ms: Quantiles::of(opened.took),
            errors: opened.errors,
            before,
            after,
            pss_kib_each: each(after.pss_kib as f64 - before.pss_kib as f64),
            cpu_ms_each: each((cpu_after.total() - cpu_before.total()) * 1_000.0),
        })
    })
}

fn span(seconds: f64) -> Result<Duration, IdleError> {
    meter::span(seconds).ok_or(IdleError::Seconds)
}

fn enough_descriptors(connections: u64, limit: Option<u64>) -> Result<(), IdleError> {
    let needed = connections + OTHER_DESCRIPTORS;
    match limit {
        Some(limit) if limit < needed => Err(IdleError::Descriptors { needed, limit }),
        Some(_) | None => Ok(()),
    }
}

/// An open connection, closed when dropped.
enum Held {
    Plain(Client<TcpStream>),
    Tls(Box<Client<TlsStream<TcpStream>>>),
}

impl Held {
    async fn is_idle(&mut self) -> bool {
        match self {
            Self::Plain(client) => client.is_idle().await,
            Self::Tls(client) => client.is_idle().await,
        }
    }
}

#[derive(Default)]
struct Opened {
    held: Vec<Held>,
    took: Vec<u32>,
    errors: BTreeMap<String, u64>,
    seconds: f64,
}

impl Opened {
    fn absorb(&mut self, result: Result<(Held, Duration), Failure>) {
        match result {
            Ok((held, took)) => {
                self.held.push(held);
                self.took.push(micros(took));
            }
            Err(failure) => self.count(failure),
        }
    }

    fn count(&mut self, failure: Failure) {
        *self.errors.entry(failure.to_string()).or_default() += 1;
    }

    async fn count_idle(&mut self) -> u64 {
        let mut idle = 0;
        for mut held in std::mem::take(&mut self.held) {
            if held.is_idle().await {
                idle += 1;
            } else {
                self.count(Failure::NotHeld);
            }
        }
        idle
    }
}

/// Once the time is up nothing more is opened; what was not opened counts as `time-up`.
async fn open_all(options: &Options, longest: Duration) -> Opened {
    let (start, tls) = (meter::now(), options.target.tls());
    let cut = start + longest;
    let (mut opening, mut opened) = (JoinSet::new(), Opened::default());
    for number in 0..options.connections {
        if number >= OPENING_MAX
            && let Some(result) = opening.join_next().await
        {
            opened.absorb(result.expect("opening does not panic"));
        }
        opening.spawn(open_until(cut.into(), options.target.clone(), tls.clone(), number));
    }
    while let Some(result) = opening.join_next().await {
        opened.absorb(result.expect("opening does not panic"));
    }
    opened.seconds = start.elapsed().as_secs_f64();
    opened
}

async fn open_until(
    cut: tokio::time::Instant,
    target: Target,
    tls: Option<TlsConnector>,
    number: u64,
) -> Result<(Held, Duration), Failure> {
    tokio::time::timeout_at(cut, open(target, tls, number)).await.unwrap_or(Err(Failure::TimeUp))
}

async fn open(target: Target, tls: Option<TlsConnector>, number: u64) -> Result<(Held, Duration), Failure> {
    let start = meter::now();
    let mut client = Client::new(target.connect(number).await?);
    client.hello().await?;
    let held = match tls {
        None => Held::Plain(client),
        Some(tls) => Held::Tls(Box::new(client.start_tls(&tls).await?)),
    };
    Ok((held, start.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_is_said_before_anything_is_opened() {
        assert!(enough_descriptors(1_000, Some(1_032)).is_ok());
        assert!(enough_descriptors(1_000_000, None).is_ok());
        let error = enough_descriptors(10_000, Some(1_024)).unwrap_err().to_string();
        assert!(error.starts_with("10032 descriptors are needed and 1024 allowed"), "{error}");
    }
}
