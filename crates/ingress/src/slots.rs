//! How many connections may be open: in all, and of one client.
//!
//! A slot costs what an idle session costs (some 4 KiB without TLS, 20 KiB with). One client is an IPv4
//! address or an IPv6 /64, the smallest block that is given to one site (RFC 6177).
//!
//! ```text
//!  there is a slot      none, and few are told so      none, and TURNED_AWAY_MAX are told so
//!  served               421 and a moment to hear it    dropped without a word
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use sensor_mail::Refusal;

/// How many clients at a time are told that there is no slot for them. One costs a descriptor, what an idle
/// session costs and 4 KiB more, for the few seconds that it takes.
pub const TURNED_AWAY_MAX: u32 = 128;

/// The limits of [`Slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLimits {
    /// Connections at a time, over all listeners.
    pub connections: u32,
    /// Connections at a time of one client.
    pub connections_per_client: u32,
}

/// Counts open connections.
#[derive(Debug, Default)]
pub struct Slots {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: u32,
    by_client: HashMap<IpAddr, u32>,
    turned_away: u32,
}

/// One connection's slot; free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    holder: Holder,
}

#[derive(Clone, Copy, Debug)]
enum Holder {
    Client(IpAddr),
    /// Nobody knows yet whose it is.
    Unknown,
    /// A client for which there is none; it does not count among all.
    TurnedAway,
}

impl Slots {
    /// All slots free.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// A slot for a connection of `client`, as far as `limits` go. Limits below what is taken already take
    /// nothing away: they hold for who comes next.
    ///
    /// # Errors
    /// The limit that is reached, in the words of a refusal.
    pub(crate) fn take(self: &Arc<Self>, client: IpAddr, limits: SlotLimits) -> Result<Slot, Refusal> {
        let client = site(client);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= limits.connections {
            return Err(Refusal::Connections { limit: limits.connections });
        }
        let of_client = taken.by_client.entry(client);
        let count = if let Entry::Occupied(of_client) = &of_client { *of_client.get() } else { 0 };
        if count >= limits.connections_per_client {
            return Err(Refusal::ConnectionsOfClient { limit: limits.connections_per_client });
        }
        of_client.insert_entry(count + 1);
        taken.all += 1;
        Ok(Slot { slots: Arc::clone(self), holder: Holder::Client(client) })
    }

    /// A slot for a connection whose client is not known yet: it counts among all, and for nobody.
    ///
    /// # Errors
    /// The limit that is reached, in the words of a refusal.
    pub(crate) fn take_unknown(self: &Arc<Self>, limits: SlotLimits) -> Result<Slot, Refusal> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= limits.connections {
            return Err(Refusal::Connections { limit: limits.connections });
        }
        taken.all += 1;
        Ok(Slot { slots: Arc::clone(self), holder: Holder::Unknown })
    }

    /// What a client holds while it is told that there is no slot for it. None where [`TURNED_AWAY_MAX`] are
    /// being told.
    pub(crate) fn take_turned_away(self: &Arc<Self>) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.turned_away >= TURNED_AWAY_MAX {
            return None;
        }
        taken.turned_away += 1;
        Some(Slot { slots: Arc::clone(self), holder: Holder::TurnedAway })
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match self.holder {
            Holder::Client(client) => taken.leave(client),
            Holder::Unknown => taken.all -= 1,
            Holder::TurnedAway => taken.turned_away -= 1,
        }
    }
}

impl Taken {
    fn leave(&mut self, client: IpAddr) {
        self.all -= 1;
        let of_client = self.by_client.get_mut(&client).expect("a slot is counted until it is dropped");
        *of_client -= 1;
        if *of_client == 0 {
            self.by_client.remove(&client);
        }
    }
}

fn site(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_holds_and_a_dropped_slot_is_free_again() {
        let slots = Slots::new();
        let limits = SlotLimits { connections: 3, connections_per_client: 2 };
        let take = |client: &str| slots.take(client.parse().unwrap(), limits);
        let first = take("192.0.2.1").unwrap();
        let _second = take("::ffff:192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), Refusal::ConnectionsOfClient { limit: 2 });
        let _other = take("2001:db8::1").unwrap();
        assert_eq!(take("192.0.2.9").unwrap_err(), Refusal::Connections { limit: 3 });
        drop(first);
        assert_eq!(slots.open(), 2);
        assert!(take("192.0.2.1").is_ok());
    }

    #[test]
    fn a_client_without_a_slot_leaves_no_trace() {
        let slots = Slots::new();
        for limits in [(9, 0), (0, 9)] {
            let (connections, connections_per_client) = limits;
            let limits = SlotLimits { connections, connections_per_client };
            assert!(slots.take("192.0.2.1".parse().unwrap(), limits).is_err());
            assert!(slots.taken.lock().unwrap().by_client.is_empty());
        }
    }

    #[test]
    fn limits_that_shrink_hold_for_who_comes_next() {
        let slots = Slots::new();
        let take = |connections| {
            let limits = SlotLimits { connections, connections_per_client: 9 };
            slots.take("192.0.2.1".parse().unwrap(), limits)
        };
        let held = [take(9).unwrap(), take(9).unwrap(), take(9).unwrap()];
        assert_eq!(take(2).unwrap_err(), Refusal::Connections { limit: 2 });
        assert_eq!(slots.open(), 3);
        drop(held);
        assert!(take(2).is_ok());
    }

    #[test]
    fn a_site_of_ipv6_is_one_client() {
        let slots = Slots::new();
        let limits = SlotLimits { connections: 9, connections_per_client: 1 };
        let take = |client: &str| slots.take(client.parse().unwrap(), limits);
        let _held = take("2001:db8:0:1::1").unwrap();
        assert!(take("2001:db8:0:1:ffff::2").is_err());
        assert!(take("2001:db8:0:2::1").is_ok());
    }
}
