//! The one writer: it turns what was asked into groups, and groups into what is durable.
//!
//! ```text
//!   mailbox --take all--> cycle: what a failed group left | housekeeping | commands | leases
//!                                      |  frames into one buffer, one write, one sync
//!                                      v
//!                          durable: apply to the index, publish the status, answer
//!                          failed:  poison -> new segment whose header says so, synced -> answer
//! ```
//!
//! Whatever arrives while a sync runs goes into the next group: no timers, no waiting to fill a batch. The
//! cycle itself is synchronous and knows no runtime; [`Writer::run`] drives it.
//!
//! **No ghost.** The commits of a failed group are answered only when the header that puts them in doubt
//! is durable. Before that a crash could find their frames and take them for accepted.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::disk::Lock;
use crate::error::WriteError;
use crate::frame::Place;
use crate::herald::Herald;
use crate::index::{self, Index};
use crate::lease::Grant;
use crate::limits::Limits;
use crate::log::Log;
use crate::mailbox::{Command, DraftId, Mailbox, Piece};
use crate::options::Pace;
use crate::record::{Extent, Tag};
use crate::segment::{Counters, Fate};
use crate::status::Board;
use crate::ticket::Ticket;

mod clocks;
mod copying;
mod entries;
mod group;
mod housekeeping;
mod leases;
mod open;

use clocks::Clocks;
use housekeeping::Housekeeper;
pub(crate) use open::open;

/// How long the writer waits after the first failure to open a new segment, and at most.
const RETRY_MILLIS: (u64, u64) = (100, 5_000);
/// How often free space is looked at while drafts are refused.
const SPACE_RETRY_MILLIS: u64 = 500;
/// After so many groups free space is looked at again.
const SPACE_EVERY_GROUPS: u64 = 32;

pub(crate) struct Writer {
    log: Log,
    index: Index,
    counters: Counters,
    /// The last sequence written to the group; durable when the group is.
    given: u64,
    oldest: u32,
    limits: Limits,
    drafts: HashMap<DraftId, OpenDraft>,
    effects: Vec<Effect>,
    pieces: Vec<(oneshot::Sender<Result<Piece, WriteError>>, Piece)>,
    /// State that must get into the log, next group at the latest.
    owed: VecDeque<Change>,
    waiting: VecDeque<(usize, oneshot::Sender<Vec<Grant>>)>,
    /// There was no room to write an attempt.
    leases_are_refused: bool,
    broken: Option<Broken>,
    housekeeper: Housekeeper,
    herald: Herald,
    mailbox: Arc<Mailbox>,
    board: Arc<Board>,
    clocks: Clocks,
    groups: u64,
    is_closing: bool,
    closing: Vec<oneshot::Sender<()>>,
    _lock: Lock,
    _hangs_up: HangUp,
}

/// A draft that has pieces in the log.
#[derive(Debug)]
struct OpenDraft {
    extents: Vec<Extent>,
    /// The oldest generation among them.
    first: u32,
    /// Why it cannot be completed.
    failed: Option<WriteError>,
}

impl OpenDraft {
    fn push(&mut self, extent: Extent) {
        self.extents.push(extent);
        self.first = self.first.min(extent.place.generation);
    }

    fn replace(&mut self, extents: Vec<Extent>) {
        self.first = extents.iter().map(|extent| extent.place.generation).min().unwrap_or(u32::MAX);
        self.extents = extents;
    }

    /// Whether this is the oldest segment that holds a piece of it.
    fn holds(&self, generation: u32) -> bool {
        self.failed.is_none() && self.first == generation
    }
}

impl Default for OpenDraft {
    fn default() -> Self {
        Self { extents: Vec::new(), first: u32::MAX, failed: None }
    }
}

/// The log takes no frame until it goes on in a new segment.
struct Broken {
    fate: Fate,
    /// Commits to be refused when the new segment is durable.
    casualties: Vec<Ticket>,
    error: String,
    /// By the clock that only goes forward, as all times of the writer and of its index.
    retry_at: u64,
    retry_millis: u64,
}

/// A change of state that is written again when its group fails.
enum Change {
    Attempt { ids: Vec<u64>, reply: oneshot::Sender<Vec<Grant>> },
    Settle { tags: Vec<Tag>, reply: Option<oneshot::Sender<()>> },
    Defer { tag: Tag, due: u64, reason: String, reply: Option<oneshot::Sender<()>> },
    SetAside { tag: Tag, reason: String, reply: Option<oneshot::Sender<()>> },
    Withdraw { tag: Tag, reason: String },
}

/// However the writer ends, nobody waits for it any more.
struct HangUp {
    mailbox: Arc<Mailbox>,
    board: Arc<Board>,
}

impl Drop for HangUp {
    fn drop(&mut self) {
        self.board.close();
        drop(self.mailbox.close());
    }
}

