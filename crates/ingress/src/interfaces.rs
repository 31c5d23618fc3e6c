//! The addresses of this host's own interfaces, for the rule that admits clients of the same subnet.

use std::io;
use std::net::IpAddr;
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
    /// The interfaces as they were a few seconds before `now`, or when the system told for the last time.
    /// `None` where it never did. Read anew where none has the address `local`: that of a service that just
    /// moved here is in no old list.
    pub fn at(&self, now: Instant, local: IpAddr) -> Option<Arc<[Interface]>> {
        self.at_or_read(now, local.to_canonical(), read)
    }

    fn at_or_read(
        &self,
        now: Instant,
        local: IpAddr,
        read: impl FnOnce() -> io::Result<Vec<Interface>>,
    ) -> Option<Arc<[Interface]>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, interfaces)) = &*known
            && now.saturating_duration_since(*since) < FRESH
            && interfaces.iter().any(|interface| interface.address.to_canonical() == local)
        {
            return Some(Arc::clone(interfaces));
        }
        match (read(), known.as_mut()) {
            (Ok(interfaces), _) => *known = Some((now, interfaces.into())),
            // A process without descriptors cannot ask. Its mail servers are still its neighbours.
            (Err(error), Some((since, _))) => {
                tracing::warn!(%error, "the interfaces of this host cannot be listed, the last list holds");
                *since = now;
            }
            (Err(error), None) => {
                tracing::error!(%error, "the interfaces of this host cannot be listed: set smtp.clients");
            }
        }
        known.as_ref().map(|(_, interfaces)| Arc::clone(interfaces))
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

    fn interface_of(address: &str) -> Interface {
        Interface { address: address.parse().unwrap(), prefix: 24, link: Link::Shared, name: "eth0".into() }
    }
}
