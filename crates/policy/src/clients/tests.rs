use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::prelude::*;

use super::ranges::{Address, Block, Ranges, sort};
use super::*;

fn faults(entries: &[&str]) -> Vec<String> {
    let faults = ClientRules::parse(entries).err().unwrap_or_default();
    faults.iter().map(|fault| format!("{}: {fault}", fault.index)).collect()
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_with_a_proposal() {
    for (entry, fault) in [
        ("", "the entry is empty"),
        ("  ", "the entry is empty"),
        ("!", "`!` has nothing to negate"),
        ("! ", "`!` has nothing to negate"),
        ("!!10.0.0.1", "one `!` is enough"),
        ("10.1.2.3/8", "host bits are set; did you mean 10.0.0.0/8?"),
        ("!10.1.2.3/8", "host bits are set; did you mean !10.0.0.0/8?"),
        ("2001:db8::1/32", "host bits are set; did you mean 2001:db8::/32?"),
        ("::ffff:10.1.2.3/104", "host bits are set; did you mean ::ffff:10.0.0.0/104?"),
        (
            "010.0.0.1",
            "a number has leading zeros, which some programs read as octal; did you mean 10.0.0.1?",
        ),
        (
            "10.000.0.0/08",
            "a number has leading zeros, which some programs read as octal; did you mean 10.0.0.0/8?",
        ),
        ("10.0.0.0/33", "the prefix is longer than the 32 bits of an address"),
        ("10.0.0.0/300", "the prefix is longer than the 32 bits of an address"),
        ("2001:db8::/129", "the prefix is longer than the 128 bits of an address"),
        ("10.0.0.0/", "the prefix is not a number; did you mean 10.0.0.0?"),
        ("10.0.0.0/+8", "the prefix is not a number; did you mean 10.0.0.0/8?"),
        ("10.0.0.0/08", "the prefix is not a number; did you mean 10.0.0.0/8?"),
        ("10.0.0.0/-8", "the prefix is not a number"),
        ("10.0.0.0/x", "the prefix is not a number"),
        ("10.0.0.0/255.0.0.0", "a netmask is not taken; did you mean 10.0.0.0/8?"),
        ("10.0.0.0/255.0.255.0", "a netmask is not taken"),
        ("10.*", "wildcards are not taken; did you mean 10.0.0.0/8?"),
        ("192.0.2.*", "wildcards are not taken; did you mean 192.0.2.0/24?"),
        ("10.*.3.4", "wildcards are not taken"),
        ("10.1.2.3.*", "wildcards are not taken"),
        ("*", "wildcards are not taken; did you mean 0.0.0.0/0?"),
        ("192.0.2.7:25", "a port has no place here; did you mean 192.0.2.7?"),
        ("[2001:db8::7]", "brackets have no place here; did you mean 2001:db8::7?"),
        ("[2001:db8::7]:25", "brackets have no place here; did you mean 2001:db8::7?"),
        ("fe80::1%eth0", "an interface has no place here; did you mean fe80::1?"),
        ("10.0.0.1-10.0.0.9", "ranges are not taken, write addresses and blocks"),
        (
            "mail.example.com",
            "neither an IP address nor a block such as 10.0.0.0/8 (names are not looked up)",
        ),
        ("10.0", "neither an IP address nor a block such as 10.0.0.0/8 (names are not looked up)"),
        ("10.0.0.0/8/9", "neither an IP address nor a block such as 10.0.0.0/8 (names are not looked up)"),
        ("any", "neither an IP address nor a block such as 10.0.0.0/8 (names are not looked up)"),
        ("256.0.0.1", "neither an IP address nor a block such as 10.0.0.0/8 (names are not looked up)"),
        ("00.1.2.3.4", "neither an IP address nor a block such as 10.0.0.0/8 (names are not looked up)"),
    ] {
        assert_eq!(faults(&[entry]), [format!("0: {fault}")], "{entry:?}");
    }
}

#[test]
fn every_faulty_entry_is_reported_in_the_order_of_the_list() {
    let list = ["10.0.0.1/8", "192.0.2.0/24", "x", "!192.0.2.0/24", "192.0.2.0/24", "!::ffff:192.0.2.0/120"];
    assert_eq!(
        faults(&list),
        [
            "0: host bits are set; did you mean 10.0.0.0/8?",
            "2: neither an IP address nor a block such as 10.0.0.0/8 (names are not looked up)",
            "3: contradicts entry 2 of this list; remove one of them",
            "5: contradicts entry 2 of this list; remove one of them",
        ]
    );
}

/// What decides about a client: the entry as typed, or nothing.
fn decider<'a>(rules: &'a ClientRules, client: &str) -> Option<&'a str> {
    let client: IpAddr = client.parse().unwrap();
    rules.longest_prefix(client.to_canonical()).map(|position| rules.deciding(position).typed)
}

