use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_lc_rs::digest;
use bytes::Bytes;
use sensor_mail::envelope::Provenance;
use sensor_mail::fixture::envelope;
use sensor_mail::part::{PartPath, Role};
use sensor_mail::{
    Blake3, Description, Disposition, Envelope, ForwardPath, MailIds, NodeId, PartId, Severity, Sha256,
    Verdict,
};
use sensor_spool::disk::SimDisk;
use sensor_spool::{Clock, Options, Runner, Standing};

use super::*;
use crate::event::{Emitting, Event};
use crate::keeper::{KeepError, KeptMail, StoreError, removes_octets};
use crate::scanner::{Budget, Dissected, Looking, Octets, Piece, Report};
use crate::specimen::Specimen;
use crate::taker::{NoWorker, Taken, Taking, Task};
use crate::worker::Death;

mod cases;
mod catching_up;

/// Keeps in memory.
#[derive(Default)]
struct Shelf {
    mails: Mutex<BTreeMap<MailId, KeptMail>>,
    fails: AtomicBool,
    /// The next amendment is recorded, and the program ends before it knows.
    amended: AtomicU64,
}

impl Shelf {
    fn put(&self, mail: KeptMail) {
        lock(&self.mails).insert(mail.record.envelope.id, mail);
    }

    fn looks(&self, id: MailId) -> Vec<Look> {
        lock(&self.mails)[&id].looks.clone()
    }
}

impl Keeper for Shelf {
    fn keep(&self, _: &[Specimen]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        unreachable!("mail is put here")
    }

    fn open(&self, id: MailId) -> Result<Option<KeptMail>, StoreError> {
        Ok(lock(&self.mails).get(&id).cloned())
    }

    fn amend(&self, group: &[(MailId, Arc<Look>)]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        if self.fails.load(Ordering::Relaxed) {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(StoreError { doing: "adding a look".into(), source });
        }
        for (id, look) in group {
            let mut mails = lock(&self.mails);
            let mail = mails.get_mut(id).expect("it was opened");
            if mail.looks.last().is_none_or(|last| last.revision < look.revision) {
                mail.looks.push(Look::clone(look));
                self.amended.fetch_add(1, Ordering::Relaxed);
            }
            if mail.looks.last().is_some_and(removes_octets) {
                mail.octets = None;
            }
        }
        Ok(group.iter().map(|_| Ok(())).collect())
    }
}

/// Gives a message as itself, and dies as planted.
#[derive(Default)]
struct Hands {
    deaths: AtomicU64,
    absent: AtomicBool,
    taken: AtomicU64,
    /// Whether messages come apart in another way than before.
    otherwise: AtomicBool,
}

impl Taker for Hands {
    fn take(&self, task: Task) -> Taking<'_> {
        Box::pin(async move {
            self.taken.fetch_add(1, Ordering::Relaxed);
            if self.absent.load(Ordering::Relaxed) {
                return Err(NoWorker("planted".to_owned()));
            }
            let died = self.deaths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
            if died.is_ok() {
                return Ok(Taken { death: Some(Death::Aborted), ..Taken::default() });
            }
            let path = if self.otherwise.load(Ordering::Relaxed) { "other" } else { "1" };
            let pieces = vec![piece(0, "", &task.octets), piece(1, path, &task.octets)];
            let reports = task.inspectors.iter().map(|one| (Report::of(&one.name), Duration::ZERO)).collect();
            Ok(Taken { pieces, reports, ..Taken::default() })
        })
    }
}

fn piece(number: u32, path: &str, octets: &Octets) -> Piece {
    let held = octets.as_slice().expect("messages are held");
    let part = Part {
        id: PartId(number),
        parent: (number > 0).then_some(PartId::MESSAGE),
        path: PartPath(path.into()),
        role: if number > 0 { Role::Body } else { Role::Message },
        declared: None,
        detected: None,
        name: None,
        octets: octets.len(),
        sha256: sha256(held),
        blake3: Blake3([0; 32]),
        entropy: 0,
        flags: vec![],
        gaps: vec![],
    };
    Piece { part, octets: octets.clone() }
}

fn sha256(octets: &[u8]) -> Sha256 {
    Sha256(digest::digest(&digest::SHA256, octets).as_ref().try_into().unwrap())
}

