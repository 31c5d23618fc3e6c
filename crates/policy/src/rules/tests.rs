use sensor_mail::{Admission, RuleId};

use super::*;
use crate::decision::Treatment;
use crate::interface::Link;

fn rules(clients: &[&str], domains: &[&str]) -> Rules {
    Rules {
        clients: ClientRules::parse(clients).unwrap(),
        domains: DomainRules::parse(domains).unwrap(),
        ..Rules::default()
    }
}

fn interface(name: &str, network: &str, link: Link) -> Interface {
    let net: ipnet::IpNet = network.parse().unwrap();
    Interface { name: name.into(), address: net.addr(), prefix: net.prefix_len(), link }
}

/// A host with two wires, a second network on one of them, a tunnel and an address of its own.
fn interfaces() -> Vec<Interface> {
    vec![
        interface("lo", "127.0.0.1/8", Link::Shared),
        interface("eth0", "192.0.2.5/24", Link::Shared),
        interface("eth0", "198.51.100.5/28", Link::Shared),
        interface("eth0", "2001:db8::5/64", Link::Shared),
        interface("eth1", "10.1.0.5/16", Link::Shared),
        interface("tun0", "10.8.0.1/24", Link::PointToPoint),
        interface("dummy0", "203.0.113.5/32", Link::Shared),
        interface("dummy0", "2001:db8:1::5/128", Link::Shared),
    ]
}

fn connect(rules: &Rules, peer: &str, local: &str) -> Decision {
    rules.at_connect(peer.parse().unwrap(), local.parse().unwrap(), &interfaces())
}

fn refused(rule: &str) -> Decision {
    Decision::refuse(Refusal::Client(RuleId::named(rule)))
}

