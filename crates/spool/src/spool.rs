//! The front of the spool: what callers hold.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::disk::Disk;
use crate::draft::Draft;
use crate::error::{Closed, Full, OpenError};
use crate::hands::Hands;
use crate::lease::{Grant, Lease, Outcome, Unreadable};
use crate::limits::{Limits, PAGE_OCTETS};
use crate::mailbox::{Command, Mailbox};
use crate::options::{Options, Runner};
use crate::status::{Board, Recovery, Status};
use crate::stored::HEADER_VERSION_OCTETS;
use crate::writer::{self, Writer};

/// How long an entry that the storage cannot read rests before it is tried again.
const UNREADABLE_REST: Duration = Duration::from_secs(10);

/// What an entry's header must be: it is stored as JSON behind a version octet.
pub trait Header: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Header for T {}

/// An entry's name within its spool: given once, in log order, never reused. Not the sequence: entries
/// in doubt have one too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(crate) u64);

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an accepted entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its name in the spool.
    pub id: EntryId,
    /// Its number among the accepted: 1, 2, 3 and so on, without gaps, over all restarts.
    pub sequence: u64,
}

/// Durable entries of one directory. Clones share it; when the last is dropped the writer ends by itself.
pub struct Spool<H> {
    shared: Arc<Shared>,
    _alive: Arc<Alive>,
    header: PhantomData<fn(H) -> H>,
}

/// What spools, drafts and leases of one writer share.
pub(crate) struct Shared {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) board: Arc<Board>,
    pub(crate) memory: Arc<Semaphore>,
    /// Pages of that in all.
    pages: usize,
    pub(crate) limits: Limits,
    pub(crate) next_draft: AtomicU64,
    /// Whether reads wait on threads that may: not in a simulation.
    reads_block: bool,
}

impl Shared {
    /// A page for who has one already, while more than half of the memory is free.
    pub(crate) fn spare_page(&self) -> Option<OwnedSemaphorePermit> {
        let is_plenty = self.memory.available_permits() > self.pages / 2;
        is_plenty.then(|| Arc::clone(&self.memory).try_acquire_owned().ok()).flatten()
    }
}

/// Tells the writer when nobody is left who could ask it for anything.
struct Alive(Arc<Mailbox>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.push(Command::ShutDown(None));
    }
}

