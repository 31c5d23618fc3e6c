//! So many worker processes, each with a thread that speaks to it.
//!
//! ```text
//!  take(task) --> queue of one --> thread 1 <--letters--> worker process 1
//!                             \--> thread 2 <--letters--> worker process 2
//! ```
//!
//! A thread and not a task: a process is ended by the kernel when the thread that started it is gone, and threads
//! of a runtime come and go. A worker that died is replaced with the next message; one that had its share of
//! messages too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::child::{Program, Worker};
use super::protocol::{Hello, Setup};
use super::sandbox::Sandbox;
use crate::taker::{NoWorker, Taken, Taker, Taking, Task};

/// The least time between two starts of one thread: mail that is made to kill workers costs no more than this
/// of starting them.
const START_PAUSE: Duration = Duration::from_millis(50);
/// How long a thread rests after a worker that did not even start: doubled from the one to the other.
const FAILED_PAUSE_MIN: Duration = Duration::from_millis(100);
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(10);

/// How mail is taken apart.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// What is run.
    pub program: Program,
    /// How many at a time. One costs its memory (see [`Limits`](super::Limits)) while it works.
    pub workers: usize,
    /// After so many messages a worker is replaced by a new one: what it lost or what took it over goes with it.
    pub messages_max: u32,
}

/// Takes mail apart in processes.
pub struct Pool {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
}

/// What a pool says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Workers that live.
    pub alive: u64,
    /// Workers started, ever.
    pub started: u64,
    /// Messages taken apart, ever.
    pub messages: u64,
    /// Deaths over a message, by [`Death::kind`](super::Death::kind).
    pub deaths: BTreeMap<&'static str, u64>,
    /// How the worker that was started last is confined.
    pub sandbox: Option<Sandbox>,
    /// Why the worker that was to be started last was not.
    pub error: Option<String>,
}

struct Shared {
    options: PoolOptions,
    setup: Mutex<(u64, Arc<Setup>)>,
    status: Mutex<PoolStatus>,
}

struct Request {
    task: Task,
    reply: oneshot::Sender<Result<Taken, NoWorker>>,
}

impl Pool {
    /// A pool whose processes start with their first message.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(options: PoolOptions, setup: Setup) -> std::io::Result<Self> {
        let (requests, queue) = mpsc::channel(1);
        let queue = Arc::new(Mutex::new(queue));
        let workers = options.workers.max(1);
        let setup = Mutex::new((0, Arc::new(setup)));
        let shared = Arc::new(Shared { options, setup, status: Mutex::default() });
        for number in 0..workers {
            let (shared, queue) = (Arc::clone(&shared), Arc::clone(&queue));
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            thread.spawn(move || Slot { shared, worker: None, pause: FAILED_PAUSE_MIN }.run(&queue))?;
        }
        Ok(Self { shared, requests })
    }

    /// Has workers work by another setup from their next message on, when a worker can be started with it; else
    /// all stays as it is. Blocks.
    ///
    /// # Errors
    /// When none can be: with the worker's own words, such as what is wrong with its rules.
    pub fn renew(&self, setup: Setup) -> Result<Hello, NoWorker> {
        let hello = Worker::start(&self.shared.options.program, &setup, 0)?.hello.clone();
        let mut current = lock(&self.shared.setup);
        *current = (current.0 + 1, Arc::new(setup));
        Ok(hello)
    }

    /// What there is to know.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        lock(&self.shared.status).clone()
    }
}

impl Taker for Pool {
    fn take(&self, task: Task) -> Taking<'_> {
        Box::pin(async move {
            let gone = || NoWorker("the threads of the workers are gone".to_owned());
            let (reply, taken) = oneshot::channel();
            self.requests.send(Request { task, reply }).await.map_err(|_| gone())?;
            taken.await.map_err(|_| gone())?
        })
    }
}

/// One thread with its worker.
struct Slot {
    shared: Arc<Shared>,
    worker: Option<Worker>,
    pause: Duration,
}

impl Slot {
    /// Until the pool is dropped.
    fn run(mut self, queue: &Mutex<mpsc::Receiver<Request>>) {
        loop {
            let Some(Request { task, reply }) = lock(queue).blocking_recv() else { break };
            // Nobody waits for it any more.
            if reply.is_closed() {
                continue;
            }
            let taken = self.take(&task);
            let is_rest_due = taken.is_err();
            let _waits = reply.send(taken);
            if is_rest_due {
                std::thread::sleep(self.pause);
                self.pause = (self.pause * 2).min(FAILED_PAUSE_MAX);
            }
        }
        self.dismiss();
    }

    fn take(&mut self, task: &Task) -> Result<Taken, NoWorker> {
        let mut worker = self.ready()?;
        let taken = worker.take(task);
        let is_used_up = worker.messages >= self.shared.options.messages_max;
        self.worker = Some(worker);
        let taken = taken?;
        lock(&self.shared.status).messages += 1;
        if let Some(death) = &taken.death {
            *lock(&self.shared.status).deaths.entry(death.kind()).or_default() += 1;
        }
        if is_used_up || taken.death.is_some() {
            self.dismiss();
        }
        Ok(taken)
    }

    /// A worker that lives and is of the current setup. One that died without mail in its hands is no
    /// message's fault.
    fn ready(&mut self) -> Result<Worker, NoWorker> {
        let (generation, setup) = lock(&self.shared.setup).clone();
        if let Some(mut worker) = self.worker.take() {
            if worker.generation == generation && worker.is_alive() {
                return Ok(worker);
            }
            self.worker = Some(worker);
            self.dismiss();
        }
        let started = Worker::start(&self.shared.options.program, &setup, generation);
        self.note(&started);
        if started.is_ok() {
            self.pause = FAILED_PAUSE_MIN;
        }
        started
    }

    fn note(&self, started: &Result<Worker, NoWorker>) {
        let mut status = lock(&self.shared.status);
        match started {
            Ok(worker) => {
                let sandbox = &worker.hello.sandbox;
                if status.sandbox.as_ref() != Some(sandbox) && !(sandbox.is_full() && sandbox.inherited == 0)
                {
                    tracing::warn!(?sandbox, "worker processes are not confined in full");
                }
                status.alive += 1;
                status.started += 1;
                status.sandbox = Some(sandbox.clone());
                status.error = None;
            }
            Err(NoWorker(why)) => {
                tracing::error!(%why, "no worker process: mail is kept, and looked into later");
                status.error = Some(why.clone());
            }
        }
    }

    fn dismiss(&mut self) {
        if self.worker.take().is_some() {
            lock(&self.shared.status).alive -= 1;
            std::thread::sleep(START_PAUSE);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