#[test]
fn with_both_lists_empty_only_the_subnets_of_the_interface_may_connect() {
    let rules = Rules::default();
    for (peer, local, near) in [
        ("192.0.2.99", "192.0.2.5", true),
        ("192.0.3.1", "192.0.2.5", false),
        ("198.51.100.14", "192.0.2.5", true),
        ("198.51.100.16", "192.0.2.5", false),
        ("2001:db8::99", "192.0.2.5", true),
        ("2001:db8::99", "2001:db8::5", true),
        ("2001:db8:0:1::99", "2001:db8::5", false),
        ("10.1.200.1", "10.1.0.5", true),
        ("10.1.200.1", "192.0.2.5", false),
        ("192.0.2.99", "10.1.0.5", false),
        ("::ffff:192.0.2.99", "::ffff:192.0.2.5", true),
        ("::ffff:192.0.3.1", "::ffff:192.0.2.5", false),
        ("10.8.0.1", "10.8.0.1", true),
        ("10.8.0.2", "10.8.0.1", false),
        ("203.0.113.5", "203.0.113.5", true),
        ("203.0.113.6", "203.0.113.5", false),
        ("2001:db8:1::6", "2001:db8:1::5", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.9.9.9", "192.0.2.5", true),
        ("::1", "::1", true),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", true),
        ("192.0.2.99", "192.0.2.77", false),
    ] {
        let expected = if near { Decision::ADMIT } else { refused("clients.subnet") };
        assert_eq!(connect(&rules, peer, local), expected, "{peer} to {local}");
    }
}

#[test]
fn a_link_local_peer_is_near_to_a_link_local_address_alone() {
    let rules = Rules::default();
    let interfaces = [
        interface("eth0", "192.0.2.5/24", Link::Shared),
        interface("eth0", "2001:db8::5/64", Link::Shared),
        interface("eth0", "fe80::5/64", Link::Shared),
        interface("eth1", "fe80::6/64", Link::Shared),
    ];
    for (peer, local, near) in [
        ("fe80::99", "fe80::5", true),
        ("fe80::99", "fe80::6", true),
        ("fe80::5", "fe80::5", true),
        // From which link is not said.
        ("fe80::99", "2001:db8::5", false),
        ("fe80::99", "192.0.2.5", false),
        ("2001:db8::99", "fe80::5", true),
        ("2001:db8::99", "fe80::6", false),
    ] {
        let decision = rules.at_connect(peer.parse().unwrap(), local.parse().unwrap(), &interfaces);
        let expected = if near { Decision::ADMIT } else { refused("clients.subnet") };
        assert_eq!(decision, expected, "{peer} to {local}");
    }
}

#[test]
fn an_interface_with_an_impossible_prefix_holds_only_itself() {
    let odd = Interface { prefix: 99, ..interface("eth0", "192.0.2.5/24", Link::Shared) };
    assert_eq!(odd.network().to_string(), "192.0.2.5/32");
}

#[test]
fn the_client_rule_reads_as_it_is_written() {
    let admit = Decision::ADMIT;
    for (clients, domains, peer, expected) in [
        (&[][..], &["example.com"][..], "203.0.113.99", admit.clone()),
        (&["192.0.2.7", "10.0.0.0/8", "!10.9.0.0/16"], &[], "192.0.2.7", admit.clone()),
        (&["192.0.2.7", "10.0.0.0/8", "!10.9.0.0/16"], &[], "::ffff:10.8.0.1", admit.clone()),
        (&["192.0.2.7", "10.0.0.0/8", "!10.9.0.0/16"], &[], "10.9.0.1", refused("clients[3]")),
        (&["192.0.2.7", "10.0.0.0/8", "!10.9.0.0/16"], &[], "192.0.2.8", refused("clients.default")),
        (&["192.0.2.7"], &[], "127.0.0.1", refused("clients.default")),
        (&["!10.9.0.0/16"], &[], "203.0.113.99", admit.clone()),
        (&["!10.9.0.0/16"], &[], "10.9.0.1", refused("clients[1]")),
        (&["!10.0.0.0/8", "10.9.0.0/16"], &[], "10.9.0.1", admit.clone()),
        (&["!10.0.0.0/8", "10.9.0.0/16"], &[], "10.8.0.1", refused("clients[1]")),
        (&["!10.0.0.0/8", "10.9.0.0/16"], &[], "2001:db8::99", admit),
    ] {
        assert_eq!(connect(&rules(clients, domains), peer, "192.0.2.5"), expected, "{clients:?} {peer}");
    }
}

#[test]
fn the_recipient_rule_reads_as_it_is_written() {
    let refused = |rule: &str| Decision::refuse(Refusal::RecipientDomain(RuleId::named(rule)));
    for (domains, recipient, expected) in [
        (&[][..], "a@anywhere.invalid", Decision::ADMIT),
        (&[], "a@[192.0.2.7]", Decision::ADMIT),
        (&[], "a@[x-note:hello]", Decision::ADMIT),
        (&["example.com", "!lab.example.com"], "a@WWW.example.com.", Decision::ADMIT),
        (&["example.com", "!lab.example.com"], "a@lab.example.com", refused("destination_domains[2]")),
        (&["example.com", "!lab.example.com"], "a@example.net", refused("destination_domains.default")),
        (&["example.com"], "postmaster", Decision::ADMIT),
        (&["example.com"], "Postmaster", Decision::ADMIT),
        (&["!example.com"], "postmaster", Decision::ADMIT),
        (&["example.com"], "a@[192.0.2.7]", refused("destination_domains.literal")),
        (&["!example.com"], "a@[192.0.2.7]", refused("destination_domains.literal")),
        (&["!example.com"], "a@example.net", Decision::ADMIT),
        (&["[192.0.2.7]"], "a@[192.0.2.7]", Decision::ADMIT),
    ] {
        let path = ForwardPath::parse(recipient).unwrap();
        let mut rules = rules(&[], domains);
        assert_eq!(rules.at_rcpt(&path), expected, "{domains:?} {recipient}");
        rules.uncovered = Uncovered::Accept;
        let treatment = if expected == Decision::ADMIT { Treatment::Scan } else { Treatment::Unscanned };
        assert_eq!(
            rules.at_rcpt(&path),
            Decision { treatment, ..Decision::ADMIT },
            "{domains:?} {recipient} with uncovered = accept"
        );
    }
}

#[test]
fn the_size_limit_holds_at_mail_and_while_the_body_arrives() {
    let limited = Rules { size: SizeLimit::parse("10 MiB").unwrap(), ..Rules::default() };
    let refused = Decision::refuse(Refusal::MessageSize { limit: 10_485_760 });
    for (octets, expected) in [(0, &Decision::ADMIT), (10_485_760, &Decision::ADMIT), (10_485_761, &refused)]
    {
        assert_eq!(&limited.at_mail(Some(octets)), expected, "{octets}");
        assert_eq!(&limited.at_body(octets), expected, "{octets}");
    }
    assert_eq!(limited.at_mail(None), Decision::ADMIT);
    assert_eq!(Rules::default().at_body(u64::MAX), Decision::ADMIT);
}

#[test]
fn switched_off_it_asks_to_try_later_and_ends_what_has_begun() {
    let off = Rules { enabled: false, ..rules(&["!10.0.0.0/8"], &[]) };
    let later = Decision::try_later(Refusal::Disabled);
    for peer in ["127.0.0.1", "10.0.0.1", "203.0.113.99"] {
        assert_eq!(connect(&off, peer, "192.0.2.5"), later, "{peer}");
    }
    assert_eq!(off.at_mail(Some(1)), later);
    assert_eq!(off.at_rcpt(&ForwardPath::parse("a@example.com").unwrap()), Decision::ADMIT);
    assert_eq!(off.at_body(1), Decision::ADMIT);
}

#[test]
fn explanations_say_what_decided_and_what_holds_elsewhere() {
    let ours = rules(&["10.0.0.0/8", "!10.9.0.0/16"], &["example.com", "!lab.example.com"]);
    let open = rules(&["!10.0.0.0/8"], &["!lab.example.com"]);
    let any = rules(&[], &["example.com"]);
    let near = Rules::default();
    let off = Rules { enabled: false, ..Rules::default() };
    let subnets = "default of clients: accept clients in the subnets of the interface they connect to, \
                   because this list and destination_domains are empty";
    for (rules, peer, local, text) in [
        (
            &ours,
            "10.9.1.1",
            "192.0.2.5",
            "client 10.9.1.1: refused by clients[2]: \"!10.9.0.0/16\"\n\
             default of clients: refuse, because clients[1] \"10.0.0.0/8\" says who may connect",
        ),
        (
            &ours,
            "::ffff:192.0.2.7",
            "192.0.2.5",
            "client 192.0.2.7: refused by clients.default: no entry covers it\n\
             default of clients: refuse, because clients[1] \"10.0.0.0/8\" says who may connect",
        ),
        (
            &open,
            "192.0.2.7",
            "192.0.2.5",
            "client 192.0.2.7: admitted by clients.default: no entry covers it\n\
             default of clients: accept, because the list holds only exceptions",
        ),
        (
            &any,
            "192.0.2.7",
            "192.0.2.5",
            "client 192.0.2.7: admitted by clients.default: no entry covers it\n\
             default of clients: accept any client, because the list is empty and destination_domains is not",
        ),
        (
            &near,
            "198.51.100.9",
            "192.0.2.5",
            &format!(
                "client 198.51.100.9: admitted by clients.subnet: it lies in 198.51.100.0/28 of eth0, the \
                 interface it connected to\n{subnets}"
            ),
        ),
        (
            &near,
            "203.0.113.9",
            "192.0.2.5",
            &format!(
                "client 203.0.113.9: refused by clients.subnet: it lies in no subnet of eth0 (192.0.2.0/24), \
                 the interface it connected to; list it in clients to admit it\n{subnets}"
            ),
        ),
        (
            &near,
            "127.0.0.1",
            "127.0.0.1",
            &format!("client 127.0.0.1: admitted by clients.subnet: it is this host\n{subnets}"),
        ),
        (
            &near,
            "192.0.2.9",
            "192.0.2.77",
            &format!(
                "client 192.0.2.9: refused by clients.subnet: no interface is known to hold the address it \
                 connected to\n{subnets}"
            ),
        ),
        (
            &off,
            "127.0.0.1",
            "127.0.0.1",
            &format!("client 127.0.0.1: refused for now by enabled: the sensor is switched off\n{subnets}"),
        ),
    ] {
        let interfaces = interfaces();
        let explanation = rules.explain_connect(peer.parse().unwrap(), local.parse().unwrap(), &interfaces);
        assert_eq!(told(&explanation), text);
        assert_eq!(explanation.decision, connect(rules, peer, local), "{peer}");
    }
}

/// All parts of an explanation, and whether it may come in.
fn told(explanation: &Explanation<'_>) -> String {
    let outcome = match (&explanation.decision.admission, explanation.decision.treatment) {
        (Admission::Admit, Treatment::Scan) => "admitted",
        (Admission::Admit, Treatment::Unscanned) => "unscanned",
        (Admission::Refuse(_), _) => "refused",
        (Admission::TryLater(_), _) => "refused for now",
    };
    let Explanation { question, reason, default, .. } = explanation;
    let default = default.map_or_else(String::new, |default| format!("\n{default}"));
    format!("{question}: {outcome} by {}: {reason}{default}", explanation.rule())
}

#[test]
fn explanations_of_recipients_and_sizes_read_alike() {
    let ours = rules(&[], &["example.com", "!lab.example.com"]);
    let lenient = Rules { uncovered: Uncovered::Accept, ..ours.clone() };
    let default = "default of destination_domains: refuse, because destination_domains[1] \"example.com\" says \
                   what is covered";
    for (rules, recipient, text) in [
        (
            &ours,
            "a@example.com",
            "recipient <a@example.com>: admitted by destination_domains[1]: \"example.com\"",
        ),
        (
            &ours,
            "a@lab.example.com",
            "recipient <a@lab.example.com>: refused by destination_domains[2]: \"!lab.example.com\"",
        ),
        (
            &lenient,
            "a@example.net",
            "recipient <a@example.net>: unscanned by destination_domains.default: no entry covers it",
        ),
        (
            &ours,
            "postmaster",
            "recipient <postmaster>: admitted by destination_domains.postmaster: <postmaster> without a domain is \
             always taken",
        ),
        (
            &ours,
            "a@[192.0.2.7]",
            "recipient <a@[192.0.2.7]>: refused by destination_domains.literal: an address literal is covered by \
             an entry that is the same literal",
        ),
    ] {
        let path = ForwardPath::parse(recipient).unwrap();
        assert_eq!(told(&rules.explain_rcpt(&path)), format!("{text}\n{default}"));
        assert_eq!(rules.explain_rcpt(&path).decision, rules.at_rcpt(&path));
    }
    let limited = Rules { size: SizeLimit::parse("10 MiB").unwrap(), ..Rules::default() };
    for (octets, text) in [
        (
            Some(20_971_520),
            "message of 20971520 octets: refused by message_size_limit: at most 10 MiB, 10485760 octets",
        ),
        (None, "message of undeclared size: admitted by message_size_limit: at most 10 MiB, 10485760 octets"),
    ] {
        assert_eq!(told(&limited.explain_mail(octets)), text);
    }
    assert_eq!(
        told(&Rules::default().explain_mail(Some(7))),
        "message of 7 octets: admitted by message_size_limit: unlimited"
    );
}
