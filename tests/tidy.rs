//! The plan of the house, executed: who may know whom, and how large a room may be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// ARCHITECTURE.md, section "The house": a crate and the crates it may depend on.
const HOUSE: &[(&str, &[&str])] = &[
    ("mail", &[]),
    ("spool", &[]),
    ("settings", &[]),
    ("smtp", &["mail"]),
    ("policy", &["mail"]),
    ("content", &["mail"]),
    ("ingress", &["mail", "policy", "smtp", "spool"]),
    ("pipeline", &["mail", "policy", "content", "spool"]),
    ("archive", &["mail", "pipeline", "spool"]),
    ("notify", &["mail", "pipeline", "smtp", "spool"]),
    ("scan", &["mail", "content", "pipeline"]),
    ("catalog", &["mail", "ingress", "pipeline", "archive", "notify"]),
    ("cluster", &["mail", "settings", "spool", "pipeline"]),
    ("control", &["mail", "policy", "settings", "ingress", "pipeline", "archive", "notify"]),
    ("bench", &["mail", "content", "pipeline", "scan", "smtp", "spool"]),
];

/// The largest source file, in lines.
const FILE_LINES_MAX: usize = 400;

/// Files that may be larger, each with the reason.
const LARGER_FILES: &[(&str, &str)] = &[];

/// Crates that have no runtime, no files and no clock (ARCHITECTURE.md, invariant 3).
const PURE: &[&str] = &["mail", "smtp", "policy", "content"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn crates() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn manifest(name: &str) -> toml::Table {
    let path = root().join("crates").join(name).join("Cargo.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

fn dependencies(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.into_iter().flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn every_crate_has_a_room_and_knows_only_whom_it_may() {
    for name in crates() {
        let Some((_, allowed)) = HOUSE.iter().find(|(room, _)| *room == name) else {
            panic!("crates/{name} has no room in the plan of the house");
        };
        let known: Vec<String> = dependencies(&manifest(&name), "dependencies")
            .into_iter()
            .filter_map(|dependency| dependency.strip_prefix("sensor-").map(str::to_owned))
            .collect();
        for other in known {
            assert!(allowed.contains(&other.as_str()), "crates/{name} may not depend on crates/{other}");
        }
    }
}

#[test]
fn pure_crates_have_no_runtime() {
    for name in PURE.iter().filter(|name| crates().contains(&(**name).to_owned())) {
        let known = dependencies(&manifest(name), "dependencies");
        for runtime in ["tokio", "rustix", "libc", "socket2"] {
            assert!(!known.contains(runtime), "crates/{name} is pure and may not depend on {runtime}");
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for name in crates() {
        let inherits = manifest(&name)["lints"]["workspace"].as_bool();
        assert_eq!(inherits, Some(true), "crates/{name}/Cargo.toml lacks [lints] workspace = true");
    }
}

#[test]
fn no_source_file_has_grown_too_large() {
    let mut files = Vec::new();
    for folder in ["src", "crates", "tests", "benches"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 20, "the walk found {} files only", files.len());
    for file in files {
        let name = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        let excused = LARGER_FILES.iter().any(|(larger, _)| *larger == name);
        assert!(
            lines <= FILE_LINES_MAX || excused,
            "{name} has {lines} lines: split it, or name it here with a reason"
        );
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
