//! Files that nobody wrote on purpose.

use proptest::prelude::*;
use sensor_settings::Source;

use crate::sample::{read, read_file};

#[test]
fn a_list_of_100_000_entries_is_read_with_its_faults_in_place() {
    let entry = |index: usize| {
        if index % 10 == 7 { format!("\"a {index}\"") } else { format!("\"h{index}.example\"") }
    };
    for separator in [", ", ",\n  "] {
        let entries: Vec<String> = (0..100_000).map(entry).collect();
        let text = format!("[smtp]\ndestination_domains = [{}]\n", entries.join(separator));
        let faults = read_file(&text).1.unwrap_err();
        assert_eq!(faults.len(), 10_000);
        let last = faults.iter().last().unwrap();
        assert_eq!(last.key, "smtp.destination_domains[99998]");
        let position = last.position.unwrap();
        let line = text.lines().nth(position.line - 1).unwrap();
        let rest: String = line.chars().skip(position.column - 1).collect();
        assert!(rest.starts_with("\"a 99997\""), "{rest:.20}");
    }
}

#[test]
fn deep_nesting_is_a_fault_and_not_a_crash() {
    let text = format!("smtp.destination_domains = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_file(&text).1.is_err());
}

/// Pieces of TOML in any order.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop::sample::select(vec![
        "[smtp]\n",
        "[[smtp.listener]]\n",
        "[smtp.limits]\n",
        "[smtp",
        "enabled",
        "=",
        "true",
        "\n",
        "\r\n",
        "\r",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "destination_domains",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "smtp.",
        "listener",
        "name",
        "idle",
        "'5m'",
        "7",
        "-1",
        "0x7f",
        "1e3",
        "nan",
        "1979-05-27",
        "#",
        " ",
        "\t",
        "é",
        "\u{feff}",
        "\u{0}",
        "\\u0000",
        "\\",
    ]);
    prop::collection::vec(scrap, 0..40).prop_map(|scraps| scraps.concat())
}

/// Reads the octets in every way that there is; each fault's place must be one of the text.
fn survives(octets: &[u8]) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(octets).into_owned();
    let variable = ("MAILSENSOR__SMTP__LISTENER".to_owned(), text.clone());
    let sources = [vec![Source::file("a.toml", octets)], Source::environment("MAILSENSOR", [variable])];
    for source in sources {
        match read(source).1 {
            Ok(shown) => {
                let (_, again) = read_file(&shown.to_toml_with_origins());
                prop_assert!(again.is_ok(), "{again:?}");
            }
            Err(faults) => {
                prop_assert!(!faults.to_string().is_empty());
                for position in faults.iter().filter_map(|fault| fault.position) {
                    let line = text.trim_start_matches('\u{feff}').split('\n').nth(position.line - 1);
                    prop_assert!(line.is_some_and(|line| position.column <= line.chars().count() + 1));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_scraps_of_toml_make_reading_panic(text in scraps()) {
        survives(text.as_bytes())?;
    }

    #[test]
    fn no_octets_make_reading_panic(octets in prop::collection::vec(any::<u8>(), 0..60)) {
        survives(&octets)?;
    }

    #[test]
    fn what_is_shown_reads_as_what_is_in_force(
        domains in prop::collection::vec("\\PC{0,8}", 0..4),
        recipients in 1..=100_000_usize,
        enabled: bool,
    ) {
        let list = domains.iter().map(|domain| format!("{domain:?}")).collect::<Vec<_>>().join(", ");
        let text = format!("[smtp]\nenabled = {enabled}\ndestination_domains = [{list}]\nlimits.recipients = {recipients}");
        let (sample, result) = read_file(&text);
        let Ok(shown) = result else { return Ok(()) };
        prop_assert_eq!((sample.enabled, sample.recipients), (enabled, recipients));
        let (again, result) = read_file(&shown.to_toml_with_origins());
        prop_assert!(result.is_ok());
        prop_assert_eq!(again, sample);
    }
}
