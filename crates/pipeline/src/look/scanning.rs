//! All scanners look at one message at the same time, each within its own time.

use std::sync::Arc;
use std::time::Duration;

use sensor_mail::finding::{Coverage, Finding, Missed};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::examining::Examiner;
use super::{Place, Post};
use crate::scanner::{Budget, Dissected, Report, Scanner};

/// How long after its deadline a scanner is given up that did not end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// What a scanner made of a message.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) findings: Vec<Finding>,
    pub(super) coverage: Coverage,
}

impl Account {
    pub(super) fn of(post: &Post, report: Report, took: Duration) -> Self {
        let (findings, coverage) = report.conclude(post.required, took);
        Self { findings, coverage }
    }
}

impl Examiner {
    /// Has those of `posts` look whose place is in the sensor; in their order.
    pub(super) async fn scan(
        &self,
        posts: &[&Post],
        mail: &Dissected,
        stop: &CancellationToken,
    ) -> Vec<Account> {
        let scans = posts.iter().filter_map(|post| match &post.place {
            Place::Sensor(scanner) => Some((*post, self.start(post, scanner, mail, stop))),
            Place::Worker => None,
        });
        // All are begun before the first is waited for.
        let scans: Vec<_> = scans.collect();
        let mut accounts = Vec::with_capacity(scans.len());
        for (post, scan) in scans {
            let (report, took) = match scan {
                Some(scan) => self.finish(post, scan, stop).await,
                None => (failed(&post.name, "circuit open"), Duration::ZERO),
            };
            accounts.push(Account::of(post, report, took));
        }
        accounts
    }

    /// None where the scanner is left alone for now.
    fn start(
        &self,
        post: &Post,
        scanner: &Arc<dyn Scanner>,
        mail: &Dissected,
        stop: &CancellationToken,
    ) -> Option<Scan> {
        let begun = Instant::now();
        if !self.breakers().entry(post.name.clone()).or_default().admits(begun) {
            return None;
        }
        let deadline = begun + post.deadline;
        let budget = Budget::new(deadline, stop.clone());
        let task = tokio::spawn(run(Arc::clone(scanner), mail.clone(), budget, deadline + GRACE));
        Some(Scan { begun, given_up: deadline + GRACE * 2, task })
    }

    async fn finish(&self, post: &Post, scan: Scan, stop: &CancellationToken) -> (Report, Duration) {
        let Scan { begun, given_up, mut task } = scan;
        let (report, took) = match timeout_at(given_up, &mut task).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_panicked)) => {
                (failed(&post.name, "it panicked; standard error says where"), begun.elapsed())
            }
            Err(_) => {
                // It holds its thread: all that can be done is to go on without it.
                task.abort();
                self.counts().abandoned += 1;
                tracing::error!(scanner = %post.name, "a scanner does not end and is given up");
                (timed_out(&post.name), begun.elapsed())
            }
        };
        self.note(post, &report, stop);
        (report, took)
    }

    fn note(&self, post: &Post, report: &Report, stop: &CancellationToken) {
        let mut breakers = self.breakers();
        let breaker = breakers.entry(post.name.clone()).or_default();
        let has_failed = report.gaps().iter().any(|gap| gap.part.is_none() && gap.why.is_worth_a_retry());
        let before = breaker.circuit();
        match has_failed {
            true if stop.is_cancelled() => breaker.gave_up(Instant::now()),
            true => breaker.failed(Instant::now()),
            false => breaker.succeeded(),
        }
        let now = breaker.circuit();
        if before != now {
            tracing::warn!(scanner = %post.name, ?before, ?now, "circuit of a scanner");
        }
    }
}

/// A scanner at work, in a task of its own.
struct Scan {
    begun: Instant,
    given_up: Instant,
    task: tokio::task::JoinHandle<(Report, Duration)>,
}

/// What was reported by the time a scanner that ignores its budget is dropped counts.
async fn run(
    scanner: Arc<dyn Scanner>,
    mail: Dissected,
    budget: Budget,
    dropped: Instant,
) -> (Report, Duration) {
    let begun = Instant::now();
    let mut report = Report::of(scanner.name());
    if let Some(ruleset) = scanner.ruleset() {
        report.used(ruleset);
    }
    if timeout_at(dropped, scanner.scan(&mail, &budget, &mut report)).await.is_err() {
        report.missed(None, Missed::TimedOut);
    }
    (report, begun.elapsed())
}

/// A report of a scanner that did not come to look.
pub(super) fn failed(scanner: &str, why: &str) -> Report {
    let mut report = Report::of(scanner);
    report.missed(None, Missed::Failed(why.into()));
    report
}

fn timed_out(scanner: &str) -> Report {
    let mut report = Report::of(scanner);
    report.missed(None, Missed::TimedOut);
    report
}
