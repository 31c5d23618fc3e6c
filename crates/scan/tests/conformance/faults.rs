//! Settings that cannot be used, and what every kind says of itself.

use sensor_scan::keys::{Shape, Unset};
use sensor_scan::{KINDS, Kind, Value};

use crate::check::{build, list, text};

/// What keys are set to.
type Keys = Vec<(&'static str, Value)>;

#[test]
fn every_fault_is_told_at_once_with_its_key() {
    let yara = if cfg!(feature = "yara") { "rules" } else { "kind" };
    let cases: [(&str, Keys, &[&str]); 10] = [
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
        ("yara", vec![("rules", list(&["/nonexistent"]))], &[yara]),
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

/// A kind that a build lacks has its keys all the same, and is never mistaken for one that nobody knows.
#[test]
fn a_kind_that_was_not_built_says_so() {
    for kind in KINDS {
        let Some(why) = kind.absent else { continue };
        assert!(why.starts_with("this build has no "), "{why}");
        let faults = build(kind.word, []).err().unwrap();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].to_string().starts_with("kind: ") && faults[0].to_string().ends_with(why));
    }
    let absent: Vec<&str> = KINDS.iter().filter(|kind| kind.absent.is_some()).map(|kind| kind.word).collect();
    assert_eq!(absent, if cfg!(feature = "yara") { &[][..] } else { &["yara"] });
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
