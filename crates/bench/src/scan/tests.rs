use clap::Parser;

use super::*;

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    options: Options,
}

fn options(arguments: &str) -> Result<Options, clap::Error> {
    Typed::try_parse_from(["scan"].into_iter().chain(arguments.split_whitespace())).map(|typed| typed.options)
}

#[test]
fn what_a_row_cannot_do_without_is_asked_for() {
    for refused in [
        "",
        "another",
        "explode+yara",
        "worker+yara",
        "clamd",
        "rspamd",
        "explode --messages 0",
        "explode --seconds soon",
    ] {
        assert!(options(refused).is_err(), "{refused}");
    }
    for taken in ["explode", "mail-parser --seed 7", "clamd --address /run/clamd.ctl", "base64-64M"] {
        assert!(options(taken).is_ok(), "{taken}");
    }
}

#[test]
fn what_cannot_be_measured_is_told() {
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().display();
    for (arguments, told) in [
        ("explode --seconds=-1".to_owned(), "seconds"),
        (format!("explode --mail {empty}"), "no file named *.eml"),
        (format!("explode --mail {empty}/nowhere"), "cannot be read"),
        ("clamd --address nonsense".to_owned(), "clamd"),
        (format!("clamd --messages 1 --address {empty}/nobody"), "clamd"),
    ] {
        let why = run(&options(&arguments).unwrap()).unwrap_err().to_string();
        assert!(why.contains(told), "{arguments}: {why}");
    }
}

fn looked(arguments: &str) -> Looked {
    match run(&options(arguments).unwrap()).unwrap() {
        Measured::Many(looked) => looked,
        Measured::Large(large) => panic!("{large:?}"),
    }
}

#[test]
fn all_rows_look_at_the_same_mail_and_find_it_sound() {
    let ours = looked("explode --messages 30 --seconds 0");
    let peer = looked("mail-parser --messages 30 --seconds 0");
    for looked in [&ours, &peer] {
        assert_eq!((looked.messages, looked.laps, looked.errors.len()), (30, 1, 0), "{looked:?}");
        assert!(looked.parts >= 30 && looked.message_ms.p99 > 0.0, "{looked:?}");
    }
    assert_eq!(ours.octets, peer.octets);
}

#[test]
fn found_mail_may_be_broken_and_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let broken = "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAAAI\r\n";
    std::fs::write(dir.path().join("broken.eml"), broken).unwrap();
    let looked = looked(&format!("explode --seconds 0 --mail {}", dir.path().display()));
    assert_eq!((looked.messages, looked.octets), (1, broken.len() as u64));
    assert!(looked.errors.is_empty(), "{looked:?}");
}

#[test]
fn a_directory_that_cannot_be_made_takes_no_rules() {
    let dir = tempfile::NamedTempFile::new().unwrap();
    let options = RulesOptions { dir: dir.path().join("rules"), seed: 1, count: 1 };
    assert!(matches!(write_rules(&options), Err(ScanError::Rules(_))));
}

#[cfg(feature = "yara")]
#[test]
fn generated_rules_compile_and_some_find_what_people_write() {
    let dir = tempfile::tempdir().unwrap();
    write_rules(&RulesOptions { dir: dir.path().to_owned(), seed: 1, count: 500 }).unwrap();
    let rules = dir.path().display();
    let looked = looked(&format!("explode+yara --messages 20 --seconds 0 --rules {rules}"));
    assert!(looked.errors.is_empty(), "{:?}", looked.errors);
    assert!(looked.findings > 0 && looked.parts > 20, "{looked:?}");
}
