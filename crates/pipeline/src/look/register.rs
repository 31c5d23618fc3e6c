//! Which messages are in hand, and what is owed of which: kept in memory, found again in the spool of jobs.
//!
//! Of a message whose coverage is owed there is one job that waits; the reason it waits with names the scanners, so
//! that a list of what is owed needs nothing but that spool. One costs some 200 octets here beside its entry.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sensor_mail::MailId;
use sensor_spool::{EntryId, ReadOnly, Standing};

use crate::job::Job;

/// The begin of the reason that a job waits with when it waits for scanners.
const OWED: &str = "owed since look ";
const SEPARATOR: &str = ", ";

/// The scanners that a message is owed by, as they stand in the reason of a deferred job:
/// `owed since look 1: clamd, rspamd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The last look, which was told before the job began to wait.
    pub revision: u32,
    /// Who owes.
    pub scanners: Vec<Box<str>>,
}

impl std::fmt::Display for Owed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{OWED}{}: {}", self.revision, self.scanners.join(SEPARATOR))
    }
}

impl Owed {
    /// What a reason says, when it is such a one.
    #[must_use]
    pub fn parse(reason: &str) -> Option<Self> {
        let (revision, names) = reason.strip_prefix(OWED)?.split_once(": ")?;
        let scanners = names.split(SEPARATOR).map(Box::from).collect();
        Some(Self { revision: revision.parse().ok()?, scanners })
    }
}

#[derive(Default)]
pub(super) struct Register(Mutex<Held>);

#[derive(Default)]
struct Held {
    in_hand: HashSet<MailId>,
    /// By message, the job that waits and for whom.
    owed: HashMap<MailId, (EntryId, Owed)>,
    /// The same by scanner; ids sort by the time of acceptance.
    by_scanner: BTreeMap<Box<str>, BTreeSet<MailId>>,
}

/// A message that nobody else may work on now.
pub(super) struct InHand<'a> {
    register: &'a Register,
    id: MailId,
}

impl Register {
    /// Notes what waits in the spool of jobs.
    pub(super) fn recall(&self, jobs: &ReadOnly<Job>) {
        for job in jobs.list().filter_map(Result::ok) {
            if let Standing::Deferred { reason, .. } = &job.standing
                && let Some(owed) = Owed::parse(reason)
            {
                self.owes(job.header.id, job.id, &owed);
            }
        }
    }

    /// None while somebody else has it.
    pub(super) fn take(&self, id: MailId) -> Option<InHand<'_>> {
        let is_free = self.lock().in_hand.insert(id);
        // Made lazily: one that is dropped gives the message free.
        is_free.then(|| InHand { register: self, id })
    }

    /// The job that waits for the message's coverage, if one does, and the last look that was told.
    pub(super) fn waiting(&self, id: MailId) -> Option<(EntryId, u32)> {
        self.lock().owed.get(&id).map(|(waiting, owed)| (*waiting, owed.revision))
    }

    /// The job waits for these scanners.
    pub(super) fn owes(&self, id: MailId, entry: EntryId, owed: &Owed) {
        let mut held = self.lock();
        held.forget(id);
        for scanner in &owed.scanners {
            held.by_scanner.entry(scanner.clone()).or_default().insert(id);
        }
        held.owed.insert(id, (entry, owed.clone()));
    }

    /// Nothing is owed any more.
    pub(super) fn is_covered(&self, id: MailId) {
        self.lock().forget(id);
    }

    /// The messages owed, with the last look that was told.
    pub(super) fn all(&self) -> Vec<(MailId, u32)> {
        let mut all: Vec<_> = self.lock().owed.iter().map(|(id, (_, owed))| (*id, owed.revision)).collect();
        all.sort_unstable();
        all
    }

    /// Messages owed, and of each scanner that owes how many and the oldest.
    pub(super) fn summary(&self) -> (u64, BTreeMap<Box<str>, (u64, MailId)>) {
        let held = self.lock();
        let by_scanner = held.by_scanner.iter().filter_map(|(scanner, ids)| {
            ids.first().map(|oldest| (scanner.clone(), (ids.len() as u64, *oldest)))
        });
        (held.owed.len() as u64, by_scanner.collect())
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn forget(&mut self, id: MailId) {
        let Some((_, owed)) = self.owed.remove(&id) else { return };
        for scanner in owed.scanners {
            if let Some(ids) = self.by_scanner.get_mut(&scanner) {
                ids.remove(&id);
            }
        }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.register.lock().in_hand.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_leads_back_to_the_scanners() {
        let owed = Owed { revision: 7, scanners: vec!["clamd".into(), "av 2".into()] };
        assert_eq!(owed.to_string(), "owed since look 7: clamd, av 2");
        assert_eq!(Owed::parse(&owed.to_string()), Some(owed));
        assert_eq!(Owed::parse("the worker process aborted"), None);
    }
}
