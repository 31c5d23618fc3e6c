//! Groups: from frames in the buffer to something that is durable, or to a poisoned segment.

use std::io;

use crate::error::{CommitError, WriteError};
use crate::frame::{Place, span};
use crate::log::{Opening, RollError};
use crate::record::Record;
use crate::segment::Fate;
use crate::spool::{EntryId, Position};
use crate::ticket::Ticket;

use super::{Broken, Change, Effect, Purpose, RETRY_MILLIS, Refused, Writer};

impl Writer {
    /// Adds a frame to the group, going on in a new segment where it does not fit.
    pub(super) fn append(&mut self, record: &Record<'_>, purpose: Purpose) -> Result<Place, Refused> {
        self.ensure(span(record.octets()), purpose)?;
        Ok(self.log.append(record))
    }

    /// Adds a piece of a body to the group.
    pub(super) fn append_piece(&mut self, piece: &[u8]) -> Result<Place, Refused> {
        self.ensure(span(piece.len()), Purpose::Intake)?;
        self.log.append_piece(piece).map_err(|error| {
            self.poison(&error);
            Refused::Broken(error.to_string())
        })
    }

    /// Makes room for a frame of `octets`.
    pub(super) fn ensure(&mut self, octets: usize, purpose: Purpose) -> Result<(), Refused> {
        self.unbroken()?;
        if purpose == Purpose::Intake && !self.has_slack() {
            return Err(Refused::Full);
        }
        if self.log.room() < octets {
            // All of a segment is synced before the next one begins, pieces of open drafts too.
            self.end_group(true);
            self.unbroken()?;
            self.roll(purpose)?;
        }
        if self.log.is_heavy()
            && let Err(error) = self.log.write_out()
        {
            self.poison(&error);
            self.unbroken()?;
        }
        Ok(())
    }

    fn unbroken(&self) -> Result<(), Refused> {
        self.broken.as_ref().map_or(Ok(()), |broken| Err(Refused::Broken(broken.error.clone())))
    }

    fn roll(&mut self, purpose: Purpose) -> Result<(), Refused> {
        let opening = Opening { fate: Fate::Full, oldest: self.oldest, counters: self.counters };
        self.log.roll(opening).map_err(|error| match (error, purpose) {
            (RollError::NoSpare(error), Purpose::Intake) => {
                tracing::warn!(%error, "no new segment: mail is refused until there is space");
                self.housekeeper.no_space();
                Refused::Full
            }
            (error, _) => {
                self.stop(Fate::Full, &error.to_string(), Vec::new());
                Refused::Broken(error.to_string())
            }
        })?;
        self.housekeeper.has_rolled(self.clocks.now());
        Ok(())
    }

    /// Makes the group durable and lets it have its effects.
    pub(super) fn finish_group(&mut self) {
        self.end_group(!self.effects.is_empty());
        if self.broken.is_none()
            && let Err(error) = self.log.sync_ahead()
        {
            self.poison(&error);
        }
    }

    /// Learns what became of pieces that were synced while others were written.
    pub(super) fn collect_stretch(&mut self) {
        if self.broken.is_none()
            && let Err(error) = self.log.collect_stretch()
        {
            self.poison(&error);
        }
    }

    fn end_group(&mut self, sync: bool) {
        if self.broken.is_some() {
            return;
        }
        let done = if sync { self.log.sync() } else { self.log.write_out() };
        match done {
            Ok(()) => self.apply(),
            Err(error) => self.poison(&error),
        }
        for (reply, mut piece) in self.pieces.drain(..) {
            piece.octets.clear();
            // The draft may be gone by now; then nobody waits.
            let _gone = reply.send(Ok(piece));
        }
    }

    fn apply(&mut self) {
        if self.effects.is_empty() {
            return;
        }
        self.groups += 1;
        let effects = std::mem::take(&mut self.effects);
        let mut answers = Vec::with_capacity(effects.len());
        for effect in effects {
            self.apply_one(effect, &mut answers);
        }
        self.publish();
        for answer in answers {
            self.answer(answer);
        }
        self.herald.call();
    }

    fn apply_one(&mut self, effect: Effect, answers: &mut Vec<Answer>) {
        match effect {
            Effect::Accepted { id, sequence, extent, ticket } => {
                self.accept(id, sequence, extent);
                answers.push(Answer::Accepted { id, sequence, ticket });
            }
            Effect::Changed(change, place) => self.change(change, place, answers),
            Effect::Copied { id, extent, damaged } => {
                self.index.relocate(id, extent);
                if damaged {
                    self.index.set_aside(id, extent.place);
                }
            }
            Effect::Trimmed { oldest } => self.trimmed(oldest),
        }
    }

    fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Accepted { id, sequence, ticket } => {
                let position = Position { id: EntryId(id), sequence };
                match ticket.settle(Ok(position)) {
                    Ok(waker) => self.herald.remember(waker),
                    Err(reason) => self.withdraw(id, reason),
                }
            }
            Answer::Leased { ids, reply } => self.grant(&ids, reply),
            Answer::Done(reply) => {
                // Whoever asked may have stopped waiting.
                let _gone = reply.send(());
            }
        }
    }

    /// A write or sync failed: nothing is known about the group.
    pub(super) fn poison(&mut self, error: &io::Error) {
        let from = self.log.poison();
        self.given = self.counters.accepted;
        let mut casualties = Vec::new();
        let mut again = Vec::new();
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Accepted { ticket, .. } => casualties.push(ticket),
                Effect::Changed(change, _) => again.push(change),
                // Housekeeping finds them again.
                Effect::Copied { .. } | Effect::Trimmed { .. } => {}
            }
        }
        again.into_iter().rev().for_each(|change| self.owed.push_front(change));
        self.housekeeper.poisoned();
        for draft in self.drafts.values_mut().filter(|d| d.extents.iter().any(|e| e.place >= from)) {
            draft.failed = Some(WriteError::Storage(error.to_string()));
        }
        for (reply, _) in self.pieces.drain(..) {
            let _gone = reply.send(Err(WriteError::Storage(error.to_string())));
        }
        self.stop(Fate::Poisoned, &error.to_string(), casualties);
        self.mend();
    }

    fn stop(&mut self, fate: Fate, error: &str, casualties: Vec<Ticket>) {
        tracing::error!(%error, "the spool's storage failed; going on in a new segment when one can be written");
        self.board.set_error(Some(error.to_owned()));
        let error = error.to_owned();
        self.broken = Some(Broken { fate, casualties, error, retry_at: 0, retry_millis: RETRY_MILLIS.0 });
    }

    /// Goes on in a new segment, and only then answers the commits of the failed group.
    pub(super) fn mend(&mut self) {
        let now = self.clocks.now();
        let Some(mut broken) = self.broken.take_if(|broken| broken.retry_at <= now) else { return };
        let opening = Opening { fate: broken.fate, oldest: self.oldest, counters: self.counters };
        if let Err(error) = self.log.roll(opening) {
            broken.retry_at = now.saturating_add(broken.retry_millis);
            broken.retry_millis = (broken.retry_millis * 2).min(RETRY_MILLIS.1);
            self.board.set_error(Some(error.to_string()));
            self.broken = Some(broken);
            return;
        }
        self.board.set_error(None);
        self.publish();
        for ticket in broken.casualties {
            ticket.resolve(Err(CommitError::Storage(broken.error.clone())));
        }
    }

    /// Writes the state that a failed group left behind, before anything is built on it.
    pub(super) fn pay_owed(&mut self) {
        if self.owed.is_empty() || self.broken.is_some() {
            return;
        }
        while let Some(change) = self.owed.pop_front() {
            let behind = self.owed.len();
            if let Err(change) = self.write_change(change) {
                // What was written before it may be owed again, and goes first again.
                self.owed.insert(self.owed.len() - behind, change);
                break;
            }
        }
        self.finish_group();
    }
}

/// Who is told, once the status says it too.
pub(super) enum Answer {
    Accepted { id: u64, sequence: u64, ticket: Ticket },
    Leased { ids: Vec<u64>, reply: tokio::sync::oneshot::Sender<Vec<crate::lease::Grant>> },
    Done(tokio::sync::oneshot::Sender<()>),
}

impl Writer {
    /// Writes one change of state; gives it back when it cannot be written now, or when the group that it was to
    /// follow failed: who waits for the last of several changes is told of all of them.
    pub(super) fn write_change(&mut self, change: Change) -> Result<(), Change> {
        let record = match &change {
            Change::Attempt { ids, .. } => {
                Record::Attempt(ids.iter().filter_map(|&id| Some(self.index.find(id)?.tag(id))).collect())
            }
            Change::Settle { tags, .. } => Record::Settle(tags.clone()),
            Change::Defer { tag, due, reason, .. } => {
                Record::Defer { tag: *tag, due: *due, reason: reason.as_bytes() }
            }
            Change::SetAside { tag, reason, .. } => Record::SetAside { tag: *tag, reason: reason.as_bytes() },
            Change::Withdraw { tag, reason } => Record::Withdraw { tag: *tag, reason: reason.as_bytes() },
        };
        let poisonings = self.housekeeper.poisonings;
        let room = self.ensure(span(record.octets()), Purpose::Upkeep);
        if room.is_err() || self.housekeeper.poisonings > poisonings {
            return Err(change);
        }
        let place = self.log.append(&record);
        self.effects.push(Effect::Changed(change, place));
        Ok(())
    }
}
