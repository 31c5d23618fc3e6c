//! Laps: all mail, again and again, each message timed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::ScanError;
use super::mail::Corpus;
use crate::load::{Quantiles, micros};
use crate::meter::{self, HostCpu};

/// How long to go on, and whose time counts besides that of this process.
pub(super) struct Clock {
    pub(super) time: Duration,
    pub(super) server: Option<u32>,
}

/// What was seen of one message.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) parts: usize,
    pub(super) findings: usize,
    /// What went wrong, in a few words that are the same for every message.
    pub(super) errors: Vec<String>,
}

/// What one row measured.
#[derive(Clone, Debug, Serialize)]
pub struct Looked {
    /// Messages of a lap.
    pub messages: u64,
    /// Octets of a lap, as they came.
    pub octets: u64,
    /// How often all were looked at.
    pub laps: u32,
    /// How long that took.
    pub seconds: f64,
    /// Messages each second.
    pub messages_per_s: f64,
    /// Megabytes (10^6 octets) of messages each second, as they came.
    pub megabytes_per_s: f64,
    /// One message.
    pub message_ms: Quantiles,
    /// CPU seconds for 1,000 messages: of this process, its workers, and the daemon.
    pub cpu_s_per_1000: f64,
    /// Cores that none of these kept busy, but somebody did.
    pub other_cores: f64,
    /// Cores that the host of a virtual machine took away.
    pub stolen_cores: f64,
    /// Parts that were found in a lap; 0 where nobody tells.
    pub parts: u64,
    /// What scanners found in a lap.
    pub findings: u64,
    /// What went wrong in all laps, by what it was.
    pub errors: BTreeMap<String, u64>,
}

/// Looks at message after message by its number. One lap goes before, in which everything gets warm.
pub(super) fn measure(
    mail: &Corpus,
    clock: &Clock,
    mut look: impl FnMut(usize) -> Seen,
) -> Result<Looked, ScanError> {
    let (mut parts, mut findings, mut errors) = (0, 0, BTreeMap::new());
    for number in 0..mail.messages.len() {
        let seen = look(number);
        parts += seen.parts as u64;
        findings += seen.findings as u64;
        count(seen, &mut errors);
    }
    let (before, begun) = (Used::now(clock.server)?, meter::now());
    let (mut laps, mut latencies) = (0, Vec::new());
    while laps == 0 || begun.elapsed() < clock.time {
        for number in 0..mail.messages.len() {
            let message = meter::now();
            let seen = look(number);
            latencies.push(micros(message.elapsed()));
            count(seen, &mut errors);
        }
        laps += 1;
    }
    let (seconds, used) = (begun.elapsed().as_secs_f64(), Used::now(clock.server)?.since(&before));
    let (messages, octets) = (mail.messages.len() as u64, mail.octets());
    let looked = messages as f64 * f64::from(laps);
    Ok(Looked {
        messages,
        octets,
        laps,
        seconds,
        messages_per_s: looked / seconds,
        megabytes_per_s: octets as f64 * f64::from(laps) / seconds / 1e6,
        message_ms: Quantiles::of(latencies),
        cpu_s_per_1000: used.ours * 1_000.0 / looked,
        other_cores: (used.host.busy - used.ours).max(0.0) / seconds,
        stolen_cores: used.host.stolen / seconds,
        parts,
        findings,
        errors,
    })
}

fn count(seen: Seen, errors: &mut BTreeMap<String, u64>) {
    for error in seen.errors {
        *errors.entry(error).or_default() += 1;
    }
}

/// CPU seconds at one moment.
struct Used {
    /// Of this process, its children, and the daemon.
    ours: f64,
    host: HostCpu,
}

impl Used {
    fn now(server: Option<u32>) -> Result<Self, ScanError> {
        let of = |pid| meter::tree(pid).map(|tree| tree.total()).ok_or(ScanError::NoServer(pid));
        let ours = of(std::process::id())? + server.map(of).transpose()?.unwrap_or(0.0);
        Ok(Self { ours, host: meter::host() })
    }

    fn since(&self, before: &Self) -> Self {
        let (busy, stolen) = (self.host.busy - before.host.busy, self.host.stolen - before.host.stolen);
        Self { ours: self.ours - before.ours, host: HostCpu { busy, stolen } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laps_are_whole_and_what_goes_wrong_is_counted() {
        let mail = Corpus { messages: vec!["12345".into(), "678".into()], is_sound: true };
        let clock = Clock { time: Duration::ZERO, server: None };
        let mut looks = Vec::new();
        let looked = measure(&mail, &clock, |number| {
            looks.push(number);
            let errors = if number == 1 { vec!["dead".to_owned()] } else { vec![] };
            Seen { parts: number + 1, findings: 4, errors }
        });
        let looked = looked.unwrap();
        assert_eq!((looked.messages, looked.octets, looked.laps), (2, 8, 1));
        assert_eq!((looked.parts, looked.findings), (3, 8));
        assert_eq!(looked.errors, BTreeMap::from([("dead".to_owned(), 2)]));
        assert_eq!(looks, [0, 1, 0, 1], "the first lap is not timed");
        assert!(looked.messages_per_s > 0.0);
    }

    #[test]
    fn a_daemon_that_is_gone_is_told() {
        let mail = Corpus { messages: vec!["1".into()], is_sound: true };
        let clock = Clock { time: Duration::ZERO, server: Some(u32::MAX) };
        let looked = measure(&mail, &clock, |_| Seen::default());
        assert!(matches!(looked, Err(ScanError::NoServer(u32::MAX))), "{looked:?}");
    }
}
