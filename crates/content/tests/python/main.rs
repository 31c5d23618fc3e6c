//! Names and digests of attachments, as they are found here and by Python's email package; and a corpus of
//! real mail, which is taken apart twice. Where the two differ, `docs/content.md` says who is right.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use sensor_content::{Alone, Exploded, Limits, explode, fuzz, yardstick};
use sensor_mail::part::{Part, PartId, Role};

/// What is known of a file: its name in UTF-8 and hex, its SHA-256. In order.
type Leaves = Vec<(String, String)>;

/// Prints that something was not tested, and counts it where the lead of all tests wants it counted.
fn skip(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
    if let Some(path) = std::env::var_os("SENSOR_TEST_SKIPS") {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        writeln!(file, "{test}: {why}").unwrap();
    }
}

/// The leaves of each file by Python; none where there is no Python. A file that it fails on is not in it.
fn by_python(files: &[PathBuf]) -> Option<BTreeMap<PathBuf, Leaves>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/names_and_digests.py");
    let (input, output) = (Stdio::piped(), Stdio::piped());
    let mut python = Command::new("python3").arg(script).stdin(input).stdout(output).spawn().ok()?;
    let mut input = python.stdin.take().unwrap();
    let list: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    let writer = std::thread::spawn(move || input.write_all(list.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let mut found: BTreeMap<PathBuf, Leaves> =
        files.iter().map(|file| (file.clone(), Leaves::new())).collect();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let [file, name, digest] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        match name {
            "failed" => drop(found.remove(Path::new(file))),
            name => found.get_mut(Path::new(file)).unwrap().push((name.to_owned(), digest.to_owned())),
        }
    }
    found.values_mut().for_each(|leaves| leaves.sort());
    Some(found)
}

/// The named leaves of a message and of the messages in it: what both know. Archives are no parts for Python.
fn leaves(exploded: &Exploded) -> Leaves {
    let part = |id: PartId| &exploded.parts[id.0 as usize].0;
    let is_of_mail = |parent: PartId| matches!(part(parent).role, Role::Message | Role::Enclosed);
    let is_leaf = |part: &&Part| {
        matches!(part.role, Role::Body | Role::Attachment) && part.parent.is_some_and(is_of_mail)
    };
    let named = exploded.parts.iter().map(|(part, _)| part).filter(is_leaf);
    let hex = |name: &str| name.bytes().map(|octet| format!("{octet:02x}")).collect::<String>();
    let mut leaves: Leaves =
        named.filter_map(|part| Some((hex(part.name.as_deref()?), part.sha256.to_string()))).collect();
    leaves.sort();
    leaves
}

fn take_apart(file: &Path) -> Exploded {
    explode(Bytes::from(fs::read(file).unwrap()), &Limits::default(), &Alone)
}

#[test]
fn python_finds_the_same_in_generated_mail() {
    let folder = tempfile::tempdir().unwrap();
    let write = |(number, mail): (usize, Bytes)| {
        let path = folder.path().join(format!("{number}.eml"));
        fs::write(&path, mail).unwrap();
        path
    };
    let files: Vec<PathBuf> = yardstick::corpus(5, 150).into_iter().enumerate().map(write).collect();
    let Some(by_python) = by_python(&files) else { return skip("the comparison with Python", "no python3") };
    let mut named = 0;
    for file in &files {
        let own = leaves(&take_apart(file));
        named += own.len();
        assert_eq!(Some(&own), by_python.get(file), "{}", file.display());
    }
    assert!(named > 50, "{named} names were compared");
}

/// All files below a folder that are mail.
fn mails(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            mails(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            found.push(path);
        }
    }
    found.sort();
}

/// The files that the documentation argues about: the first cells of its table, in code.
fn argued() -> BTreeSet<String> {
    let page = include_str!("../../../../docs/content.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(".eml`"));
    cells.map(|(name, _)| format!("{name}.eml")).collect()
}

#[test]
fn a_corpus_of_mail_is_taken_apart_twice_alike_and_as_python_does() {
    let Some(folder) = std::env::var_os("MAIL_CORPUS").map(PathBuf::from) else {
        return skip("a corpus of real mail", "MAIL_CORPUS is not set");
    };
    let mut files = Vec::new();
    mails(&folder, &mut files);
    assert!(!files.is_empty(), "no mail is in {}", folder.display());
    let by_python = by_python(&files).unwrap_or_default();
    let mut differing = BTreeSet::new();
    for file in &files {
        let exploded = take_apart(file);
        fuzz::check(&exploded, &Limits::default());
        let again = take_apart(file);
        assert_eq!((&exploded.parts, &exploded.recipients), (&again.parts, &again.recipients));
        if by_python.get(file).is_some_and(|leaves_there| *leaves_there != leaves(&exploded)) {
            differing.insert(file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
        }
    }
    let own: BTreeSet<String> = argued().into_iter().filter(|name| folder.join(name).exists()).collect();
    if by_python.is_empty() {
        return skip("the comparison of the corpus with Python", "no python3");
    }
    assert_eq!(differing, own, "what differs, and what docs/content.md argues about");
}
