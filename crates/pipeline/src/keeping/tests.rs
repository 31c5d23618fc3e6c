use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use sensor_mail::fixture::envelope;
use sensor_mail::{Look, MailId, MailIds, NodeId, Sha256};
use sensor_spool::disk::{Faults, SimDisk};
use sensor_spool::{Clock, ReadOnly, Runner, Standing, Summary};

use super::*;
use crate::keeper::KeptMail;

/// Keeps in memory, and fails as planted.
#[derive(Default)]
struct Planted {
    kept: Mutex<BTreeMap<MailId, Vec<u8>>>,
    refuses: Mutex<Option<MailId>>,
    /// The keeper panics over this one.
    panics: Mutex<Option<MailId>>,
    store_fails: AtomicU64,
}

impl Keeper for Planted {
    fn keep(&self, group: &[Specimen]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        if self.store_fails.load(Ordering::Relaxed) > 0 {
            self.store_fails.fetch_sub(1, Ordering::Relaxed);
            let source = io::ErrorKind::StorageFull.into();
            return Err(StoreError { doing: "writing mail".into(), source });
        }
        let panics = *self.panics.lock().unwrap();
        assert!(group.iter().all(|specimen| panics != Some(specimen.record.envelope.id)), "planted");
        let refuses = *self.refuses.lock().unwrap();
        Ok(group.iter().map(|specimen| self.keep_one(specimen, refuses)).collect())
    }

    fn open(&self, _: MailId) -> Result<Option<KeptMail>, StoreError> {
        unreachable!("nothing looks here")
    }

    fn amend(&self, _: &[(MailId, Arc<Look>)]) -> Result<Vec<Result<(), KeepError>>, StoreError> {
        unreachable!("nothing looks here")
    }
}

impl Planted {
    fn keep_one(&self, specimen: &Specimen, refuses: Option<MailId>) -> Result<(), KeepError> {
        let id = specimen.record.envelope.id;
        if refuses == Some(id) {
            return Err(KeepError::Refused(io::ErrorKind::IsADirectory.into()));
        }
        let mut message = Vec::new();
        specimen.write_to(&mut message)?;
        self.kept.lock().unwrap().insert(id, message);
        Ok(())
    }

    fn kept(&self) -> Vec<Vec<u8>> {
        self.kept.lock().unwrap().values().cloned().collect()
    }
}

/// A spool with a pipeline behind it, on simulated ground.
struct Ground {
    disk: SimDisk,
    spool: Spool<Envelope>,
    keeper: Arc<Planted>,
    ids: MailIds,
    stop: CancellationToken,
    clock: Clock,
}

impl Ground {
    fn new() -> Self {
        let start = tokio::time::Instant::now();
        let clock: Clock = Arc::new(move || 1_000_000 + u64::try_from(start.elapsed().as_millis()).unwrap());
        let disk = SimDisk::new(7);
        let options = sensor_spool::Options {
            segment_octets: 64 << 10,
            reserve_octets: 0,
            reserve_inodes: 0,
            clock: Arc::clone(&clock),
            salt: 7,
            ..sensor_spool::Options::default()
        };
        let (spool, _) = Spool::open(Arc::new(disk.clone()), options, Runner::task()).unwrap();
        let ids = MailIds::new(NodeId::default(), 0);
        Self { disk, spool, keeper: Arc::default(), ids, stop: CancellationToken::new(), clock }
    }

    fn start(&self, paused: bool) -> tokio::task::JoinHandle<()> {
        self.start_with(Options { paused, executor: Executor::Inline, ..Options::default() })
    }

    fn start_with(&self, options: Options) -> tokio::task::JoinHandle<()> {
        tokio::spawn(self.pipeline(options).run(self.stop.clone()))
    }

    fn pipeline(&self, options: Options) -> Arc<Pipeline> {
        let keeper = Arc::clone(&self.keeper) as Arc<dyn Keeper>;
        Pipeline::new(self.spool.clone(), keeper, None, options, Arc::clone(&self.clock))
    }

    async fn accept(&self, message: &[u8]) -> MailId {
        self.accept_as(message, sha256(message)).await
    }

    async fn accept_as(&self, message: &[u8], sha256: Sha256) -> MailId {
        let id = self.ids.next((self.clock)());
        let mut draft = self.spool.draft().unwrap();
        draft.write(message).await.unwrap();
        draft.commit(&envelope(id, message.len() as u64, sha256)).await.unwrap();
        id
    }

