//! What callers were told, and what may therefore be in the log.

use std::collections::{BTreeMap, BTreeSet};

use sensor_spool::disk::Chance;
use sensor_spool::{CommitError, Lease, Outcome, Position, Standing, Status, Summary};

use crate::mail::{Mail, OCTETS_MAX};

/// What the sender knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Never committed: it must not be there.
    Draft,
    /// The commit was begun and nothing was heard of it.
    Unknown,
    /// It is accepted.
    Accepted,
    /// It was refused: it must not be there as accepted.
    Refused,
    /// Its sender gave up.
    Withdrawn,
}

/// What the worker knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Work {
    #[default]
    Waiting,
    Leased,
    /// An outcome is on its way.
    Ending,
    /// The program ended meanwhile: the outcome may have been written or not.
    Unheard,
    Settled,
    SetAside,
}

#[derive(Debug)]
struct Known {
    mail: Mail,
    fate: Fate,
    work: Work,
    sequence: Option<u64>,
    attempts: u8,
    failures: u8,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    mails: BTreeMap<u64, Known>,
}

impl Model {
    pub(crate) fn new_mail(&mut self, chance: &mut Chance) -> Mail {
        let key = self.mails.len() as u64;
        let octets = match chance.below(8) {
            0 => 0,
            1..6 => chance.below(2_000),
            6 => chance.below(9_000),
            _ => chance.below(OCTETS_MAX),
        };
        let mail = Mail { key, octets, subject: "s".repeat(chance.below(200)) };
        let known = Known {
            mail: mail.clone(),
            fate: Fate::Draft,
            work: Work::Waiting,
            sequence: None,
            attempts: 0,
            failures: 0,
        };
        self.mails.insert(key, known);
        mail
    }

    pub(crate) fn set(&mut self, key: u64, fate: Fate) {
        self.known(key).fate = fate;
    }

    pub(crate) fn committed(&mut self, key: u64, outcome: Result<Position, CommitError>) {
        match outcome {
            Ok(position) => self.accepted(key, position.sequence),
            // The program ended first: it may be there or not.
            Err(CommitError::Closed) => {}
            Err(CommitError::Full | CommitError::Storage(_)) => self.known(key).fate = Fate::Refused,
            Err(CommitError::Header(error)) => panic!("the header is small: {error}"),
        }
    }

    fn accepted(&mut self, key: u64, sequence: u64) {
        let taken = self.mails.values().find(|k| k.sequence == Some(sequence)).map(|k| k.mail.key);
        assert!(taken.is_none_or(|taken| taken == key), "{sequence} was given to {taken:?} and {key}");
        let known = self.known(key);
        assert!(known.sequence.is_none_or(|before| before == sequence), "{known:?} is now {sequence}");
        assert_ne!(known.fate, Fate::Refused, "{known:?} is accepted as {sequence}");
        known.sequence = Some(sequence);
        known.fate = Fate::Accepted;
    }

    pub(crate) fn leased(&mut self, lease: &Lease<Mail>) {
        let key = lease.header.key;
        let known = self.known(key);
        assert_eq!(lease.header, known.mail);
        assert!(matches!(known.work, Work::Waiting | Work::Unheard), "{known:?} is leased");
        assert!(!matches!(known.fate, Fate::Draft | Fate::Withdrawn), "{known:?} is leased");
        assert!(lease.attempts > known.attempts, "each attempt counts: {} after {known:?}", lease.attempts);
        assert!(lease.failures >= known.failures, "each failure counts: {} after {known:?}", lease.failures);
        assert!(lease.failures + lease.interrupted < lease.attempts, "{lease:?}");
        known.work = Work::Leased;
        known.attempts = lease.attempts;
        if let Some(sequence) = lease.sequence {
            self.accepted(key, sequence);
        }
    }

    pub(crate) fn gave_back(&mut self, key: u64) {
        self.known(key).work = Work::Waiting;
    }

    /// The outcome is on its way; what is deferred may be leased again before its worker hears of it.
    pub(crate) fn concluding(&mut self, key: u64, outcome: &Outcome) {
        self.known(key).work = match outcome {
            Outcome::Defer { .. } | Outcome::Return { .. } => Work::Waiting,
            Outcome::Settle | Outcome::SetAside { .. } => Work::Ending,
        };
    }

