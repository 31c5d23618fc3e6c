//! Worker processes that do what none should: each costs the message it had in hand, and says what it died of.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::digest;
use sensor_mail::fixture::envelope;
use sensor_mail::{Description, Judgement, Look, MailId, MailIds, NodeId, PartId, Sha256};
use sensor_pipeline::worker::{Death, Limits, Pool, PoolOptions, Program, Setup};
use sensor_pipeline::{
    Assignment, Crew, Job, Judge, KeepError, Keeper, KeptMail, LookOptions, Looker, NoWorker, Octets, Place,
    Post, Record, Specimen, StoreError, Taken, Taker, Task, commit_jobs,
};
use sensor_spool::{Runner, Spool};
use tokio_util::sync::CancellationToken;

fn options() -> PoolOptions {
    let program = Program { path: PathBuf::from(env!("CARGO_BIN_EXE_planted-worker")), arguments: vec![] };
    PoolOptions { program, workers: 1, messages_max: 100 }
}

fn setup(settings: &str) -> Setup {
    let limits = Limits { memory_octets: 512 << 20, parts_octets: 1 << 20, files: 32 };
    Setup { limits, settings: settings.into(), ..Setup::default() }
}

fn pool() -> Pool {
    Pool::new(options(), setup("")).unwrap()
}

fn task(message: &[u8]) -> Task {
    let sha256 = Sha256(digest::digest(&digest::SHA256, message).as_ref().try_into().unwrap());
    let id = MailIds::new(NodeId::default(), 0).next(1_795_000_000_000);
    let envelope = envelope(id, message.len() as u64, sha256);
    let record = Record { sequence: Some(1), envelope, description: Description::of(message, true) };
    let inspectors = ["words", "more-words"]
        .map(|name| Assignment { name: name.into(), deadline: Duration::from_secs(1) });
    Task {
        record: Arc::new(record),
        octets: Octets::Held(message.to_vec().into()),
        patience: Duration::from_millis(500),
        inspectors: inspectors.into(),
    }
}

async fn take(pool: &Pool, message: &[u8]) -> Taken {
    pool.take(task(message)).await.unwrap()
}

fn read(taken: &Taken) -> Vec<Vec<u8>> {
    taken.pieces.iter().map(|piece| whole(&piece.octets)).collect()
}

fn whole(octets: &Octets) -> Vec<u8> {
    let mut buffer = vec![0; usize::try_from(octets.len()).unwrap()];
    assert_eq!(octets.read_at(0, &mut buffer).unwrap(), buffer.len());
    buffer
}

fn rules(taken: &Taken) -> Vec<(&str, Vec<String>)> {
    let rules = |(report, _): &'_ (sensor_pipeline::Report, Duration)| {
        report.findings().iter().map(|finding| format!("{}@{}", finding.rule, finding.part.0)).collect()
    };
    taken.reports.iter().map(|said| (said.0.scanner(), rules(said))).collect()
}

/// What a message makes its worker die of; how many reports were in before.
const DEADLY: &[(&str, &str, usize)] = &[
    ("ABORT", "aborted", 0),
    ("OVERFLOW", "stack_overflow", 0),
    ("EAT", "out_of_memory", 0),
    ("PANIC", "exited", 0),
    ("HANG", "out_of_time", 0),
    ("SPIN", "out_of_time", 0),
    ("a\n\nLIE-SIZE\n\n", "lied", 0),
    ("a\n\nLIE-DIGEST\n\n", "lied", 0),
    ("a\n\nLIE-PARENT\n\n", "lied", 0),
    ("a\n\nLIE-NUMBER\n\n", "lied", 0),
    ("a\n\nLIE-NAME\n\n", "lied", 0),
    ("a\n\nLIE-ROLE\n\n", "lied", 0),
    ("NOWHERE\n\n", "lied", 0),
    ("FIND GIVE-UP\n\n", "aborted", 1),
    ("FIND FALL\n\n", "stack_overflow", 1),
    ("FIND DEVOUR\n\n", "out_of_memory", 1),
    ("FIND DOZE\n\n", "out_of_time", 1),
    ("FIND WHIRL\n\n", "out_of_time", 1),
];

