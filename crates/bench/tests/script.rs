//! `scripts/bench scan`: what it refuses, and the table it makes of runs. Nothing is measured here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts")
}

/// Python, or nothing where there is none: the test is counted as skipped then.
fn python(test: &str, arguments: &[&str]) -> Option<Output> {
    let ran =
        Command::new("python3").args(arguments).current_dir(scripts()).env_remove("MAIL_CORPUS").output();
    if ran.is_err() {
        eprintln!("skipped: {test}: python3 is not installed");
        if let Some(path) = std::env::var_os("SENSOR_TEST_SKIPS") {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            writeln!(file, "{test}: python3 is not installed").unwrap();
        }
    }
    ran.ok()
}

#[test]
fn what_cannot_be_measured_is_refused_before_anything_is_built() {
    for (arguments, told) in [
        (&["nothing"][..], "no row nothing"),
        (&["explode", "clamav"], "no row clamav"),
        (&["--runs", "0"], "runs must be at least 1"),
        (&["--seconds", "0"], "seconds from 0"),
        (&["--seconds", "nan"], "seconds from 0"),
        (&["--messages", "0"], "messages are from 1"),
        (&["--seed", "-1"], "a seed has up to 64 bits"),
        (&["--runs", "many"], "invalid int value"),
    ] {
        let Some(output) = python("arguments", &[&["bench", "scan"], arguments].concat()) else { return };
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
}

/// Writes the table of planted runs into the directory; prints the exit code that `scripts/bench` would have.
const REPORT: &str = "
import sys
sys.path.insert(0, 'bench.d')
sys.dont_write_bytecode = True
from pathlib import Path
from types import SimpleNamespace
import scan, scan_report
options = SimpleNamespace(row=list(scan.ROWS), seed=7)
code = scan_report.write(Path(sys.argv[1]), options, {'generated': None}, {'clamd': 'clamd is not installed'})
print('code', code)
";

fn run(row: &str, number: u32, rate: f64, errors: &str) -> String {
    format!(
        r#"{{"corpus": "generated", "run": {number}, "row": "{row}", "result": {{"messages": 1000, "octets": 2000000,
        "messages_per_s": {rate}, "megabytes_per_s": 50.0, "message_ms": {{"p99": 1.25}}, "cpu_s_per_1000": 0.5,
        "other_cores": 0.3, "stolen_cores": 0.0, "errors": {errors}}}}}"#
    )
    .replace('\n', "")
}

const LARGE: &str = r#"{"corpus": "generated", "run": 1, "row": "base64-64M", "result": {"octets": [67108864, 49000000],
    "explode_megabytes_per_s": 200.0, "mail_parser_megabytes_per_s": 400.0, "bound_megabytes_per_s": 250.0,
    "steps": [{"what": "SHA-256", "octets": 116000000, "gigabytes_per_s": 1.5, "seconds": 0.08}], "errors": []}}"#;

fn table(test: &str, runs: &[String]) -> Option<(String, String)> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("runs.jsonl"), runs.join("\n")).unwrap();
    let output = python(test, &["-c", REPORT, directory.path().to_str().unwrap()])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    Some((std::fs::read_to_string(directory.path().join("table.md")).unwrap(), said))
}

#[test]
fn a_table_compares_runs_of_one_number_and_says_who_is_left_out() {
    let runs = [
        run("explode", 1, 600.0, "{}"),
        run("mail-parser", 1, 1_000.0, "{}"),
        run("explode", 2, 1_400.0, "{}"),
        run("mail-parser", 2, 2_000.0, "{}"),
        LARGE.replace('\n', ""),
    ];
    let Some((table, said)) = table("table", &runs) else { return };
    for line in [
        "### generated mail: 1,000 messages, 2.0 MB, seed 7",
        "| explode | 1,000 (600-1,400) | 50.0 (50.0-50.0) | 1.25 | 0.500 | 0.65 (0.60-0.70) | 2 of 2 | 0 |",
        "| SHA-256 alone (116 MB) | 1.50 | 80.0 | - |",
        "explode: 0.50 of mail-parser, 0.80 of the bound. Errors: 0.",
        "clamd is left out: clamd is not installed.",
    ] {
        assert!(table.contains(line), "no {line:?} in\n{table}");
    }
    assert!(said.contains("code 0"), "{said}");
}

#[test]
fn a_row_with_errors_or_without_figures_is_a_failure() {
    let failed = r#"{"corpus": "generated", "run": 1, "row": "rspamd", "failed": "no process 7"}"#.to_owned();
    for (faulty, told) in [
        (run("explode", 1, 600.0, r#"{"not opened: Failed": 3}"#), "not opened: Failed: 3"),
        (failed, "rspamd failed in run 1: no process 7"),
        (
            LARGE.replace('\n', "").replace("[]}}", r#"["the file was not found"]}}"#),
            "the file was not found: 1",
        ),
    ] {
        let Some((table, said)) = table("errors", &[run("mail-parser", 1, 1_000.0, "{}"), faulty]) else {
            return;
        };
        assert!(table.contains(told), "no {told:?} in\n{table}");
        assert!(said.contains("code 1"), "{said}");
    }
}
