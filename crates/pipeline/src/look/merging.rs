//! Puts together what scanners said in this look and in the one before.

use sensor_mail::finding::{Coverage, Finding, Gap, Missed};
use sensor_mail::{Look, Part};

use super::examining::Apart;
use super::scanning::Account;
use super::{Place, Post};
use crate::scanner::Report;
use crate::taker::Taken;

/// Findings and coverage in the order of the configuration. A scanner that did not look now keeps what it said in
/// the last look, also when it is configured no more.
pub(super) fn in_order(
    posts: &[Post],
    accounts: Vec<Account>,
    last: Option<&Look>,
) -> (Vec<Finding>, Vec<Coverage>) {
    let former = last.map_or(&[][..], |last| &last.coverage);
    let mut merged: Vec<Account> = former.iter().map(|coverage| before(last, coverage)).collect();
    for account in accounts {
        match merged.iter_mut().find(|former| former.coverage.scanner == account.coverage.scanner) {
            Some(former) => former.renew(account),
            None => merged.push(account),
        }
    }
    let place = |account: &Account| {
        posts.iter().position(|post| post.name == account.coverage.scanner).unwrap_or(usize::MAX)
    };
    merged.sort_by_key(place);
    let (findings, coverage): (Vec<_>, Vec<_>) =
        merged.into_iter().map(|account| (account.findings, account.coverage)).unzip();
    (findings.into_iter().flatten().collect(), coverage)
}

/// What a scanner said in the last look.
fn before(last: Option<&Look>, coverage: &Coverage) -> Account {
    let findings = last.map_or(&[][..], |last| &last.findings);
    let own = findings.iter().filter(|finding| finding.scanner == coverage.scanner);
    Account { findings: own.cloned().collect(), coverage: coverage.clone() }
}

impl Account {
    /// What a scanner says now takes the place of what it said before. Where it did not look at everything, what it
    /// found before still stands.
    fn renew(&mut self, now: Self) {
        let before = std::mem::replace(self, now);
        if self.coverage.gaps.is_empty() {
            return;
        }
        let is_new = |found: &Finding| {
            !self.findings.iter().any(|finding| finding.rule == found.rule && finding.part == found.part)
        };
        let kept: Vec<Finding> = before.findings.into_iter().filter(is_new).collect();
        self.findings.extend(kept);
        self.coverage.hit = !self.findings.is_empty();
    }

    /// The scanner had the message only, and nothing that is in it.
    pub(super) fn with_gap(mut self, why: Option<&Missed>) -> Self {
        self.coverage.gaps.extend(why.map(|why| Gap { part: None, why: why.clone() }));
        self
    }
}

/// Whether the message came apart as the last time.
pub(super) fn is_alike(apart: &Apart, last: &Look) -> bool {
    let same = |now: &Part, before: &Part| now.sha256 == before.sha256 && now.path == before.path;
    let pieces = &apart.taken.pieces;
    pieces.len() == last.parts.len()
        && pieces.iter().zip(&last.parts).all(|(now, before)| same(&now.part, before))
}

/// Whether a look has anything that the last one had not.
pub(super) fn says_more(look: &Look, last: &Look) -> bool {
    let owed = |look: &Look| -> Vec<Box<str>> {
        let owed = look.coverage.iter().filter(|coverage| coverage.is_owed());
        owed.map(|coverage| coverage.scanner.clone()).collect()
    };
    look.findings != last.findings || owed(look) != owed(last)
}

/// Inspectors that did not come to a report missed the message, for this reason.
pub(super) fn say_for_the_silent(taken: &mut Taken, posts: &[&Post], why: &Missed) {
    for post in posts.iter().filter(|post| matches!(post.place, Place::Worker)) {
        if !taken.reports.iter().any(|(report, _)| *report.scanner() == *post.name) {
            let mut report = Report::of(&post.name);
            report.missed(None, why.clone());
            taken.reports.push((report, std::time::Duration::ZERO));
        }
    }
}

#[cfg(test)]
mod tests;
