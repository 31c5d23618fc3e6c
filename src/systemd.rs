//! What the sensor and the service manager tell each other: readiness, reloads, the end, life signs
//! (sd_notify(3)), and the sockets that were opened for it ([`sockets`]).
//!
//! ```text
//!  assemble, bind        serve                    SIGHUP                     SIGTERM
//!       |                  |                         |                          |
//!       v                  v                         v                          v
//!    READY=1    WATCHDOG=1 (at half the time)   RELOADING=1 ... READY=1     STOPPING=1
//!    STATUS=                                    MONOTONIC_USEC=             EXTEND_TIMEOUT_USEC=
//! ```
//!
//! STATUS is told again with each change of the settings: it is where the sensor listens then.
//!
//! Promised: without a service manager (no `NOTIFY_SOCKET`) nothing is sent and nothing is said about it;
//! with one that does not listen the sensor goes on, for mail does not depend on it. Whatever is sent is
//! about the sensor: no text of a client.

mod sockets;

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

pub(crate) use sockets::handed_in;

/// Says that mail is taken, or would be; `status` is for a person.
pub(crate) fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// Says to a person what is the case now.
pub(crate) fn status(status: &str) {
    notify(&[NotifyState::Status(&one_line(status))]);
}

/// Says that the sensor goes down, and may take so long for it.
pub(crate) fn stopping(most: Duration) {
    let most = u32::try_from(most.as_micros()).unwrap_or(u32::MAX);
    notify(&[
        NotifyState::Stopping,
        NotifyState::ExtendTimeoutUsec(most),
        NotifyState::Status("going down: messages in progress end"),
    ]);
}

/// A reload in progress: said when it begins, and when this is dropped, however it ended. Settings that are
/// refused leave the old ones in force, and the sensor as ready as it was.
#[must_use = "the reload is over when this is dropped"]
pub(crate) struct Reloading(());

impl Reloading {
    pub(crate) fn begin() -> Self {
        // The time tells an answer to this reload from one to an earlier one (Type=notify-reload, which
        // needs systemd 253; before it is ignored).
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(_) => notify(&[NotifyState::Reloading]),
        }
        Self(())
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        notify(&[NotifyState::Ready]);
    }
}

/// Gives a sign of life at half of `WatchdogSec=`, from a task of the runtime that serves: one that hangs is
/// silent, and the service manager starts the sensor anew. Storage that hangs silences nothing: a new start
/// would not mend it, and senders are told 451. Must be called within that runtime.
pub(crate) fn watch() {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero()) else {
        return;
    };
    tokio::spawn(async move {
        let mut signs = interval(patience / 2);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            signs.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    });
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// A line break would begin another assignment.
fn one_line(status: &str) -> String {
    status.replace(['\n', '\r'], " ")
}
