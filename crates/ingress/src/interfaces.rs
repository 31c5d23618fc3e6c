//! The addresses of this host's own interfaces, for the rule that admits clients of the same subnet.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sensor_policy::{Interface, Link};

/// For how long a list of interfaces is believed. Reading it costs some 50 microseconds.
const FRESH: Duration = Duration::from_secs(5);

/// For how long it is believed that somebody is no neighbour: whose subnet has just come would not come back after
/// a 554. Not for no time at all, or else strangers had the list read as often as they connect.
const FRESH_TO_REFUSE: Duration = Duration::from_millis(100);

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
    /// The list, where it is no older than `fresh` and need not be read to know about `local`.
    fn believed(&self, now: Instant, local: IpAddr, fresh: Duration) -> Option<&Arc<[Interface]>> {
        let (since, list) = self.list.as_ref()?;
        let within = |since: Instant, time| now.saturating_duration_since(since) < time;
        let missed = self.missed.is_some_and(|(at, missed)| missed == local && within(at, MISSED));
        (within(*since, fresh) && (missed || holds(list, local))).then_some(list)
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
        self.believed(now, local.to_canonical(), FRESH, read)
    }

    /// The same, but as they were just before `now`: to be asked before somebody is refused for the sake of
    /// [`at`](Self::at).
    pub(crate) fn at_to_refuse(&self, now: Instant, local: IpAddr) -> Option<Arc<[Interface]>> {
        self.believed(now, local.to_canonical(), FRESH_TO_REFUSE, read)
    }

    /// The interfaces as the system tells them now; from now on they are what is believed.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn read_anew(&self, now: Instant) -> io::Result<Arc<[Interface]>> {
        let interfaces: Arc<[Interface]> = read()?.into();
        self.lock().list = Some((now, Arc::clone(&interfaces)));
        Ok(interfaces)
    }

    fn believed(
        &self,
        now: Instant,
        local: IpAddr,
        fresh: Duration,
        read: impl FnOnce() -> io::Result<Vec<Interface>>,
    ) -> Option<Arc<[Interface]>> {
        let mut known = self.lock();
        if let Some(list) = known.believed(now, local, fresh) {
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

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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
    let (prefix, far) = match &listed.addr {
        if_addrs::IfAddr::V4(v4) => (v4.prefixlen, v4.broadcast.map(IpAddr::from)),
        if_addrs::IfAddr::V6(v6) => (v6.prefixlen, v6.broadcast.map(IpAddr::from)),
    };
    // An address may have a label, such as `eth0:1` (ifupdown gives it): the interface is eth0.
    let name = listed.name.split(':').next().unwrap_or_default().into();
    let link = if listed.is_p2p() { Link::PointToPoint } else { Link::Shared };
    let shared = Interface { address: listed.ip(), prefix, link, name };
    // `ip address add ADDRESS peer FAR/24`: the prefix is that around the far end, not around our address.
    match far {
        Some(far) if !shared.network().contains(&far) => Interface { link: Link::PointToPoint, ..shared },
        Some(_) | None => shared,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_system_that_does_not_tell_makes_no_neighbour_a_stranger() {
        let listed = || Ok(vec![interface_of("192.0.2.1")]);
        let silent = || Err(io::ErrorKind::Other.into());
        let interfaces = Interfaces::default();
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let start = Instant::now();
        let local = "192.0.2.1".parse().unwrap();
        assert!(interfaces.believed(start, local, FRESH, silent).is_none());
        assert_eq!(interfaces.believed(start, local, FRESH, listed).unwrap().len(), 1);
        for later in [FRESH / 2, FRESH, FRESH * 3] {
            assert_eq!(
                interfaces.believed(start + later, local, FRESH, silent).unwrap().len(),
                1,
                "{later:?}"
            );
        }
        assert!(interfaces.believed(start + FRESH * 9, local, FRESH, || Ok(vec![])).unwrap().is_empty());
    }

    #[test]
    fn an_address_that_just_came_is_looked_for_at_once() {
        let interfaces = Interfaces::default();
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let now = Instant::now();
        let (old, moved) = (interface_of("192.0.2.1"), interface_of("192.0.2.9"));
        interfaces.believed(now, old.address, FRESH, || Ok(vec![old.clone()]));
        let both = || Ok(vec![old.clone(), moved.clone()]);
        assert_eq!(interfaces.believed(now, old.address, FRESH, both).unwrap().len(), 1);
        assert_eq!(interfaces.believed(now, moved.address, FRESH, both).unwrap().len(), 2);
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
            assert_eq!(interfaces.believed(at, routed, FRESH, list).unwrap().len(), 1);
            assert_eq!(read.get(), reads, "after {millis} ms");
        }
        // Another address is another question.
        let moved = interface_of("192.0.2.9");
        let both = || Ok(vec![own.clone(), moved.clone()]);
        let at = start + Duration::from_millis(2_001);
        assert_eq!(interfaces.believed(at, moved.address, FRESH, both).unwrap().len(), 2);
    }

    #[test]
    fn nobody_is_refused_by_an_old_list() {
        let interfaces = Interfaces::default();
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let start = Instant::now();
        let old = interface_of("192.0.2.1");
        let both = || Ok(vec![old.clone(), interface_of("198.51.100.1")]);
        interfaces.believed(start, old.address, FRESH, || Ok(vec![old.clone()]));
        let later = start + FRESH_TO_REFUSE;
        assert_eq!(interfaces.believed(later, old.address, FRESH, both).unwrap().len(), 1);
        assert_eq!(interfaces.believed(later, old.address, FRESH_TO_REFUSE, both).unwrap().len(), 2);
        // However many are refused, the system is asked but so often.
        let asked = || panic!("asked again");
        assert_eq!(interfaces.believed(later, old.address, FRESH_TO_REFUSE, asked).unwrap().len(), 2);
    }

    #[test]
    fn what_the_system_lists_is_taken_for_what_it_is() {
        for (name, address, mask, far, is_p2p, expected) in [
            ("eth0", "192.0.2.1", "255.255.255.0", Some("192.0.2.255"), false, ("eth0", "192.0.2.0/24")),
            ("eth0:1", "192.0.2.1", "255.255.255.0", Some("192.0.2.255"), false, ("eth0", "192.0.2.0/24")),
            // Without a broadcast address it is listed with its own.
            ("eth0", "192.0.2.1", "255.255.255.0", Some("192.0.2.1"), false, ("eth0", "192.0.2.0/24")),
            ("eth0", "192.0.2.1", "255.255.255.0", None, false, ("eth0", "192.0.2.0/24")),
            ("eth0", "192.0.2.1", "255.255.255.255", Some("192.0.2.9"), false, ("eth0", "192.0.2.1/32")),
            ("eth0", "192.0.2.1", "255.255.255.0", Some("192.0.2.9"), false, ("eth0", "192.0.2.0/24")),
            ("eth0", "192.0.2.1", "255.255.255.0", Some("198.51.100.9"), false, ("eth0", "192.0.2.1/32")),
            ("tun0", "192.0.2.1", "255.255.255.0", Some("192.0.2.9"), true, ("tun0", "192.0.2.1/32")),
        ] {
            let netmask: Ipv4Addr = mask.parse().unwrap();
            let address = if_addrs::Ifv4Addr {
                ip: address.parse().unwrap(),
                netmask,
                prefixlen: u8::try_from(netmask.to_bits().leading_ones()).unwrap(),
                broadcast: far.map(|far| far.parse().unwrap()),
            };
            let listed = if_addrs::Interface {
                name: name.to_owned(),
                addr: if_addrs::IfAddr::V4(address),
                index: None,
                oper_status: if_addrs::IfOperStatus::Up,
                is_p2p,
            };
            let taken = interface(listed);
            assert_eq!((&*taken.name, &*taken.network().to_string()), expected, "{name} {mask} {far:?}");
        }
    }

    fn interface_of(address: &str) -> Interface {
        Interface { address: address.parse().unwrap(), prefix: 24, link: Link::Shared, name: "eth0".into() }
    }
}
