//! Going down: stop accepting, let transactions end, make what was taken durable, leave.

use std::sync::Arc;
use std::time::Duration;

use sensor_ingress::{Gate, Slots};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use sensor_control::{Control, Fault, Node, ReloadRefused};
use sensor_mail::Envelope;
use sensor_spool::Spool;

use crate::log::{LogFile, LogGuard};
use crate::look::Going;
use crate::sensor::Sensor;

/// How long behind the last session the files in hand and the last commits may take. What is not done by then
/// is done after the next start, as after a kill.
const STORAGE_TIME_MAX: Duration = Duration::from_secs(10);

/// The signals that end the sensor, and SIGHUP, which reopens the log and has the settings read again.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on the signals do not end the process by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT; reloads at each SIGHUP until then.
    pub(crate) async fn end(&mut self, sensor: &Arc<Sensor>, log: &LogGuard) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => reload(Arc::clone(sensor), log.file()),
            }
        }
    }
}

/// Opens the log anew and reads the settings again, beside everything else: it waits for the disk.
fn reload(sensor: Arc<Sensor>, log: LogFile) {
    tokio::task::spawn_blocking(move || {
        if let Err(error) = log.reopen() {
            tracing::error!(%error, "the log file cannot be opened anew");
        }
        if let Err(refused) = sensor.reload() {
            if let ReloadRefused::Faulty(faults) = &refused {
                for Fault { key, message: fault, expected, file, line, column } in faults {
                    tracing::error!(key, fault, expected, file, line, column, "fault in the settings");
                }
            }
            tracing::error!(%refused, "not reloaded: the settings are as they were");
        }
    });
}

/// What runs, and how each part is told to end.
pub(crate) struct Running {
    pub(crate) gate: Gate,
    pub(crate) slots: Arc<Slots>,
    pub(crate) working: CancellationToken,
    /// Cancelled when the pipeline has ended: before `working` is, because the spool has.
    pub(crate) broken: CancellationToken,
    pub(crate) pipeline: JoinHandle<()>,
    pub(crate) looking: Option<Going>,
    pub(crate) spool: Spool<Envelope>,
}

impl Running {
    /// How long it may take to go down: [`Running::drain`], and the control plane behind it.
    pub(crate) fn end_time_max(deadline: Duration) -> Duration {
        deadline + Gate::CUT_TIME_MAX + STORAGE_TIME_MAX + Control::STOP_TIME
    }

    /// Goes down within `deadline`. Nothing that was acknowledged depends on the order or the end of this:
    /// it only spares senders a broken connection.
    pub(crate) async fn drain(self, deadline: Duration) {
        let deadline = Instant::now() + deadline;
        tracing::info!(connections = self.slots.open(), "draining");
        self.gate.drain(deadline - Instant::now()).await;
        self.working.cancel();
        // A group in hand is finished even then, unless the storage hangs.
        let ended = async {
            if let Err(error) = self.pipeline.await {
                tracing::error!(%error, "the pipeline ended badly; its mail is in the spool");
            }
            // Behind the pipeline, which asks for looks.
            if let Some(looking) = self.looking {
                looking.end().await;
            }
            self.spool.shut_down().await;
        };
        if timeout_at(deadline + Gate::CUT_TIME_MAX + STORAGE_TIME_MAX, ended).await.is_err() {
            tracing::error!(after = ?STORAGE_TIME_MAX, "the storage hangs: left as after a kill");
        }
        let status = self.spool.status();
        tracing::info!(
            accepted = status.accepted,
            in_spool = status.in_spool,
            kept = status.settled,
            set_aside = status.set_aside,
            withdrawn = status.withdrawn,
            lost = status.lost,
            "stopped"
        );
    }
}
