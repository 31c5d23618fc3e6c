//! What rules decide is done, recorded and told; what rules on trial would decide is told, and not done.

use std::fs;

use serde_json::Value;

use super::life::{looks, send};
use crate::harness::containers::mail;
use crate::harness::sensor::Home;
use crate::harness::wait_for;

/// A sensor's home with rules about programs, and where its events go.
fn home(rules: &str) -> (Home, std::path::PathBuf) {
    let home = Home::new("");
    let events = home.path().join("events.jsonl");
    let toml = fs::read_to_string(home.config()).unwrap();
    home.configure(&format!(
        "{toml}\n[[scanner]]\nkind = \"attachment\"\nextensions = [\"exe\"]\n\
         [[sink]]\nkind = \"jsonl\"\npath = {events:?}\n{rules}"
    ));
    (home, events)
}

fn program() -> Vec<u8> {
    mail("Run it", "application/octet-stream", "a.exe", b"MZ")
}

#[test]
fn a_quarantined_message_is_given_out_by_that_name_only() {
    let (home, events) = home(
        "[[rule]]\nname = \"programs\"\npart.extension = [\"exe\"]\ndisposition = \"quarantine\"\nnotices = [\"soc\"]\n",
    );
    let sensor = home.start();
    send(&sensor, &program());
    let look = looks(&home, 1).remove(0);
    assert_eq!(look["judgement"]["disposition"], "quarantine", "{look:#}");
    let id = home.kept().remove(0);
    let refused = home.command(&["message", "cat", &id]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--quarantined gives it out"), "{refused:?}");
    assert!(home.output(&["message", "cat", "--quarantined", &id]).ends_with(&program()));
    let told = wait_for("an event", || fs::read_to_string(&events).ok().filter(|text| text.ends_with('\n')));
    let event: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(event["mailsensor"]["notices"], serde_json::json!(["soc"]), "{event:#}");
    assert!(sensor.end().success());
}

#[test]
fn of_metadata_only_the_octets_go_and_the_digest_stays() {
    let (home, _) =
        home("[[rule]]\nname = \"programs\"\npart.extension = [\"exe\"]\ndisposition = \"metadata_only\"\n");
    let sensor = home.start();
    send(&sensor, &program());
    let look = looks(&home, 1).remove(0);
    assert_eq!(look["judgement"]["disposition"], "metadata_only", "{look:#}");
    let id = home.kept().remove(0);
    let refused = wait_for("the end of the octets", || {
        Some(home.command(&["message", "cat", &id])).filter(|output| !output.status.success())
    });
    assert!(refused.stdout.is_empty(), "{refused:?}");
    let shown: Value = serde_json::from_slice(&home.output(&["message", "show", &id])).unwrap();
    assert_eq!(shown["looks"][0]["parts"][0]["sha256"].as_str().map(str::len), Some(64), "{shown:#}");
    assert!(sensor.end().success());
}

#[test]
fn rules_on_trial_are_told_of_and_change_nothing() {
    let (home, events) = home(
        "[[rule]]\nname = \"programs\"\nshadow = true\npart.extension = [\"exe\"]\nverdict = \"hostile\"\n\
         severity = \"high\"\ndisposition = \"quarantine\"\n",
    );
    let sensor = home.start();
    send(&sensor, &program());
    let look = looks(&home, 1).remove(0);
    assert_eq!(look["judgement"]["disposition"], "keep", "{look:#}");
    assert_eq!(look["shadow"]["disposition"], "quarantine", "{look:#}");
    let id = home.kept().remove(0);
    assert!(home.output(&["message", "cat", &id]).ends_with(&program()), "nothing comes of it");
    let status = String::from_utf8(home.output(&["status"])).unwrap();
    assert!(status.contains("the rules on trial would have judged 1 otherwise"), "{status}");
    let told = wait_for("an event", || fs::read_to_string(&events).ok().filter(|text| text.ends_with('\n')));
    let event: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(event["mailsensor"]["shadow"]["differs"], true, "{event:#}");
    assert!(sensor.end().success());
    let log = home.log();
    assert!(
        log.contains("rules on trial would judge otherwise") && log.contains("keep -> quarantine"),
        "{log}"
    );
    // The same message as a file.
    let file = home.path().join("a.eml");
    fs::write(&file, program()).unwrap();
    let shown = home.command(&["scan", file.to_str().unwrap()]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("by the rules on trial: disposition keep -> quarantine"), "{shown}");
}
