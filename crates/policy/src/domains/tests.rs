use std::collections::BTreeSet;

use proptest::prelude::*;
use sensor_mail::Mailbox;

use super::*;

fn faults(entries: &[&str]) -> Vec<String> {
    let faults = DomainRules::parse(entries).err().unwrap_or_default();
    faults.iter().map(|fault| format!("{}: {fault}", fault.index)).collect()
}

#[test]
fn what_would_never_match_is_refused_with_a_proposal() {
    let long_label = format!("{}.example", "x".repeat(64));
    let long_name = "abcdefgh.".repeat(29);
    for (entry, fault) in [
        ("", "the entry is empty"),
        ("!", "`!` has nothing to negate"),
        ("!!example.com", "one `!` is enough"),
        (
            "*.example.com",
            "wildcards are not taken, an entry covers its subdomains; did you mean example.com?",
        ),
        (
            "!*.example.com",
            "wildcards are not taken, an entry covers its subdomains; did you mean !example.com?",
        ),
        ("*", "wildcards are not taken, an entry covers its subdomains"),
        ("ex*ample.com", "wildcards are not taken, an entry covers its subdomains"),
        (
            ".example.com",
            "the leading dot is not taken, an entry covers its subdomains; did you mean example.com?",
        ),
        ("a@example.com", "an address is not taken, only its domain; did you mean example.com?"),
        ("@example.com", "an address is not taken, only its domain; did you mean example.com?"),
        ("192.0.2.7", "an IP address stands in brackets as in mail to it; did you mean [192.0.2.7]?"),
        (
            "2001:db8::7",
            "an IP address stands in brackets as in mail to it; did you mean [IPv6:2001:db8::7]?",
        ),
        (
            "[2001:db8::7]",
            "not an address literal such as [192.0.2.7] or [IPv6:2001:db8::7]; did you mean [IPv6:2001:db8::7]?",
        ),
        ("[192.0.2]", "not an address literal such as [192.0.2.7] or [IPv6:2001:db8::7]"),
        (
            "[192.0.2.7",
            "not an address literal such as [192.0.2.7] or [IPv6:2001:db8::7]; did you mean [192.0.2.7]?",
        ),
        ("[192.0.2.0/24]", "not an address literal such as [192.0.2.7] or [IPv6:2001:db8::7]"),
        ("[x-note:hello]", "not an address literal such as [192.0.2.7] or [IPv6:2001:db8::7]"),
        ("example..com", "a label is empty; did you mean example.com?"),
        (".", "a label is empty"),
        ("ex ample.com", "not a domain name"),
        ("example.com,example.net", "not a domain name"),
        ("-x.example", "not a domain name"),
        ("x-.example", "not a domain name"),
        ("example.com:25", "not a domain name"),
        ("https://example.com", "not a domain name"),
        ("xn--a.example", "not a domain name in any script"),
        ("\u{ad}.example", "not a domain name in any script"),
        (long_label.as_str(), "the name is longer than DNS allows"),
        (long_name.as_str(), "the name is longer than DNS allows"),
    ] {
        assert_eq!(faults(&[entry]), [format!("0: {fault}")], "{entry:?}");
    }
}

#[test]
fn contradictions_are_found_however_they_are_spelled_and_repetitions_are_harmless() {
    let list = [
        "Bücher.example",
        "!xn--bcher-kva.EXAMPLE.",
        "bücher.example",
        "![192.0.2.7]",
        "[IPv6:::ffff:192.0.2.7]",
        "x",
    ];
    assert_eq!(
        faults(&list),
        [
            "1: contradicts entry 1 of this list; remove one of them",
            "4: contradicts entry 4 of this list; remove one of them",
        ]
    );
    assert_eq!(faults(&["example.com", "EXAMPLE.com.", "example.com"]), [""; 0]);
}

/// What the list says about the domain of an address: the typed entry, or the reason why there is none.
fn ruling(rules: &DomainRules, domain: &str) -> String {
    let mailbox = Mailbox::parse(&format!("a@{domain}")).unwrap();
    match rules.rule_on(mailbox.domain()) {
        DomainRuling::Entry(position) => rules.deciding(position).typed.to_owned(),
        DomainRuling::Default(answer) => format!("{answer:?}"),
        DomainRuling::Literal => "literal".to_owned(),
    }
}

