//! The node under simulation: the parts of `src/assemble.rs` on simulated ground.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sensor_archive::DirectoryArchive;
use sensor_ingress::{AddressLog, BareNewline, Door, Intake, Peer, Phase, Settings, SlotLimits, serve};
use sensor_mail::{Envelope, Look, MailIds, NodeId};
use sensor_pipeline::{Executor, Job, Pipeline, Record};
use sensor_policy::{ClientRules, DomainRules, Rules, SizeLimit};
use sensor_smtp::StartTls;
use sensor_spool::disk::{Chance, Disk, SimDisk};
use sensor_spool::{Clock, Options, Runner, Spool, Status};
use tokio::io::DuplexStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::look::{Told, Trouble, looker};

/// The largest message that the node takes.
pub(super) const SIZE_MAX: u64 = 100 * 1024;

/// What outlives a life.
pub(super) struct Storage {
    pub(super) disk: SimDisk,
    /// Of the spool of jobs.
    pub(super) jobs: SimDisk,
    /// What sinks were told.
    pub(super) told: Told,
    pub(super) clock: Arc<WallClock>,
}

/// The time of day over all lives.
pub(super) struct WallClock(AtomicU64);

impl Default for WallClock {
    fn default() -> Self {
        Self(AtomicU64::new(1_795_000_000_000))
    }
}

impl WallClock {
    pub(super) fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    fn of_this_life(&self) -> Clock {
        let (base, start) = (self.0.load(Ordering::Relaxed), Instant::now());
        Arc::new(move || base + u64::try_from(start.elapsed().as_millis()).unwrap())
    }
}

/// A message as it was found in the archive.
#[derive(Debug)]
pub(super) struct Archived {
    pub(super) record: Record,
    pub(super) looks: Vec<Look>,
    pub(super) message: Vec<u8>,
}

pub(super) struct Node {
    door: Arc<Door>,
    spool: Spool<Envelope>,
    archive: Arc<DirectoryArchive>,
    phase: watch::Sender<Phase>,
    sessions: TaskTracker,
    working: CancellationToken,
    pipeline: tokio::task::JoinHandle<()>,
    jobs: Spool<Job>,
    looker: tokio::task::JoinHandle<()>,
}

impl Node {
    /// None when the disk fails so that the spool cannot be opened.
    pub(super) fn start(
        storage: &Storage,
        chance: &mut Chance,
        slow: bool,
        trouble: Trouble,
    ) -> Option<Self> {
        let clock = storage.clock.of_this_life();
        let disk: Arc<dyn Disk> = Arc::new(storage.disk.clone());
        let options = Options {
            segment_octets: 64 << 10,
            prepared_octets: 0,
            reserve_octets: 0,
            reserve_inodes: 0,
            memory_octets: 1 << 20,
            clock: Arc::clone(&clock),
            salt: chance.draw(),
        };
        let job_options = Options { salt: chance.draw(), ..options.clone() };
        let runner = Runner::Task(Arc::new(pace(chance.draw(), slow)));
        let (spool, recovery) = Spool::open(Arc::clone(&disk), options, runner).ok()?;
        assert_eq!((recovery.lost, recovery.damaged_places), (0, 0), "{recovery:?}");
        let archive = Arc::new(DirectoryArchive::new(disk));
        let pipeline_options =
            sensor_pipeline::Options { executor: Executor::Inline, ..sensor_pipeline::Options::default() };
        let keeper = Arc::clone(&archive) as Arc<dyn sensor_pipeline::Keeper>;
        let (looker, jobs) = looker(storage, Arc::clone(&keeper), &clock, job_options, trouble)?;
        let asked = Some(jobs.clone());
        let pipeline = Pipeline::new(spool.clone(), keeper, asked, pipeline_options, Arc::clone(&clock));
        let ids = MailIds::new(NodeId::default(), chance.draw());
        let intake = Intake::new(spool.clone(), ids, NodeId::default(), clock, Duration::from_secs(60));
        let working = CancellationToken::new();
        Some(Self {
            door: Arc::new(Door::new(intake, settings())),
            spool,
            archive,
            phase: watch::Sender::new(Phase::Open),
            sessions: TaskTracker::new(),
            pipeline: tokio::spawn(pipeline.run(working.clone())),
            jobs,
            looker: tokio::spawn({
                let stop = working.clone();
                async move { looker.run(stop).await }
            }),
            working,
        })
    }