#[test]
fn the_longest_prefix_decides() {
    let list = [
        "10.0.0.0/8",
        "!10.9.0.0/16",
        "10.9.7.0/24",
        "!10.9.7.7",
        " ! 2001:db8::/32",
        "2001:db8:1::/48",
        "10.0.0.0/8",
    ];
    let rules = ClientRules::parse(&list).unwrap();
    for (client, decides) in [
        ("9.255.255.255", None),
        ("10.0.0.0", Some("10.0.0.0/8")),
        ("10.8.255.255", Some("10.0.0.0/8")),
        ("10.9.0.0", Some("!10.9.0.0/16")),
        ("10.9.6.255", Some("!10.9.0.0/16")),
        ("10.9.7.0", Some("10.9.7.0/24")),
        ("10.9.7.7", Some("!10.9.7.7")),
        ("10.9.7.8", Some("10.9.7.0/24")),
        ("10.9.8.0", Some("!10.9.0.0/16")),
        ("10.10.0.0", Some("10.0.0.0/8")),
        ("10.255.255.255", Some("10.0.0.0/8")),
        ("11.0.0.0", None),
        ("::ffff:10.9.7.7", Some("!10.9.7.7")),
        ("2001:db8::1", Some(" ! 2001:db8::/32")),
        ("2001:db8:1::1", Some("2001:db8:1::/48")),
        ("2001:db9::", None),
    ] {
        assert_eq!(decider(&rules, client), decides, "{client}");
    }
}

#[test]
fn the_first_of_many_repetitions_decides() {
    let mut list = vec!["192.0.2.7".to_owned()];
    list.extend(
        (0..100).map(|index| if index % 2 == 0 { "10.0.0.0/8" } else { "::ffff:10.0.0.0/104" }.to_owned()),
    );
    let rules = ClientRules::parse(&list).unwrap();
    let position = rules.longest_prefix(Ipv4Addr::new(10, 0, 0, 1).into());
    assert_eq!(position.map(Position::index), Some(1));
}

