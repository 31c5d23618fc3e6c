//! A sensor that keeps its settings in memory, and refuses what it is told to refuse.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard};

use sensor_control::{
    About, Certificate, Change, ChangeRefused, Changed, Conservation, Difference, Draining, Explained, Fault,
    Flip, Grace, GraceEnded, Key, ListenerStatus, LookOrder, LookRefused, Looks, LooksOrdered, Metrics, Node,
    Outcome, Overridden, Question, Readiness, Refusals, ReloadRefused, Reloaded, RuleLabel, ScannerState,
    SinkState, Smtp, Space, State, Status, Step, Tls, Workers,
};
use serde_json::Value;

pub(crate) struct FakeNode {
    smtp: Mutex<Smtp>,
    pub(crate) refuses: Mutex<Option<ChangeRefused>>,
    pub(crate) draining: Mutex<bool>,
    pub(crate) metrics: Mutex<Metrics>,
    /// Where the next change stops until it may go on.
    pub(crate) barrier: Mutex<Option<Arc<Barrier>>>,
    /// Changes that were made, dry runs not among them.
    pub(crate) changes: AtomicU64,
}

pub(crate) const NOW: &str = "2026-11-22T10:00:00Z";

fn time(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn defaults() -> Smtp {
    let about = |key: &Key| About {
        meaning: format!("what {key} means"),
        origin: "default".to_owned(),
        overridden_by: None,
    };
    Smtp {
        enabled: true,
        destination_domains: Vec::new(),
        uncovered: "refuse".to_owned(),
        clients: Vec::new(),
        message_size_limit: "unlimited".to_owned(),
        tls: Tls { security: "opportunistic".to_owned() },
        about: Key::ALL.iter().map(|key| (*key, about(key))).collect(),
        grace: Some(Grace { since: time(NOW), until: time("2026-11-23T10:00:00Z") }),
    }
}

impl FakeNode {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            smtp: Mutex::new(defaults()),
            refuses: Mutex::default(),
            draining: Mutex::default(),
            barrier: Mutex::default(),
            metrics: Mutex::new(figures()),
            changes: AtomicU64::new(0),
        })
    }

    fn settings(&self) -> MutexGuard<'_, Smtp> {
        self.smtp.lock().unwrap()
    }
}

fn figures() -> Metrics {
    Metrics {
        conservation: conservation(),
        connections: 3,
        connections_accepted: 40,
        refusals: ["clients[2]", "clients[70000]", "192.0.2.7", "message_size_limit"]
            .map(|rule| Refusals { rule: RuleLabel::of(rule), count: 2 })
            .to_vec(),
        softened: 5,
        certificates: vec![("relay".to_owned(), -60)],
        space: Space { octets: 1 << 26, live_octets: 4096, free_octets: 1 << 30, free_inodes: 77 },
        enabled: true,
        archive_failing: true,
        pipeline_paused: false,
        reload_refused: true,
        looks: Some(looks()),
    }
}

fn looks() -> Looks {
    let count = |word: &str, count| BTreeMap::from([(word.to_owned(), count)]);
    Looks {
        jobs: 7,
        unscanned: 2,
        verdicts: count("hostile", 4),
        shadow_differences: 2,
        not_taken_apart: 1,
        abandoned: 0,
        scanners: vec![ScannerState {
            name: "av".to_owned(),
            required: true,
            circuit: "open".to_owned(),
            outcomes: count("timed_out", 6),
            unscanned: 2,
            oldest_unscanned: Some(time(NOW)),
            oldest_unscanned_seconds: 90,
        }],
        workers: Workers {
            alive: 2,
            deaths: count("aborted", 3),
            confined: Some(false),
            ..Workers::default()
        },
        sinks: vec![SinkState {
            name: "siem".to_owned(),
            kind: "syslog".to_owned(),
            waiting: 8,
            dropped: count("full", 9),
            oldest_seconds: 30,
            ..SinkState::default()
        }],
    }
}

fn conservation() -> Conservation {
    Conservation { accepted: 100, in_spool: 10, kept: 85, set_aside: 2, withdrawn: 2, lost: 1 }
}

fn apply(smtp: &mut Smtp, key: Key, value: Option<&Value>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().unwrap().iter().map(text).collect();
    let plain = defaults();
    match key {
        Key::Enabled => smtp.enabled = value.map_or(plain.enabled, |value| value.as_bool().unwrap()),
        Key::DestinationDomains => {
            smtp.destination_domains = value.map_or(plain.destination_domains, list);
        }
        Key::Uncovered => smtp.uncovered = value.map_or(plain.uncovered, text),
        Key::Clients => smtp.clients = value.map_or(plain.clients, list),
        Key::MessageSizeLimit => smtp.message_size_limit = value.map_or(plain.message_size_limit, text),
        Key::TlsSecurity => smtp.tls.security = value.map_or(plain.tls.security, text),
    }
    let origin = if value.is_some() { "runtime.toml:3" } else { "default" };
    smtp.about.get_mut(&key).unwrap().origin = origin.to_owned();
}

