//! Settings that cannot be used, and what every kind says of itself.

use sensor_scan::keys::{Shape, Unset};
use sensor_scan::{KINDS, Kind, Value};

use crate::check::{build, list, text};

#[test]
fn every_fault_is_told_at_once_with_its_key() {
    let cases: [(&str, Vec<(&'static str, Value)>, &[&str]); 9] = [
        ("clamd", vec![("address", text("nowhere"))], &["address"]),
        ("clamd", vec![("adress", text("/a")), ("size_max", Value::Number(0))], &["adress", "size_max"]),
        ("clamd", vec![("size_max", text("25 MiB")), ("look_at", text("all"))], &["look_at", "size_max"]),
        ("rspamd", vec![("url", text("https://bob:secret@example.com/"))], &["url"]),
        ("icap", vec![], &["url"]),
        ("icap", vec![("url", text("http://example.com/"))], &["url"]),
        (
            "webhook",
            vec![("url", text("https://example.com/")), ("authorization", text("a\nb"))],
            &["authorization"],
        ),
        ("hash", vec![("lists", text("/a"))], &["lists"]),
        ("attachment", vec![("flags", list(&["macro"])), ("types", list(&["png"]))], &["types", "flags"]),
    ];
    for (kind, given, keys) in cases {
        let faults = build(kind, given.clone()).err().unwrap_or_default();
        let told: Vec<&str> = faults.iter().map(|fault| &*fault.key).collect();
        assert_eq!(told, keys, "{kind} {faults:?}");
        assert!(faults.iter().all(|fault| !fault.expected.is_empty()));
        assert!(!format!("{faults:?}").contains("secret"), "a value is told");
    }
    assert!(build("attachment", [("extensions", list(&[])), ("flags", list(&[]))]).is_err());
    assert!(!format!("{:?}", text("secret")).contains("secret"));
}

#[test]
fn every_key_has_a_default_of_its_shape_or_an_example() {
    for kind in KINDS {
        assert_eq!(Kind::named(kind.word).map(|kind| kind.word), Some(kind.word));
        for key in kind.keys {
            let what = format!("{}.{}", kind.word, key.name);
            assert!(!key.doc.is_empty(), "{what}");
            match (key.shape, key.default) {
                (_, None) => assert!(key.example.is_some(), "{what} has neither default nor example"),
                (Shape::Text(_) | Shape::Path, Some(Unset::Text(_))) => {}
                (Shape::Words(words), Some(Unset::Text(word))) => assert!(words.contains(&word), "{what}"),
                (Shape::List(_), Some(Unset::List(_))) => {}
                (
                    Shape::Number { min, max } | Shape::Size { min, max } | Shape::Duration { min, max },
                    Some(Unset::Number(number)),
                ) => assert!((min..=max).contains(&number), "{what}"),
                (shape, default) => panic!("{what}: {default:?} is no {shape:?}"),
            }
        }
    }
    assert!(Kind::named("nothing").is_none());
}