#[test]
fn the_most_specific_entry_decides() {
    let list = [
        "example.com",
        "!lab.example.com",
        "Public.Lab.Example.COM.",
        "[192.0.2.7]",
        "![IPv6:2001:db8::7]",
        "bücher.example",
        "_tcp.example.net",
    ];
    let rules = DomainRules::parse(&list).unwrap();
    for (domain, decides) in [
        ("example.com", "example.com"),
        ("EXAMPLE.COM.", "example.com"),
        ("www.example.com", "example.com"),
        ("a.b.c.d.e.f.example.com", "example.com"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("lab.example.com", "!lab.example.com"),
        ("x.LAB.example.com", "!lab.example.com"),
        ("public.lab.example.com", "Public.Lab.Example.COM."),
        ("x.public.lab.example.com", "Public.Lab.Example.COM."),
        ("com", "Refuse"),
        ("notexample.com", "Refuse"),
        ("example.com.invalid", "Refuse"),
        ("BÜCHER.example", "bücher.example"),
        ("xn--bcher-kva.example", "bücher.example"),
        ("XN--Bcher-KVA.example.", "bücher.example"),
        ("www.bücher。example", "bücher.example"),
        ("bucher.example", "Refuse"),
        ("\u{ad}.example.com", "Refuse"),
        ("_25._tcp.example.net", "_tcp.example.net"),
        ("[192.0.2.7]", "[192.0.2.7]"),
        ("[IPv6:::ffff:192.0.2.7]", "[192.0.2.7]"),
        ("[IPv6:2001:db8:0:0::7]", "![IPv6:2001:db8::7]"),
        ("[192.0.2.8]", "literal"),
        ("[x-note:hello]", "literal"),
    ] {
        assert_eq!(ruling(&rules, domain), decides, "{domain}");
    }
}

#[test]
fn the_default_follows_from_what_the_list_holds() {
    for (list, name, literal) in [
        (&[][..], DomainDefault::AcceptAll, "AcceptAll"),
        (&["example.com"], DomainDefault::Refuse, "literal"),
        (&["[192.0.2.7]"], DomainDefault::Refuse, "literal"),
        (&["example.com", "!lab.example.com"], DomainDefault::Refuse, "literal"),
        (&["!lab.example.com", "example.com"], DomainDefault::Refuse, "literal"),
        (&["!lab.example.com"], DomainDefault::AcceptRest, "literal"),
        (&["![192.0.2.7]"], DomainDefault::AcceptRest, "literal"),
        (&["!lab.example.com", "public.lab.example.com"], DomainDefault::AcceptRest, "literal"),
        (&["public.lab.example.com", "!lab.example.com"], DomainDefault::AcceptRest, "literal"),
        (
            &["!a.example", "b.a.example", "!c.b.a.example", "d.c.b.a.example"],
            DomainDefault::AcceptRest,
            "literal",
        ),
        (&["!lab.example.com", "public.lab.example.com", "example.net"], DomainDefault::Refuse, "literal"),
    ] {
        let rules = DomainRules::parse(list).unwrap();
        assert_eq!(rules.default_answer(), name, "{list:?}");
        assert_eq!(ruling(&rules, "other.invalid"), format!("{name:?}"), "{list:?}");
        assert_eq!(ruling(&rules, "[192.0.2.99]"), literal, "{list:?}");
        assert_eq!(rules.refusing_entry().is_some(), name == DomainDefault::Refuse, "{list:?}");
    }
}

#[test]
fn a_look_up_tries_no_more_suffixes_than_the_longest_entry_has_labels() {
    let name = "a.b.c.d.e.f.g.h.example.com";
    let tried: Vec<&str> = name::suffixes(name, 3).collect();
    assert_eq!(tried, ["h.example.com", "example.com", "com"]);
    assert_eq!(name::suffixes("com", 3).collect::<Vec<_>>(), ["com"]);
    assert_eq!(name::suffixes(&"x.".repeat(120), 3).count(), 3);
}

#[test]
fn a_list_of_100_000_entries_is_read_and_keeps_its_entries_apart() {
    let typed: Vec<String> = (0..100_000)
        .map(|index| match index % 3 {
            0 => format!("h{index}.example.com"),
            1 => format!("!x.h{}.example.com", index - 1),
            _ => format!("h{index}.example.net"),
        })
        .collect();
    let rules = DomainRules::parse(&typed).unwrap();
    assert_eq!((rules.len(), rules.labels_max), (100_000, 4));
    for (index, text) in typed.iter().enumerate() {
        let domain = format!("deep.down.{}", text.trim_start_matches('!'));
        let DomainRuling::Entry(position) = rules.rule_on(DomainRef::Name(&domain)) else {
            panic!("{domain}")
        };
        assert_eq!(position.index(), index, "{domain}");
    }
}

/// Names over few labels, so that they nest and repeat, in any case and with or without the root's dot.
fn name() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "B", "x", "xn--bcher-kva", "bücher", "BÜCHER"]);
    (prop::collection::vec(label, 1..5), prop::sample::select(vec!["", "."]))
        .prop_map(|(labels, root)| labels.join(".") + root)
}

