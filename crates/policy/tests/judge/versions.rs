//! The version of a rule set changes with what it says, and with nothing else.

use super::message::rules;

const RULES: &str = "[[rule]]\nname = \"a\"\npart.size_min = \"10 MiB\"\npart.extension = [\"exe\", \"scr\"]\n\
                     sender.domain = [\"example.com\"]\ntags = [\"x\", \"y\"]\nverdict = \"suspect\"\n\
                     [[rule]]\nname = \"b\"\nstop = true\n";

#[test]
fn how_it_is_typed_does_not_matter() {
    let version = rules(RULES).version().to_owned();
    assert!(version.len() == 32 && version.bytes().all(|octet| octet.is_ascii_hexdigit()), "{version}");
    for (of, by) in [
        ("10 MiB", "10485760"),
        ("[\"exe\", \"scr\"]", "[ \"SCR\",\n  \"exe\", \"exe\" ] # programs"),
        ("example.com", " Example.COM"),
        ("[\"x\", \"y\"]", "[\"y\", \"x\"]"),
        ("name = \"b\"", "enabled = true\nname = 'b'\nshadow = false"),
        ("[[rule]]\nname = \"b\"", "[[rule]]\nname = \"off\"\nenabled = false\n[[rule]]\nname = \"b\""),
        (
            "[[rule]]\nname = \"b\"",
            "[[rule]]\nname = \"try\"\nshadow = true\nstop = true\n[[rule]]\nname = \"b\"",
        ),
    ] {
        let text = RULES.replacen(of, by, 1);
        assert_ne!(text, RULES, "{of}");
        assert_eq!(rules(&text).version(), version, "{text}");
    }
}

#[test]
fn what_it_says_does() {
    let version = rules(RULES).version().to_owned();
    let mut seen = std::collections::HashSet::from([version]);
    for (of, by) in [
        ("10 MiB", "10 MB"),
        ("scr", "js"),
        ("part.extension", "part.name"),
        ("sender", "recipient"),
        ("\"x\"", "\"X\""),
        ("suspect", "hostile"),
        ("name = \"b\"", "name = \"c\""),
        ("stop = true", "stop = false\ntags = [\"t\"]"),
        ("name = \"b\"", "name = \"b\"\nenabled = false"),
        ("name = \"b\"", "name = \"b\"\nshadow = true"),
    ] {
        let text = RULES.replacen(of, by, 1);
        let is_new = seen.insert(rules(&text).version().to_owned());
        // The last two leave the same rules in force.
        assert_eq!(is_new, by != "name = \"b\"\nshadow = true", "{text}");
    }
    let (first, second) = RULES.split_at(RULES.rfind("[[rule]]").unwrap());
    assert!(seen.insert(rules(&format!("{second}{first}")).version().to_owned()), "the order counts");
}