#[test]
fn blocks_at_the_ends_of_the_address_space_end_there() {
    let list = ["0.0.0.0/0", "!255.255.255.255", "!0.0.0.0", "!::/0", "ffff::/16"];
    let rules = ClientRules::parse(&list).unwrap();
    for (client, decides) in [
        ("0.0.0.0", "!0.0.0.0"),
        ("0.0.0.1", "0.0.0.0/0"),
        ("255.255.255.254", "0.0.0.0/0"),
        ("255.255.255.255", "!255.255.255.255"),
        ("::", "!::/0"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff::/16"),
        ("::ffff:192.0.2.7", "0.0.0.0/0"),
    ] {
        assert_eq!(decider(&rules, client), Some(decides), "{client}");
    }
}

#[test]
fn the_default_follows_from_what_the_list_holds() {
    for (list, default) in [
        (&["10.0.0.0/8"][..], ClientDefault::Refuse),
        (&["10.0.0.0/8", "!10.9.0.0/16"], ClientDefault::Refuse),
        (&["!10.9.0.0/16", "10.0.0.0/8"], ClientDefault::Refuse),
        (&["!10.0.0.0/8"], ClientDefault::AcceptRest),
        (&["!10.0.0.0/8", "10.9.0.0/16"], ClientDefault::AcceptRest),
        (&["10.9.0.0/16", "!10.0.0.0/8"], ClientDefault::AcceptRest),
        (&["!10.0.0.0/8", "10.9.0.0/16", "!10.9.7.0/24", "10.9.7.7"], ClientDefault::AcceptRest),
        (&["!10.0.0.0/8", "10.9.0.0/16", "192.0.2.7"], ClientDefault::Refuse),
        (&["!10.0.0.0/8", "2001:db8::/32"], ClientDefault::Refuse),
        (&["!::/0", "10.0.0.0/8"], ClientDefault::Refuse),
        (&["!0.0.0.0/0", "::ffff:10.0.0.0/104"], ClientDefault::AcceptRest),
    ] {
        let rules = ClientRules::parse(list).unwrap();
        for no_domains in [true, false] {
            assert_eq!(rules.default_answer(no_domains), default, "{list:?}");
        }
        assert_eq!(rules.refusing_entry().is_some(), default == ClientDefault::Refuse, "{list:?}");
    }
    let empty = ClientRules::default();
    assert_eq!(empty.default_answer(true), ClientDefault::OwnSubnets);
    assert_eq!(empty.default_answer(false), ClientDefault::AnyClient);
}

#[test]
fn the_entry_that_makes_the_default_refuse_is_the_first_of_its_kind() {
    let list = ["!10.0.0.0/8", "10.9.0.0/16", "203.0.113.0/24", "192.0.2.7"];
    let rules = ClientRules::parse(&list).unwrap();
    assert_eq!(rules.refusing_entry().map(|entry| entry.index), Some(2));
}

thread_local! {
    static COMPARISONS: Cell<u32> = const { Cell::new(0) };
}

/// An address that counts how often it is compared.
#[derive(Clone, Copy, Debug)]
struct Counted(u32);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Counted {}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        COMPARISONS.set(COMPARISONS.get() + 1);
        self.0.cmp(&other.0)
    }
}

impl Address for Counted {
    fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

#[test]
fn a_look_up_among_100_000_entries_takes_as_many_comparisons_as_a_binary_search() {
    let block = |index: u32| Block {
        first: Counted(index * 256),
        last: Counted(index * 256 + 127),
        owner: Position::new(index as usize, index % 2 == 1),
    };
    let mut blocks: Vec<_> = (0..100_000).map(block).collect();
    sort(&mut blocks);
    let (ranges, _) = Ranges::flatten(&blocks);
    for index in [0, 1, 4_711, 99_999] {
        COMPARISONS.set(0);
        assert_eq!(ranges.owner(Counted(index * 256 + 5)).map(Position::index), Some(index as usize));
        assert_eq!(ranges.owner(Counted(index * 256 + 130)), None);
        assert!(COMPARISONS.get() <= 2 * 19, "{} comparisons", COMPARISONS.get());
    }
}

#[test]
fn a_list_of_100_000_entries_is_read_and_keeps_its_entries_apart() {
    let typed: Vec<String> = (0..100_000_u32)
        .map(|index| match index % 4 {
            0 => format!("!{}/29", Ipv4Addr::from(index << 8)),
            1 => format!("{}/24", Ipv4Addr::from(index << 8)),
            2 => Ipv6Addr::from(u128::from(index) << 64).to_string(),
            _ => format!("!{}/64", Ipv6Addr::from(u128::from(index) << 64)),
        })
        .collect();
    let rules = ClientRules::parse(&typed).unwrap();
    for (index, text) in typed.iter().enumerate() {
        let net: IpNet = text
            .trim_start_matches('!')
            .parse()
            .unwrap_or_else(|_| IpNet::from(text.trim_start_matches('!').parse::<IpAddr>().unwrap()));
        let position = rules.longest_prefix(net.addr());
        assert_eq!(position.map(Position::index), Some(index), "{text}");
    }
}

/// A block with few free bits, so that blocks nest and repeat; `4` and `6` are families, `m` is mapped.
fn block() -> impl Strategy<Value = String> {
    let v4 = (0_u32..256, 24_u8..=32).prop_map(|(low, prefix)| {
        let address = u32::from(Ipv4Addr::new(192, 0, 2, 0)) | low;
        IpNet::new(Ipv4Addr::from(address).into(), prefix).unwrap().trunc().to_string()
    });
    let mapped = (0_u32..256, 120_u8..=128).prop_map(|(low, prefix)| {
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(192, 0, 2, 0)) | low).to_ipv6_mapped();
        IpNet::new(address.into(), prefix).unwrap().trunc().to_string()
    });
    let v6 = (0_u128..256, 120_u8..=128).prop_map(|(low, prefix)| {
        let address = u128::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0)) | low;
        IpNet::new(Ipv6Addr::from(address).into(), prefix).unwrap().trunc().to_string()
    });
    (any::<bool>(), prop_oneof![v4, mapped, v6])
        .prop_map(|(negated, net)| if negated { format!("!{net}") } else { net })
}

