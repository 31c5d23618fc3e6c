//! The sensor, as the control plane knows it.

use crate::Fault;
use crate::change::{Change, ChangeRefused, Changed, ReloadRefused, Reloaded};
use crate::explanation::{Explained, Question};
use crate::looks::{LookOrder, LookRefused, LooksOrdered};
use crate::smtp::{GraceEnded, Smtp};
use crate::status::{Draining, Metrics, Status};

/// What the control plane asks of a sensor.
///
/// Two kinds of methods. Those that **read** answer from memory, at once: they are called on a thread of the
/// runtime and wait for no disk and for no lock that is held while a disk is waited for. Those that **act**
/// may block: each is called on a thread for blocking work, within the runtime (so that sockets can be bound
/// and tasks spawned), and runs to its end also when the client is gone. Of `change`, `reload`, `drain`,
/// `look` and `end_grace` one runs at a time; changes that come in other ways, such as by SIGHUP, are the node's to order.
pub trait Node: Send + Sync + 'static {
    /// Reads: whether mail is taken.
    fn readiness(&self) -> Readiness;

    /// Reads: the settings of the door, with what they mean on this host.
    fn smtp(&self) -> Smtp;

    /// Reads: what the sensor is doing.
    fn status(&self) -> Status;

    /// Reads: the figures for monitoring. Those of [`Conservation`](crate::Conservation) are of one moment.
    fn metrics(&self) -> Metrics;

    /// Acts: checks a change, makes it durable, and applies it. All of it or nothing.
    ///
    /// To be asked in this order, all under one lock: is the client's idea of the settings the present one
    /// ([`Change::is_stale`]), does something above override a key, is a value faulty, does it flip a default.
    ///
    /// # Errors
    /// [`ChangeRefused`]: nothing has changed.
    fn change(&self, change: Change) -> Result<Changed, ChangeRefused>;

    /// Acts: reads all layers of settings again and applies them.
    ///
    /// # Errors
    /// [`ReloadRefused`]: the old settings stay.
    fn reload(&self) -> Result<Reloaded, ReloadRefused>;

    /// Acts: begins to go down as SIGTERM does. Asked again it changes nothing.
    fn drain(&self) -> Draining;

    /// Acts: refuses for good at once what the rules before the last change would have taken.
    fn end_grace(&self) -> GraceEnded;

    /// Acts: has kept messages looked into anew, tried again, or given up. Durable when it returns.
    ///
    /// # Errors
    /// [`LookRefused`]: of some messages it may be ordered all the same; ordering it again changes nothing.
    fn look(&self, order: &LookOrder) -> Result<LooksOrdered, LookRefused>;

    /// Acts, in that it may look at the interfaces of the host: what a client would be answered, and why.
    ///
    /// # Errors
    /// What in the question cannot be understood.
    fn explain(&self, question: Question) -> Result<Explained, Vec<Fault>>;
}

/// Whether a sensor does what it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is up. A sensor that was switched off is ready: it does what it was told, no restart would help, and
    /// senders see from its closed ports that they have to go elsewhere.
    Ready,
    /// It is going down.
    Draining,
}