fn differences(change: &Change, before: &Smtp, after: &Smtp) -> Vec<Difference> {
    let shown = |smtp: &Smtp, key: &Key| {
        let pointer = format!("/{}", key.name().replace('.', "/"));
        serde_json::to_value(smtp).unwrap().pointer(&pointer).unwrap().to_string()
    };
    let keys = change.entries.iter().map(|(key, _)| key);
    let changed = keys.filter(|key| shown(before, key) != shown(after, key)).map(|key| Difference {
        key: key.path().to_owned(),
        old: Some(shown(before, key)),
        new: Some(shown(after, key)),
        needs_restart: false,
    });
    changed.collect()
}

impl Node for FakeNode {
    fn readiness(&self) -> Readiness {
        if *self.draining.lock().unwrap() { Readiness::Draining } else { Readiness::Ready }
    }

    fn smtp(&self) -> Smtp {
        self.settings().clone()
    }

    fn status(&self) -> Status {
        Status {
            version: "0.1.0".to_owned(),
            hostname: "sensor.example.com".to_owned(),
            state: if self.settings().enabled { State::Enabled } else { State::Disabled },
            started: time(NOW),
            listeners: vec![ListenerStatus {
                name: "relay".to_owned(),
                address: "[::]:25".to_owned(),
                security: "opportunistic".to_owned(),
                listening: true,
            }],
            connections: 3,
            conservation: conservation(),
            space: Space::default(),
            storage_error: None,
            certificates: vec![Certificate {
                name: "relay".to_owned(),
                fingerprint: "00:11".to_owned(),
                expires: time(NOW),
                expires_in_seconds: -60,
            }],
            grace: self.settings().grace.clone(),
            softened: 5,
            looks: Some(looks()),
            files: vec!["mailsensor.toml".to_owned()],
            warnings: Vec::new(),
        }
    }

    fn metrics(&self) -> Metrics {
        self.metrics.lock().unwrap().clone()
    }

    fn change(&self, change: Change) -> Result<Changed, ChangeRefused> {
        let barrier = self.barrier.lock().unwrap().take();
        if let Some(barrier) = barrier {
            // It has begun; it may go on.
            barrier.wait();
            barrier.wait();
        }
        let mut smtp = self.settings();
        if change.is_stale(&smtp) {
            return Err(ChangeRefused::Stale);
        }
        if let Some(refused) = self.refuses.lock().unwrap().clone() {
            return Err(refused);
        }
        let mut after = smtp.clone();
        change.entries.iter().for_each(|(key, value)| apply(&mut after, *key, value.as_ref()));
        if !["refuse", "accept"].contains(&after.uncovered.as_str()) {
            return Err(ChangeRefused::Faulty(vec![Fault::new("smtp.uncovered", "refuse or accept")]));
        }
        if smtp.clients.is_empty() != after.clients.is_empty() && !change.confirm {
            return Err(ChangeRefused::NeedsConfirmation(vec![flip()]));
        }
        let differences = differences(&change, &smtp, &after);
        if !change.dry_run {
            smtp.clone_from(&after);
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Changed { dry_run: change.dry_run, differences, flips: Vec::new(), smtp: after })
    }

    fn reload(&self) -> Result<Reloaded, ReloadRefused> {
        match self.refuses.lock().unwrap().clone() {
            Some(ChangeRefused::Faulty(faults)) => Err(ReloadRefused::Faulty(faults)),
            Some(other) => Err(ReloadRefused::NotApplied(other.to_string())),
            None => Ok(Reloaded { differences: Vec::new(), flips: Vec::new(), certificate: None }),
        }
    }

    fn look(&self, order: &LookOrder) -> Result<LooksOrdered, LookRefused> {
        match self.refuses.lock().unwrap().clone() {
            Some(ChangeRefused::Faulty(faults)) => Err(LookRefused::Faulty(faults)),
            Some(other) => Err(LookRefused::NotApplied(other.to_string())),
            None => Ok(LooksOrdered { messages: order.ids.len() as u64, unknown: vec!["x".to_owned()] }),
        }
    }

    fn drain(&self) -> Draining {
        *self.draining.lock().unwrap() = true;
        Draining { connections: 3, deadline_seconds: 30 }
    }

    fn end_grace(&self) -> GraceEnded {
        GraceEnded { ended: self.settings().grace.take() }
    }

    fn explain(&self, question: Question) -> Result<Explained, Vec<Fault>> {
        if question.size.as_deref() == Some("large") {
            return Err(vec![Fault::new("size", "not a size")]);
        }
        if question.size.as_deref() == Some("panic") {
            panic!("asked to");
        }
        let step = Step {
            question: format!("client {}", question.client),
            outcome: Outcome::Refused,
            rule: Some("clients.default".to_owned()),
            reason: "no entry covers it".to_owned(),
            default: None,
            reply: "554 5.7.1".to_owned(),
            softened: false,
        };
        Ok(Explained { local: question.local.unwrap_or(question.client), steps: vec![step] })
    }
}

pub(crate) fn flip() -> Flip {
    Flip {
        key: "smtp.clients".to_owned(),
        before: "any client may connect".to_owned(),
        after: "only listed clients may connect".to_owned(),
    }
}

pub(crate) fn overridden() -> Overridden {
    Overridden { key: "smtp.enabled".to_owned(), by: "MAILSENSOR__SMTP__ENABLED".to_owned() }
}
