//! What a looker says of itself.

use std::collections::BTreeMap;

use sensor_mail::finding::Outcome;
use sensor_mail::{Coverage, MailId, Verdict};
use serde::Serialize;

use super::{Circuit, Shared};

/// Looks, and what is owed, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LookStatus {
    /// Messages that wait for a look, are looked into, or are owed coverage.
    pub jobs: u64,
    /// Those that are owed coverage.
    pub owed: u64,
    /// Looks recorded since the start, by verdict.
    pub looks: BTreeMap<Verdict, u64>,
    /// Messages that could not be taken apart, since the start.
    pub not_taken_apart: u64,
    /// Scanners that did not end and were given up, since the start.
    pub abandoned: u64,
    /// The scanners, in the order of the configuration.
    pub scanners: Vec<ScannerStatus>,
}

/// One scanner at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScannerStatus {
    /// Its name.
    pub name: Box<str>,
    /// Whether messages count as unscanned without it.
    pub required: bool,
    /// Whether it is asked.
    pub circuit: Circuit,
    /// Messages that it looked at, or should have, since the start, by what came of it.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Messages of which it owes coverage.
    pub owed: u64,
    /// The oldest of them: its id tells when it was accepted.
    pub oldest_owed: Option<MailId>,
}

/// Counts since the start.
#[derive(Default)]
pub(super) struct Counts {
    looks: BTreeMap<Verdict, u64>,
    outcomes: BTreeMap<Box<str>, BTreeMap<Outcome, u64>>,
    pub(super) not_taken_apart: u64,
    pub(super) abandoned: u64,
}

impl Counts {
    pub(super) fn looked(&mut self, verdict: Verdict) {
        *self.looks.entry(verdict).or_default() += 1;
    }

    pub(super) fn covered(&mut self, coverage: &Coverage) {
        let outcomes = self.outcomes.entry(coverage.scanner.clone()).or_default();
        *outcomes.entry(coverage.outcome()).or_default() += 1;
    }
}

impl Shared {
    pub(super) fn status(&self) -> LookStatus {
        let (owed, by_scanner) = self.register.summary();
        let posts = self.examiner.posts();
        let scanners = posts.iter().map(|post| {
            let (owed, oldest) = by_scanner.get(&post.name).map_or((0, None), |(n, id)| (*n, Some(*id)));
            ScannerStatus {
                name: post.name.clone(),
                required: post.required,
                circuit: self
                    .examiner
                    .breakers()
                    .get(&post.name)
                    .map(super::breaker::Breaker::circuit)
                    .unwrap_or_default(),
                outcomes: self.examiner.counts().outcomes.get(&post.name).cloned().unwrap_or_default(),
                owed,
                oldest_owed: oldest,
            }
        });
        let scanners = scanners.collect();
        let counts = self.examiner.counts();
        LookStatus {
            jobs: self.jobs.status().in_spool,
            owed,
            looks: counts.looks.clone(),
            not_taken_apart: counts.not_taken_apart,
            abandoned: counts.abandoned,
            scanners,
        }
    }
}
