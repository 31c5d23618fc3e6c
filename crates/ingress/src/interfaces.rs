//! The addresses of this host's own interfaces, for the rule that admits clients of the same subnet.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sensor_policy::{Interface, Link};

/// For how long a list of interfaces is believed. Reading it costs some 50 microseconds.
const FRESH: Duration = Duration::from_secs(5);

/// For how long it is believed that none has an address: one that is routed here and that no interface holds
/// would have the list read for each connection, with all others waiting for it.
const MISSED: Duration = Duration::from_secs(1);

/// The interfaces of this host, read again when the list has grown old.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// As the system told at that time.
    list: Option<(Instant, Arc<[Interface]>)>,
    /// The last address that no interface had, though the list was read anew for it.
    missed: Option<(Instant, IpAddr)>,
}

impl Known {
    /// The list, where it need not be read to know about `local`.
    fn believed(&self, now: Instant, local: IpAddr) -> Option<&Arc<[Interface]>> {
        let (since, list) = self.list.as_ref()?;
        let within = |since: Instant, time| now.saturating_duration_since(since) < time;
        let missed = self.missed.is_some_and(|(at, missed)| missed == local && within(at, MISSED));
        (within(*since, FRESH) && (missed || holds(list, local))).then_some(list)
    }
}

fn holds(list: &[Interface], local: IpAddr) -> bool {
    list.iter().any(|interface| interface.address.to_canonical() == local)
}

impl Interfaces {
    /// The interfaces as they were a few seconds before `now`, or when the system told for the last time.
    /// `None` where it never did. Read anew where none has the address `local`: that of a service that just
    /// moved here is in no old list. Where it is in the new one neither, that is believed for a moment.
    pub(crate) fn at(&self, now: Instant, local: IpAddr) -> Option<Arc<[Interface]>> {
        self.at_or_read(now, local.to_canonical(), read)
    }

    fn at_or_read(
        &self,
        now: Instant,
        local: IpAddr,
        read: impl FnOnce() -> io::Result<Vec<Interface>>,
    ) -> Option<Arc<[Interface]>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = known.believed(now, local) {
            return Some(Arc::clone(list));
        }
        match (read(), known.list.as_mut()) {
            (Ok(interfaces), _) => known.list = Some((now, interfaces.into())),
            // A process without descriptors cannot ask. Its mail servers are still its neighbours.
            (Err(error), Some((since, _))) => {
                tracing::warn!(%error, "the interfaces of this host cannot be listed, the last list holds");
                *since = now;
            }
            (Err(error), None) => {
                tracing::error!(%error, "the interfaces of this host cannot be listed: set smtp.clients");
            }
        }
        let list = known.list.as_ref().map(|(_, list)| Arc::clone(list))?;
        if !holds(&list, local) {
            known.missed = Some((now, local));
        }
        Some(list)
    }
}

/// The interfaces of this host as the system lists them now.
///
/// # Errors
/// When the system does not tell.
pub fn read() -> io::Result<Vec<Interface>> {
    Ok(if_addrs::get_if_addrs()?.into_iter().map(interface).collect())
}

fn interface(listed: if_addrs::Interface) -> Interface {
    let prefix = match &listed.addr {
        if_addrs::IfAddr::V4(v4) => v4.prefixlen,
        if_addrs::IfAddr::V6(v6) => v6.prefixlen,
    };
    let link = if listed.is_p2p() { Link::PointToPoint } else { Link::Shared };
    Interface { address: listed.ip(), prefix, link, name: listed.name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_that_does_not_tell_makes_no_neighbour_a_stranger() {
        let listed = || Ok(vec![interface_of("192.0.2.1")]);
        let silent = || Err(io::ErrorKind::Other.into());
        let interfaces = Interfaces::default();
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let start = Instant::now();
        let local = "192.0.2.1".parse().unwrap();
        assert!(interfaces.at_or_read(start, local, silent).is_none());
        assert_eq!(interfaces.at_or_read(start, local, listed).unwrap().len(), 1);
        for later in [FRESH / 2, FRESH, FRESH * 3] {
            assert_eq!(interfaces.at_or_read(start + later, local, silent).unwrap().len(), 1, "{later:?}");
        }
        assert!(interfaces.at_or_read(start + FRESH * 9, local, || Ok(vec![])).unwrap().is_empty());
    }

    #[test]
    fn an_address_that_just_came_is_looked_for_at_once() {
        let interfaces = Interfaces::default();
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let now = Instant::now();
        let (old, moved) = (interface_of("192.0.2.1"), interface_of("192.0.2.9"));
        interfaces.at_or_read(now, old.address, || Ok(vec![old.clone()]));
        let both = || Ok(vec![old.clone(), moved.clone()]);
        assert_eq!(interfaces.at_or_read(now, old.address, both).unwrap().len(), 1);
        assert_eq!(interfaces.at_or_read(now, moved.address, both).unwrap().len(), 2);
    }

    #[test]
    fn an_address_of_no_interface_is_looked_for_once_a_second() {
        let interfaces = Interfaces::default();
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let start = Instant::now();
        let (own, routed) = (interface_of("192.0.2.1"), "198.51.100.7".parse().unwrap());
        let read = std::cell::Cell::new(0);
        let list = || {
            read.set(read.get() + 1);
            Ok(vec![own.clone()])
        };
        for (millis, reads) in [(0, 1), (1, 1), (999, 1), (1_000, 2), (1_999, 2), (2_000, 3)] {
            let at = start + Duration::from_millis(millis);
            assert_eq!(interfaces.at_or_read(at, routed, list).unwrap().len(), 1);
            assert_eq!(read.get(), reads, "after {millis} ms");
        }
        // Another address is another question.
        let moved = interface_of("192.0.2.9");
        let both = || Ok(vec![own.clone(), moved.clone()]);
        let at = start + Duration::from_millis(2_001);
        assert_eq!(interfaces.at_or_read(at, moved.address, both).unwrap().len(), 2);
    }

    fn interface_of(address: &str) -> Interface {
        Interface { address: address.parse().unwrap(), prefix: 24, link: Link::Shared, name: "eth0".into() }
    }
}
