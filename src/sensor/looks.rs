//! Looks, as the control plane is told of them and orders them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sensor_control::{
    Fault, LookOrder, LookRefused, Looks, LooksOrdered, ScannerState, SinkState, What, Workers,
};
use sensor_mail::MailId;
use sensor_pipeline::worker::PoolStatus;
use sensor_pipeline::{Circuit, LookStatus, ScannerStatus, Why};
use serde::Serialize;
use tokio::runtime::Handle;

use super::{Sensor, now};
use crate::look::Lookout;

impl Sensor {
    pub(super) fn looks(&self) -> Option<Looks> {
        self.lookout.as_ref().map(looks)
    }

    /// What of looks a person should look at.
    pub(super) fn warnings_of_looks(looks: &Looks) -> Vec<String> {
        let mut warnings = Vec::new();
        for scanner in looks.scanners.iter().filter(|scanner| scanner.circuit != "closed") {
            let what = if scanner.required { "mail waits for it" } else { "mail is looked into without it" };
            warnings.push(format!(
                "scanner {} fails and is left alone for a while: {what} (mailsensor scanners test)",
                scanner.name
            ));
        }
        if looks.unscanned > 0 {
            warnings.push(format!(
                "{} messages were not seen by a required scanner (mailsensor unscanned ls)",
                looks.unscanned
            ));
        }
        if let Some(error) = &looks.workers.error {
            warnings.push(format!("no worker process can be started, nothing is looked into: {error}"));
        }
        if looks.workers.confined == Some(false) {
            warnings
                .push("worker processes are not confined in full: the log says what is missing".to_owned());
        }
        for sink in looks.sinks.iter().filter(|sink| sink.failing) {
            let error = sink.last_error.as_deref().unwrap_or("no reason known");
            warnings.push(format!("sink {} fails, {} events wait: {error}", sink.name, sink.waiting));
        }
        warnings
    }

    pub(super) fn order_looks(&self, order: &LookOrder) -> Result<LooksOrdered, LookRefused> {
        let lookout = self.lookout.as_ref().ok_or_else(|| {
            LookRefused::NotApplied("scan.enabled is false: nothing is looked into".to_owned())
        })?;
        let ids = ids(order)?;
        let owed = lookout.looker.owed();
        let (wanted, unknown) = match order.what {
            What::Rescan => kept(lookout, &ids)?,
            What::Retry | What::Drop if order.all => (owed, Vec::new()),
            What::Retry | What::Drop => {
                let owed: BTreeMap<_, _> = owed.into_iter().collect();
                let (known, unknown): (Vec<_>, Vec<_>) =
                    ids.into_iter().partition(|id| owed.contains_key(id));
                (known.into_iter().map(|id| (id, owed[&id])).collect(), unknown)
            }
        };
        let why = match order.what {
            What::Rescan => Why::Rescan,
            What::Retry => Why::Retry,
            What::Drop => Why::GiveUp,
        };
        let ordered = lookout.looker.ask(&wanted, why);
        Handle::current().block_on(ordered).map_err(|error| LookRefused::NotApplied(error.to_string()))?;
        tracing::info!(messages = wanted.len(), what = word(&order.what), "looks ordered");
        let unknown = unknown.iter().map(ToString::to_string).collect();
        Ok(LooksOrdered { messages: wanted.len() as u64, unknown })
    }
}

/// The ids of an order, or every one that is none.
fn ids(order: &LookOrder) -> Result<Vec<MailId>, LookRefused> {
    let (mut ids, mut faults) = (Vec::new(), Vec::new());
    for (index, text) in order.ids.iter().enumerate() {
        match text.parse() {
            Ok(id) => ids.push(id),
            Err(_) => faults.push(Fault::new(format!("ids[{}]", index + 1), "not the id of a message")),
        }
    }
    if faults.is_empty() { Ok(ids) } else { Err(LookRefused::Faulty(faults)) }
}

/// Messages with the revision of their last look, and ids of which there is nothing to order.
type Sorted = (Vec<(MailId, u32)>, Vec<MailId>);

/// Messages that are kept, each with the revision of its last look, and those that are not.
fn kept(lookout: &Lookout, ids: &[MailId]) -> Result<Sorted, LookRefused> {
    let (mut kept, mut unknown) = (Vec::new(), Vec::new());
    for id in ids {
        let mail = lookout.keeper.open(*id).map_err(|error| LookRefused::NotApplied(error.to_string()))?;
        match mail {
            Some(mail) => kept.push((*id, mail.looks.last().map_or(0, |look| look.revision))),
            None => unknown.push(*id),
        }
    }
    Ok((kept, unknown))
}

fn looks(lookout: &Lookout) -> Looks {
    let LookStatus { jobs, owed, looks, not_taken_apart, abandoned, scanners } = lookout.looker.status();
    Looks {
        jobs,
        unscanned: owed,
        verdicts: counts(&looks),
        shadow_differences: lookout.differences.count(),
        not_taken_apart,
        abandoned,
        scanners: scanners.iter().map(scanner).collect(),
        workers: workers(lookout.pool.status()),
        sinks: lookout.sinks.iter().map(|sink| self::sink(&sink.status())).collect(),
    }
}

fn scanner(status: &ScannerStatus) -> ScannerState {
    let ScannerStatus { name, required, circuit, outcomes, owed, oldest_owed } = status;
    let oldest = oldest_owed.and_then(accepted);
    ScannerState {
        name: name.to_string(),
        required: *required,
        circuit: match circuit {
            Circuit::Closed => "closed",
            Circuit::Open => "open",
            Circuit::HalfOpen => "half_open",
        }
        .to_owned(),
        outcomes: counts(outcomes),
        unscanned: *owed,
        oldest_unscanned: oldest,
        oldest_unscanned_seconds: oldest.map_or(0, age),
    }
}

fn workers(status: PoolStatus) -> Workers {
    let PoolStatus { alive, started, messages, deaths, sandbox, error } = status;
    Workers {
        alive,
        started,
        messages,
        deaths: deaths.into_iter().map(|(cause, count)| (cause.to_owned(), count)).collect(),
        confined: sandbox.map(|sandbox| sandbox.is_full()),
        error,
    }
}

fn sink(status: &sensor_notify::Status) -> SinkState {
    let sensor_notify::Drops { full, storage, refused, unreadable } = status.dropped;
    let dropped = [("full", full), ("storage", storage), ("refused", refused), ("unreadable", unreadable)];
    SinkState {
        name: status.name.to_string(),
        kind: status.kind.to_owned(),
        waiting: status.queued,
        delivered: status.delivered,
        failed_tries: status.failed_tries,
        dropped: dropped.map(|(reason, count)| (reason.to_owned(), count)).into(),
        oldest_seconds: status.oldest.map_or(0, age),
        failing: status.is_open,
        last_error: status.last_error.as_ref().map(|error| error.text.clone()),
    }
}

fn counts<K: Serialize>(counts: &BTreeMap<K, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(key, count)| (word(key), *count)).collect()
}

/// A value of an enumeration as it is written in records.
fn word(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned));
    word.expect("these enumerations are words")
}

/// When a message was accepted; its id tells.
fn accepted(id: MailId) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(id.unix_millis()).ok()?).ok()
}

fn age(since: Timestamp) -> u64 {
    u64::try_from(now().duration_since(since).as_secs()).unwrap_or(0)
}
