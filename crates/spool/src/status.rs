//! What a spool says about itself.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::error::Full;

/// Counts at one moment. They keep `accepted = in_spool + settled + set_aside + withdrawn + lost`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Entries ever accepted: the last sequence given.
    pub accepted: u64,
    /// Accepted entries waiting, deferred or leased.
    pub in_spool: u64,
    /// Those of them (and of the ones in doubt) that are leased now.
    pub leased: u64,
    /// Accepted entries ever settled.
    pub settled: u64,
    /// Accepted entries set aside: kept, never leased.
    pub set_aside: u64,
    /// Accepted entries ever withdrawn.
    pub withdrawn: u64,
    /// Accepted entries that damage to the storage destroyed.
    pub lost: u64,
    /// Entries here whose commit failed, found again by recovery: no sequence, never counted as accepted.
    pub in_doubt: u64,
    /// Octets of the log that are needed.
    pub live_octets: u64,
    /// Octets of all segment files, spare ones too.
    pub total_octets: u64,
    /// Segment files in use.
    pub segments: u64,
    /// Segment files prepared for use.
    pub spare_segments: u64,
    /// Free octets of the file system when the writer last looked.
    pub free_octets: u64,
    /// Free inodes of the file system when the writer last looked.
    pub free_inodes: u64,
    /// Groups made durable since the start.
    pub groups: u64,
    /// The last thing the storage refused, until it works again.
    pub last_error: Option<String>,
}

/// What recovery found when the spool was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries found, set aside and in doubt ones included.
    pub entries: u64,
    /// Segments read.
    pub segments: u64,
    /// Octets cut from the end of the last segment: the tail of a group that was never acknowledged.
    pub cut_octets: u64,
    /// Entries in the last group: durable, but the acknowledgement may not have been sent.
    pub unconfirmed: u64,
    /// Entries whose attempt had no outcome when the program ended.
    pub interrupted: u64,
    /// Entries from groups whose sync failed.
    pub in_doubt: u64,
    /// Places where octets that had been synced do not verify any more.
    pub damaged_places: u64,
    /// Entries set aside because part of their body is damaged.
    pub damaged_entries: u64,
    /// Accepted entries that cannot be found any more.
    pub lost: u64,
    /// Generations of segments that should be there and are not.
    pub missing_segments: Vec<u32>,
}

/// Where the writer leaves what others read without asking it.
#[derive(Debug)]
pub(crate) struct Board {
    status: Mutex<Status>,
    /// Why drafts are refused: an index into `REASONS`, 0 for not at all.
    full: AtomicU8,
    has_ended: watch::Sender<bool>,
}

const REASONS: [Option<Full>; 6] = [
    None,
    Some(Full::Octets),
    Some(Full::Inodes),
    Some(Full::Memory),
    Some(Full::Storage),
    Some(Full::Closed),
];

impl Board {
    pub(crate) fn new() -> Self {
        Self { status: Mutex::default(), full: AtomicU8::new(0), has_ended: watch::Sender::new(false) }
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().clone()
    }

    pub(crate) fn publish(&self, write: impl FnOnce(&mut Status)) {
        write(&mut self.lock());
    }

    pub(crate) fn set_error(&self, error: Option<String>) {
        self.lock().last_error = error;
    }

    /// Why no draft may begin, as the writer last saw it.
    pub(crate) fn full(&self) -> Option<Full> {
        REASONS.get(usize::from(self.full.load(Ordering::Relaxed))).copied().flatten()
    }

    pub(crate) fn refuses(&self) -> bool {
        self.full().is_some()
    }

    pub(crate) fn set_full(&self, full: Option<Full>) {
        tell_change(self.full(), full);
        let at = REASONS.iter().position(|&reason| reason == full).expect("all reasons are listed");
        self.full.store(u8::try_from(at).expect("six reasons"), Ordering::Relaxed);
    }

    /// The writer is gone, in whichever way.
    pub(crate) fn close(&self) {
        self.set_full(Some(Full::Closed));
        self.has_ended.send_replace(true);
    }

    /// Waits until the writer is gone.
    pub(crate) async fn closed(&self) {
        let seen = self.has_ended.subscribe().wait_for(|ended| *ended).await.map(drop);
        seen.expect("the board holds the sender");
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line when the space runs low, one when there is room again. What fails is told where it does.
fn tell_change(before: Option<Full>, now: Option<Full>) {
    match (is_low(before), now) {
        (false, Some(why @ (Full::Octets | Full::Inodes))) => {
            tracing::warn!(%why, "nothing more is taken: senders are told to come back");
        }
        (true, None) => tracing::info!("there is room again: the spool takes what comes"),
        (false | true, None | Some(_)) => {}
    }
}

fn is_low(full: Option<Full>) -> bool {
    matches!(full, Some(Full::Octets | Full::Inodes))
}
