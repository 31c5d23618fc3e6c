//! What came of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::LoadError;
use crate::client::Failure;
use crate::meter::{self, HostCpu, Settled, TreeCpu};

/// The result of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Messages whose final reply was 250.
    pub accepted: u64,
    /// From the first connection to the end of the last.
    pub seconds: f64,
    /// Messages accepted each second.
    pub messages_per_s: f64,
    /// Megabytes (10^6 octets) of accepted messages each second, headers included.
    pub megabytes_per_s: f64,
    /// From the last octet of a message written to its final reply.
    pub final_reply_ms: Quantiles,
    /// From MAIL written to the final reply.
    pub transaction_ms: Quantiles,
    /// From connecting to the reply to EHLO, the one in TLS where that is started.
    pub connect_ms: Quantiles,
    /// How many connections ended early, by stage and reply code or by what happened.
    pub errors: BTreeMap<String, u64>,
    /// Cores that this process kept busy.
    pub load_cores: f64,
    /// Cores that neither this process nor the server kept busy, but somebody did: kernel threads, neighbours.
    /// Without the server's process, its share is in here.
    pub other_cores: f64,
    /// Cores that the host of a virtual machine took away.
    pub stolen_cores: f64,
    /// The server's side, where its process was given.
    pub server: Option<ServerReport>,
}

/// What the server's process tree did.
#[derive(Clone, Debug, Serialize)]
pub struct ServerReport {
    /// CPU seconds for 1,000 accepted messages, until it was idle again.
    pub cpu_s_per_1000: f64,
    /// Of these, in the programs.
    pub user_s_per_1000: f64,
    /// Of these, in the kernel for them.
    pub system_s_per_1000: f64,
    /// Cores it kept busy during the run.
    pub cores: f64,
    /// Processes at the end.
    pub processes: usize,
    /// How long it worked on after the run.
    pub settled: Settled,
    /// Accepted messages over the time of the run and of settling: what it accepts and works off.
    pub settled_messages_per_s: f64,
}

/// Quantiles of a latency in milliseconds; all 0 where nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// 999 of 1,000 are below.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Quantiles {
    pub(crate) fn of(mut micros: Vec<u32>) -> Self {
        micros.sort_unstable();
        let at = |permille: usize| {
            let index = (micros.len().saturating_sub(1) * permille + 500) / 1_000;
            micros.get(index).map_or(0.0, |&micros| f64::from(micros) / 1_000.0)
        };
        Self { p50: at(500), p99: at(990), p999: at(999), max: at(1_000) }
    }
}

/// What one connection, or all of them, measured.
#[derive(Debug, Default)]
pub(super) struct Samples {
    accepted: u64,
    octets: u64,
    final_reply: Vec<u32>,
    transaction: Vec<u32>,
    connect: Vec<u32>,
    errors: BTreeMap<String, u64>,
}

impl Samples {
    pub(super) fn connected(&mut self, took: Duration) {
        self.connect.push(micros(took));
    }

    pub(super) fn accepted(&mut self, octets: usize, took: Duration, final_wait: Duration) {
        self.accepted += 1;
        self.octets += octets as u64;
        self.transaction.push(micros(took));
        self.final_reply.push(micros(final_wait));
    }

    pub(super) fn count(&mut self, failure: Failure) {
        *self.errors.entry(failure.to_string()).or_default() += 1;
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.octets += other.octets;
        self.final_reply.extend(other.final_reply);
        self.transaction.extend(other.transaction);
        self.connect.extend(other.connect);
        for (failure, count) in other.errors {
            *self.errors.entry(failure).or_default() += count;
        }
    }
}

/// As latencies are stored: 4 octets each, 71 minutes at most.
pub(crate) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// CPU clocks at one moment.
pub(super) struct Machine {
    host: HostCpu,
    own: f64,
    server: Option<TreeCpu>,
}

impl Machine {
    pub(super) fn now(server: Option<u32>) -> Result<Self, LoadError> {
        let tree = |pid| meter::tree(pid).ok_or(LoadError::NoServer(pid));
        Ok(Self { host: meter::host(), own: meter::own(), server: server.map(tree).transpose()? })
    }
}

