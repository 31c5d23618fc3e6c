//! The figures of looks.

use std::collections::BTreeMap;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{counter, gauge, signed};
use crate::looks::{Looks, ScannerState, SinkState, Workers};

/// A name and a word beside it.
type Pair = [(&'static str, String); 2];
type One = [(&'static str, String); 1];

pub(super) fn looks(registry: &mut Registry, looks: &Looks) {
    let Looks {
        jobs,
        unscanned,
        verdicts,
        shadow_differences,
        not_taken_apart,
        abandoned,
        scanners,
        workers,
        sinks,
    } = looks;
    gauge(registry, "look_jobs", "Messages that wait for a look, or are owed one", *jobs);
    gauge(registry, "unscanned", "Messages that a required scanner has still to see", *unscanned);
    words(registry, "looks", "Looks since the start, by verdict", "verdict", verdicts);
    let help = "Looks that the rules on trial would have judged otherwise";
    counter(registry, "shadow_differences", help, *shadow_differences);
    counter(registry, "not_taken_apart", "Messages that could not be taken apart", *not_taken_apart);
    counter(registry, "scanners_abandoned", "Scanners that did not end and were given up", *abandoned);
    self::scanners(registry, scanners);
    self::workers(registry, workers);
    self::sinks(registry, sinks);
}

fn scanners(registry: &mut Registry, scanners: &[ScannerState]) {
    let outcomes = Family::<Pair, Counter>::default();
    let [unscanned, oldest, circuit] = [(); 3].map(|()| Family::<One, Gauge>::default());
    for scanner in scanners {
        for (outcome, count) in &scanner.outcomes {
            let labels = [("scanner", scanner.name.clone()), ("outcome", outcome.clone())];
            outcomes.get_or_create(&labels).inc_by(*count);
        }
        let name = [("scanner", scanner.name.clone())];
        unscanned.get_or_create(&name).set(signed(scanner.unscanned));
        oldest.get_or_create(&name).set(signed(scanner.oldest_unscanned_seconds));
        circuit.get_or_create(&name).set(i64::from(scanner.circuit != "closed"));
    }
    registry.register("scans", "Messages since the start, by what each scanner made of them", outcomes);
    registry.register("scanner_unscanned", "Messages that a required scanner has still to see", unscanned);
    let help = "Age of the oldest message that a required scanner has still to see; 0 where there is none";
    registry.register_with_unit("scanner_oldest_unscanned", help, Unit::Seconds, oldest);
    registry.register("scanner_failing", "Whether a scanner is left alone because it fails", circuit);
}

fn workers(registry: &mut Registry, workers: &Workers) {
    gauge(registry, "workers", "Worker processes that live", workers.alive);
    counter(registry, "workers_started", "Worker processes started", workers.started);
    words(registry, "worker_deaths", "Workers that died over a message", "cause", &workers.deaths);
    let unconfined = u64::from(workers.confined == Some(false));
    gauge(registry, "workers_unconfined", "Whether the kernel confines workers only in part", unconfined);
    let failing = u64::from(workers.error.is_some());
    gauge(registry, "workers_failing", "Whether worker processes cannot be started", failing);
}

fn sinks(registry: &mut Registry, sinks: &[SinkState]) {
    let [waiting, oldest, failing] = [(); 3].map(|()| Family::<One, Gauge>::default());
    let [delivered, tries] = [(); 2].map(|()| Family::<One, Counter>::default());
    let dropped = Family::<Pair, Counter>::default();
    for sink in sinks {
        let name = [("sink", sink.name.clone())];
        waiting.get_or_create(&name).set(signed(sink.waiting));
        oldest.get_or_create(&name).set(signed(sink.oldest_seconds));
        failing.get_or_create(&name).set(i64::from(sink.failing));
        delivered.get_or_create(&name).inc_by(sink.delivered);
        tries.get_or_create(&name).inc_by(sink.failed_tries);
        for (reason, count) in &sink.dropped {
            let labels = [("sink", sink.name.clone()), ("reason", reason.clone())];
            dropped.get_or_create(&labels).inc_by(*count);
        }
    }
    registry.register("events_waiting", "Events that wait for a receiver", waiting);
    registry.register_with_unit("events_oldest", "Age of the oldest of them", Unit::Seconds, oldest);
    registry.register("sink_failing", "Whether a receiver fails", failing);
    registry.register("events_delivered", "Events delivered", delivered);
    registry.register("event_tries_failed", "Tries to deliver that failed", tries);
    registry.register("events_dropped", "Events dropped, by reason", dropped);
}

fn words(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    counts: &BTreeMap<String, u64>,
) {
    let family = Family::<One, Counter>::default();
    for (word, count) in counts {
        family.get_or_create(&[(label, word.clone())]).inc_by(*count);
    }
    registry.register(name, help, family);
}
