//! One file in every container: found at the path where it lies, by whoever looks.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::harness::clamd::{Clamd, eicar};
use crate::harness::containers::{docx, mail, mail_as_it_is, packed, tnef, zip_aes, zip_crypto, zipped};
use crate::harness::sensor::Home;
use crate::harness::skip;

/// The name of the message in the folder, what it is, and the path of the part that is to be found.
fn messages() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = "See the file. The password is: s3cret!pass";
    let (name, file) = ("eicar.com", eicar());
    let octets = file.as_bytes();
    let zip = |name: &str, octets: &[u8]| zipped(name, octets);
    let deep = (1..=5).fold(("eicar.com".to_owned(), octets.to_vec()), |(name, octets), depth| {
        (format!("{depth}.zip"), zip(&name, &octets))
    });
    let enclosed = mail(text, "application/octet-stream", name, octets);
    let enclosed = String::from_utf8(enclosed).unwrap();
    let mut messages = vec![
        ("plain", mail_as_it_is(text, "text/plain", name, &file), "2/eicar.com"),
        ("base64", mail(text, "application/octet-stream", name, octets), "2/eicar.com"),
        ("zip", mail(text, "application/zip", "a.zip", &zip(name, octets)), "2/a.zip/eicar.com"),
        (
            "zip5",
            mail(text, "application/zip", "5.zip", &deep.1),
            "2/5.zip/4.zip/3.zip/2.zip/1.zip/eicar.com",
        ),
        (
            "zipcrypto",
            mail(text, "application/zip", "a.zip", &zip_crypto(name, octets, "s3cret!pass")),
            "2/a.zip/eicar.com",
        ),
        (
            "zipaes",
            mail(text, "application/zip", "a.zip", &zip_aes(name, octets, "s3cret!pass")),
            "2/a.zip/eicar.com",
        ),
        (
            "tnef",
            mail(text, "application/ms-tnef", "winmail.dat", &tnef(name, octets)),
            "2/winmail.dat/eicar.com",
        ),
        ("rfc822", mail_as_it_is(text, "message/rfc822", "fwd.eml", &enclosed), "2/fwd.eml/2/eicar.com"),
        (
            "docx",
            mail(
                text,
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "a.docx",
                &docx("word/embeddings/eicar.com", octets),
            ),
            "2/a.docx/eicar.com",
        ),
    ];
    for (label, archive, path) in [
        ("7z", "a.7z", "2/a.7z/eicar.com"),
        ("tar.gz", "a.tar.gz", "2/a.tar.gz/a.tar/eicar.com"),
        // What nothing of ours reads, bsdtar unpacks.
        ("iso", "a.iso", "2/a.iso/eicar.com"),
    ] {
        match packed(archive, name, octets) {
            Some(octets) => {
                messages.push((label, mail(text, "application/octet-stream", archive, &octets), path))
            }
            None => skip("matrix", &format!("bsdtar is not installed: no {label}")),
        }
    }
    messages
}

/// Scans all of them; gives what the scanner said of each.
fn scan(home: &Home, messages: &[(&str, Vec<u8>, &str)]) -> (Output, Vec<Value>) {
    let folder = home.path().join("mail");
    std::fs::create_dir_all(&folder).unwrap();
    let files: Vec<PathBuf> = messages.iter().map(|(label, ..)| folder.join(label)).collect();
    for (file, (_, octets, _)) in files.iter().zip(messages) {
        std::fs::write(file, octets).unwrap();
    }
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let output = home.command(&[&["scan", "--json"], &files[..]].concat());
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let looks = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output, looks)
}

/// The paths of the parts in which a scanner found something.
fn found(look: &Value, scanner: &str) -> Vec<String> {
    let findings = look["findings"].as_array().cloned().unwrap_or_default();
    let of = findings.iter().filter(|finding| finding["scanner"] == scanner);
    of.map(|finding| {
        let part = &look["parts"][usize::try_from(finding["part"].as_u64().unwrap()).unwrap()];
        part["path"].as_str().unwrap_or_default().to_owned()
    })
    .collect()
}

fn check(home: &Home, scanner: &str) {
    let messages = messages();
    let (output, looks) = scan(home, &messages);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(looks.len(), messages.len(), "{said}");
    for ((label, _, path), look) in messages.iter().zip(&looks) {
        let paths: Vec<_> =
            look["parts"].as_array().unwrap().iter().map(|part| part["path"].clone()).collect();
        let found = found(look, scanner);
        assert!(
            found.iter().any(|at| at == path),
            "{label}: found in {found:?}, parts are {paths:?}, {look:#}"
        );
        assert_eq!(look["judgement"]["verdict"], "hostile", "{label}");
    }
    assert_eq!(output.status.code(), Some(12), "{said}");
}

#[test]
fn clamd_finds_it_wherever_it_lies() {
    let Some(clamd) = Clamd::start("matrix by clamd") else { return };
    let socket = clamd.socket();
    let home =
        Home::new(&format!("[[scanner]]\nkind = \"clamd\"\naddress = {socket:?}\nlook_at = \"parts\""));
    check(&home, "clamd");
}

#[cfg(feature = "yara")]
#[test]
fn yara_finds_it_wherever_it_lies() {
    let home = Home::new("[[scanner]]\nkind = \"yara\"\nrules = [\"RULES\"]");
    let rules = home.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    let file = eicar().replace('\\', "\\\\");
    let rule =
        format!("rule Eicar {{ meta: severity = \"critical\" strings: $a = \"{file}\" condition: $a }}");
    std::fs::write(rules.join("eicar.yar"), rule).unwrap();
    home.reconfigure("RULES", rules.to_str().unwrap());
    check(&home, "yara");
}
