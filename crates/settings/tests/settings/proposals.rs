//! Changes at run time: checked, kept, refused.

use std::fs;

use proptest::prelude::*;
use sensor_settings::{Change, Effective, KeepError, Refused, Source, Value};

use crate::files::Host;
use crate::sample::Sample;

const MAIN: &str = "[smtp]\nenabled = true\ndestination_domains = ['a.example']\n";

fn keep(host: &Host, changes: &[Change]) -> Effective<Sample> {
    let (mut layers, _) = host.open(Vec::new()).unwrap();
    layers.propose(changes).unwrap().keep().unwrap()
}

fn file(host: &Host) -> String {
    fs::read_to_string(host.path("state/runtime.toml")).unwrap_or_default()
}

/// The run-time layer without the comment at its head.
fn body(host: &Host) -> String {
    file(host).split_once("\n\n").map_or(String::new(), |(_, body)| body.to_owned())
}

fn host() -> Host {
    let host = Host::new(&[("main.toml", MAIN)]);
    fs::create_dir(host.path("state")).unwrap();
    host
}

#[test]
fn a_change_is_in_force_and_outlives_the_program() {
    let host = host();
    let changes = [
        Change::set("smtp.enabled", false),
        Change::set("smtp.destination_domains", vec!["b.example", "!c.b.example"]),
        Change::set("smtp.limits.recipients", 9),
    ];
    let kept = keep(&host, &changes);
    assert!(!kept.settings.enabled && kept.settings.domains == ["b.example", "!c.b.example"]);
    assert_eq!(host.open(Vec::new()).unwrap().1.settings, kept.settings);
    assert_eq!(
        file(&host),
        "# Written by mailsensor: what was changed at run time. It wins over the configuration files.\n\
         # To undo a change, make it in the way in which it was made, or remove its line and reload.\n\n\
         [smtp]\ndestination_domains = [\"b.example\", \"!c.b.example\"]\nenabled = false\n\n\
         [smtp.limits]\nrecipients = 9\n"
    );
    assert_eq!(fs::read_to_string(host.path("main.toml")).unwrap(), MAIN, "the administrator's file");
    let kept = keep(&host, &[Change::reset("smtp.enabled"), Change::reset("smtp.limits.recipients")]);
    assert!(kept.settings.enabled);
    assert_eq!(body(&host), "[smtp]\ndestination_domains = [\"b.example\", \"!c.b.example\"]\n");
    keep(&host, &[Change::reset("smtp.destination_domains"), Change::reset("smtp.never.was")]);
    assert_eq!(body(&host), "");
    assert!(host.open(Vec::new()).is_ok(), "a layer that says nothing is no empty file");
}

#[test]
fn a_dry_run_changes_nothing() {
    let host = host();
    let (mut layers, before) = host.open(Vec::new()).unwrap();
    let proposal = layers.propose(&[Change::set("smtp.enabled", false)]).unwrap();
    let changes = proposal.effective().shown.differences(&before.shown);
    assert_eq!(changes.iter().map(|change| change.path).collect::<Vec<_>>(), ["smtp.enabled"]);
    drop(proposal);
    assert!(layers.propose(&[]).unwrap().effective().settings.enabled);
    assert!(!host.path("state/runtime.toml").exists());
}

#[test]
fn what_would_be_faulty_is_refused_whole() {
    let host = host();
    keep(&host, &[Change::set("smtp.limits.recipients", 9)]);
    let (before, (mut layers, _)) = (file(&host), host.open(Vec::new()).unwrap());
    let table = Value::Table([("enabled".to_owned(), Value::from(false))].into_iter().collect());
    for (change, faults) in [
        (
            Change::set("smtp.enabled", "yes"),
            &["smtp.enabled: is a string; did you mean true, without quotes?"][..],
        ),
        (Change::set("smtp.limits.recipients", 0), &["smtp.limits.recipients: is out of range"]),
        (
            Change::set("smtp.destination_domains", vec!["a b", "c", "d e"]),
            &["smtp.destination_domains[1]: holds a space", "smtp.destination_domains[3]: holds a space"],
        ),
        (Change::set("smtp.enable", false), &["smtp.enable: unknown key; did you mean enabled?"]),
        (Change::set("", false), &["\"\": unknown key"]),
        (Change::set("smtp..enabled", false), &["smtp.\"\": unknown key"]),
        (
            Change::set("smtp.limits.idle", "1m"),
            &["smtp.limits.idle: cannot be set at run time; set it in a configuration file"],
        ),
        (
            Change::set("smtp.password", "hunter2"),
            &["smtp.password: cannot be set at run time; set it in a configuration file"],
        ),
        (
            Change::set("smtp.listener", Vec::<Value>::new()),
            &["smtp.listener: cannot be set at run time; set it in a configuration file"],
        ),
        (Change::set("smtp", table), &["smtp: is a table; set its keys one by one"]),
        (Change::set("smtp", 3), &["smtp: is a number"]),
        (Change::set("smtp.enabled.deep", 3), &["smtp.enabled: is a table"]),
        (Change::set("smtp.limits.recipients.deep", 3), &["smtp.limits.recipients: is a table"]),
        (Change::set(&"a.".repeat(100_000), 3), &["a key with too many parts"]),
    ] {
        let changes = [Change::set("smtp.destination_domains", vec!["z.example"]), change];
        let Err(Refused::Faulty(found)) = layers.propose(&changes[..]).map(drop) else {
            panic!("{faults:?}")
        };
        assert!(!found.to_string().contains("hunter2"), "{found}");
        let found: Vec<String> = found
            .iter()
            .map(|fault| {
                if fault.key.is_empty() {
                    fault.message.clone()
                } else {
                    format!("{}: {}", fault.key, fault.message)
                }
            })
            .collect();
        assert_eq!(found, faults);
        assert_eq!(file(&host), before);
        assert_eq!(layers.propose(&[]).unwrap().effective().settings.domains, ["a.example"]);
    }
}