    pub(crate) fn concluded(&mut self, key: u64, outcome: &Outcome) {
        let known = self.known(key);
        match outcome {
            Outcome::Settle => known.work = Work::Settled,
            Outcome::Return { .. } => {}
            Outcome::Defer { .. } => known.failures += 1,
            Outcome::SetAside { .. } => {
                known.work = Work::SetAside;
                known.failures += 1;
            }
        }
    }

    /// What was leased is due again, and a withdrawal may not have been written.
    pub(crate) fn life_ended(&mut self) {
        for known in self.mails.values_mut() {
            match known.work {
                Work::Leased => known.work = Work::Waiting,
                Work::Ending => known.work = Work::Unheard,
                Work::Waiting | Work::Unheard | Work::Settled | Work::SetAside => {}
            }
            if known.fate == Fate::Withdrawn {
                known.fate = Fate::Unknown;
            }
        }
    }

    pub(crate) fn check_status(&self, status: &Status) {
        let here = status.in_spool + status.set_aside;
        assert_eq!(status.accepted, here + status.settled + status.withdrawn, "conservation: {status:?}");
        assert_eq!(status.lost, 0, "{status:?}");
        let known = self.mails.values().filter_map(|known| known.sequence).max().unwrap_or(0);
        assert!(known <= status.accepted, "{known} was acknowledged: {status:?}");
    }

    /// What is in the log. Between two lives it only shows what may be; what the next one found stands.
    pub(crate) fn check_entries(&mut self, entries: &[Summary<Mail>], stands: bool) {
        let mut here = BTreeSet::new();
        let told = self.mails.values().filter_map(|known| Some((known.sequence?, known.mail.key)));
        let mut sequences: BTreeSet<(u64, u64)> = told.collect();
        for entry in entries {
            let key = entry.header.key;
            assert!(here.insert(key), "{key} is there twice");
            assert_eq!(entry.header, self.known(key).mail);
            self.check_entry(entry, stands);
            sequences.extend(entry.sequence.map(|sequence| (sequence, key)));
        }
        for known in self.mails.values_mut() {
            let is_here = here.contains(&known.mail.key);
            let may_be_gone = matches!(known.work, Work::Unheard | Work::Settled);
            assert!(is_here || known.fate != Fate::Accepted || may_be_gone, "{known:?} is lost");
            if stands && known.work == Work::Unheard {
                known.work = if is_here { Work::Waiting } else { Work::Settled };
            }
        }
        let distinct: BTreeSet<u64> = sequences.iter().map(|&(sequence, _)| sequence).collect();
        assert_eq!(distinct.len(), sequences.len(), "each sequence is given once: {sequences:?}");
    }

    fn check_entry(&mut self, entry: &Summary<Mail>, stands: bool) {
        let known = self.known(entry.header.key);
        assert_ne!(known.fate, Fate::Draft, "{known:?} was never committed");
        assert!(known.fate != Fate::Refused || entry.sequence.is_none(), "{known:?} is accepted: {entry:?}");
        assert!(known.sequence.is_none() || known.sequence == entry.sequence, "{known:?} is now {entry:?}");
        assert_ne!(known.work, Work::Settled, "{known:?} is back");
        assert!(
            entry.attempts >= known.attempts,
            "attempts are on disk before the lease: {entry:?} {known:?}"
        );
        assert!(entry.failures >= known.failures, "{entry:?} {known:?}");
        let reason = format!("because of {}", known.mail.key);
        match &entry.standing {
            Standing::SetAside { reason: told } => {
                assert!(matches!(known.work, Work::SetAside | Work::Unheard), "{known:?} {entry:?}");
                assert_eq!(*told, reason);
                known.work = if stands { Work::SetAside } else { known.work };
            }
            Standing::Deferred { reason: told, .. } => assert_eq!(*told, reason),
            Standing::Waiting | Standing::Leased => assert_ne!(known.work, Work::SetAside, "{known:?}"),
        }
    }

    fn known(&mut self, key: u64) -> &mut Known {
        self.mails.get_mut(&key).expect("mail comes from the model")
    }
}
