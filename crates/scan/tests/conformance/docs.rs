//! docs/scanners.md, held against the tables of keys, and these against the shipped file of settings.
//!
//! The program composes its keys of these tables, and another test of it holds the shipped file against what it
//! reads: what stands there is what an administrator can write.

use sensor_scan::keys::{Key, Shape, Unset};
use sensor_scan::{KINDS, Kind};

pub(crate) const PAGE: &str = include_str!("../../../../docs/scanners.md");
const SHIPPED: &str = include_str!("../../../../conf/mailsensor.toml");
/// The keys of every kind.
const COMMON: [&str; 4] = ["kind", "name", "required", "deadline"];

/// The section of a kind as it has to begin.
fn options(kind: &Kind) -> String {
    let rows: String = kind.keys.iter().map(|key| row(key)).collect();
    format!(
        "\n## {}\n\n{}\n\n| key | default | meaning |\n| --- | --- | --- |\n{rows}\n",
        kind.word, kind.doc
    )
}

fn row(key: &Key) -> String {
    let words = match key.shape {
        Shape::Words(words) => format!(" One of `{}`.", words.join("`, `")),
        Shape::Text(_)
        | Shape::Path
        | Shape::List(_)
        | Shape::Number { .. }
        | Shape::Size { .. }
        | Shape::Duration { .. } => String::new(),
    };
    let file = if key.secret { " The path of a file with one line." } else { "" };
    let meaning = key.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("| `{}` | {} | {meaning}{words}{file} |\n", in_toml(key), default(key))
}

/// What an administrator writes: a secret stands in a file of its own, which its key names.
fn in_toml(key: &Key) -> String {
    let file = if key.secret { "_file" } else { "" };
    format!("{}{file}", key.name)
}

fn default(key: &Key) -> String {
    match (key.default, key.example) {
        (_, _) if key.secret => "not set; such as `\"/etc/mailsensor/secret\"`".to_owned(),
        (Some(Unset::Text(text)), _) => format!("`\"{text}\"`"),
        (Some(Unset::List(list)), _) => format!("`{list:?}`"),
        (Some(Unset::Number(number)), _) => format!("`{}`", quantity(&key.shape, number)),
        (None, Some(example)) if key.required => format!("has to be set, such as `{example}`"),
        (None, example) => format!("not set; such as `{}`", example.unwrap_or_default()),
    }
}

fn quantity(shape: &Shape, number: u64) -> String {
    match shape {
        Shape::Size { .. } => match (number % (1 << 20), number % (1 << 30)) {
            (_, 0) => format!("\"{} GiB\"", number >> 30),
            (0, _) => format!("\"{} MiB\"", number >> 20),
            (_, _) => number.to_string(),
        },
        Shape::Duration { .. } => format!("\"{}s\"", number / 1_000),
        Shape::Number { .. } | Shape::Text(_) | Shape::Path | Shape::Words(_) | Shape::List(_) => {
            number.to_string()
        }
    }
}

#[test]
fn the_page_has_every_key_of_every_kind() {
    let missing: String =
        KINDS.iter().map(|kind| options(kind)).filter(|section| !PAGE.contains(section)).collect();
    assert!(missing.is_empty(), "docs/scanners.md has to have:\n{missing}");
    for Kind { word, .. } in KINDS {
        assert!(PAGE.contains(&format!("\n| `{word}` | ")), "docs/scanners.md has no row for {word}");
    }
}

/// The keys of a kind in the shipped file, with their values; every line of it is a comment.
fn shipped(kind: &str) -> Vec<(&'static str, &'static str)> {
    let sections = SHIPPED.split("\n#[[scanner]]\n").skip(1);
    let mut sections = sections.map(|section| section.split("\n#[").next().unwrap_or_default());
    let is_of_kind = |section: &&str| section.contains(&format!("\n#kind = \"{kind}\"\n"));
    let section = sections.find(is_of_kind);
    let section = section.unwrap_or_else(|| panic!("conf/mailsensor.toml has no {kind}: write it anew"));
    let setting = |line: &'static str| {
        let (key, value) = line.strip_prefix('#')?.split_once(" = ")?;
        key.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_').then_some((key, value))
    };
    section.lines().filter_map(setting).collect()
}

#[test]
fn keys_are_called_as_in_the_shipped_file() {
    for kind in KINDS {
        let names: Vec<&str> = shipped(kind.word).iter().map(|(key, _)| *key).collect();
        let mut expected: Vec<String> = COMMON.map(str::to_owned).into();
        expected.extend(kind.keys.iter().map(|key| in_toml(key)));
        assert_eq!(names, expected, "{}: is conf/mailsensor.toml written anew?", kind.word);
    }
}

/// These keys are the program's, and the same for every kind.
#[test]
fn the_page_has_the_defaults_of_every_scanner() {
    let settings = shipped("clamd");
    assert!(settings.contains(&("name", "\"clamd\"")), "the page says that the default is the kind");
    for key in COMMON {
        assert!(PAGE.contains(&format!("\n| `{key}` | ")), "docs/scanners.md has no row for {key}");
    }
    for (key, default) in settings.iter().filter(|(key, _)| ["required", "deadline"].contains(key)) {
        let row = format!("\n| `{key}` | `{default}` | ");
        assert!(PAGE.contains(&row), "docs/scanners.md does not say {key} = {default}");
    }
}

#[test]
fn no_secret_stands_in_the_settings() {
    let secrets: Vec<&Key> =
        KINDS.iter().flat_map(|kind| kind.keys).copied().filter(|key| key.secret).collect();
    assert!(!secrets.is_empty());
    for Key { name, .. } in secrets {
        for way in [format!("| `{name}` |"), format!("\n{name} = "), format!("`{name} = ")] {
            assert!(!PAGE.contains(&way), "docs/scanners.md says {way:?}, where {name}_file is meant");
        }
    }
}
