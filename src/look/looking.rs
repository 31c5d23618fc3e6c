//! Looks as they go on beside everything else: opened with the sensor, renewed by a reload, ended with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use sensor_content::Limits;
use sensor_notify::{Courier, Reporter, Sink, Storage};
use sensor_pipeline::worker::{Pool, PoolOptions, Program, Setup};
use sensor_pipeline::{Crew, EventSink, Examiner, Executor, Job, Keeper, LookOptions, Looker};
use sensor_scan::RELOAD_PAUSE;
use sensor_spool::{Clock, ReadOnly, RealDisk, Runner, Spool};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Differences, Scanners, judge, passwords, setup};
use crate::assemble::{not_usable, unix_millis};
use crate::config::Config;

/// A worker process is replaced after so many messages.
const MESSAGES_MAX: u32 = 1_000;
/// The largest segment of the spool of jobs: a job has a page of 4 KiB, so that one holds a thousand.
const SEGMENT_OCTETS_MAX: u32 = 4 << 20;
const JOBS_MEMORY_OCTETS: usize = 4 << 20;

/// Looks that are ready to begin.
pub(crate) struct Looking {
    pub(crate) lookout: Lookout,
    pub(crate) jobs: Spool<Job>,
    couriers: Vec<Courier>,
    /// Its own: what scanners and receivers do to it, they do not do to sessions.
    runtime: Apart,
}

/// What is asked and told of looks while they go on.
#[derive(Clone)]
pub(crate) struct Lookout {
    pub(crate) looker: Arc<Looker>,
    pub(crate) keeper: Arc<dyn Keeper>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) sinks: Vec<Arc<Sink>>,
    pub(crate) differences: Differences,
    /// Held while workers are renewed.
    watched: Arc<Mutex<Watched>>,
    /// Why rules of before are at work, where they are.
    stale: Arc<Mutex<Vec<String>>>,
}

/// What workers are set up from.
struct Watched {
    scanners: Scanners,
    limits: Limits,
    passwords: Vec<Box<str>>,
}

impl Watched {
    fn new(config: &Config, scanners: &Scanners) -> anyhow::Result<Self> {
        let (scanners, limits) = (scanners.clone(), config.scan.limits.clone());
        Ok(Self { scanners, limits, passwords: passwords(config.scan.passwords.as_deref())? })
    }

