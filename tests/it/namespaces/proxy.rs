//! A proxy, which is a neighbour, speaks for clients that are not.

use std::net::{IpAddr, SocketAddr};

use super::{Host, Network, PORT, Stand};
use crate::harness::wait_for;

const LISTENER: &str = "proxy = [\"192.0.2.1\", \"2001:db8:1::1\"]";

/// The first octets of a header of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header in which a proxy speaks for itself: a health check.
fn local() -> Vec<u8> {
    [SIGNATURE, &[0x20, 0, 0, 0]].concat()
}

/// A header for a connection of `client` to `to`, in a version of the protocol.
fn header(version: u8, client: &str, to: &str) -> Vec<u8> {
    let (client, to): (IpAddr, IpAddr) = (client.parse().unwrap(), to.parse().unwrap());
    if version == 1 {
        let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
        return format!("PROXY {family} {client} {to} 4321 25\r\n").into_bytes();
    }
    let (family, octets) = match (client, to) {
        (IpAddr::V4(client), IpAddr::V4(to)) => (0x11, [client.octets(), to.octets()].concat()),
        (IpAddr::V6(client), IpAddr::V6(to)) => (0x21, [client.octets(), to.octets()].concat()),
        mixed => panic!("{mixed:?}"),
    };
    let ports = [4321_u16.to_be_bytes(), 25_u16.to_be_bytes()].concat();
    let length = u8::try_from(octets.len() + ports.len()).unwrap();
    [SIGNATURE, &[0x21, family, 0, length], &octets, &ports].concat()
}

/// The proxy speaks for `client` in both versions: each is greeted with `reply`, and `why` explains it.
#[track_caller]
fn check(stand: &Stand, client: &str, to: &str, reply: &str, why: &str) {
    for version in [1, 2] {
        let mut proxy = stand.network.client(Host::Router, to);
        proxy.send(&header(version, client, to));
        let greeting = proxy.try_reply().unwrap();
        assert!(greeting.starts_with(reply), "version {version}, {client}: {greeting}");
        let local = SocketAddr::new(to.parse().unwrap(), PORT);
        stand.explained(SocketAddr::new(client.parse().unwrap(), 4321), local, &greeting, why);
    }
}

#[test]
fn the_rule_sees_who_is_behind_the_proxy() {
    let Some(network) = Network::lay("the_rule_sees_who_is_behind_the_proxy") else { return };
    let clients = r#"clients = ["198.51.100.0/24", "!198.51.100.8", "2001:db8:2::9"]"#;
    let stand = Stand::new(network, clients, LISTENER);
    for (client, to, reply, why) in [
        ("198.51.100.9", "192.0.2.2", "220", "admitted by clients[1]"),
        ("198.51.100.8", "192.0.2.2", "554", "refused by clients[2]"),
        // The proxy's own neighbours, and the proxy, are clients like others.
        ("192.0.2.1", "192.0.2.2", "554", "refused by clients.default"),
        ("2001:db8:2::9", "2001:db8:1::2", "220", "admitted by clients[3]"),
        ("2001:db8:1::1", "2001:db8:1::2", "554", "refused by clients.default"),
        ("::ffff:198.51.100.9", "2001:db8:1::2", "220", "admitted by clients[1]"),
    ] {
        check(&stand, client, to, reply, why);
    }
}

#[test]
fn without_lists_a_proxy_brings_its_neighbours_alone() {
    let Some(network) = Network::lay("without_lists_a_proxy_brings_its_neighbours_alone") else { return };
    let stand = Stand::new(network, "", LISTENER);
    check(&stand, "198.51.100.9", "192.0.2.2", "554", "no subnet of lan");
    check(&stand, "192.0.2.77", "192.0.2.2", "220", "it lies in 192.0.2.0/24 of lan");
    check(&stand, "2001:db8:2::9", "2001:db8:1::2", "554", "no subnet of lan");
}

#[test]
fn a_health_check_is_greeted_and_its_mail_is_refused() {
    let Some(network) = Network::lay("a_health_check_is_greeted_and_its_mail_is_refused") else { return };
    let stand = Stand::new(network, "clients = [\"198.51.100.9\"]", LISTENER);
    for header in [local(), b"PROXY UNKNOWN\r\n".to_vec()] {
        let mut proxy = stand.network.client(Host::Router, "192.0.2.2");
        proxy.send(&header);
        proxy.expect("220");
        proxy.command("EHLO proxy.example.com", "250");
        proxy.command("MAIL FROM:<ada@example.com>", "5");
        proxy.command("QUIT", "221");
    }
}

#[test]
fn a_header_of_anybody_else_is_none() {
    let Some(network) = Network::lay("a_header_of_anybody_else_is_none") else { return };
    let stand = Stand::new(network, "clients = [\"198.51.100.9\", \"203.0.113.7\"]", LISTENER);
    for header in [header(1, "203.0.113.7", "192.0.2.2"), header(2, "203.0.113.7", "192.0.2.2"), local()] {
        let mut client = stand.network.client(Host::Far, "192.0.2.2");
        // Before the greeting it is early, behind it no command: the session ends either way.
        let _ = client.try_send(&[&header[..], b"\r\nQUIT\r\n"].concat());
        let said = String::from_utf8(client.rest()).unwrap();
        assert!(!said.contains("\n250"), "{said}");
        let (first, more) = said.split_once("\r\n").unwrap();
        assert!(
            first.starts_with("421 4.7.0") || first.starts_with("220 ") && more.starts_with("50"),
            "{said}"
        );
        // A proxy that is silent, or says something else, hears nothing.
        let mut proxy = stand.network.client(Host::Router, "192.0.2.2");
        proxy.send(b"EHLO proxy.example.com\r\n");
        assert_eq!(proxy.rest(), b"");
    }
    wait_for("each to be logged", || {
        let refused = stand.home.logged("connection of a proxy refused");
        (refused.len() == 3).then_some(())
    });
}

#[test]
fn a_message_through_the_proxy_is_recorded_as_its_clients() {
    let Some(network) = Network::lay("a_message_through_the_proxy_is_recorded_as_its_clients") else {
        return;
    };
    let stand = Stand::new(network, "clients = [\"198.51.100.9\"]", LISTENER);
    let mut proxy = stand.network.client(Host::Router, "192.0.2.2");
    proxy.send(&header(2, "198.51.100.9", "192.0.2.2"));
    proxy.expect("220");
    proxy.command("EHLO far.example.com", "250");
    proxy.data("ada@example.com", "bob@example.test", b"Subject: x\r\n\r\n");
    let kept = stand.home.wait_kept(1).remove(0);
    let record: serde_json::Value =
        serde_json::from_slice(&stand.home.output(&["message", "show", &kept])).unwrap();
    let origin = &record["envelope"]["origin"];
    assert_eq!(origin["client"], "198.51.100.9", "{origin}");
    assert_eq!(origin["proxy"]["address"], "192.0.2.1", "{origin}");
}
