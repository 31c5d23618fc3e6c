//! What is synced behind the writer, with real threads: others write on meanwhile, and nobody is told that
//! something is durable before the syncs of all its octets have returned without error.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, mpsc};
use std::time::Duration;

use sensor_spool::disk::{Access, Disk, File, Lock, SimDisk, Space};
use sensor_spool::{CommitError, Options, Pending, Recovery, Runner, Spool};
use tokio::time::timeout;

const SEGMENT: u32 = 2 << 20;
/// Four pieces of it are a stretch that is synced behind the writer; the rest goes with the commit.
const LARGE: usize = 600_000;
/// Two pieces of it go to the log, which is no stretch yet; when the second is on its way the first is there.
const MEDIUM: usize = 300_000;
/// A program that waits where it must not would do so for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it is watched that something does not happen.
const MOMENT: Duration = Duration::from_millis(100);

/// A disk whose syncs behind the writer wait for a verdict each.
struct Gated {
    disk: SimDisk,
    gate: Arc<Gate>,
}

struct Gate {
    arrivals: mpsc::Sender<()>,
    verdicts: Mutex<mpsc::Receiver<io::Result<()>>>,
    /// Syncs that the writer makes itself.
    own_syncs: AtomicU64,
    /// Whether the program is still there: its threads go on, and must not be seen by its next life.
    alive: RwLock<bool>,
}

impl Gate {
    fn alive(&self) -> io::Result<RwLockReadGuard<'_, bool>> {
        let alive = self.alive.read().unwrap();
        if *alive { Ok(alive) } else { Err(io::Error::other("the program has ended")) }
    }
}

struct GatedFile {
    file: Arc<dyn File>,
    gate: Arc<Gate>,
}

impl Gated {
    fn wrap(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(GatedFile { file, gate: Arc::clone(&self.gate) })
    }
}

impl Disk for Gated {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let _alive = self.gate.alive()?;
        self.disk.create(path).map(|file| self.wrap(file))
    }
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        let _alive = self.gate.alive()?;
        self.disk.open(path, access).map(|file| self.wrap(file))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let _alive = self.gate.alive()?;
        self.disk.list(dir)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let _alive = self.gate.alive()?;
        self.disk.remove(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let _alive = self.gate.alive()?;
        self.disk.rename(from, to)
    }
    fn make_dir_all(&self, dir: &Path) -> io::Result<()> {
        let _alive = self.gate.alive()?;
        self.disk.make_dir_all(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let _alive = self.gate.alive()?;
        self.disk.sync_dir(dir)
    }
    fn sync_file_system(&self) -> io::Result<()> {
        let _alive = self.gate.alive()?;
        self.disk.sync_file_system()
    }
    fn space(&self) -> io::Result<Space> {
        let _alive = self.gate.alive()?;
        self.disk.space()
    }
    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let _alive = self.gate.alive()?;
        self.disk.lock(path)
    }
}

impl File for GatedFile {
    fn octets(&self) -> io::Result<u64> {
        self.file.octets()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
    fn prefetch(&self) {
        self.file.prefetch();
    }
    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(octets, offset)
    }
    fn begin_writing(&self, offset: u64, octets: u64) {
        self.file.begin_writing(offset, octets);
    }
    fn set_octets(&self, octets: u64) -> io::Result<()> {
        self.file.set_octets(octets)
    }
    fn sync_data(&self) -> io::Result<()> {
        if std::thread::current().name() == Some("spool-sync") {
            self.gate.arrivals.send(()).map_err(io::Error::other)?;
            let verdict = self.gate.verdicts.lock().unwrap().recv();
            verdict.map_err(io::Error::other)??;
        }
        let own = std::thread::current().name() == Some("spool-writer");
        self.gate.own_syncs.fetch_add(u64::from(own), Ordering::SeqCst);
        let _alive = self.gate.alive()?;
        self.file.sync_data()
    }
}

/// A spool on such a disk, and the ends of its gate.
struct Stage {
    disk: SimDisk,
    gate: Arc<Gate>,
    spool: Spool<String>,
    arrivals: mpsc::Receiver<()>,
    verdicts: mpsc::Sender<io::Result<()>>,
}

impl Stage {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let (arrivals, arrived) = mpsc::channel();
        let (verdicts, verdict) = mpsc::channel();
        let (own_syncs, alive) = (AtomicU64::new(0), RwLock::new(true));
        let gate = Arc::new(Gate { arrivals, verdicts: Mutex::new(verdict), own_syncs, alive });
        let (spool, _) = open(Arc::new(Gated { disk: disk.clone(), gate: Arc::clone(&gate) }));
        Self { disk, gate, spool, arrivals: arrived, verdicts }
    }

    async fn begin(&self, header: &str, octets: usize) -> sensor_spool::Draft<String> {
        let mut draft = self.spool.draft().unwrap();
        let written = timeout(PATIENCE, draft.write(&body(header, octets))).await;
        written.expect("nobody waits for a sync to write").unwrap();
        draft
    }

    async fn commit(&self, header: &str, octets: usize) -> Pending {
        self.begin(header, octets).await.commit(&header.to_owned())
    }

    /// Writes what is synced behind the writer, and returns when that waits for its verdict.
    async fn hold(&self) -> sensor_spool::Draft<String> {
        let draft = self.begin("held", LARGE).await;
        self.arrivals.recv_timeout(PATIENCE).expect("it is synced before it is committed");
        draft
    }
}

