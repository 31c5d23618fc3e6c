//! A filter speaks for others by XCLIENT.

use std::net::SocketAddr;

use serde_json::Value;

use super::{Host, Network, PORT, Stand};
use crate::harness::client::Client;
use crate::harness::wait_for;

/// A greeted session of the router, which may speak for others.
fn filter(stand: &Stand) -> Client {
    let mut filter = stand.network.client(Host::Router, "192.0.2.2");
    filter.expect("220");
    let offered = filter.command("EHLO filter.example.com", "250");
    assert!(offered.contains("XCLIENT"), "{offered}");
    filter
}

/// The filter speaks for `client`, is answered with `reply`, and `why` explains it.
#[track_caller]
fn check(stand: &Stand, client: &str, reply: &str, why: &str) -> Client {
    let mut filter = filter(stand);
    let typed = if client.contains(':') { format!("IPV6:{client}") } else { client.to_owned() };
    let greeting = filter.command(&format!("XCLIENT ADDR={typed} PORT=4321"), reply);
    let local = SocketAddr::new("192.0.2.2".parse().unwrap(), PORT);
    stand.explained(SocketAddr::new(client.parse().unwrap(), 4321), local, &greeting, why);
    filter
}

/// Whose the accepted message was.
fn accepted_client(stand: &Stand) -> Value {
    wait_for("the log", || stand.home.logged("accepted").pop())["client"].clone()
}

#[test]
fn the_rule_is_asked_anew_for_whom_the_filter_names() {
    let name = "the_rule_is_asked_anew_for_whom_the_filter_names";
    let Some(network) = Network::lay(name) else { return };
    let clients = r#"clients = ["192.0.2.1", "198.51.100.0/24", "!198.51.100.8", "2001:db8:2::9"]"#;
    let stand = Stand::new(network, clients, "xclient = [\"192.0.2.1\"]");
    check(&stand, "198.51.100.8", "554", "refused by clients[3]").command("MAIL FROM:<>", "503");
    check(&stand, "192.0.2.9", "554", "refused by clients.default");
    check(&stand, "2001:db8:1::1", "554", "refused by clients.default");
    check(&stand, "2001:db8:2::9", "220", "admitted by clients[4]");
    check(&stand, "::ffff:198.51.100.9", "220", "admitted by clients[2]");
    let mut filter = check(&stand, "198.51.100.9", "220", "admitted by clients[2]");
    // It begins again at the greeting.
    filter.command("MAIL FROM:<ada@example.com>", "503");
    filter.command("EHLO far.example.com", "250");
    filter.data("ada@example.com", "bob@example.test", b"Subject: x\r\n\r\n");
    assert_eq!(accepted_client(&stand), "198.51.100.9");
}

#[test]
fn without_lists_a_filter_brings_its_neighbours_alone() {
    let Some(network) = Network::lay("without_lists_a_filter_brings_its_neighbours_alone") else { return };
    let stand = Stand::new(network, "", "xclient = [\"192.0.2.0/24\"]");
    check(&stand, "198.51.100.9", "554", "no subnet of lan");
    check(&stand, "192.0.2.77", "220", "it lies in 192.0.2.0/24 of lan");
    check(&stand, "127.0.0.1", "220", "it is this host");
}

#[test]
fn who_is_not_listed_speaks_for_itself() {
    let Some(network) = Network::lay("who_is_not_listed_speaks_for_itself") else { return };
    let clients = "clients = [\"192.0.2.0/24\", \"198.51.100.9\"]";
    let stand = Stand::new(network, clients, "xclient = [\"192.0.2.1\"]");
    let mut client = stand.network.client(Host::Far, "192.0.2.2");
    client.expect("220");
    let offered = client.command("EHLO far.example.com", "250");
    assert!(!offered.contains("XCLIENT"), "{offered}");
    client.command("XCLIENT ADDR=192.0.2.1", "550 5.7.0");
    client.data("ada@example.com", "bob@example.test", b"Subject: x\r\n\r\n");
    assert_eq!(accepted_client(&stand), "198.51.100.9");
}