/// What becomes true when the group is durable.
enum Effect {
    Accepted { id: u64, sequence: u64, extent: index::Extent, ticket: Ticket },
    Changed(Change, Place),
    Copied { id: u64, extent: index::Extent, damaged: bool },
    Trimmed { oldest: u32 },
}

/// Who wants to write: new mail may be refused, what drains the spool may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Intake,
    Upkeep,
}

/// There is no way to write it now.
#[derive(Debug)]
enum Refused {
    Full,
    Broken(String),
}

impl Writer {
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Serves the mailbox until it is told to shut down.
    pub(crate) async fn run(mut self, pace: Option<Pace>) {
        let mailbox = Arc::clone(&self.mailbox);
        let mut commands = Vec::new();
        while !self.is_closing {
            self.wait(&mailbox).await;
            take_time(pace.as_ref()).await;
            mailbox.take(&mut commands);
            self.gather(&mut commands);
            take_time(pace.as_ref()).await;
            self.complete();
            // Where the writer is one task of many, the others come to turn.
            tokio::task::yield_now().await;
        }
        self.end();
    }

    async fn wait(&mut self, mailbox: &Mailbox) {
        match self.next_wake() {
            Some(Duration::ZERO) => {}
            Some(wait) => {
                tokio::select! {
                    biased;
                    () = mailbox.filled() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
            None => mailbox.filled().await,
        }
    }

    /// One group, or none when there is nothing to do.
    fn cycle(&mut self, commands: &mut Vec<Command>) {
        self.gather(commands);
        self.complete();
    }

    fn gather(&mut self, commands: &mut Vec<Command>) {
        self.collect_stretch();
        self.mend();
        self.pay_owed();
        self.keep_house();
        for command in commands.drain(..) {
            self.handle(command);
        }
        self.serve_leases();
    }

    fn complete(&mut self) {
        self.finish_group();
        self.look_at_space();
        self.publish();
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Chunk { draft, piece, reply } => self.chunk(draft, piece, reply),
            Command::Commit { draft, header, tail, ticket } => self.commit(draft, &header, &tail, ticket),
            Command::Abandon(draft) => self.abandon(draft),
            Command::Lease { max, reply } => {
                // Workers that gave up do not pile up behind a patient one.
                self.waiting.retain(|(_, reply)| !reply.is_closed());
                self.waiting.push_back((max, reply));
            }
            Command::Conclude { outcomes, reply } => self.conclude(outcomes, reply),
            Command::Return(id) => self.give_back(id, Duration::ZERO),
            Command::ShutDown(reply) => {
                self.is_closing = true;
                self.closing.extend(reply);
            }
        }
    }

    /// What was asked before the mailbox closed is done; then the log is synced.
    fn end(mut self) {
        let mut rest = self.mailbox.close();
        rest.retain(|command| !matches!(command, Command::Lease { .. }));
        self.waiting.clear();
        if let Some(broken) = &mut self.broken {
            broken.retry_at = 0;
        }
        self.cycle(&mut rest);
        // Commits that were withdrawn at the last moment, or state of a group that failed just now.
        self.mend();
        self.pay_owed();
        if self.broken.is_none()
            && let Err(error) = self.log.sync()
        {
            tracing::warn!(%error, "the last sync of the spool failed");
        }
        self.publish();
        // Who waits for the end may open the spool again: the lock goes first.
        let closing = std::mem::take(&mut self.closing);
        drop(self);
        drop(closing);
    }

    /// How long the writer may sleep: not at all while there is work, for ever while there is none.
    fn next_wake(&mut self) -> Option<Duration> {
        let now = self.clocks.now();
        let retry = self.broken.as_ref().map(|broken| broken.retry_at);
        let can_lease = !self.waiting.is_empty() && self.index.is_due(now);
        let has_work = self.log.wants_collecting() || can_lease || !self.owed.is_empty();
        if self.broken.is_none() && (has_work || self.has_housework(now)) {
            return Some(Duration::ZERO);
        }
        // What this group accepted, settled or gave back may be what a worker waits for.
        // Leases wait behind state that is owed, and that waits for a new segment.
        let due = match self.waiting.is_empty() || self.broken.is_some() {
            true => None,
            false if !self.index.is_due(now) => self.index.next_due(),
            false if self.leases_are_refused => Some(now.saturating_add(SPACE_RETRY_MILLIS)),
            false => return Some(Duration::ZERO),
        };
        let space = self.board.refuses().then(|| now.saturating_add(SPACE_RETRY_MILLIS));
        let wake = [retry, due, space, self.housework_at(now)].into_iter().flatten().min()?;
        // Less than a tick of the clock must not make this a busy loop.
        Some(Duration::from_millis(wake.saturating_sub(now).max(1)))
    }
}

/// What simulated storage takes: before a group, so that others come into it, and while it is made durable, so
/// that those who wait for it may give up.
async fn take_time(pace: Option<&Pace>) {
    if let Some(pace) = pace {
        tokio::time::sleep(pace()).await;
    }
}