    /// Until nothing is left to do.
    async fn quiet(&self) {
        let emptied = tokio::time::timeout(Duration::from_secs(3_600), async {
            while self.spool.status().in_spool > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(emptied.await.is_ok(), "mail stays: {:?}", self.spool.status());
    }

    fn standing(&self, id: MailId) -> Option<(Standing, Vec<u8>)> {
        self.entry(id).map(|(entry, message)| (entry.standing, message))
    }

    fn entry(&self, id: MailId) -> Option<(Summary<Envelope>, Vec<u8>)> {
        let spool: ReadOnly<Envelope> = ReadOnly::open(Arc::new(self.disk.clone())).unwrap();
        let entry = spool.find(|entry| entry.header.id == id)?;
        let body = spool.body(entry.id).unwrap().unwrap();
        let mut message = vec![0; usize::try_from(body.len()).unwrap()];
        let read = body.read_at(0, &mut message).unwrap();
        assert_eq!(read, message.len());
        Some((entry, message))
    }
}

fn sha256(message: &[u8]) -> Sha256 {
    Sha256(digest::digest(&digest::SHA256, message).as_ref().try_into().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_message_that_fails_three_times_is_set_aside_and_the_others_flow() {
    let ground = Ground::new();
    let bad = ground.accept(b"bad").await;
    *ground.keeper.refuses.lock().unwrap() = Some(bad);
    for message in [&b"first"[..], b"second", b""] {
        ground.accept(message).await;
    }
    let running = ground.start(false);
    ground.quiet().await;
    assert_eq!(ground.keeper.kept(), [&b"first"[..], b"second", b""]);
    let (standing, message) = ground.standing(bad).unwrap();
    let Standing::SetAside { reason } = standing else { panic!("{standing:?}") };
    assert!(reason.starts_with("cannot be filed: "), "{reason}");
    assert_eq!(message, b"bad");
    let status = ground.spool.status();
    assert_eq!((status.accepted, status.settled, status.set_aside), (4, 3, 1));
    ground.stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_a_message_costs_that_message_only() {
    for executor in [Executor::Inline, Executor::Threads] {
        let ground = Ground::new();
        let mut messages: Vec<Vec<u8>> = (0..9).map(|number| format!("good {number}").into_bytes()).collect();
        for message in &messages[..4] {
            ground.accept(message).await;
        }
        let bad = ground.accept(b"bad").await;
        *ground.keeper.panics.lock().unwrap() = Some(bad);
        for message in &messages[4..] {
            ground.accept(message).await;
        }
        let running = ground.start_with(Options { executor, ..Options::default() });
        ground.quiet().await;
        assert_eq!(ground.keeper.kept(), messages);
        let (aside, message) = ground.entry(bad).unwrap();
        let Standing::SetAside { reason } = aside.standing else { panic!("{aside:?}") };
        assert!(!reason.contains("planted"), "a panic may quote the message: {reason}");
        assert_eq!((aside.attempts, aside.failures, message), (3, 3, b"bad".to_vec()));
        messages.push(b"after".to_vec());
        ground.accept(b"after").await;
        ground.quiet().await;
        assert_eq!(ground.keeper.kept(), messages);
        ground.stop.cancel();
        running.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_condemns_nothing() {
    let ground = Ground::new();
    let id = ground.accept(b"patient").await;
    ground.keeper.store_fails.store(20, Ordering::Relaxed);
    let pipeline = ground.pipeline(Options { executor: Executor::Inline, ..Options::default() });
    assert_eq!(pipeline.store_error(), None);
    let running = tokio::spawn(Arc::clone(&pipeline).run(ground.stop.clone()));
    while ground.keeper.store_fails.load(Ordering::Relaxed) > 10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ground.spool.status().set_aside, 0);
    let told = pipeline.store_error().expect("it fails for now");
    assert!(told.starts_with("writing mail: "), "{told}");
    ground.quiet().await;
    assert_eq!(pipeline.store_error(), None, "it is mended");
    assert_eq!(ground.keeper.kept(), [b"patient"]);
    assert_eq!(ground.standing(id), None);
    ground.stop.cancel();
    running.await.unwrap();
}

/// Blamed on the messages, an outage of ten seconds would set all mail aside that was tried in it.
#[tokio::test(start_paused = true)]
async fn a_spool_that_cannot_be_read_for_a_while_condemns_nothing() {
    let large: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    // Where every third read fails, leases are had and bodies are not.
    for read in [1, 3] {
        let ground = Ground::new();
        let ids = [ground.accept(b"small").await, ground.accept(&large).await];
        ground.disk.set_faults(Faults { read, ..Faults::default() });
        let running = ground.start(false);
        tokio::time::sleep(Duration::from_secs(100)).await;
        ground.disk.set_faults(Faults::default());
        let (entry, _) = ground.entry(ids[1]).unwrap();
        assert!(entry.attempts > 3, "{entry:?}");
        assert_eq!((entry.failures, ground.spool.status().set_aside), (0, 0), "{entry:?}");
        ground.quiet().await;
        assert!(ground.keeper.kept() == [b"small".to_vec(), large.clone()]);
        ground.stop.cancel();
        running.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_those_accepted_are_never_kept() {
    let ground = Ground::new();
    let id = ground.accept_as(b"altered", sha256(b"original")).await;
    let running = ground.start(false);
    ground.quiet().await;
    assert!(ground.keeper.kept().is_empty());
    let (standing, _) = ground.standing(id).unwrap();
    let Standing::SetAside { reason } = standing else { panic!("{standing:?}") };
    assert!(reason.contains(&sha256(b"original").to_string()), "{reason}");
    ground.stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn large_messages_pass_in_pieces() {
    let ground = Ground::new();
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    ground.accept(&large).await;
    let running = ground.start(false);
    ground.quiet().await;
    assert!(ground.keeper.kept() == [large]);
    ground.stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_paused_pipeline_leaves_mail_in_the_spool() {
    let ground = Ground::new();
    let id = ground.accept(b"waiting").await;
    let running = ground.start(true);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(ground.keeper.kept().is_empty());
    assert_eq!(ground.standing(id), Some((Standing::Waiting, b"waiting".to_vec())));
    ground.stop.cancel();
    running.await.unwrap();
}

/// Whoever runs the pipeline learns by its end that the spool is gone.
#[tokio::test(start_paused = true)]
async fn it_ends_with_its_spool() {
    for paused in [true, false] {
        let ground = Ground::new();
        let running = ground.start(paused);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!running.is_finished());
        ground.spool.shut_down().await;
        let ended = tokio::time::timeout(Duration::from_secs(1), running).await;
        assert!(ended.is_ok(), "paused: {paused}");
    }
}
