//! Every kind of the registry is held to the conformance tests: nobody adds one and forgets them.
//!
//! A kind is tested in the file of its name, which `main.rs` has to include, and which has to call each check that
//! the keys of the kind ask for.

use std::path::Path;

use sensor_scan::{KINDS, Kind};

const CHECKS: &str = include_str!("check.rs");
const MODULES: &str = include_str!("main.rs");

/// Whether a check is for a kind.
type IsFor = fn(&Kind) -> bool;

/// Checks, and the kinds that they are for.
const TABLE: [(&str, IsFor); 6] = [
    ("finds_its_sample", |_| true),
    ("finds_nothing_in_harmless_mail", |_| true),
    ("obeys_its_budget", |_| true),
    ("skips_what_is_too_large", has_limit),
    ("reports_an_absent_peer", |kind| has_key(kind, &["url", "address", "command"])),
    ("survives_peers", |kind| has_key(kind, &["url", "address"])),
];

/// Keys that name a peer: at a place, or a program.
fn has_key(kind: &Kind, names: &[&str]) -> bool {
    kind.keys.iter().any(|key| names.contains(&key.name))
}

/// A limit has a default. The `size_max` that has none is a rule: what is larger is found.
fn has_limit(kind: &Kind) -> bool {
    kind.keys.iter().any(|key| key.name == "size_max" && key.default.is_some())
}

/// What a kind lacks, in words that say what to add. `read` gives the text of a file beside this one.
fn missing(kind: &Kind, modules: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let (word, file) = (kind.word, format!("{}.rs", kind.word));
    let Some(tests) = read(&file) else {
        return vec![format!("{word}: add crates/scan/tests/conformance/{file} with the checks of check.rs")];
    };
    let has =
        |line: String| tests.lines().any(|tested| !tested.trim().starts_with("//") && tested.contains(&line));
    let mut missing = Vec::new();
    if !modules.contains(&format!("\nmod {word};\n")) {
        missing.push(format!("{word}: add `mod {word};` to crates/scan/tests/conformance/main.rs"));
    }
    if !has(format!("\"{word}\"")) {
        missing.push(format!("{word}: build a scanner of this kind in {file}"));
    }
    let checks = TABLE.iter().filter(|(check, is_for)| is_for(kind) && !has(format!("check::{check}(")));
    missing.extend(checks.map(|(check, _)| format!("{word}: call `check::{check}` in {file}")));
    missing
}

fn beside(file: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    std::fs::read_to_string(folder.join(file)).ok()
}

#[test]
fn every_kind_is_held_to_the_checks() {
    let missing: Vec<String> = KINDS.iter().flat_map(|kind| missing(kind, MODULES, beside)).collect();
    assert!(missing.is_empty(), "docs/adding-a-scanner.md, section 3:\n{}", missing.join("\n"));
}

#[test]
fn a_kind_without_its_checks_is_named_with_what_to_add() {
    let icap = Kind::named("icap").unwrap();
    let whole = beside("icap.rs").unwrap();
    let without = |text: &str| whole.replace(text, "");
    let commented = whole.replace("check::survives_peers(", "// check::survives_peers(");
    for (tests, modules, told) in [
        (None, MODULES, "add crates/scan/tests/conformance/icap.rs with"),
        (Some(whole.clone()), "\nmod exec;\n", "add `mod icap;`"),
        (Some(without("\"icap\"")), MODULES, "build a scanner"),
        (Some(without("check::obeys_its_budget")), MODULES, "call `check::obeys_its_budget`"),
        (Some(without("check::skips_what_is_too_large")), MODULES, "call `check::skips_what_is_too_large`"),
        (Some(commented), MODULES, "call `check::survives_peers`"),
    ] {
        let missing = missing(icap, modules, |_| tests.clone());
        assert!(missing.len() == 1 && missing[0].contains(told), "{told}: {missing:?}");
    }
}

/// A check that no kind is asked for is one that somebody forgot here.
#[test]
fn every_check_is_for_some_kinds() {
    let checks = CHECKS.split("\npub(crate) async fn ").skip(1);
    let names: Vec<&str> = checks.filter_map(|check| check.split('(').next()).collect();
    for name in names.into_iter().filter(|name| !["scan", "found"].contains(name)) {
        assert!(TABLE.iter().any(|(check, _)| *check == name), "{name} is for no kind");
    }
    for (check, is_for) in TABLE {
        assert!(KINDS.iter().any(|kind| is_for(kind)), "{check} is for no kind");
    }
}
