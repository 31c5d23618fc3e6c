//! The spool beside a model of it, on a disk that tears, forgets, fails and reorders.
//!
//! A seed is a few lives of a program: each opens the spool, commits, leases and concludes at random, and
//! ends well, by a kill, or by a loss of power at some write, sync or rename. After each the log is read
//! and held against what callers were told. `SPOOL_SEEDS=7..8` runs one seed, `0..100000` many.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mail;
mod model;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sensor_spool::disk::{Chance, Faults, SimDisk};
use sensor_spool::{Clock, Draft, Lease, Options, Outcome, ReadOnly, Runner, Spool, Withdrawal};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use mail::Mail;
use model::{Fate, Model};

const SEGMENT: u32 = 32 << 10;
const LIVES: usize = 6;

#[test]
fn whatever_happens_the_spool_holds_what_it_acknowledged() {
    let seeds = std::env::var("SPOOL_SEEDS").unwrap_or_else(|_| "0..2000".to_owned());
    let (from, to) = seeds.split_once("..").expect("SPOOL_SEEDS=FROM..TO");
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        let run = std::panic::catch_unwind(|| Program::new(seed).run());
        assert!(run.is_ok(), "SPOOL_SEEDS={seed}..{} reproduces it", seed + 1);
    }
}

struct Program {
    chance: Chance,
    disk: SimDisk,
    model: Arc<Mutex<Model>>,
    /// Unix milliseconds at the start of the life; tokio's clock starts anew in each.
    epoch: u64,
    faulty: bool,
    tasks: JoinSet<()>,
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    ShutDown,
    Kill,
    PowerLoss,
}

impl Program {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let disk = SimDisk::new(chance.draw());
        let faulty = chance.one_in(2);
        Self { chance, disk, model: Arc::default(), epoch: 1_000_000, faulty, tasks: JoinSet::new() }
    }

    fn run(mut self) {
        for _ in 0..LIVES {
            let end = [End::ShutDown, End::Kill, End::PowerLoss, End::PowerLoss][self.chance.below(4)];
            self.live(end);
            let view = ReadOnly::open(Arc::new(self.disk.clone())).unwrap();
            self.look(&view, false);
        }
    }

    fn live(&mut self, end: End) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        self.bring_trouble(end);
        runtime.block_on(self.act(end));
        drop(runtime);
        self.epoch += 1_000_000;
        self.disk.set_faults(Faults::default());
        match end {
            End::ShutDown | End::Kill => self.disk.kill(),
            End::PowerLoss => self.disk.crash(),
        }
        self.model.lock().unwrap().life_ended();
    }

    fn bring_trouble(&mut self, end: End) {
        if self.faulty {
            let mut rare = || [0, 10, 40][self.chance.below(3)];
            let faults = Faults { write: rare(), sync: rare(), read: 0, short_read: 3, name: rare() };
            self.disk.set_faults(faults);
        }
        if end == End::PowerLoss {
            self.disk.cut_power_after(1 + self.chance.below(120) as u64);
        }
    }

    async fn act(&mut self, end: End) {
        let Ok((spool, _)) = self.open() else { return };
        // The writer has not come to turn yet: this is what it found.
        if let Ok(view) = ReadOnly::open(Arc::new(self.disk.clone())) {
            self.look(&view, true);
        }
        for _ in 0..30 + self.chance.below(60) {
            if self.disk.is_dark() {
                break;
            }
            self.step(&spool).await;
        }
        if end == End::ShutDown {
            self.rest(&spool).await;
            spool.shut_down().await;
        }
        self.model.lock().unwrap().check_status(&spool.status());
        // A caller that saw something wrong has panicked.
        while let Some(ended) = self.tasks.try_join_next() {
            ended.unwrap();
        }
        self.tasks = JoinSet::new();
    }

    fn open(&self) -> Result<(Spool<Mail>, sensor_spool::Recovery), sensor_spool::OpenError> {
        let (start, epoch) = (Instant::now(), self.epoch);
        let clock: Clock = Arc::new(move || epoch + u64::try_from(start.elapsed().as_millis()).unwrap());
        let options = Options {
            segment_octets: SEGMENT,
            prepared_octets: self.prepared_octets(),
            reserve_octets: 0,
            reserve_inodes: 0,
            memory_octets: 64 << 10,
            clock,
            salt: 11,
        };
        Spool::open(Arc::new(self.disk.clone()), options, Runner::task())
    }

    /// None to three segments, another number in each life.
    fn prepared_octets(&self) -> u64 {
        self.epoch / 1_000_000 % 4 * u64::from(SEGMENT)
    }

    async fn step(&mut self, spool: &Spool<Mail>) {
        match self.chance.below(12) {
            0..6 => self.commit(spool),
            6..10 => self.work(spool),
            10 => sleep(Duration::from_millis(self.chance.below(3_000) as u64)).await,
            _ => self.model.lock().unwrap().check_status(&spool.status()),
        }
        // Sometimes many things are asked before the writer comes to turn.
        if !self.chance.one_in(3) {
            tokio::task::yield_now().await;
        }
    }

    fn commit(&mut self, spool: &Spool<Mail>) {
        let Ok(draft) = spool.draft() else { return };
        let mail = self.model.lock().unwrap().new_mail(&mut self.chance);
        let (chance, model) = (Chance(self.chance.draw()), Arc::clone(&self.model));
        self.tasks.spawn(send(draft, mail, chance, model));
    }

    fn work(&mut self, spool: &Spool<Mail>) {
        let (spool, chance, model) = (spool.clone(), Chance(self.chance.draw()), Arc::clone(&self.model));
        self.tasks.spawn(work(spool, chance, model));
    }

    /// Without faults the spool comes to rest, and then it is small.
    async fn rest(&mut self, spool: &Spool<Mail>) {
        self.disk.set_faults(Faults::default());
        sleep(Duration::from_secs(60)).await;
        let status = spool.status();
        let bound = 2 * status.live_octets + 2 * u64::from(SEGMENT) + self.prepared_octets();
        assert!(status.total_octets <= bound, "space is bounded: {status:?}");
        assert_eq!(status.last_error, None);
    }

    /// Holds what a reader sees against what callers were told.
    fn look(&self, view: &ReadOnly<Mail>, stands: bool) {
        let found = view.recovery();
        assert_eq!((found.damaged_places, found.lost), (0, 0), "{found:?}");
        assert!(found.missing_segments.is_empty(), "{found:?}");
        let entries: Vec<_> = view.list().map(Result::unwrap).collect();
        for entry in &entries {
            mail::check_body(&entry.header, &view.body(entry.id).unwrap().unwrap());
        }
        self.model.lock().unwrap().check_entries(&entries, stands);
    }
}

