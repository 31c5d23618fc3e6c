//! CPU time: of a process tree, of this process, of the whole machine. Memory: of a process tree.
//!
//! Linux only, read from `/proc`: no control group and no privilege is needed. The tree of a server is the
//! process and all its descendants; what a descendant used that has ended already counts, because the kernel
//! adds it to the parent that waited for it. A child that nobody waits for is missing.
//! The kernel counts in ticks of 10 ms for each process, so a run should last some seconds.

use std::fs;
use std::time::{Duration, Instant};

use serde::Serialize;

mod memory;
mod stat;

pub use memory::{TreeMemory, memory};
pub use stat::{HostCpu, TreeCpu};
use stat::{ProcessStat, sum_tree};

/// How often [`settle`] looks.
const SETTLE_STEP: Duration = Duration::from_millis(250);
/// A tree that used less than this in one step is idle: two ticks, or 8 % of a core.
const SETTLE_SECONDS_OF_CPU: f64 = 0.02;

/// The clock of all instruments.
#[expect(clippy::disallowed_methods, reason = "measuring is what this crate is for")]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// A length of time as it is typed; `None` when it is negative or longer than a day.
pub(crate) fn span(seconds: f64) -> Option<Duration> {
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// CPU seconds that process `root` and its descendants have used; `None` when it does not run.
#[must_use]
pub fn tree(root: u32) -> Option<TreeCpu> {
    sum_tree(root, &stats(), ticks_per_second())
}

/// All processes; those that end meanwhile are left out. They go by their numbers: `self` is one of these again.
fn stats() -> Vec<ProcessStat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let is_number = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    entries
        .filter(|entry| is_number(&entry.file_name()))
        .filter_map(|entry| read_stat(entry.path()))
        .collect()
}

/// CPU seconds that this process has used.
#[must_use]
pub fn own() -> f64 {
    read_stat("/proc/self".into()).map_or(0.0, |stat| stat.own_ticks() as f64 / ticks_per_second())
}

/// CPU seconds that all cores have used since boot.
#[must_use]
pub fn host() -> HostCpu {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    HostCpu::parse(&text, ticks_per_second()).unwrap_or_default()
}

/// Waits until the tree is idle, `longest` at most: its queue is worked off then.
#[must_use]
pub fn settle(root: u32, longest: Duration) -> Settled {
    settle_by(|| tree(root), SETTLE_STEP, longest)
}

/// What [`settle`] found.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Settled {
    /// How long the tree was busy yet, in steps of 250 ms.
    pub seconds: f64,
    /// Whether it was idle at the end.
    pub idle: bool,
}

fn settle_by(mut tree: impl FnMut() -> Option<TreeCpu>, step: Duration, longest: Duration) -> Settled {
    let start = now();
    let mut last = tree();
    while start.elapsed() < longest {
        let busy = start.elapsed();
        std::thread::sleep(step);
        let next = tree();
        if used_between(last, next) < SETTLE_SECONDS_OF_CPU {
            return Settled { seconds: busy.as_secs_f64(), idle: true };
        }
        last = next;
    }
    Settled { seconds: start.elapsed().as_secs_f64(), idle: false }
}

fn used_between(before: Option<TreeCpu>, after: Option<TreeCpu>) -> f64 {
    match (before, after) {
        (Some(before), Some(after)) => after.total() - before.total(),
        // A server that is gone does no more work.
        (None, _) | (_, None) => 0.0,
    }
}

fn read_stat(process: std::path::PathBuf) -> Option<ProcessStat> {
    ProcessStat::parse(&fs::read_to_string(process.join("stat")).ok()?)
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_counted_once() {
        let id = std::process::id();
        let same = stat::pids(id, &stats()).into_iter().filter(|pid| *pid == id);
        assert_eq!(same.count(), 1);
    }

    #[test]
    fn this_process_is_a_tree_and_one_that_never_was_is_none() {
        assert!(tree(std::process::id()).is_some_and(|tree| tree.processes >= 1));
        assert!(tree(u32::MAX).is_none());
        assert!(host().busy > 0.0);
    }

    /// Settles a tree that shows `totals` one look after the other and is gone then; returns whether it was
    /// idle and how many looks were left.
    fn settle_at(totals: &[f64], longest: Duration) -> (bool, usize) {
        let mut left = totals.iter();
        let tree = || left.next().map(|&user| TreeCpu { user, system: 0.0, processes: 1 });
        let settled = settle_by(tree, Duration::ZERO, longest);
        (settled.idle, left.len())
    }

    #[test]
    fn a_tree_has_settled_when_it_uses_next_to_nothing_between_two_looks() {
        let long = Duration::from_secs(60);
        for (totals, looks_left) in [
            (&[1.0, 1.0, 5.0][..], 1),
            (&[1.0, 2.0, 3.0, 3.01, 9.0], 1),
            // A server that is gone does no more work.
            (&[1.0, 2.0], 0),
            (&[], 0),
        ] {
            assert_eq!(settle_at(totals, long), (true, looks_left), "{totals:?}");
        }
        assert_eq!(settle_at(&[1.0, 2.0], Duration::ZERO), (false, 1));
    }
}