#[test]
fn what_is_set_above_is_refused_by_name() {
    let host = host();
    let variables = [
        ("MAILSENSOR__SMTP__ENABLED".to_owned(), "true".to_owned()),
        ("MAILSENSOR__SMTP__LIMITS".to_owned(), "{ recipients = 5 }".to_owned()),
    ];
    let (mut layers, _) = host.open(Source::environment("MAILSENSOR", variables)).unwrap();
    let changes = [
        Change::set("smtp.enabled", false),
        Change::set("smtp.destination_domains", vec!["b.example"]),
        Change::reset("smtp.limits.recipients"),
        Change::set("state_dir", "/srv"),
    ];
    let Err(refused @ Refused::Overridden(_)) = layers.propose(&changes).map(drop) else { panic!() };
    assert_eq!(
        refused.to_string(),
        "smtp.enabled is set by MAILSENSOR__SMTP__ENABLED, which wins; change it there\n\
         smtp.limits.recipients is set by MAILSENSOR__SMTP__LIMITS, which wins; change it there\n\
         state_dir is set by --state-dir, which wins; change it there"
    );
    layers.propose(&changes[1..2]).unwrap().keep().unwrap();
    assert_eq!(body(&host), "[smtp]\ndestination_domains = [\"b.example\"]\n");
}

#[test]
fn a_change_brings_nothing_else_with_it() {
    let host = host();
    let (mut layers, _) = host.open(Vec::new()).unwrap();
    // Somebody is at work on the files: the sensor can be turned off all the same.
    host.write("main.toml", "[smtp]\nenabled = true\ndestination_domains = ['half.ex");
    let kept = layers.propose(&[Change::set("smtp.enabled", false)]).unwrap().keep().unwrap();
    assert!(!kept.settings.enabled && kept.settings.domains == ["a.example"]);
    // The work of two is put together by the reload.
    host.write("main.toml", "smtp.destination_domains = ['b.example']");
    let loaded = layers.reload().unwrap();
    assert!(!loaded.settings.enabled && loaded.settings.domains == ["b.example"]);
    layers.propose(&[Change::set("smtp.limits.recipients", 9)]).unwrap().keep().unwrap();
    assert_eq!(body(&host), "[smtp]\nenabled = false\n\n[smtp.limits]\nrecipients = 9\n");
}

#[test]
fn a_change_that_cannot_be_written_is_not_made() {
    let host = host();
    let (mut layers, _) = host.open(Vec::new()).unwrap();
    fs::remove_dir(host.path("state")).unwrap();
    let change = [Change::set("smtp.enabled", false)];
    let error = layers.propose(&change).unwrap().keep().unwrap_err();
    assert!(matches!(error, KeepError::Unwritten { .. }));
    assert_eq!(
        host.shorten(&error.to_string()),
        "cannot write state/runtime.toml: No such file or directory (os error 2); the change is not made"
    );
    assert!(layers.propose(&[]).unwrap().effective().settings.enabled);
    fs::create_dir(host.path("state")).unwrap();
    assert!(!layers.propose(&change).unwrap().keep().unwrap().settings.enabled);
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let domain = prop::sample::select(vec!["a.example", "ö.example", "quo\"te", "back\\slash", "line\nend"]);
    let change = prop_oneof![
        any::<bool>().prop_map(|flag| Change::set("smtp.enabled", flag)),
        (1..=100_000_i64).prop_map(|count| Change::set("smtp.limits.recipients", count)),
        prop::collection::vec(domain, 0..4)
            .prop_map(|domains| Change::set("smtp.destination_domains", domains)),
        prop::sample::select(vec!["smtp.enabled", "smtp.limits.recipients", "smtp.destination_domains"])
            .prop_map(Change::reset),
    ];
    prop::collection::vec(change, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// One by one, all together, and after a new start: the same settings, those of a plain map.
    #[test]
    fn changes_add_up(changes in changes()) {
        let (one_by_one, together) = (host(), host());
        let (mut layers, first) = one_by_one.open(Vec::new()).unwrap();
        let mut model = (first.settings.enabled, first.settings.recipients, first.settings.domains.clone());
        for change in &changes {
            layers.propose(std::slice::from_ref(change)).unwrap().keep().unwrap();
            match (change.key.as_str(), &change.value) {
                ("smtp.enabled", value) => model.0 = value.as_ref().is_none_or(|value| value.as_bool().unwrap()),
                ("smtp.limits.recipients", value) => {
                    model.1 = value.as_ref().map_or(1_000, |value| value.as_integer().unwrap().try_into().unwrap());
                }
                (_, Some(value)) => {
                    let texts = value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
                    model.2 = texts.collect();
                }
                (_, None) => model.2 = first.settings.domains.clone(),
            }
        }
        keep(&together, &changes);
        prop_assert_eq!(body(&one_by_one), body(&together));
        let again = one_by_one.open(Vec::new()).unwrap().1.settings;
        prop_assert_eq!((again.enabled, again.recipients, again.domains), model);
    }
}
