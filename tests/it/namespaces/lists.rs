//! The list of clients, with negations, over IPv4 and IPv6: the longest prefix decides.

use super::{Host, Network, Stand};

/// Starts a sensor with this list, and asks each case of it.
fn check(name: &str, clients: &str, cases: &[(Host, &str, &str, &str)]) {
    let Some(network) = Network::lay(name) else { return };
    let stand = Stand::new(network, &format!("clients = {clients}"), "");
    for (host, to, reply, why) in cases {
        stand.check(*host, to, reply, why);
    }
}

#[test]
fn who_is_listed_is_taken_but_for_the_exceptions() {
    check(
        "who_is_listed_is_taken_but_for_the_exceptions",
        r#"["198.51.100.0/24", "!198.51.100.9", "2001:db8::/32", "!2001:db8:1::/64", "2001:db8:1::2"]"#,
        &[
            (Host::Far, "192.0.2.2", "554", "refused by clients[2]: \"!198.51.100.9\""),
            (Host::Far, "::ffff:192.0.2.2", "554", "refused by clients[2]"),
            // A neighbour of the subnet is nobody special where there is a list.
            (Host::Router, "192.0.2.2", "554", "refused by clients.default"),
            (Host::Sensor, "127.0.0.1", "554", "refused by clients.default"),
            (Host::Sensor, "192.0.2.2", "554", "refused by clients.default"),
            (Host::Far, "2001:db8:1::2", "220", "admitted by clients[3]: \"2001:db8::/32\""),
            (Host::Router, "2001:db8:1::2", "554", "refused by clients[4]: \"!2001:db8:1::/64\""),
            (Host::Sensor, "2001:db8:1::2", "220", "admitted by clients[5]"),
            (Host::Router, "fe80::2%lan", "554", "refused by clients.default"),
        ],
    );
}

#[test]
fn who_is_not_excepted_is_taken() {
    check(
        "who_is_not_excepted_is_taken",
        r#"["!198.51.100.0/24", "198.51.100.9", "!::/0", "fe80::/64"]"#,
        &[
            // An entry inside an exception does not say who alone may.
            (Host::Router, "192.0.2.2", "220", "admitted by clients.default"),
            (Host::Far, "192.0.2.2", "220", "admitted by clients[2]: \"198.51.100.9\""),
            // `::/0` says nothing about IPv4, whatever socket speaks it.
            (Host::Far, "::ffff:192.0.2.2", "220", "admitted by clients[2]"),
            (Host::Far, "2001:db8:1::2", "554", "refused by clients[3]: \"!::/0\""),
            (Host::Sensor, "::1", "554", "refused by clients[3]"),
            (Host::Router, "fe80::2%lan", "220", "admitted by clients[4]: \"fe80::/64\""),
        ],
    );
    check(
        "who_is_not_excepted_is_taken",
        r#"["!198.51.100.0/24", "!2001:db8:2::/64"]"#,
        &[
            (Host::Router, "192.0.2.2", "220", "admitted by clients.default"),
            (Host::Far, "192.0.2.2", "554", "refused by clients[1]"),
            (Host::Router, "2001:db8:1::2", "220", "admitted by clients.default"),
            (Host::Far, "2001:db8:1::2", "554", "refused by clients[2]"),
            (Host::Router, "fe80::2%lan", "220", "admitted by clients.default"),
        ],
    );
}