#[tokio::test]
async fn a_death_costs_one_message_and_is_told() {
    let pool = pool();
    for (message, kind, reports) in DEADLY {
        let taken = take(&pool, message.as_bytes()).await;
        let death = taken.death.as_ref().unwrap_or_else(|| panic!("{message:?} does not kill"));
        assert_eq!((death.kind(), taken.reports.len()), (*kind, *reports), "{message:?}: {death}");
        assert!(*reports == 0 || taken.pieces.len() == 2, "what came before counts: {message:?}");
        let after = take(&pool, b"FIND one\n\ntwo\n\n").await;
        assert_eq!(after.death, None, "after {message:?}");
        assert_eq!(read(&after)[1..], [b"FIND one".to_vec(), b"two".to_vec()]);
    }
    let status = pool.status();
    assert_eq!(status.deaths.values().sum::<u64>(), DEADLY.len() as u64, "{status:?}");
    assert_eq!((status.alive, status.started), (1, 1 + DEADLY.len() as u64), "{status:?}");
}

#[tokio::test]
async fn a_message_comes_back_in_parts_and_is_looked_into() {
    let pool = pool();
    let message = b"first\n\nFIND second\n\n\n\n";
    let taken = take(&pool, message).await;
    assert_eq!(taken.death, None);
    assert_eq!(read(&taken), [message.to_vec(), b"first".to_vec(), b"FIND second".to_vec(), vec![]]);
    let found = vec!["found@2".to_owned()];
    assert_eq!(rules(&taken), [("words", found.clone()), ("more-words", found)]);
    assert_eq!(take(&pool, b"").await.pieces.len(), 1);
}

#[tokio::test]
async fn what_holds_a_worker_holds() {
    let pool = pool();
    let taken = take(&pool, b"ESCAPE\n\n").await;
    let sandbox = pool.status().sandbox.unwrap();
    println!("confined: {sandbox:?}");
    if !sandbox.is_full() {
        println!("SKIPPED: this kernel does not confine in full, so nothing is asserted of escapes");
        return;
    }
    let none: Vec<String> = vec![];
    assert_eq!(taken.death, None);
    assert_eq!(rules(&taken), [("words", none.clone()), ("more-words", none)]);
}

/// The next message is not its to alter: in memory, in a file that the sensor itself may write, in a sealed one.
#[tokio::test]
async fn a_worker_that_was_taken_over_cannot_alter_a_message() {
    let message = b"one\n\n";
    let written = |mut file: std::fs::File| {
        file.write_all(message).unwrap();
        Arc::new(file)
    };
    let file = written(tempfile::tempfile().unwrap());
    let in_memory =
        written(rustix::fs::memfd_create("open", rustix::fs::MemfdFlags::CLOEXEC).unwrap().into());
    let sealed = Arc::new(sensor_pipeline::worker::sealed(|out| out.write_all(message)).unwrap());
    let range = 0..message.len() as u64;
    let filed = |file: &Arc<std::fs::File>| Octets::Filed(Arc::clone(file), range.clone());
    let program = Program { arguments: vec!["grasp".into()], ..options().program };
    let pool = Pool::new(PoolOptions { program, ..options() }, setup("")).unwrap();
    for octets in [task(message).octets, filed(&file), filed(&in_memory), filed(&sealed)] {
        let taken = pool.take(Task { octets: octets.clone(), ..task(message) }).await.unwrap();
        assert_eq!(taken.death, Some(Death::Exited(40)), "{octets:?}");
        assert_eq!(whole(&octets), message);
    }
}

