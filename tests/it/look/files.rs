//! `mailsensor scan`: files looked at as kept mail is.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::containers::mail;
use crate::harness::sensor::{BINARY, Home};
use crate::harness::skip;

const ATTACHMENTS: &str = "[[scanner]]\nkind = \"attachment\"\nextensions = [\"exe\"]\nseverity = \"high\"";

#[test]
fn the_exit_status_is_that_of_the_gravest() {
    let home = Home::new(ATTACHMENTS);
    let write = |name: &str, octets: &[u8]| {
        let path = home.path().join(name);
        std::fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let harmless = write("harmless.eml", b"Subject: Hello\r\n\r\nNothing to see here.\r\n");
    let hostile = write("hostile.eml", &mail("Run it", "application/octet-stream", "a.exe", b"MZ"));
    let missing = home.path().join("missing.eml");
    let missing = missing.to_str().unwrap();
    for (files, status) in [
        (vec![harmless.as_str()], 0),
        (vec![hostile.as_str()], 12),
        (vec![harmless.as_str(), hostile.as_str(), harmless.as_str()], 12),
        (vec![hostile.as_str(), missing], 1),
        (vec![home.path().to_str().unwrap()], 1),
    ] {
        let output = home.command(&[&["scan"], &files[..]].concat());
        let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{files:?}: {out}{said}");
    }
    let shown = home.command(&["scan", &hostile]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for part in ["hostile.eml: hostile, severity high", "2/a.exe", "! attachment found", "attachment: hit in"]
    {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
}

#[test]
fn standard_input_is_a_message_too() {
    let home = Home::new(ATTACHMENTS);
    let mut command = Command::new(BINARY);
    command.arg("--config").arg(home.config()).args(["scan", "--stdin", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let message = mail("Run it", "application/octet-stream", "a.exe", b"MZ");
    child.stdin.take().unwrap().write_all(&message).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(12));
    let look: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(look["file"], "-");
    assert_eq!(look["parts"][2]["path"], "2/a.exe");
}

#[test]
fn a_verdict_between_has_a_status_between() {
    let message = mail("Run it", "application/octet-stream", "a.exe", b"MZ");
    for (more, status, said) in [
        ("[[scanner]]\nkind = \"clamd\"\naddress = \"/nonexistent/clamd\"\n", 10, "undetermined"),
        (
            "[[scanner]]\nkind = \"attachment\"\nextensions = [\"exe\"]\nseverity = \"low\"\n\
             [[rule]]\nname = \"programs\"\npart.extension = [\"exe\"]\nverdict = \"suspect\"\nseverity = \"low\"\n",
            11,
            "suspect",
        ),
    ] {
        let home = Home::new(more);
        let file = home.path().join("a.eml");
        std::fs::write(&file, &message).unwrap();
        let output = home.command(&["scan", file.to_str().unwrap()]);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(status), "{shown}{}", String::from_utf8_lossy(&output.stderr));
        assert!(shown.contains(said), "{shown}");
    }
}

/// What is said of mail does not depend on when or in which order it is looked at: of what is written here, and of
/// real mail.
#[test]
fn mail_looks_the_same_twice() {
    looks_the_same_twice(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus"));
    match std::env::var_os("MAIL_CORPUS") {
        Some(corpus) => looks_the_same_twice(Path::new(&corpus)),
        None => skip("mail_looks_the_same_twice", "MAIL_CORPUS is not set: only mail written for the tests"),
    }
}

fn looks_the_same_twice(corpus: &Path) {
    let home = Home::new(ATTACHMENTS);
    let files: Vec<String> = crate::harness::files_below(corpus)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "eml"))
        .map(|file| file.to_str().unwrap().to_owned())
        .collect();
    assert!(!files.is_empty(), "no *.eml below {}", corpus.display());
    let looks = |files: &[String]| {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let output = home.command(&[&["scan", "--json"], &files[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_ne!(output.status.code(), Some(1), "{said}");
        let mut looks: Vec<Value> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        looks.iter_mut().for_each(forget_time);
        looks
    };
    let (first, mut second) = (looks(&files), looks(&files.iter().rev().cloned().collect::<Vec<_>>()));
    second.reverse();
    assert_eq!(first.len(), files.len());
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first, second);
    }
}

fn forget_time(look: &mut Value) {
    look.as_object_mut().unwrap().remove("begun");
    for coverage in look["coverage"].as_array_mut().unwrap() {
        coverage.as_object_mut().unwrap().remove("micros");
    }
}
