//! docs/scanners.md, held against the tables of keys.

use sensor_scan::keys::{Key, Shape, Unset};
use sensor_scan::{KINDS, Kind};

const PAGE: &str = include_str!("../../../../docs/scanners.md");

/// The section of a kind as it has to begin.
fn options(kind: &Kind) -> String {
    let rows: String = kind.keys.iter().map(|key| row(key)).collect();
    format!(
        "\n## {}\n\n{}\n\n| key | default | meaning |\n| --- | --- | --- |\n{rows}\n",
        kind.word, kind.doc
    )
}

fn row(key: &Key) -> String {
    let default = match (key.default, key.example) {
        (Some(Unset::Text(text)), _) => format!("`\"{text}\"`"),
        (Some(Unset::List(list)), _) => format!("`{list:?}`"),
        (Some(Unset::Number(number)), _) => format!("`{}`", quantity(&key.shape, number)),
        (None, Some(example)) if key.required => format!("has to be set, such as `{example}`"),
        (None, example) => format!("not set; such as `{}`", example.unwrap_or_default()),
    };
    let words = match key.shape {
        Shape::Words(words) => format!(" One of `{}`.", words.join("`, `")),
        Shape::Text(_)
        | Shape::Path
        | Shape::List(_)
        | Shape::Number { .. }
        | Shape::Size { .. }
        | Shape::Duration { .. } => String::new(),
    };
    let meaning = key.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("| `{}` | {default} | {meaning}{words} |\n", key.name)
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
