//! A whole node in one seeded run: sessions, driver, spool, pipeline and archive, on in-memory streams, a
//! simulated disk and a paused clock.
//!
//! A run is several lives on one disk. In each life random peers send mail and hang up where they like,
//! storage is slow and fails, and the life ends by a drain, a kill or a loss of power. After the last one:
//! what was acknowledged is kept, whole; what was refused is not; accepted = kept + set aside + withdrawn;
//! sequences are dense; what is kept was looked into until nothing was owed, and each look was told. One seed reproduces a run: `SENSOR_SIMULATION_SEED=17 scripts/test simulation`.

mod ledger;
mod look;
mod node;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use sensor_spool::disk::{Chance, Faults, SimDisk};

use ledger::{Ledger, Shared, Tally};
use look::Trouble;
use node::{Node, Storage};
use peer::Peer;

/// Runs in `scripts/test`.
const RUNS: u64 = 3_000;

/// How a life of the node ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Drain,
    Kill,
    PowerLoss,
}

#[test]
fn what_was_acknowledged_is_kept_and_what_was_refused_is_not() {
    let seeds = match std::env::var("SENSOR_SIMULATION_SEED") {
        Ok(seed) => seed.parse().map(|seed| seed..seed + 1).unwrap(),
        Err(_) => 0..RUNS,
    };
    let mut tally = Tally::default();
    for seed in seeds.clone() {
        let ran = std::panic::catch_unwind(|| run(seed));
        match ran {
            Ok(ledger) => tally.add(&ledger),
            Err(panic) => {
                eprintln!("seed {seed}: SENSOR_SIMULATION_SEED={seed} scripts/test simulation");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{} runs: {tally:?}", seeds.end - seeds.start);
    assert!(seeds.end - seeds.start == 1 || tally.covers_everything(), "{tally:?}");
}

#[test]
fn one_seed_gives_one_run() {
    for seed in 0..20 {
        let (first, second) = (run(seed), run(seed));
        assert_eq!(first.transcript(), second.transcript(), "seed {seed}");
    }
}

/// Runs one seed to its end and checks it.
fn run(seed: u64) -> Ledger {
    let mut chance = Chance(seed);
    let (disk, jobs) = (SimDisk::new(seed), SimDisk::new(!seed));
    let storage = Storage { disk, jobs, told: Arc::default(), clock: Arc::default() };
    let ledger = Shared::default();
    for _ in 0..1 + chance.below(4) {
        storage.disk.set_faults(random_faults(&mut chance));
        storage.jobs.set_faults(random_faults(&mut chance));
        if chance.one_in(6) {
            storage.disk.cut_power_after(chance.draw() % 400);
        }
        let end = [End::Drain, End::Kill, End::PowerLoss][chance.below(3)];
        let life = Life { seed: chance.draw(), end, slow: chance.one_in(8) };
        let is_drained = live(&storage, &ledger, &life) && !storage.disk.is_dark();
        ledger.lock().unwrap().life_ended(is_drained);
        for disk in [&storage.disk, &storage.jobs] {
            disk.set_faults(Faults::default());
            match end {
                End::Kill if !storage.disk.is_dark() => disk.kill(),
                End::Drain | End::Kill | End::PowerLoss => disk.crash(),
            }
        }
    }
    last_life(&storage, &ledger);
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    ledger.check();
    ledger
}

struct Life {
    seed: u64,
    end: End,
    slow: bool,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// One life: peers come, and at some moment it ends. Whether it was drained to its end.
fn live(storage: &Storage, ledger: &Shared, life: &Life) -> bool {
    let mut chance = Chance(life.seed);
    let is_drained = runtime().block_on(async {
        let trouble = Trouble(Some(Chance(chance.draw())));
        // A disk that fails while the spool is opened is a start that fails: the next life tries again.
        let Some(node) = Node::start(storage, &mut chance, life.slow, trouble) else { return false };
        let mut peers = tokio::task::JoinSet::new();
        for _ in 0..1 + chance.below(4) {
            let peer = Peer::new(chance.draw(), Arc::clone(ledger));
            peers.spawn(peer.converse(node.connect(&mut chance)));
        }
        let patience = Duration::from_millis(chance.draw() % 4_000 + if life.slow { 200_000 } else { 0 });
        let all_gone = async { while peers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(patience, all_gone).await;
        matches!(life.end, End::Drain) && node.drain().await
    });
    storage.clock.pass(Duration::from_secs(3_600));
    is_drained
}

/// A life without faults and without peers: all mail is kept.
fn last_life(storage: &Storage, ledger: &Shared) {
    runtime().block_on(async {
        let node = Node::start(storage, &mut Chance(0), false, Trouble(None)).expect("a disk without faults");
        node.wait_until_kept().await;
        let told = storage.told.lock().unwrap().clone();
        ledger.lock().unwrap().found(node.status(), node.archived(), told);
        assert!(node.drain().await, "a disk without faults");
    });
}

fn random_faults(chance: &mut Chance) -> Faults {
    let mut rare = |odds: usize| match chance.below(odds) {
        0 => 20 + u32::try_from(chance.below(200)).expect("small"),
        _ => 0,
    };
    Faults { write: rare(5), sync: rare(5), read: rare(6), short_read: rare(3), name: rare(6) }
}
