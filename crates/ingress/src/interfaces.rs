//! The addresses of this host's own interfaces, for the rule that admits clients of the same subnet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sensor_policy::{Interface, Link};

/// For how long a list of interfaces is believed. Reading it costs some 50 microseconds.
const FRESH: Duration = Duration::from_secs(5);

/// The interfaces of this host, read again when the list has grown old.
#[derive(Debug, Default)]
pub struct Interfaces {
    known: Mutex<Option<(Instant, Arc<[Interface]>)>>,
}

impl Interfaces {
    /// The interfaces as they were at most [`FRESH`] before `now`. Empty when the system does not tell:
    /// then no client is in a subnet of ours but loopback.
    pub fn at(&self, now: Instant) -> Arc<[Interface]> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, interfaces)) = &*known
            && now.saturating_duration_since(*read) < FRESH
        {
            return Arc::clone(interfaces);
        }
        let interfaces: Arc<[Interface]> = read().into();
        *known = Some((now, Arc::clone(&interfaces)));
        interfaces
    }
}

/// The interfaces of this host as the system lists them now.
#[must_use]
pub fn read() -> Vec<Interface> {
    let listed = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the interfaces of this host cannot be listed");
        Vec::new()
    });
    listed.into_iter().map(interface).collect()
}

fn interface(listed: if_addrs::Interface) -> Interface {
    let prefix = match &listed.addr {
        if_addrs::IfAddr::V4(v4) => v4.prefixlen,
        if_addrs::IfAddr::V6(v6) => v6.prefixlen,
    };
    let link = if listed.is_p2p() { Link::PointToPoint } else { Link::Shared };
    Interface { address: listed.ip(), prefix, link, name: listed.name.into() }
}
