//! What was sent and what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use sensor_mail::MailId;
use sensor_pipeline::Record;
use sensor_spool::Status;

use super::node::{Archived, conserved};

pub(super) type Shared = Arc<Mutex<Ledger>>;

/// What the sender of a message knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It may or may not have been accepted: no final reply was seen.
    Unknown,
    /// 250, with the id it was queued as.
    Acknowledged(String),
    /// A final reply that was not 250: this one.
    Refused(String),
}

#[derive(Debug)]
struct Sent {
    /// In which life of the node.
    life: usize,
    outcome: Outcome,
}

/// All messages of a run. Each has bytes of its own.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sent: BTreeMap<Vec<u8>, Sent>,
    /// Of each life that has ended, whether all that it knew was on the disk then.
    lives: Vec<bool>,
    transcript: Vec<String>,
    status: Status,
    archived: Vec<Archived>,
    told: BTreeMap<(MailId, u32), u64>,
    in_doubt: usize,
}

impl Ledger {
    /// A number for the next message, so that no two are alike.
    pub(super) fn next_number(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn sending(&mut self, message: Vec<u8>) {
        let sent = Sent { life: self.lives.len(), outcome: Outcome::Unknown };
        let known = self.sent.insert(message, sent);
        assert!(known.is_none(), "messages differ");
    }

    pub(super) fn answered(&mut self, message: &[u8], outcome: Outcome) {
        self.sent.get_mut(message).expect("it was sent").outcome = outcome;
    }

    /// A life of the node is over: drained to its end, or cut off by a kill or a loss of power.
    pub(super) fn life_ended(&mut self, is_drained: bool) {
        self.lives.push(is_drained);
    }

    pub(super) fn heard(&mut self, reply: &str) {
        self.transcript.push(reply.to_owned());
    }

    pub(super) fn found(
        &mut self,
        status: Status,
        archived: Vec<Archived>,
        told: BTreeMap<(MailId, u32), u64>,
    ) {
        self.in_doubt = archived.iter().filter(|found| found.record.sequence.is_none()).count();
        self.told = told;
        self.status = status;
        self.archived = archived;
    }

    /// Everything that was said and found, to compare two runs of a seed.
    pub(super) fn transcript(&self) -> String {
        format!("{:?}\n{:?}\n{:?}", self.transcript, self.status, self.archived)
    }

    /// The promise of the product.
    pub(super) fn check(&self) {
        conserved(&self.status);
        assert_eq!((self.status.set_aside, self.status.lost), (0, 0), "{:?}", self.status);
        self.check_sequences();
        let mut kept: BTreeMap<&[u8], &Record> = BTreeMap::new();
        self.check_looks();
        for Archived { record, message, .. } in &self.archived {
            assert!(self.sent.contains_key(message), "{} was never sent", record.envelope.id);
            let doubled = kept.insert(&**message, record);
            assert!(doubled.is_none(), "kept twice: {} and {doubled:?}", record.envelope.id);
        }
        for (message, Sent { life, outcome }) in &self.sent {
            let record = kept.get(&**message);
            match outcome {
                Outcome::Unknown => {}
                Outcome::Acknowledged(id) => {
                    let record = record.unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
                    assert_eq!(record.envelope.id.to_string(), *id);
                    assert!(record.sequence.is_some(), "{id} was acknowledged and is in doubt");
                }
                // Withdrawn because the storage was slow: where the life was cut off before that was on the
                // disk, it comes back (docs/spool-format.md).
                Outcome::Refused(reply) if reply.starts_with("451 4.4.5") && !self.lives[*life] => {}
                Outcome::Refused(reply) => {
                    let accepted = record.and_then(|record| record.sequence);
                    assert_eq!(accepted, None, "refused by {reply:?} and accepted: {record:?}");
                }
            }
        }
    }

    /// Looks are numbered without gaps, the last owes nothing, and each was told; what was told is recorded.
    fn check_looks(&self) {
        let mut recorded = BTreeSet::new();
        for Archived { record, looks, .. } in &self.archived {
            let id = record.envelope.id;
            let revisions = looks.iter().map(|look| look.revision);
            assert!(revisions.clone().eq(1..=u32::try_from(looks.len()).unwrap()), "{id}: {looks:?}");
            let last = looks.last().unwrap_or_else(|| panic!("{id} was never looked into"));
            assert!(last.coverage.iter().all(|coverage| !coverage.is_owed()), "{id}: {last:?}");
            assert_eq!(last.findings.len(), 1, "{id}: {last:?}");
            recorded.extend(revisions.map(|revision| (id, revision)));
        }
        let told: BTreeSet<_> = self.told.keys().copied().collect();
        assert_eq!(recorded, told, "what is recorded, and what was told");
    }

    /// Dense: every number up to the last is kept or withdrawn, none is given twice.
    fn check_sequences(&self) {
        let given: Vec<u64> = self.archived.iter().filter_map(|found| found.record.sequence).collect();
        let distinct: BTreeSet<u64> = given.iter().copied().collect();
        assert_eq!(given.len(), distinct.len(), "a sequence was given twice");
        assert_eq!(given.len() as u64 + self.status.withdrawn, self.status.accepted, "{:?}", self.status);
        assert!(distinct.last().is_none_or(|last| *last <= self.status.accepted));
    }
}

/// Sums over many runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    acknowledged: usize,
    refused: usize,
    unknown: usize,
    unknown_kept: usize,
    in_doubt: usize,
    too_slow: usize,
    too_slow_and_drained: usize,
    looked_again: usize,
    not_taken_apart: usize,
    told_again: usize,
}

impl Tally {
    pub(super) fn add(&mut self, ledger: &Ledger) {
        let count =
            |wanted: fn(&Outcome) -> bool| ledger.sent.values().filter(|sent| wanted(&sent.outcome)).count();
        let acknowledged = count(|outcome| matches!(outcome, Outcome::Acknowledged(_)));
        self.acknowledged += acknowledged;
        self.refused += count(|outcome| matches!(outcome, Outcome::Refused(_)));
        self.unknown += count(|outcome| *outcome == Outcome::Unknown);
        self.unknown_kept += ledger.archived.len() - acknowledged - ledger.in_doubt;
        self.in_doubt += ledger.in_doubt;
        let looks = || ledger.archived.iter().flat_map(|found| &found.looks);
        self.looked_again += looks().filter(|look| look.revision > 1).count();
        self.not_taken_apart +=
            looks().filter(|look| look.parts.iter().any(|part| !part.gaps.is_empty())).count();
        self.told_again += ledger.told.values().filter(|times| **times > 1).count();
        for Sent { life, outcome } in ledger.sent.values() {
            let too_slow = matches!(outcome, Outcome::Refused(reply) if reply.starts_with("451 4.4.5"));
            self.too_slow += usize::from(too_slow);
            self.too_slow_and_drained += usize::from(too_slow && ledger.lives[*life]);
        }
    }

    /// Whether each kind of outcome was seen: a simulation in which nothing goes wrong proves nothing.
    pub(super) fn covers_everything(&self) -> bool {
        let Self {
            acknowledged,
            refused,
            unknown,
            unknown_kept,
            in_doubt,
            too_slow,
            too_slow_and_drained,
            ..
        } = self;
        let door = [acknowledged, refused, unknown, unknown_kept, in_doubt, too_slow, too_slow_and_drained];
        let Self { looked_again, not_taken_apart, told_again, .. } = self;
        door.iter().chain(&[looked_again, not_taken_apart, told_again]).all(|count| **count > 0)
    }
}