/// One sender: writes a body in pieces, commits, and hears what became of it, or not.
async fn send(mut draft: Draft<Mail>, mail: Mail, mut chance: Chance, model: Arc<Mutex<Model>>) {
    let body = mail::body(&mail);
    let mut rest = body;
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(1 + chance.below(rest.len()));
        if draft.write(piece).await.is_err() {
            return;
        }
        rest = others;
        if chance.one_in(4) {
            tokio::task::yield_now().await;
        }
    }
    if chance.one_in(12) {
        return;
    }
    model.lock().unwrap().set(mail.key, Fate::Unknown);
    let mut pending = draft.commit(&mail);
    let patience = Duration::from_millis([1, 60_000][usize::from(!chance.one_in(8))]);
    let outcome = match timeout(patience, &mut pending).await {
        Ok(outcome) => outcome,
        Err(_) => match pending.withdraw("too slow") {
            Withdrawal::TooLate(outcome) => outcome,
            Withdrawal::Withdrawn => return model.lock().unwrap().set(mail.key, Fate::Withdrawn),
        },
    };
    model.lock().unwrap().committed(mail.key, outcome);
}

/// One worker: leases, and ends each lease somehow.
async fn work(spool: Spool<Mail>, mut chance: Chance, model: Arc<Mutex<Model>>) {
    let now = 1_000_000;
    let Ok(Ok(leases)) = timeout(Duration::from_secs(5), spool.lease(1 + chance.below(6))).await else {
        return;
    };
    let mut outcomes: Vec<(Lease<Mail>, Outcome)> = Vec::new();
    for lease in leases {
        mail::check_body(&lease.header, &lease.body);
        model.lock().unwrap().leased(&lease);
        let reason = format!("because of {}", lease.header.key);
        let outcome = match chance.below(10) {
            0..5 => Outcome::Settle,
            5..7 => Outcome::Defer { due: now + chance.below(9_000_000) as u64, reason },
            7 => Outcome::SetAside { reason },
            8 => Outcome::Return { rest: Duration::from_millis(chance.below(9_000) as u64) },
            _ => {
                model.lock().unwrap().gave_back(lease.header.key);
                continue;
            }
        };
        model.lock().unwrap().concluding(lease.header.key, &outcome);
        outcomes.push((lease, outcome));
    }
    let told: Vec<_> = outcomes.iter().map(|(lease, outcome)| (lease.header.key, outcome.clone())).collect();
    if chance.one_in(4) {
        tokio::task::yield_now().await;
    }
    if spool.conclude(outcomes).await.is_ok() {
        let mut model = model.lock().unwrap();
        told.iter().for_each(|(key, outcome)| model.concluded(*key, outcome));
    }
}
