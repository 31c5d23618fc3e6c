//! The network interfaces of the host, as the subnet rule sees them.

use std::net::IpAddr;

use ipnet::IpNet;

/// One address of one interface. An interface with two addresses is two of these with one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The interface's name, such as `eth0`.
    pub name: Box<str>,
    /// The address.
    pub address: IpAddr,
    /// The length of its subnet's prefix, in bits.
    pub prefix: u8,
    /// What the interface is connected to.
    pub link: Link,
}

/// What an interface is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A network of neighbours.
    Shared,
    /// One peer, such as a tunnel's far end: its prefix says nothing about who is near.
    PointToPoint,
}

impl Interface {
    /// The addresses that count as near: the subnet, or the address alone where the link has no neighbours.
    #[must_use]
    pub fn network(&self) -> IpNet {
        let alone = IpNet::from(self.address.to_canonical());
        match self.link {
            Link::PointToPoint => alone,
            // An IPv4-mapped address keeps no usable prefix: nothing assigns one to an interface.
            Link::Shared => {
                IpNet::new(self.address.to_canonical(), self.prefix).map_or(alone, |net| net.trunc())
            }
        }
    }
}

/// Where a peer stands relative to the interface that holds a connection's local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nearness<'a> {
    /// The peer is this host itself.
    Loopback,
    /// It lies in a subnet of the interface.
    Inside(&'a Interface),
    /// It lies in none of them.
    Outside(&'a Interface),
    /// No interface holds the local address.
    Nowhere,
}

/// Both addresses are canonical. An interface's other subnets count as well as that of the local address; but a
/// link-local peer is near only to a link-local address.
pub(crate) fn nearness(peer: IpAddr, local: IpAddr, interfaces: &[Interface]) -> Nearness<'_> {
    if peer.is_loopback() {
        return Nearness::Loopback;
    }
    let holders = || interfaces.iter().filter(|held| held.address.to_canonical() == local);
    // All links have the same link-local subnet: who comes from one of them to an address of another is no
    // neighbour there. To a link-local address nobody comes from elsewhere (RFC 4007 section 9).
    let is_of_this_link = !is_link_local(peer) || is_link_local(local);
    let near = |near: &&Interface| {
        let contains = is_of_this_link && near.network().contains(&peer);
        contains && holders().any(|holder| holder.name == near.name)
    };
    match (interfaces.iter().find(near), holders().next()) {
        (Some(near), _) => Nearness::Inside(near),
        (None, Some(holder)) => Nearness::Outside(holder),
        (None, None) => Nearness::Nowhere,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        // 169.254.0.0/16 is link-local too, but one of a host's interfaces at most has it.
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
