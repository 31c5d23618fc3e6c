//! Entries on their way out.

use tokio::sync::oneshot;

use crate::frame::{Place, span};
use crate::lease::{Grant, Outcome};
use crate::record::{Phase, Record, TAGS_MAX, cut_reason};

use super::group::Answer;
use super::{Change, Purpose, Writer};

use std::sync::Arc;
use std::time::Duration;

impl Writer {
    /// Gives what is due to those who wait, first come, first served.
    pub(super) fn serve_leases(&mut self) {
        let now = self.clocks.now();
        self.leases_are_refused = false;
        while let Some((max, reply)) = self.waiting.pop_front() {
            if reply.is_closed() {
                continue;
            }
            let max = max.clamp(1, TAGS_MAX);
            if !self.owed.is_empty() || !self.index.is_due(now) {
                self.waiting.push_front((max, reply));
                return;
            }
            if self.ensure(span(max * 8), Purpose::Upkeep).is_err() {
                self.leases_are_refused = true;
                self.waiting.push_front((max, reply));
                return;
            }
            let ids = self.index.take(max, now);
            if let Err(change) = self.write_change(Change::Attempt { ids, reply }) {
                self.owed.push_back(change);
            }
        }
    }

    /// The attempt is durable. When nobody waits any more, the grants give themselves back.
    pub(super) fn grant(&mut self, ids: &[u64], reply: oneshot::Sender<Vec<Grant>>) {
        let grants: Vec<Grant> = ids.iter().filter_map(|&id| self.grant_one(id)).collect();
        drop(reply.send(grants));
    }

    fn grant_one(&self, id: u64) -> Option<Grant> {
        let entry = self.index.find(id)?;
        Some(Grant {
            id,
            sequence: entry.sequence(id),
            attempts: entry.attempts,
            failures: entry.failures,
            interrupted: entry.interrupted,
            offset: entry.place.offset,
            octets: entry.octets(),
            segments: self.log.segments(entry.first, entry.place.generation).cloned().collect(),
            mailbox: Arc::clone(&self.mailbox),
            is_concluded: false,
        })
    }

    pub(super) fn conclude(&mut self, outcomes: Vec<(u64, Outcome)>, reply: oneshot::Sender<()>) {
        let mut changes = self.changes(outcomes);
        match changes.last_mut() {
            Some(
                Change::Settle { reply: last, .. }
                | Change::Defer { reply: last, .. }
                | Change::SetAside { reply: last, .. },
            ) => *last = Some(reply),
            Some(Change::Attempt { .. } | Change::Withdraw { .. }) | None => drop(reply.send(())),
        }
        for change in changes {
            // What is owed goes first: the log tells things in their order.
            let owed = if self.owed.is_empty() { self.write_change(change).err() } else { Some(change) };
            self.owed.extend(owed);
        }
    }

    fn changes(&mut self, outcomes: Vec<(u64, Outcome)>) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut settled = Vec::new();
        for (id, outcome) in outcomes {
            let Some(entry) = self.index.find(id).filter(|entry| entry.phase == Phase::Open) else {
                continue;
            };
            let tag = entry.tag(id);
            match outcome {
                Outcome::Settle => settled.push(tag),
                Outcome::Defer { due, reason } => {
                    let reason = cut_reason(&reason).to_owned();
                    changes.push(Change::Defer { tag, due, reason, reply: None });
                }
                Outcome::Return { rest } => self.give_back(id, rest),
                Outcome::SetAside { reason } => {
                    let reason = cut_reason(&reason).to_owned();
                    changes.push(Change::SetAside { tag, reason, reply: None });
                }
            }
        }
        let settled = settled.chunks(TAGS_MAX);
        changes.extend(settled.map(|tags| Change::Settle { tags: tags.to_vec(), reply: None }));
        changes
    }

    /// A change is durable, told by the frame at `place`.
    pub(super) fn change(&mut self, change: Change, place: Place, answers: &mut Vec<Answer>) {
        let reply = match change {
            Change::Attempt { ids, reply } => {
                answers.push(Answer::Leased { ids, reply });
                None
            }
            Change::Settle { tags, reply } => {
                for tag in tags {
                    let was_here = self.index.remove(tag.id).is_some();
                    self.counters.settled += u64::from(was_here && !tag.in_doubt);
                }
                reply
            }
            Change::Defer { tag, due, reply, .. } => {
                self.index.defer(tag.id, self.clocks.of_unix(due), place);
                reply
            }
            Change::SetAside { tag, reply, .. } => {
                self.index.give_up(tag.id, place);
                reply
            }
            Change::Withdraw { tag, .. } => {
                self.withdrawn(tag);
                None
            }
        };
        answers.extend(reply.map(Answer::Done));
    }

    /// A lease was dropped, or its entry could not be worked on. The record waits for the next group: without
    /// it the entry only counts as interrupted after a crash.
    pub(super) fn give_back(&mut self, id: u64, rest: Duration) {
        let Some(entry) = self.index.find(id).filter(|entry| entry.phase == Phase::Open) else { return };
        let record = Record::Return(vec![entry.tag(id)]);
        match u64::try_from(rest.as_millis()).unwrap_or(u64::MAX) {
            0 => self.index.give_back(id),
            rest => self.index.rest(id, self.clocks.now().saturating_add(rest)),
        }
        if self.broken.is_none() && self.owed.is_empty() && self.log.room() >= span(record.octets()) {
            self.log.append(&record);
        }
    }
}
