//! A sensor that runs, as the control plane and the signals know it.
//!
//! ```text
//!  PATCH, enable, reload, SIGHUP --> [ layers: one change at a time ]
//!                                       |  checked whole; durable; then in force
//!                                       v
//!                              gate, door, certificate      View: what reads see, replaced as one
//! ```

mod change;
mod explain;
pub(crate) mod listening;
mod looks;
mod past;
mod report;
mod view;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use sensor_control::{
    Change, ChangeRefused, Changed, Draining, Explained, Fault, GraceEnded, LookOrder, LookRefused,
    LooksOrdered, Metrics, Question, Readiness, ReloadRefused, Reloaded, Smtp, Status,
};
use sensor_ingress::{Door, Gate, TlsIdentity};
use sensor_mail::Envelope;
use sensor_pipeline::Pipeline;
use sensor_settings::{Layers, Shown};
use sensor_spool::Spool;
use tokio_util::sync::CancellationToken;

use crate::assemble::Node;
use crate::config::{Config, Loaded};
use crate::look::Lookout;
pub(crate) use explain::explain;
use past::{Past, last_change};
use view::View;

use crate::systemd::Reloading;

/// What is told things while it runs.
pub(crate) struct Sensor {
    door: Arc<Door>,
    gate: Gate,
    spool: Spool<Envelope>,
    /// Where the self-signed certificate is: what a file says by now holds after the next start.
    tls_dir: PathBuf,
    started: Timestamp,
    /// Cancelled when it is to go down.
    going_down: CancellationToken,
    pipeline: Arc<Pipeline>,
    /// None where nothing is looked into.
    lookout: Option<Lookout>,
    view: ArcSwap<View>,
    /// Why the last reload was refused, where it was.
    reload_refused: ArcSwapOption<String>,
    /// Held while a change is made, also while the disk is waited for: reads never ask for it.
    settings: Mutex<Settings>,
}

/// The settings in force, and where they come from.
struct Settings {
    past: Past,
    layers: Layers<Config>,
    shown: Shown,
    /// As they were when the sensor was started.
    at_start: Shown,
    config: Config,
    identity: Option<TlsIdentity>,
}

impl Sensor {
    /// The sensor that `node` is, with the settings that it was assembled from.
    pub(crate) fn new(node: &Node, loaded: Loaded) -> Arc<Self> {
        let Loaded { config, shown, layers, .. } = loaded;
        let files = layers.files().map(str::to_owned).collect();
        let past = Past::in_directory(&config.state_dir);
        past.recall(&node.door);
        past.keep(&node.door);
        let rules_changed = last_change(&node.door).map(|since| (since, config.grace));
        let view = View { rules_changed, ..View::new(&config, &shown, node.identity.as_ref(), files) };
        let tls_dir = config.tls_dir();
        let at_start = shown.clone();
        let settings = Settings { past, layers, at_start, shown, config, identity: node.identity.clone() };
        Arc::new(Self {
            door: Arc::clone(&node.door),
            gate: node.gate.clone(),
            spool: node.spool.clone(),
            tls_dir,
            started: now(),
            going_down: CancellationToken::new(),
            pipeline: Arc::clone(&node.pipeline),
            lookout: node.looking.as_ref().map(|looking| looking.lookout.clone()),
            view: ArcSwap::from_pointee(view),
            reload_refused: ArcSwapOption::empty(),
            settings: Mutex::new(settings),
        })
    }

    /// Cancelled when somebody told it to go down.
    pub(crate) fn going_down(&self) -> &CancellationToken {
        &self.going_down
    }

    /// How long transactions may take to end when it goes down.
    pub(crate) fn drain_deadline(&self) -> Duration {
        self.view.load().drain_deadline
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl sensor_control::Node for Sensor {
    fn readiness(&self) -> Readiness {
        if self.going_down.is_cancelled() { Readiness::Draining } else { Readiness::Ready }
    }

    fn smtp(&self) -> Smtp {
        let view = self.view.load();
        Smtp { grace: self.grace_of(&view), ..view.smtp.clone() }
    }

    fn status(&self) -> Status {
        self.report_status()
    }

    fn metrics(&self) -> Metrics {
        self.report_metrics()
    }

    fn change(&self, change: Change) -> Result<Changed, ChangeRefused> {
        self.make_change(&change)
    }

    fn reload(&self) -> Result<Reloaded, ReloadRefused> {
        let _told = Reloading::begin();
        if let Some(lookout) = &self.lookout {
            lookout.reopen();
        }
        let reloaded = self.reload_settings();
        self.reload_refused.store(reloaded.as_ref().err().map(|refused| Arc::new(told_in_short(refused))));
        reloaded
    }

    fn drain(&self) -> Draining {
        tracing::info!("told by the control plane to go down");
        self.going_down.cancel();
        Draining {
            connections: u64::from(self.door.slots.open()),
            deadline_seconds: self.drain_deadline().as_secs(),
        }
    }

    fn end_grace(&self) -> GraceEnded {
        let ended = self.grace_of(&self.view.load());
        if self.door.end_grace() {
            self.settings().past.keep(&self.door);
            tracing::warn!("the grace is ended: what the rules refuse is refused for good");
        }
        GraceEnded { ended }
    }

    fn look(&self, order: &LookOrder) -> Result<LooksOrdered, LookRefused> {
        self.order_looks(order)
    }

    fn explain(&self, question: Question) -> Result<Explained, Vec<Fault>> {
        explain(self.door.live().rules(), &question, Some(&self.door))
    }
}

/// In whole seconds, as people read it.
#[expect(clippy::disallowed_methods, reason = "what people are shown is told by the clock on the wall")]
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Why a reload was refused, in a line: the first of its faults stands for all.
fn told_in_short(refused: &ReloadRefused) -> String {
    let faults = match refused {
        ReloadRefused::Faulty(faults) => faults,
        ReloadRefused::NotApplied(_) => return refused.to_string(),
    };
    let first = faults.first().map(|Fault { key, message, file, line, .. }| {
        let place = match (file, line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            (None, Some(_) | None) => String::new(),
        };
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        format!("{place}{key}{message}")
    });
    match (first, faults.len()) {
        (Some(first), 1) => first,
        (Some(first), count) => format!("{first} (the first of {count} faults)"),
        (None, _) => refused.to_string(),
    }
}
