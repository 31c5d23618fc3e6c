//! What all connections of a sensor share: the rules, the intake, the limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sensor_policy::Rules;

use crate::intake::Intake;
use crate::interfaces::Interfaces;
use crate::log::AddressLog;
use crate::slots::Slots;

/// What stands between a socket and the spool.
pub struct Door {
    /// Who and what may come in.
    pub rules: Rules,
    /// The way in.
    pub intake: Intake,
    /// How many connections may be open.
    pub slots: Arc<Slots>,
    /// The addresses of this host.
    pub interfaces: Interfaces,
    /// What becomes of messages with a bare CR or LF.
    pub bare_newline: BareNewline,
    /// How much of an address the log shows.
    pub addresses: AddressLog,
    /// Numbers connections.
    pub connections: AtomicU64,
}

/// What becomes of a message with a bare CR or LF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareNewline {
    /// It is kept as it came, and flagged. Nothing is relayed, so nothing can be smuggled on.
    #[default]
    Keep,
    /// 550 5.6.0.
    Reject,
}

/// Where the sensor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Mail is taken.
    Open,
    /// Transactions in progress end, then their sessions get 421.
    Draining,
}

impl Door {
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }
}