    fn setup(&self) -> Setup {
        setup(&self.limits, self.passwords.clone(), &self.scanners)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks that go on.
pub(crate) struct Going {
    looker: JoinHandle<()>,
    jobs: Spool<Job>,
    couriers: Vec<JoinHandle<()>>,
    sinks: Vec<Arc<Sink>>,
    delivering: CancellationToken,
    _runtime: Apart,
}

impl Looking {
    /// Opens jobs and outboxes; nothing is looked at yet.
    pub(crate) fn open(
        config: &Config,
        scanners: &Scanners,
        keeper: Arc<dyn Keeper>,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let runtime = Apart::new().context("no thread to look in")?;
        let _within = runtime.handle().enter();
        let jobs = open_jobs(config, clock)?;
        let watched = Watched::new(config, scanners)?;
        let pool = Arc::new(pool(config, watched.setup())?);
        let (sinks, couriers) = open_sinks(config, clock)?;
        let differences = Differences::default();
        let crew = Crew {
            jobs: jobs.clone(),
            keeper: Arc::clone(&keeper),
            taker: Arc::clone(&pool) as _,
            posts: scanners.posts(),
            judge: judge(config.judging.clone(), differences.clone()),
            sinks: sinks.iter().map(|sink| Arc::clone(sink) as Arc<dyn EventSink>).collect(),
        };
        let looker = Arc::new(Looker::new(crew, options(config), Arc::clone(clock)));
        let directory = config.jobs_dir();
        match RealDisk::existing(&directory).map(|disk| ReadOnly::open(Arc::new(disk))) {
            Ok(Ok(view)) => looker.recall(&view),
            Ok(Err(error)) => tracing::warn!(%error, "what is owed from before is not counted"),
            Err(error) => tracing::warn!(%error, "what is owed from before is not counted"),
        }
        Ok(Self {
            lookout: Lookout {
                looker,
                keeper,
                pool,
                sinks,
                differences,
                watched: Arc::new(Mutex::new(watched)),
                stale: Arc::default(),
            },
            jobs,
            couriers,
            runtime,
        })
    }

    /// Begins. A pipeline that is paused looks at nothing.
    pub(crate) fn start(self, stop: &CancellationToken) -> Going {
        let Self { lookout, jobs, couriers, runtime } = self;
        runtime.handle().spawn(lookout.clone().watch(stop.clone()));
        let Lookout { looker, sinks, .. } = lookout;
        let delivering = CancellationToken::new();
        let stop = stop.clone();
        Going {
            looker: runtime.handle().spawn(async move { looker.run(stop).await }),
            jobs,
            couriers: couriers
                .into_iter()
                .map(|courier| runtime.handle().spawn(courier.run(delivering.clone())))
                .collect(),
            sinks,
            delivering,
            _runtime: runtime,
        }
    }
}

impl Lookout {
    /// Looks for files of rules that have changed, from time to time. Where workers need the new ones and none starts
    /// with them, it is tried again the next time.
    async fn watch(self, stop: CancellationToken) {
        let mut is_due = false;
        while stop.run_until_cancelled(tokio::time::sleep(RELOAD_PAUSE)).await.is_some() {
            let lookout = self.clone();
            let renewed = tokio::task::spawn_blocking(move || lookout.refresh(is_due)).await;
            is_due = renewed.unwrap_or(true);
        }
    }

    /// Gives whether workers have still to be renewed.
    fn refresh(&self, is_due: bool) -> bool {
        let watched = lock(&self.watched);
        let is_changed = watched.scanners.reload();
        *lock(&self.stale) = watched.scanners.stale();
        if !is_changed && !is_due {
            return false;
        }
        let renewed = self.pool.renew(watched.setup());
        if let Err(error) = &renewed {
            tracing::error!(%error, "no worker process starts with the new rules; those of before go on");
        }
        renewed.is_err()
    }

    /// Has files of events opened anew: they may have been moved away.
    pub(crate) fn reopen(&self) {
        self.sinks.iter().for_each(|sink| sink.reopen());
    }

    /// What is wrong with files of rules while those of before are at work; empty where nothing is.
    pub(crate) fn stale_rules(&self) -> Vec<String> {
        lock(&self.stale).clone()
    }

    /// Has all looks from the next one on work by these settings, or none.
    ///
    /// # Errors
    /// When no worker process can be started by them.
    pub(crate) fn renew(&self, config: &Config, scanners: &Scanners) -> anyhow::Result<()> {
        let next = Watched::new(config, scanners)?;
        let mut watched = lock(&self.watched);
        self.pool.renew(next.setup())?;
        let judge = judge(config.judging.clone(), self.differences.clone());
        self.looker.renew(scanners.posts(), judge);
        *watched = next;
        lock(&self.stale).clear();
        Ok(())
    }
}

impl Going {
    /// Ends, after what stops it was told to: looks in hand are begun again by the next life of the program.
    pub(crate) async fn end(self) {
        if let Err(error) = self.looker.await {
            tracing::error!(%error, "looking ended badly; its jobs are in their spool");
        }
        self.jobs.shut_down().await;
        self.delivering.cancel();
        for courier in self.couriers {
            if let Err(error) = courier.await {
                tracing::error!(%error, "a sink ended badly; its events are in its outbox");
            }
        }
        for sink in self.sinks {
            sink.shut_down().await;
        }
    }
}

/// A runtime that may be dropped anywhere. What holds one of its threads is left behind then.
struct Apart(Option<Runtime>);

impl Apart {
    fn new() -> std::io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("look").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> &Handle {
        self.0.as_ref().expect("it is there until it is dropped").handle()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What looks at a message that nobody keeps.
pub(crate) fn examiner(config: &Config, scanners: &Scanners) -> anyhow::Result<Examiner> {
    let pool = Arc::new(pool(config, Watched::new(config, scanners)?.setup())?);
    let judge = judge(config.judging.clone(), Differences::default());
    Ok(Examiner::new(pool, scanners.posts(), judge, options(config), Arc::new(unix_millis)))
}

fn pool(config: &Config, setup: Setup) -> anyhow::Result<Pool> {
    let options = PoolOptions {
        program: Program::itself(["worker"]),
        workers: config.scan.workers,
        messages_max: MESSAGES_MAX,
    };
    Pool::new(options, setup).context("no threads for worker processes")
}

fn options(config: &Config) -> LookOptions {
    LookOptions {
        concurrency: config.scan.concurrency,
        size_max: config.scan.size_max,
        patience: config.scan.deadline,
        executor: Executor::Threads,
    }
}

fn open_jobs(config: &Config, clock: &Clock) -> anyhow::Result<Spool<Job>> {
    let directory = config.jobs_dir();
    let disk =
        RealDisk::new(&directory).map_err(|error| not_usable("the spool of jobs in", &directory, &error))?;
    let options = sensor_spool::Options {
        segment_octets: config.spool.segment.min(SEGMENT_OCTETS_MAX),
        memory_octets: JOBS_MEMORY_OCTETS,
        reserve_octets: 0,
        reserve_inodes: 0,
        clock: Arc::clone(clock),
        ..sensor_spool::Options::default()
    };
    let opened = Spool::open(Arc::new(disk), options, Runner::Thread);
    let (jobs, _) =
        opened.with_context(|| format!("cannot use the spool of jobs in {}", directory.display()))?;
    Ok(jobs)
}

fn open_sinks(config: &Config, clock: &Clock) -> anyhow::Result<(Vec<Arc<Sink>>, Vec<Courier>)> {
    let reporter =
        Reporter { hostname: config.hostname.as_str().into(), version: env!("CARGO_PKG_VERSION").into() };
    let mut opened = Vec::new();
    for options in &config.sinks {
        let directory = config.events_dir(&options.name);
        let disk = RealDisk::new(&directory)
            .map_err(|error| not_usable("the outbox of a sink in", &directory, &error))?;
        let storage = Storage {
            disk: Arc::new(disk),
            runner: Runner::Thread,
            clock: Arc::clone(clock),
            reserve_octets: config.spool.reserve,
            reserve_inodes: config.spool.reserve_inodes,
        };
        let sink = Sink::open(options, storage, &reporter);
        opened.push(sink.with_context(|| format!("sink {}", options.name))?);
    }
    Ok(opened.into_iter().unzip())
}