fn open(disk: Arc<dyn Disk>) -> (Spool<String>, Recovery) {
    let options =
        Options { segment_octets: SEGMENT, reserve_octets: 0, reserve_inodes: 0, ..Options::default() };
    Spool::open(disk, options, Runner::Thread).unwrap()
}

fn body(header: &str, octets: usize) -> Vec<u8> {
    header.bytes().cycle().take(octets).collect()
}

/// What a later life finds as accepted after the power went, each with the octets it was sent with.
async fn check_found(stage: &Stage, expected: &[(&str, usize)]) {
    let found = found(stage).await;
    assert!(
        found.iter().map(|(header, octets)| (&**header, *octets)).eq(expected.iter().copied()),
        "{found:?}"
    );
}

async fn found(stage: &Stage) -> Vec<(String, usize)> {
    *stage.gate.alive.write().unwrap() = false;
    stage.disk.crash();
    let (spool, recovery) = open(Arc::new(stage.disk.clone()));
    assert_eq!((recovery.damaged_places, recovery.lost), (0, 0), "{recovery:?}");
    let mut leases = Vec::new();
    while leases.len() < usize::try_from(recovery.entries).unwrap() {
        leases.extend(spool.lease(9).await.unwrap());
    }
    let mut found = Vec::new();
    for lease in &leases {
        let mut octets = vec![0; usize::try_from(lease.body.len()).unwrap()];
        lease.body.read_at(0, &mut octets).unwrap();
        assert!(octets == body(&lease.header, octets.len()), "octets of {}", lease.header);
        found.extend(lease.sequence.is_some().then(|| (lease.header.clone(), octets.len())));
    }
    spool.shut_down().await;
    found
}

#[tokio::test]
async fn others_write_on_and_no_commit_passes_the_sync_behind() {
    let stage = Stage::new(1);
    let held = stage.hold().await;
    let mut other = stage.commit("other", MEDIUM).await;
    let syncs = stage.gate.own_syncs.load(Ordering::SeqCst);
    assert!(timeout(MOMENT, &mut other).await.is_err(), "octets before its own are not durable");
    let own_syncs = stage.gate.own_syncs.load(Ordering::SeqCst);
    assert_eq!(own_syncs, syncs, "one sync of a file at a time: its error is told once");
    stage.verdicts.send(Ok(())).unwrap();
    assert_eq!(other.await.unwrap().sequence, 1);
    assert_eq!(held.commit(&"held".to_owned()).await.unwrap().sequence, 2);
    check_found(&stage, &[("other", MEDIUM), ("held", LARGE)]).await;
}

#[tokio::test]
async fn an_error_behind_the_writer_is_that_of_all_who_wrote_since() {
    for seed in 0..4 {
        let stage = Stage::new(10 + seed);
        assert_eq!(stage.commit("first", 1_000).await.await.unwrap().sequence, 1);
        let held = stage.hold().await;
        let half = stage.begin("half", MEDIUM).await;
        let other = stage.commit("other", MEDIUM).await;
        stage.verdicts.send(Err(io::Error::other("told once"))).unwrap();
        for pending in [other, held.commit(&"held".to_owned()), half.commit(&"half".to_owned())] {
            let outcome = pending.await;
            assert!(
                matches!(&outcome, Err(CommitError::Storage(error)) if error == "told once"),
                "{outcome:?}"
            );
        }
        assert_eq!(stage.commit("next", MEDIUM).await.await.unwrap().sequence, 2, "it goes on by itself");
        assert_eq!(stage.spool.status().last_error, None);
        check_found(&stage, &[("first", 1_000), ("next", MEDIUM)]).await;
    }
}

#[tokio::test]
async fn an_error_that_nobody_waits_for_is_told_all_the_same() {
    let stage = Stage::new(20);
    let held = stage.hold().await;
    let groups = stage.spool.status().groups;
    stage.verdicts.send(Err(io::Error::other("told once"))).unwrap();
    let poisoned = async {
        // In it is said that the one before is not needed any more.
        while stage.spool.status().groups == groups {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, poisoned).await.expect("the log goes on in a new segment by itself");
    assert!(matches!(held.commit(&"held".to_owned()).await, Err(CommitError::Storage(_))));
    check_found(&stage, &[]).await;
}

#[tokio::test]
async fn what_a_crash_leaves_of_it_was_promised_to_nobody() {
    for seed in 0..20 {
        let stage = Stage::new(100 + seed);
        assert_eq!(stage.commit("first", MEDIUM).await.await.unwrap().sequence, 1);
        let held = stage.hold().await;
        let mut other = stage.commit("other", MEDIUM).await;
        let mut found = found(&stage).await;
        assert_eq!(found.remove(0), ("first".to_owned(), MEDIUM));
        // All of the last group may be on the storage by chance: then it is kept, though nobody was told.
        assert!(found.iter().all(|(header, octets)| header == "other" && *octets == MEDIUM), "{found:?}");
        assert!(timeout(Duration::ZERO, &mut other).await.is_err(), "nobody was told");
        // Only now may the program go on that lost its disk.
        stage.verdicts.send(Err(io::Error::other("the disk is gone"))).unwrap();
        drop(held);
    }
}

#[tokio::test]
async fn who_shuts_down_waits_for_it() {
    let stage = Stage::new(30);
    let held = stage.hold().await;
    let mut down = Box::pin(stage.spool.shut_down());
    assert!(timeout(MOMENT, &mut down).await.is_err());
    stage.verdicts.send(Ok(())).unwrap();
    timeout(PATIENCE, down).await.expect("it ends");
    assert_eq!(held.commit(&"held".to_owned()).await, Err(CommitError::Closed));
    check_found(&stage, &[]).await;
}