    /// A connection, now and then from an address that may not connect.
    pub(super) fn connect(&self, chance: &mut Chance) -> DuplexStream {
        let (client, server) = tokio::io::duplex(256 << 10);
        let address = if chance.one_in(10) { "192.0.2.66:4000" } else { "10.0.0.1:4000" };
        let local: SocketAddr = "10.0.0.2:25".parse().unwrap();
        let reception = Arc::default();
        let peer = Peer { listener: "sim".into(), reception, address: address.parse().unwrap(), local };
        let (session, door) = (self.door.session(StartTls::Unavailable), Arc::clone(&self.door));
        self.sessions.spawn(serve(server, peer, session, None, door, self.phase.subscribe()));
        client
    }

    /// As `src/shutdown.rs` does it; whether it came to its end.
    pub(super) async fn drain(self) -> bool {
        self.phase.send_replace(Phase::Draining);
        self.sessions.close();
        let left = timeout(Duration::from_secs(30), self.sessions.wait()).await;
        self.working.cancel();
        // A disk that is dark for good answers nothing any more.
        let worked = timeout(Duration::from_secs(5), self.pipeline).await;
        let looked = timeout(Duration::from_secs(5), self.looker).await;
        let settled = timeout(Duration::from_secs(5), self.jobs.shut_down()).await;
        let ended = timeout(Duration::from_secs(5), self.spool.shut_down()).await;
        conserved(&self.spool.status());
        if let Ok(worked) = &worked {
            worked.as_ref().unwrap();
        }
        if let Ok(looked) = &looked {
            looked.as_ref().unwrap();
        }
        let in_time = [left.is_ok(), worked.is_ok(), looked.is_ok(), settled.is_ok(), ended.is_ok()];
        in_time.iter().all(|in_time| *in_time)
    }

    pub(super) async fn wait_until_kept(&self) {
        let waited = timeout(Duration::from_secs(100_000), async {
            for status in [|node: &Self| node.spool.status(), |node: &Self| node.jobs.status()] {
                while status(self).in_spool + status(self).in_doubt > 0 {
                    sleep(Duration::from_millis(100)).await;
                }
            }
        });
        let stays = || (self.spool.status(), self.jobs.status());
        assert!(waited.await.is_ok(), "mail stays in the spools: {:?}", stays());
    }

    pub(super) fn status(&self) -> Status {
        self.spool.status()
    }

    /// All that is kept; each message's bytes have been proved against its digest.
    pub(super) fn archived(&self) -> Vec<Archived> {
        let mut found = Vec::new();
        for day in self.archive.days().unwrap() {
            for id in self.archive.ids(day).unwrap() {
                let kept = self.archive.find(id).unwrap().expect("it was listed");
                kept.verify().unwrap();
                let mut message = Vec::new();
                kept.write_to(&mut message).unwrap();
                assert_eq!(kept.record.envelope.id, id);
                found.push(Archived { record: kept.record, looks: kept.looks, message });
            }
        }
        found
    }
}

/// DESIGN, invariant 2.
pub(super) fn conserved(status: &Status) {
    let Status { accepted, in_spool, settled, set_aside, withdrawn, lost, .. } = status;
    assert_eq!(*accepted, in_spool + settled + set_aside + withdrawn + lost, "{status:?}");
}

fn settings() -> Settings {
    let rules = Rules {
        clients: ClientRules::parse(&["10.0.0.0/8"]).unwrap(),
        domains: DomainRules::parse(&["example.com", "!lab.example.com"]).unwrap(),
        size: SizeLimit::parse(&SIZE_MAX.to_string()).unwrap(),
        ..Rules::default()
    };
    Settings {
        rules,
        grace: Settings::GRACE,
        bare_newline: BareNewline::Keep,
        slots: SlotLimits { connections: 100, connections_per_client: 100 },
        addresses: AddressLog::Full,
        hostname: "sensor.example.com".into(),
        limits: sensor_smtp::Limits::default(),
        timeouts: sensor_smtp::Timeouts::default(),
    }
}

/// How long each group takes: some milliseconds, and on slow storage now and then longer than a commit may.
fn pace(seed: u64, slow: bool) -> impl Fn() -> Duration + Send + Sync {
    let chance = std::sync::Mutex::new(Chance(seed));
    move || {
        let mut chance = chance.lock().unwrap();
        match slow && chance.one_in(4) {
            true => Duration::from_secs(40 + chance.draw() % 60),
            false => Duration::from_millis(chance.draw() % 8),
        }
    }
}