/// An entry as the model reads it: an IPv4-mapped block is its IPv4 block.
fn modelled(typed: &str) -> (IpNet, bool) {
    let net: IpNet = typed.trim_start_matches('!').parse().unwrap();
    let address = net.addr().to_canonical();
    let mapped = address.is_ipv4() && net.max_prefix_len() == 128;
    let net = if mapped { IpNet::new(address, net.prefix_len() - 96).unwrap() } else { net };
    (net, typed.starts_with('!'))
}

/// The first of the entries with the longest prefix that holds the client, found by looking at all of them.
fn model_decider(list: &[String], client: IpAddr) -> Option<usize> {
    let holding = list.iter().enumerate().map(|(index, typed)| (index, modelled(typed).0));
    let longest = holding.filter(|(_, net)| net.contains(&client));
    longest.min_by_key(|(index, net)| (std::cmp::Reverse(net.prefix_len()), *index)).map(|(index, _)| index)
}

fn model_contradicts(list: &[String]) -> bool {
    list.iter().any(|a| list.iter().any(|b| modelled(a).0 == modelled(b).0 && modelled(a).1 != modelled(b).1))
}

fn model_refuses_by_default(list: &[String]) -> bool {
    list.iter().map(|typed| modelled(typed)).any(|(net, negated)| {
        let excepted = |typed: &String| {
            let (outer, negated) = modelled(typed);
            negated && outer.contains(&net)
        };
        !negated && !list.iter().any(excepted)
    })
}

proptest! {
    #[test]
    fn decisions_are_those_of_a_linear_scan(list in prop::collection::vec(block(), 1..12)) {
        let parsed = ClientRules::parse(&list);
        prop_assert_eq!(parsed.is_err(), model_contradicts(&list));
        let Ok(rules) = parsed else { return Ok(()) };
        for low in 0..=255_u8 {
            let v4 = Ipv4Addr::new(192, 0, 2, low);
            let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(low));
            for client in [IpAddr::from(v4), v6.into(), Ipv4Addr::new(192, 0, 3, low).into()] {
                let decided = rules.longest_prefix(client).map(Position::index);
                prop_assert_eq!(decided, model_decider(&list, client), "{}", client);
            }
        }
        let refuses = rules.default_answer(true) == ClientDefault::Refuse;
        prop_assert_eq!(refuses, model_refuses_by_default(&list));
    }

    #[test]
    fn no_entry_makes_reading_panic_and_no_proposal_is_refused(entry in "[!0-9a-f:./*\\[\\]% -]{0,24}|\\PC{0,12}") {
        for fault in ClientRules::parse(&[&entry]).err().unwrap_or_default() {
            if let EntryProblem::Client { meant: Some(meant), .. } = fault.problem {
                prop_assert!(ClientRules::parse(&[&meant]).is_ok(), "{} for {}", meant, entry);
            }
        }
    }
}