fn entry() -> impl Strategy<Value = String> {
    (prop::sample::select(vec!["", "!"]), name()).prop_map(|(sign, name)| format!("{sign}{name}"))
}

/// The labels of a name from the root down, as the model compares them.
fn modelled(typed: &str) -> Vec<String> {
    let name = typed.trim_start_matches('!').trim_end_matches('.').to_lowercase();
    name.split('.').rev().map(|label| label.replace("bücher", "xn--bcher-kva")).collect()
}

fn model_decider(list: &[String], name: &str) -> Option<usize> {
    let name = modelled(name);
    let covering = list.iter().enumerate().filter(|(_, entry)| name.starts_with(&modelled(entry)));
    covering
        .min_by_key(|(index, entry)| (std::cmp::Reverse(modelled(entry).len()), *index))
        .map(|(index, _)| index)
}

fn model_contradicts(list: &[String]) -> bool {
    let of_sign = |sign: bool| -> BTreeSet<_> {
        list.iter().filter(|entry| entry.starts_with('!') == sign).map(|entry| modelled(entry)).collect()
    };
    !of_sign(true).is_disjoint(&of_sign(false))
}

fn model_refuses_by_default(list: &[String]) -> bool {
    let excepted = |name: &[String]| {
        list.iter().any(|entry| entry.starts_with('!') && name.starts_with(&modelled(entry)))
    };
    list.iter().any(|entry| !entry.starts_with('!') && !excepted(&modelled(entry)))
}

proptest! {
    #[test]
    fn decisions_are_those_of_a_linear_scan(
        list in prop::collection::vec(entry(), 1..10),
        names in prop::collection::vec(name(), 20),
    ) {
        let parsed = DomainRules::parse(&list);
        prop_assert_eq!(parsed.is_err(), model_contradicts(&list));
        let Ok(rules) = parsed else { return Ok(()) };
        for name in &names {
            let decided = rules.most_specific(name).map(Position::index);
            prop_assert_eq!(decided, model_decider(&list, name), "{}", name);
        }
        let refuses = rules.default_answer() == DomainDefault::Refuse;
        prop_assert_eq!(refuses, model_refuses_by_default(&list));
    }

    #[test]
    fn no_entry_makes_reading_panic_and_no_proposal_is_refused(entry in "[!a-z0-9.*@\\[\\]:-]{0,20}|\\PC{0,20}") {
        for fault in DomainRules::parse(&[&entry]).err().unwrap_or_default() {
            if let EntryProblem::Domain { meant: Some(meant), .. } = fault.problem {
                prop_assert!(DomainRules::parse(&[&meant]).is_ok(), "{} for {}", meant, entry);
            }
        }
    }

    #[test]
    fn no_name_makes_a_look_up_panic(name in "\\PC{0,300}") {
        let rules = DomainRules::parse(&["example.com"]).unwrap();
        let _ = rules.rule_on(DomainRef::Name(&name));
        let _ = rules.rule_on(DomainRef::Literal(&name));
    }
}