/// Unpackers and files that the operator names are to be had, and nothing else.
#[tokio::test]
async fn what_is_named_may_be_read_and_run() {
    for (reads, runs, possible) in [
        (vec!["/etc/passwd"], vec![], vec!["reads a file@1"]),
        (vec!["/nonexistent"], vec![], vec![]),
        (vec![], vec!["/bin/true"], vec!["runs a program@1"]),
        (vec![], vec!["/bin/false"], vec![]),
    ] {
        let (reads, runs) = (paths(&reads), paths(&runs));
        let pool = Pool::new(options(), Setup { reads, runs, ..setup("") }).unwrap();
        let taken = take(&pool, b"ESCAPE\n\n").await;
        let sandbox = pool.status().sandbox.unwrap();
        if !sandbox.is_full() {
            println!("SKIPPED: this kernel does not confine in full: {sandbox:?}");
            return;
        }
        assert_eq!(taken.death, None);
        let possible: Vec<String> = possible.into_iter().map(str::to_owned).collect();
        assert_eq!(rules(&taken), [("words", possible.clone()), ("more-words", possible)]);
    }
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

#[tokio::test]
async fn an_inspector_that_fails_costs_its_own_coverage() {
    let pool = pool();
    for (message, told) in [("FIND STUMBLE\n\n", "Failed(\"it panicked at "), ("FIND LOITER\n\n", "TimedOut")]
    {
        let taken = take(&pool, message.as_bytes()).await;
        assert_eq!(taken.death, None, "{message:?}");
        for (report, took) in &taken.reports {
            assert_eq!(report.findings()[0].part, PartId(1), "what it found before counts");
            let gap = format!("{:?}", report.gaps()[0].why);
            assert!(gap.starts_with(told), "{message:?}: {gap}, took {took:?}");
            assert!(!gap.contains("planted\""), "a panic may quote the message: {gap}");
        }
    }
}

#[tokio::test]
async fn a_worker_has_its_share_of_messages_and_is_replaced() {
    let pool = Pool::new(PoolOptions { messages_max: 3, ..options() }, setup("")).unwrap();
    for _ in 0..7 {
        assert_eq!(take(&pool, b"one\n\n").await.death, None);
    }
    let status = pool.status();
    assert_eq!((status.messages, status.started), (7, 3), "{status:?}");
}

#[tokio::test]
async fn without_a_worker_no_message_is_to_blame() {
    let missing = Program { path: "/nonexistent/worker".into(), arguments: vec![] };
    let no_program = Pool::new(PoolOptions { program: missing, ..options() }, setup("")).unwrap();
    let no_rules = Pool::new(options(), setup("unable")).unwrap();
    let ends = Pool::new(options(), setup("exit")).unwrap();
    for (pool, why) in [
        (&no_program, "/nonexistent/worker cannot be started: "),
        (&no_rules, "rule 7 does not compile"),
        (&ends, "it did not come to work: the worker process exited with status 3"),
    ] {
        let NoWorker(told) = pool.take(task(b"one\n\n")).await.unwrap_err();
        assert!(told.starts_with(why), "{told}");
        assert_eq!(pool.status().error, Some(told));
    }
}

#[tokio::test]
async fn a_setup_that_is_bad_leaves_the_old_one_at_work() {
    let pool = pool();
    assert_eq!(take(&pool, b"one\n\n").await.death, None);
    let NoWorker(why) = pool.renew(setup("unable")).unwrap_err();
    assert_eq!(why, "rule 7 does not compile");
    assert_eq!(take(&pool, b"one\n\n").await.death, None);
    assert_eq!(pool.status().started, 1);
    let hello = pool.renew(setup("")).unwrap();
    assert_eq!(hello.inspectors[0], ("words".into(), Some("planted 1".into())));
    assert_eq!(take(&pool, b"one\n\n").await.death, None);
    assert_eq!(pool.status().started, 2);
}

/// More than any letter holds.
#[tokio::test]
async fn supplies_reach_the_worker_whole() {
    for octets in [0, 1, 3 << 20] {
        let supplies: Vec<u8> = (0..octets).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let setup = Setup { supplies: supplies.into(), ..setup("supplied") };
        let NoWorker(told) = pool().renew(setup).unwrap_err();
        assert_eq!(told, format!("supplied with {octets} octets"));
    }
}

/// The program that runs, by the way that survives the replacement of its file.
#[test]
fn a_program_can_start_itself() {
    let itself = Program::itself(["worker"]);
    assert_eq!(itself.arguments, ["worker"]);
    let linked = std::fs::read_link(&itself.path).unwrap();
    assert_eq!(linked, std::env::current_exe().unwrap());
}

#[test]
fn a_death_can_be_told_to_a_person() {
    assert_eq!(Death::Lied("x".into()).to_string(), "the worker process said what cannot be: x");
}

/// From the job to the record, through a real process.
#[tokio::test]
async fn a_job_becomes_a_look_through_a_process() {
    let shelf = Arc::new(Shelf::default());
    let mails: [&[u8]; 5] =
        [b"Subject: x\n\nFIND one\n\n", b"ABORT", b"FIND FALL\n\n", b"FIND DEVOUR\n\n", b"FIND DOZE\n\n"];
    let ids = mails.map(|mail| shelf.put(&task(mail)));
    let options = sensor_spool::Options { reserve_octets: 0, reserve_inodes: 0, ..Default::default() };
    let disk = Arc::new(sensor_spool::disk::SimDisk::new(1));
    let (jobs, _) = Spool::open(disk, options, Runner::task()).unwrap();
    let posts = ["words", "more-words"].map(|name| Post {
        name: name.into(),
        required: false,
        deadline: Duration::from_secs(1),
        place: Place::Worker,
    });
    let (keeper, taker) = (Arc::clone(&shelf) as Arc<dyn Keeper>, Arc::new(pool()));
    let judge: Judge = Arc::new(|_| (Judgement::default(), None));
    let crew = Crew { jobs: jobs.clone(), keeper, taker, posts: posts.into(), judge, sinks: vec![] };
    let clock = sensor_spool::Options::default().clock;
    let looker = Arc::new(Looker::new(crew, LookOptions::default(), clock));
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (looker, stop) = (Arc::clone(&looker), stop.clone());
        async move { looker.run(stop).await }
    });
    commit_jobs(&jobs, &ids.map(Job::first)).await.unwrap();
    while jobs.status().in_spool > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let found: Vec<String> =
        shelf.look(ids[0]).findings.iter().map(|one| format!("{} {}", one.scanner, one.part.0)).collect();
    assert_eq!(found, ["words 2", "more-words 2"]);
    let look = shelf.look(ids[1]);
    assert_eq!((look.parts.len(), look.parts[0].gaps.len(), look.coverage.len()), (1, 1, 2));
    assert!(look.coverage.iter().all(|one| !one.gaps.is_empty()), "{look:?}");
    for id in &ids[2..] {
        let look = shelf.look(*id);
        let covered: Vec<_> = look.coverage.iter().map(|one| (one.hit, one.gaps.len())).collect();
        assert_eq!((look.parts.len(), &covered[..]), (2, &[(true, 0), (false, 1)][..]), "{look:?}");
    }
    stop.cancel();
    running.await.unwrap();
}