impl Report {
    pub(super) fn new(
        samples: Samples,
        seconds: f64,
        before: &Machine,
        after: &Machine,
        end: Option<(Settled, Option<TreeCpu>)>,
    ) -> Self {
        let load = after.own - before.own;
        let server =
            after.server.zip(before.server).map_or(0.0, |(after, before)| after.total() - before.total());
        let busy = after.host.busy - before.host.busy;
        let accepted = samples.accepted;
        Self {
            accepted,
            seconds,
            messages_per_s: accepted as f64 / seconds,
            megabytes_per_s: samples.octets as f64 / seconds / 1e6,
            final_reply_ms: Quantiles::of(samples.final_reply),
            transaction_ms: Quantiles::of(samples.transaction),
            connect_ms: Quantiles::of(samples.connect),
            errors: samples.errors,
            load_cores: load / seconds,
            other_cores: (busy - server - load).max(0.0) / seconds,
            stolen_cores: (after.host.stolen - before.host.stolen) / seconds,
            server: before.server.zip(end).and_then(|(start, (settled, end))| {
                Some(ServerReport::new(accepted, seconds, server, settled, start, end?))
            }),
        }
    }
}

impl ServerReport {
    fn new(
        accepted: u64,
        seconds: f64,
        during_run: f64,
        settled: Settled,
        start: TreeCpu,
        end: TreeCpu,
    ) -> Self {
        let for_1000 = |cpu: f64| if accepted == 0 { 0.0 } else { cpu * 1_000.0 / accepted as f64 };
        Self {
            cpu_s_per_1000: for_1000(end.total() - start.total()),
            user_s_per_1000: for_1000(end.user - start.user),
            system_s_per_1000: for_1000(end.system - start.system),
            cores: during_run / seconds,
            processes: end.processes,
            settled_messages_per_s: accepted as f64 / (seconds + settled.seconds),
            settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_taken_from_the_sorted_samples() {
        let all = |ms: f64| Quantiles { p50: ms, p99: ms, p999: ms, max: ms };
        assert_eq!(Quantiles::of(vec![]), all(0.0));
        assert_eq!(Quantiles::of(vec![1_500]), all(1.5));
        let thousand_and_one = (0..=1_000).rev().map(|ms| ms * 1_000).collect();
        let expected = Quantiles { p50: 500.0, p99: 990.0, p999: 999.0, max: 1_000.0 };
        assert_eq!(Quantiles::of(thousand_and_one), expected);
    }

    #[test]
    fn a_report_divides_by_the_run_and_counts_the_server_until_it_is_idle() {
        let ms = Duration::from_millis;
        let mut samples = Samples::default();
        samples.accepted(1_000_000, ms(20), ms(10));
        let mut others = Samples::default();
        others.accepted(3_000_000, ms(40), ms(30));
        others.count(Failure::Closed);
        samples.absorb(others);
        let tree = |user, system| TreeCpu { user, system, processes: 3 };
        let machine =
            |busy, own, server| Machine { host: HostCpu { busy, stolen: busy / 10.0 }, own, server };
        let before = machine(10.0, 1.0, Some(tree(1.0, 1.0)));
        let after = machine(20.0, 3.0, Some(tree(2.0, 5.0)));
        let settled = Settled { seconds: 2.0, idle: true };
        let report = Report::new(samples, 2.0, &before, &after, Some((settled, Some(tree(3.0, 8.0)))));
        assert_eq!((report.accepted, report.messages_per_s, report.megabytes_per_s), (2, 1.0, 2.0));
        assert_eq!((report.load_cores, report.other_cores, report.stolen_cores), (1.0, 1.5, 0.5));
        assert_eq!((report.final_reply_ms.max, report.transaction_ms.max), (30.0, 40.0));
        assert_eq!(report.errors, BTreeMap::from([("closed".to_owned(), 1)]));
        let server = report.server.unwrap();
        let cpu = (server.cpu_s_per_1000, server.user_s_per_1000, server.system_s_per_1000);
        assert_eq!(cpu, (4_500.0, 1_000.0, 3_500.0));
        assert_eq!((server.cores, server.settled_messages_per_s), (2.5, 0.5));
    }
}
