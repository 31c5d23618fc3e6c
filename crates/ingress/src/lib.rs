//! Every way in, through one [`Intake`].
//!
//! ```text
//!  Gate
//!    |
//!  listener --accept--> connection --octets--> smtp::Session --Event--> connection --> Transaction --> Spool
//!                           |                                              |
//!                           +------------- replies <------ Door <------+
//! ```
//!
//! This crate drives: it owns sockets and reads the clock. What it promises: a `250` after a message only
//! when the spool has it durably; while a question is open nothing more is read, so a slow disk slows the
//! sender and not the memory; an idle connection holds no buffer; every wait has a limit.

mod alarm;
mod buffers;
mod client_certificates;
mod connection;
mod counters;
mod door;
mod gate;
mod intake;
mod interfaces;
mod listener;
mod log;
mod proxy;
mod reception;
mod slots;
mod tls;

pub use alarm::Alarm;
pub use client_certificates::{Authority, ClientCertificates};
pub use connection::{Peer, serve};
pub use counters::RuleCount;
pub use door::{BareNewline, Door, Grace, History, Live, Phase, Settings, Terms};
pub use gate::{Drained, Gate, GateStatus, HandedIn, ListenerState, ListenerStatus, Prepared};
pub use intake::{Accepted, Intake, NotAccepted, Transaction};
pub use interfaces::read as read_interfaces;
pub use listener::{BindError, ListenerPlan, Security, in_conflict};
pub use log::AddressLog;
pub use reception::Reception;
pub use slots::{SlotLimits, Slots, TURNED_AWAY_MAX};
pub use tls::{CertificateFiles, TlsError, TlsIdentity};
