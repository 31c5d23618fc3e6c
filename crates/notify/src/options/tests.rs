use std::collections::BTreeMap;

use super::*;

fn check(kind: KindName, values: &[(&str, &str)]) -> Result<Options, Vec<&'static str>> {
    let values: BTreeMap<&str, &str> = values.iter().copied().collect();
    let read = read("siem", kind, &|key| values.get(key).map(ToString::to_string));
    read.map_err(|faults| faults.iter().map(|fault| fault.key).collect())
}

#[test]
fn what_must_be_set_is_enough() {
    for (kind, values) in [
        (KindName::Jsonl, &[][..]),
        (KindName::Syslog, &[("address", "siem.example.com:6514")]),
        (KindName::Syslog, &[("address", "[::1]:514"), ("transport", "udp"), ("format", "structured")]),
        (KindName::Cef, &[("transport", "file"), ("path", "/var/log/events.cef")]),
        (KindName::Cef, &[("transport", "tcp"), ("address", "192.0.2.7:601")]),
        (KindName::Webhook, &[("url", "https://siem.example.com/events?x=1"), ("secret", "s")]),
    ] {
        let options = check(kind, values).unwrap_or_else(|faults| panic!("{kind:?} {values:?}: {faults:?}"));
        assert_eq!(options.kind.word(), kind.word());
        assert_eq!(options.deadline, Duration::from_secs(10));
    }
}

#[test]
fn every_fault_is_told_at_once_by_its_key() {
    for (kind, values, faults) in [
        (KindName::Syslog, &[][..], &["address"][..]),
        (
            KindName::Syslog,
            &[("address", "siem"), ("facility", "kern"), ("transport", "quic")],
            &["address", "facility", "transport"],
        ),
        (KindName::Syslog, &[("address", "a:1"), ("message_size_max", "100")], &["message_size_max"]),
        (KindName::Syslog, &[("address", "a:1"), ("message_size_max", "70000")], &["message_size_max"]),
        (KindName::Syslog, &[("address", "a:1"), ("sd_id", "mail sensor@1")], &["sd_id"]),
        (KindName::Syslog, &[("address", "a:1"), ("sd_id", "mailsensor")], &["sd_id"]),
        (KindName::Syslog, &[("address", "a:1"), ("certificate", "a.pem")], &["key"]),
        (
            KindName::Jsonl,
            &[("address", "a:1"), ("deadline", "0"), ("addresses", "some")],
            &["addresses", "deadline", "address"],
        ),
        (KindName::Webhook, &[("url", "ftp://a/")], &["url"]),
        (KindName::Webhook, &[("url", "https://me:pw@a/")], &["url"]),
        (KindName::Webhook, &[("url", "https://a/"), ("authorization", "a\nb")], &["authorization"]),
        (KindName::Webhook, &[("url", "https://a/"), ("batch_max", "1000")], &["batch_max"]),
    ] {
        assert_eq!(check(kind, values).unwrap_err(), faults, "{values:?}");
    }
}

#[test]
fn the_table_of_keys_is_in_order() {
    for kind in KindName::ALL {
        for key in keys::of(kind) {
            assert!(keys::ALL.iter().any(|known| known.name == key.name), "{}", key.name);
            if let (Shape::Words(words), Some(default)) = (key.shape, key.default) {
                assert!(words.contains(&default), "{}", key.name);
            }
        }
    }
    let words = |shape: Shape| match shape {
        Shape::Words(words) => words.to_vec(),
        Shape::Text(_) | Shape::Path | Shape::Number { .. } | Shape::Size { .. } | Shape::Duration { .. } => {
            vec![]
        }
    };
    let names = |names: &mut dyn Iterator<Item = &'static str>| names.collect::<Vec<_>>();
    assert_eq!(words(keys::FACILITY.shape), names(&mut FACILITIES.iter().map(|(name, _)| *name)));
    assert_eq!(words(keys::ADDRESSES.shape), names(&mut ADDRESSES_WORDS.iter().map(|(name, _)| *name)));
    assert_eq!(words(keys::TRANSPORT.shape), names(&mut keys::TRANSPORTS.iter().map(|(name, _)| *name)));
    assert_eq!(words(keys::FORMAT.shape), names(&mut keys::FORMATS.iter().map(|(name, _)| *name)));
}

#[test]
fn secrets_are_shown_nowhere() {
    let values = [("url", "https://a/"), ("secret", "hunter2"), ("authorization", "Bearer hunter2")];
    let shown = format!("{:?}", check(KindName::Webhook, &values).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}