/// What a planted scanner does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Finds,
    Fails,
    /// Fails over one part, and finds something in another.
    FailsInPart,
    Obeys,
    /// Finds something, and waits for ever, whatever its budget says.
    Ignores,
    Panics,
}

struct Eye {
    name: &'static str,
    manner: Mutex<Manner>,
    asked: AtomicU64,
}

impl Eye {
    fn new(name: &'static str, manner: Manner) -> Arc<Self> {
        Arc::new(Self { name, manner: Mutex::new(manner), asked: AtomicU64::new(0) })
    }

    fn is_now(&self, manner: Manner) {
        *lock(&self.manner) = manner;
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Scanner for Eye {
    fn name(&self) -> &str {
        self.name
    }

    fn ruleset(&self) -> Option<Box<str>> {
        Some("eyes 1".into())
    }

    fn scan<'a>(&'a self, mail: &'a Dissected, budget: &'a Budget, report: &'a mut Report) -> Looking<'a> {
        use sensor_mail::finding::Missed;
        self.asked.fetch_add(1, Ordering::Relaxed);
        let manner = *lock(&self.manner);
        Box::pin(async move {
            match manner {
                Manner::Finds => drop(report.found(PartId(0), "bad", Severity::High)),
                Manner::Fails => report.missed(None, Missed::Failed("refused".into())),
                Manner::FailsInPart => {
                    report.found(PartId(0), "odd", Severity::Low);
                    report.missed(
                        Some(mail.parts[mail.parts.len() - 1].part.id),
                        Missed::Failed("reset".into()),
                    );
                }
                Manner::Obeys => {
                    if let Err(over) = budget.run(std::future::pending::<()>()).await {
                        report.over(None, over);
                    }
                }
                Manner::Ignores => {
                    report.found(PartId(0), "early", Severity::High);
                    std::future::pending::<()>().await;
                }
                Manner::Panics => panic!("planted"),
            }
        })
    }
}

/// Remembers what it was told.
#[derive(Default)]
struct Ear {
    told: Mutex<Vec<(MailId, u32)>>,
    is_deaf: AtomicBool,
}

impl EventSink for Ear {
    fn name(&self) -> &str {
        "ear"
    }

    fn emit<'a>(&'a self, event: &'a Event) -> Emitting<'a> {
        Box::pin(async move {
            if self.is_deaf.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            lock(&self.told).push((event.record.envelope.id, event.look.revision));
        })
    }
}

/// Clean where all looked, suspect where one found something; `metadata` in the message has its octets removed.
fn judge(input: &LookInput<'_>) -> (Judgement, Option<Judgement>) {
    let missed = input.coverage.iter().any(|coverage| !coverage.gaps.is_empty());
    let verdict = match (input.findings.is_empty(), missed) {
        (false, _) => Verdict::Suspect,
        (true, true) => Verdict::Undetermined,
        (true, false) => Verdict::Clean,
    };
    let disposition = match input.record.description.subject.as_deref() {
        Some("metadata") => Disposition::MetadataOnly,
        Some("panic") => panic!("planted"),
        Some(_) | None => Disposition::Keep,
    };
    (Judgement { verdict, disposition, ..Judgement::default() }, None)
}

/// A looker on simulated ground, over several lives.
struct Ground {
    disk: SimDisk,
    shelf: Arc<Shelf>,
    hands: Arc<Hands>,
    ear: Arc<Ear>,
    ids: MailIds,
    clock: Clock,
}

/// One life of the program.
struct Life {
    disk: SimDisk,
    looker: Arc<Looker>,
    jobs: Spool<Job>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Ground {
    fn new() -> Self {
        let start = tokio::time::Instant::now();
        let clock: Clock =
            Arc::new(move || 1_795_000_000_000 + u64::try_from(start.elapsed().as_millis()).unwrap());
        let ids = MailIds::new(NodeId::default(), 0);
        let (shelf, hands, ear) = (Arc::default(), Arc::default(), Arc::default());
        Self { disk: SimDisk::new(7), shelf, hands, ear, ids, clock }
    }

    /// A message that is kept.
    fn mail(&self, subject: &str) -> MailId {
        let id = self.ids.next((self.clock)());
        let message = format!("Subject: {subject}\r\n\r\n");
        let envelope: Envelope = envelope(id, message.len() as u64, sha256(message.as_bytes()));
        let description = Description::of(message.as_bytes(), true);
        let record = Record { sequence: Some(1), envelope, description };
        let octets = Some(Octets::Held(Bytes::from(message)));
        self.shelf.put(KeptMail { record: Arc::new(record), looks: vec![], octets });
        id
    }

    /// To whom the client said that a message goes.
    fn has_recipients(&self, id: MailId, paths: &[ForwardPath]) {
        let mut mails = lock(&self.shelf.mails);
        let mail = mails.get_mut(&id).unwrap();
        let mut record = Record::clone(&mail.record);
        let recipient = |path: &ForwardPath| Recipient {
            path: path.clone(),
            parameters: vec![],
            provenance: Provenance::Envelope,
            unscanned: false,
        };
        record.envelope.recipients = paths.iter().map(recipient).collect();
        mail.record = Arc::new(record);
    }

    fn spool_options(&self) -> Options {
        Options {
            segment_octets: 64 << 10,
            reserve_octets: 0,
            reserve_inodes: 0,
            clock: Arc::clone(&self.clock),
            salt: 7,
            ..Options::default()
        }
    }

    fn live(&self, posts: Vec<Post>) -> Life {
        self.live_with(posts, LookOptions { executor: Executor::Inline, ..LookOptions::default() })
    }

    fn live_with(&self, posts: Vec<Post>, options: LookOptions) -> Life {
        let former = ReadOnly::open(Arc::new(self.disk.clone())).unwrap();
        let disk = Arc::new(self.disk.clone());
        let (jobs, _) = Spool::open(disk, self.spool_options(), Runner::task()).unwrap();
        let keeper: Arc<dyn Keeper> = Arc::clone(&self.shelf) as _;
        let taker: Arc<dyn Taker> = Arc::clone(&self.hands) as _;
        let sinks: Vec<Arc<dyn EventSink>> = vec![Arc::clone(&self.ear) as _];
        let crew = Crew { jobs: jobs.clone(), keeper, taker, posts, judge: Arc::new(judge), sinks };
        let looker = Arc::new(Looker::new(crew, options, Arc::clone(&self.clock)));
        looker.recall(&former);
        let stop = CancellationToken::new();
        let (running, stopped) = (Arc::clone(&looker), stop.clone());
        let running = tokio::spawn(async move { running.run(stopped).await });
        Life { disk: self.disk.clone(), looker, jobs, stop, running }
    }

    fn told(&self) -> Vec<(MailId, u32)> {
        lock(&self.ear.told).clone()
    }

    fn waits_with(&self) -> Vec<String> {
        let jobs: ReadOnly<Job> = ReadOnly::open(Arc::new(self.disk.clone())).unwrap();
        let reasons = jobs.list().filter_map(|job| match job.unwrap().standing {
            Standing::Deferred { reason, .. } => Some(reason),
            Standing::Waiting | Standing::Leased | Standing::SetAside { .. } => None,
        });
        reasons.collect()
    }

    /// How often each job that is there failed, as it stands on the disk.
    fn failures(&self) -> Vec<u64> {
        let jobs: ReadOnly<Job> = ReadOnly::open(Arc::new(self.disk.clone())).unwrap();
        jobs.list().map(|job| job.unwrap().failures.into()).collect()
    }
}

impl Life {
    async fn ask_first(&self, ids: &[MailId]) {
        commit_jobs(&self.jobs, &ids.iter().map(|id| Job::first(*id)).collect::<Vec<_>>()).await.unwrap();
    }

    /// Until nothing is left to do.
    async fn quiet(&self) {
        until(|| self.jobs.status().in_spool == 0).await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
        self.jobs.shut_down().await;
    }

    /// Without an outcome for what is in hand.
    fn die(self) {
        self.disk.kill();
        self.stop.cancel();
    }
}

async fn until(is_so: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(36_000), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(waited.await.is_ok(), "what is waited for does not come");
}

fn post(eye: &Arc<Eye>, required: bool) -> Post {
    let deadline = Duration::from_secs(5);
    Post { name: eye.name.into(), required, deadline, place: Place::Sensor(Arc::clone(eye) as _) }
}

fn inspector(name: &str, required: bool) -> Post {
    Post { name: name.into(), required, deadline: Duration::from_secs(5), place: Place::Worker }
}
