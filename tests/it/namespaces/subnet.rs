//! Both lists are empty: whoever is in a subnet of the interface is taken.

use super::{Host, Network, Stand};
use crate::harness::{skip, wait_for};

const OUTSIDE: &str = "it lies in no subnet of lan";

#[test]
fn neighbours_are_taken_and_strangers_are_not() {
    let Some(network) = Network::lay("neighbours_are_taken_and_strangers_are_not") else { return };
    let stand = Stand::new(network, "", "");
    for (host, to, reply, why) in [
        (Host::Router, "192.0.2.2", "220", "it lies in 192.0.2.0/24 of lan"),
        (Host::Far, "192.0.2.2", "554", "no subnet of lan (192.0.2.0/24)"),
        (Host::Router, "2001:db8:1::2", "220", "it lies in 2001:db8:1::/64 of lan"),
        (Host::Far, "2001:db8:1::2", "554", "no subnet of lan (2001:db8:1::/64)"),
        (Host::Router, "fe80::2%lan", "220", "it lies in fe80::/64 of lan"),
        // An IPv6 socket that speaks IPv4: the rule is that of IPv4.
        (Host::Router, "::ffff:192.0.2.2", "220", "it lies in 192.0.2.0/24 of lan"),
        (Host::Far, "::ffff:192.0.2.2", "554", "no subnet of lan (192.0.2.0/24)"),
        (Host::Sensor, "127.0.0.1", "220", "it is this host"),
        (Host::Sensor, "127.9.9.9", "220", "it is this host"),
        (Host::Sensor, "::1", "220", "it is this host"),
        (Host::Sensor, "192.0.2.2", "220", "it lies in 192.0.2.0/24 of lan"),
        (Host::Sensor, "2001:db8:1::2", "220", "it lies in 2001:db8:1::/64 of lan"),
    ] {
        stand.check(host, to, reply, why);
    }
}

/// The router speaks from 203.0.113.1, of which the sensor knows only that it is behind the router.
fn speak_from_another_prefix(network: &Network) {
    network.router.ip("address add 203.0.113.1/24 dev lan\n\
         route replace 192.0.2.0/24 dev lan src 203.0.113.1\n");
    network.sensor.ip("route add 203.0.113.1 via 192.0.2.1\n");
}

/// Waits until the router is greeted so: a list of interfaces is believed for a moment.
fn wait_greeted(stand: &Stand, reply: &str) {
    wait_for(reply, || {
        let greeting = stand.network.client(Host::Router, "192.0.2.2").try_reply().unwrap();
        greeting.starts_with(reply).then_some(())
    });
}

#[test]
fn a_prefix_that_comes_or_goes_changes_the_answer() {
    for label in ["", "label lan:1"] {
        let Some(network) = Network::lay("a_prefix_that_comes_or_goes_changes_the_answer") else { return };
        speak_from_another_prefix(&network);
        let stand = Stand::new(network, "", "");
        let sensor = &stand.network.sensor;
        stand.check(Host::Router, "192.0.2.2", "554", OUTSIDE);
        sensor.ip(&format!("address add 203.0.113.2/24 dev lan {label}\n"));
        wait_greeted(&stand, "220");
        stand.check(Host::Router, "192.0.2.2", "220", "it lies in 203.0.113.0/24 of lan");
        stand.check(Host::Router, "203.0.113.2", "220", "it lies in 203.0.113.0/24 of lan");
        stand.check(Host::Far, "203.0.113.2", "554", OUTSIDE);
        sensor.ip("address del 203.0.113.2/24 dev lan\n");
        wait_greeted(&stand, "554");
        stand.check(Host::Router, "192.0.2.2", "554", OUTSIDE);
    }
}

#[test]
fn a_prefix_of_one_address_holds_itself_alone() {
    for (address, why) in [
        ("192.0.2.2/32", "no subnet of lan (192.0.2.2/32)"),
        ("192.0.2.2 peer 192.0.2.1/32", "no subnet of lan (192.0.2.2/32)"),
        // What is near is behind the peer's prefix, not around our own address.
        ("192.0.2.2 peer 203.0.113.1/24", "no subnet of lan (192.0.2.2/32)"),
    ] {
        let Some(network) = Network::lay("a_prefix_of_one_address_holds_itself_alone") else { return };
        network.sensor.ip(&format!(
            "address flush dev lan scope global\n\
             address add {address} dev lan\n\
             address add 2001:db8:1::2/128 dev lan nodad\n\
             route replace 192.0.2.1 dev lan\n\
             route replace 2001:db8:1::1 dev lan\n\
             route replace default via 192.0.2.1\n"
        ));
        let stand = Stand::new(network, "", "");
        stand.check(Host::Router, "192.0.2.2", "554", why);
        stand.check(Host::Far, "192.0.2.2", "554", why);
        stand.check(Host::Router, "2001:db8:1::2", "554", "no subnet of lan (2001:db8:1::2/128)");
        stand.check(Host::Sensor, "192.0.2.2", "220", "it lies in 192.0.2.2/32 of lan");
        stand.check(Host::Sensor, "2001:db8:1::2", "220", "it lies in 2001:db8:1::2/128 of lan");
    }
}

#[test]
fn the_prefix_of_a_tunnel_holds_nobody_but_ourselves() {
    let name = "the_prefix_of_a_tunnel_holds_nobody_but_ourselves";
    let Some(network) = Network::lay(name) else { return };
    if let Err(error) = network.sensor.try_ip("tuntap add dev tun mode tun\n") {
        return skip(name, &format!("cannot make a tunnel: {error}"));
    }
    network.sensor.ip("address add 203.0.113.2/24 dev tun\n\
         link set tun up\n\
         route add 203.0.113.1 via 192.0.2.1\n");
    network.router.ip("address add 203.0.113.1/32 dev lan\n\
         route add 203.0.113.2 via 192.0.2.2 src 203.0.113.1\n");
    let stand = Stand::new(network, "", "");
    stand.check(Host::Router, "203.0.113.2", "554", "no subnet of tun (203.0.113.2/32)");
    stand.check(Host::Sensor, "203.0.113.2", "220", "it lies in 203.0.113.2/32 of tun");
}

#[test]
fn another_links_neighbour_is_none_of_this_one() {
    let Some(network) = Network::lay("another_links_neighbour_is_none_of_this_one") else { return };
    // A second cable, by which the router has nothing but a link-local address.
    super::connect(&network.router, &network.sensor, "dmz");
    network.sensor.ip("address add fe80::22/64 dev dmz nodad\n");
    network.router.ip("address add fe80::11/64 dev dmz nodad\n\
         address del 2001:db8:1::1/64 dev lan\n\
         address del 2001:db8:2::1/64 dev wan\n\
         route add 2001:db8:1::2 via fe80::22 dev dmz\n");
    let stand = Stand::new(network, "", "");
    stand.check(Host::Router, "2001:db8:1::2", "554", OUTSIDE);
    stand.check(Host::Router, "fe80::22%dmz", "220", "it lies in fe80::/64 of dmz");
}
