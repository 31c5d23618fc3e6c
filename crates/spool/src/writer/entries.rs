//! Entries on their way in.

use tokio::sync::oneshot;

use crate::error::{CommitError, WriteError};
use crate::frame::span;
use crate::index::{self, Entry, Origin};
use crate::mailbox::{DraftId, Piece};
use crate::record::{COMMIT_OCTETS, Commit, EXTENT_OCTETS, Extent, History, Record, Tag};
use crate::replay::extent_of;
use crate::ticket::Ticket;

use super::{Change, Effect, Purpose, Refused, Writer};

impl Writer {
    pub(super) fn chunk(
        &mut self,
        draft: DraftId,
        piece: Piece,
        reply: oneshot::Sender<Result<Piece, WriteError>>,
    ) {
        match self.write_chunk(draft, &piece.octets) {
            Ok(()) => self.pieces.push((reply, piece)),
            Err(error) => {
                // The draft may go on before it hears of it, up to its commit.
                self.drafts.entry(draft).or_default().failed.get_or_insert_with(|| error.clone());
                // It may have been dropped while it waited.
                let _gone = reply.send(Err(error));
            }
        }
    }

    fn write_chunk(&mut self, draft: DraftId, octets: &[u8]) -> Result<(), WriteError> {
        let open = self.drafts.entry(draft).or_default();
        if let Some(error) = &open.failed {
            return Err(error.clone());
        }
        if open.extents.len() == self.limits.extents {
            return Err(WriteError::TooLarge { pieces_max: self.limits.extents });
        }
        let place = self.append_piece(octets).map_err(|refused| match refused {
            Refused::Full => WriteError::Full,
            Refused::Broken(error) => WriteError::Storage(error),
        })?;
        let octets = u32::try_from(octets.len()).expect("a piece is at most a quarter of a segment");
        let open = self.drafts.entry(draft).or_default();
        open.push(Extent { place, octets });
        self.housekeeper.draft_octets += span(octets as usize) as u64;
        Ok(())
    }

    pub(super) fn commit(&mut self, draft: DraftId, header: &[u8], tail: &Piece, ticket: Ticket) {
        // Given up while it waited in the mailbox: it never was.
        if ticket.is_withdrawn() {
            self.abandon(draft);
            return;
        }
        let pieces = self.drafts.get(&draft).map_or(0, |open| open.extents.len());
        let octets = COMMIT_OCTETS + pieces * EXTENT_OCTETS + header.len() + tail.octets.len();
        let room = self.ensure(span(octets), Purpose::Intake);
        // Only now: making room may have ended a group, and one that fails takes pieces and numbers with it.
        let outcome = match (room, self.close_draft(draft)) {
            (Err(Refused::Full), _) => Err(CommitError::Full),
            (Err(Refused::Broken(error)), _) => Err(CommitError::Storage(error)),
            (Ok(()), Err(error)) => Err(error.into()),
            (Ok(()), Ok(extents)) => Ok(extents),
        };
        match outcome {
            Ok(extents) => self.write_commit(extents, header, tail, ticket),
            Err(error) => {
                ticket.resolve(Err(error));
            }
        }
    }

    fn write_commit(&mut self, extents: Vec<Extent>, header: &[u8], tail: &Piece, ticket: Ticket) {
        let (id, sequence) = (self.counters.next_id, self.given + 1);
        (self.counters.next_id, self.given) = (id + 1, sequence);
        let tail = &tail.octets;
        let history = History::NEW;
        let commit = Commit { id, sequence, history, copied: false, reason: &[], extents, header, tail };
        // There is room for it: another look at the space must not refuse what has its number already.
        match self.append_commit(commit, Purpose::Upkeep) {
            Ok(extent) => self.effects.push(Effect::Accepted { id, sequence, extent, ticket }),
            Err(Refused::Full) => {
                ticket.resolve(Err(CommitError::Full));
            }
            Err(Refused::Broken(error)) => {
                ticket.resolve(Err(CommitError::Storage(error)));
            }
        }
    }

    pub(super) fn append_commit(
        &mut self,
        commit: Commit<'_>,
        purpose: Purpose,
    ) -> Result<index::Extent, Refused> {
        let record = Record::Commit(commit);
        let place = self.append(&record, purpose)?;
        let Record::Commit(commit) = &record else { unreachable!("it was just made") };
        Ok(extent_of(place, commit))
    }

    fn close_draft(&mut self, draft: DraftId) -> Result<Vec<Extent>, WriteError> {
        if self.drafts.is_empty() {
            return Ok(Vec::new());
        }
        let Some(open) = self.drafts.remove(&draft) else { return Ok(Vec::new()) };
        self.forget_draft(&open.extents);
        open.failed.map_or(Ok(open.extents), Err)
    }

    pub(super) fn abandon(&mut self, draft: DraftId) {
        if let Some(open) = self.drafts.remove(&draft) {
            self.forget_draft(&open.extents);
        }
    }

    fn forget_draft(&mut self, extents: &[Extent]) {
        let octets: u64 = extents.iter().map(|extent| span(extent.octets as usize) as u64).sum();
        self.housekeeper.draft_octets -= octets;
    }

    pub(super) fn accept(&mut self, id: u64, sequence: u64, extent: index::Extent) {
        self.counters.accepted = sequence;
        self.index.insert(id, Entry::new(id, sequence, extent, History::NEW), Origin::New);
    }

    /// Whoever committed had given up when it became durable: no worker takes it, and a record follows.
    pub(super) fn withdraw(&mut self, id: u64, reason: String) {
        self.index.hold(id);
        self.owed.push_back(Change::Withdraw { tag: Tag { id, in_doubt: false }, reason });
    }

    pub(super) fn withdrawn(&mut self, tag: Tag) {
        self.index.remove(tag.id);
        self.counters.withdrawn += u64::from(!tag.in_doubt);
    }
}