impl<H: Header> Spool<H> {
    /// Locks the directory, reads the log, and starts the writer. Waits for the storage: seconds for a
    /// million entries. With [`Runner::Task`] it must be called within a tokio runtime.
    ///
    /// # Errors
    /// When somebody else has it open, a file is of an unknown version, or the file system refuses.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        runner: Runner,
    ) -> Result<(Self, Recovery), OpenError> {
        let io = |source| OpenError::Io { doing: "starting a thread", source };
        let mailbox = Arc::new(Mailbox::default());
        let hands = Hands::hire(&runner, &disk, &mailbox).map_err(io)?;
        let board = Arc::new(Board::new());
        let (writer, recovery) =
            writer::open(&disk, &options, hands, Arc::clone(&mailbox), Arc::clone(&board))?;
        let shared = Shared {
            memory: Arc::new(Semaphore::new(options.memory_octets / PAGE_OCTETS)),
            pages: options.memory_octets / PAGE_OCTETS,
            limits: writer.limits(),
            next_draft: AtomicU64::new(0),
            reads_block: matches!(runner, Runner::Thread),
            mailbox: Arc::clone(&mailbox),
            board,
        };
        start(writer, runner).map_err(io)?;
        Ok((
            Self { shared: Arc::new(shared), _alive: Arc::new(Alive(mailbox)), header: PhantomData },
            recovery,
        ))
    }

    /// Begins an entry. Costs no system call.
    ///
    /// # Errors
    /// When disk, inodes or memory are low, the storage fails, or the spool is shut down.
    pub fn draft(&self) -> Result<Draft<H>, Full> {
        Draft::begin(&self.shared)
    }

    /// The most octets of JSON that an entry's header may have: an eighth of a segment, at most 1 MiB, less
    /// the octet that tells its version. A larger one fails with
    /// [`CommitError::Header`](crate::CommitError::Header).
    #[must_use]
    pub fn header_octets_max(&self) -> usize {
        self.shared.limits.header_octets - HEADER_VERSION_OCTETS
    }

    /// The most octets of body that an entry may have: as many pieces as one can list, of 128 KiB each, or of an
    /// eighth of a segment. One that is written while memory is short has smaller pieces, and may be refused
    /// with [`WriteError::TooLarge`](crate::WriteError::TooLarge) before that.
    #[must_use]
    pub fn body_octets_max(&self) -> u64 {
        let Limits { chunk_octets, extents, .. } = self.shared.limits;
        chunk_octets as u64 * extents as u64
    }

    /// Takes up to `max` entries (at most 1,024) that are due, oldest first, waiting for the first. Their
    /// attempts are durable before this returns. What a former life of the program left unfinished comes
    /// last and alone. An entry that is damaged is set aside by the spool itself; one that the storage cannot
    /// read now rests for some seconds, and that is no failure of it.
    ///
    /// # Cancel safety
    /// Dropped, nothing stays leased; an attempt may have been counted.
    ///
    /// # Errors
    /// When the spool is shut down.
    pub async fn lease(&self, max: usize) -> Result<Vec<Lease<H>>, Closed> {
        loop {
            let (reply, granted) = oneshot::channel();
            self.ask(Command::Lease { max, reply })?;
            let grants = granted.await.map_err(|_| Closed)?;
            let (leases, unreadable) = self.read(grants).await;
            if !unreadable.is_empty() {
                self.end(unreadable).await?;
            }
            if !leases.is_empty() {
                return Ok(leases);
            }
        }
    }

    /// Ends leases, each with its outcome, all in one group. Returns when it is durable.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, it happens all the same.
    ///
    /// # Errors
    /// When the spool is shut down before it is done.
    pub async fn conclude(&self, leases: Vec<(Lease<H>, Outcome)>) -> Result<(), Closed> {
        self.end(leases.into_iter().map(|(lease, outcome)| (lease.grant, outcome)).collect()).await
    }

    /// These entries are done and leave the spool.
    ///
    /// # Errors
    /// As [`Spool::conclude`].
    pub async fn settle(&self, leases: Vec<Lease<H>>) -> Result<(), Closed> {
        self.conclude(leases.into_iter().map(|lease| (lease, Outcome::Settle)).collect()).await
    }

    /// This entry failed and is due again at `due` (Unix milliseconds).
    ///
    /// # Errors
    /// As [`Spool::conclude`].
    pub async fn defer(&self, lease: Lease<H>, due: u64, reason: &str) -> Result<(), Closed> {
        self.conclude(vec![(lease, Outcome::Defer { due, reason: reason.to_owned() })]).await
    }

    /// This entry stays in the spool, with its octets, and is never leased again.
    ///
    /// # Errors
    /// As [`Spool::conclude`].
    pub async fn set_aside(&self, lease: Lease<H>, reason: &str) -> Result<(), Closed> {
        self.conclude(vec![(lease, Outcome::SetAside { reason: reason.to_owned() })]).await
    }

    /// Counts at one moment, without asking the writer.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.board.status()
    }

    /// Waits until the spool takes and gives nothing any more: it was shut down, or its writer ended by
    /// itself.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn ended(&self) {
        self.shared.board.closed().await;
    }

    /// Ends the writer: what was handed to it is done, synced and answered; what comes later is refused.
    /// When this returns the spool may be opened again.
    pub async fn shut_down(&self) {
        let (reply, ended) = oneshot::channel();
        if self.shared.mailbox.push(Command::ShutDown(Some(reply))) {
            // The writer drops the reply when it has ended.
            let _ended = ended.await;
        }
    }

    fn ask(&self, command: Command) -> Result<(), Closed> {
        if self.shared.mailbox.push(command) { Ok(()) } else { Err(Closed) }
    }

    async fn read(&self, grants: Vec<Grant>) -> (Vec<Lease<H>>, Vec<(Grant, Outcome)>) {
        if !self.shared.reads_block {
            return read_all(grants);
        }
        tokio::task::spawn_blocking(move || read_all(grants)).await.unwrap_or_default()
    }

    async fn end(&self, grants: Vec<(Grant, Outcome)>) -> Result<(), Closed> {
        let (reply, done) = oneshot::channel();
        let outcomes = grants.into_iter().map(|(grant, outcome)| (grant.conclude(), outcome)).collect();
        self.ask(Command::Conclude { outcomes, reply })?;
        done.await.map_err(|_| Closed)
    }
}

/// Reads what was granted; what cannot be read is told apart, with what becomes of it.
fn read_all<H: Header>(grants: Vec<Grant>) -> (Vec<Lease<H>>, Vec<(Grant, Outcome)>) {
    let mut leases = Vec::with_capacity(grants.len());
    let mut unreadable = Vec::new();
    for grant in grants {
        match grant.read() {
            Ok(lease) => leases.push(lease),
            Err((grant, why)) => {
                let outcome = match why {
                    Unreadable::Io(error) => {
                        tracing::error!(id = grant.id, %error, "the spool cannot be read; trying again");
                        Outcome::Return { rest: UNREADABLE_REST }
                    }
                    Unreadable::Damaged(reason) => {
                        tracing::error!(id = grant.id, %reason, "an entry is damaged and set aside");
                        Outcome::SetAside { reason }
                    }
                };
                unreadable.push((grant, outcome));
            }
        }
    }
    (leases, unreadable)
}

fn start(writer: Writer, runner: Runner) -> std::io::Result<()> {
    match runner {
        Runner::Task(pace) => drop(tokio::spawn(writer.run(Some(pace)))),
        Runner::Thread => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            std::thread::Builder::new()
                .name("spool-writer".to_owned())
                .spawn(move || runtime.block_on(writer.run(None)))?;
        }
    }
    Ok(())
}

impl<H> Clone for Spool<H> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), _alive: Arc::clone(&self._alive), header: PhantomData }
    }
}

impl<H> fmt::Debug for Spool<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("status", &self.shared.board.status()).finish_non_exhaustive()
    }
}