/// Keeps in memory.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<MailId, KeptMail>>);

impl Shelf {
    fn put(&self, task: &Task) -> MailId {
        let mut mails = self.0.lock().unwrap();
        let mut record = Record::clone(&task.record);
        record.envelope.id = MailIds::new(NodeId::default(), mails.len() as u64).next(1_795_000_000_000);
        let id = record.envelope.id;
        mails.insert(
            id,
            KeptMail { record: Arc::new(record), looks: vec![], octets: Some(task.octets.clone()) },
        );
        id
    }

    fn look(&self, id: MailId) -> Look {
        let mails = self.0.lock().unwrap();
        assert_eq!(mails[&id].looks.len(), 1);
        mails[&id].looks[0].clone()
    }
}

impl Keeper for Shelf {
    fn keep(&self, _: &[Specimen]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        unreachable!("mail is put here")
    }

    fn open(&self, id: MailId) -> Result<Option<KeptMail>, StoreError> {
        Ok(self.0.lock().unwrap().get(&id).cloned())
    }

    fn amend(&self, group: &[(MailId, Arc<Look>)]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        for (id, look) in group {
            self.0.lock().unwrap().get_mut(id).unwrap().looks.push(Look::clone(look));
        }
        Ok(group.iter().map(|_| Ok(())).collect())
    }
}
