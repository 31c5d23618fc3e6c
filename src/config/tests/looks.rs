//! Scanners, rules and sinks: each fault at its place.

use super::*;

fn config(text: &str) -> Config {
    let reader = Reader::new(vec![Source::file("mailsensor.toml", text)]);
    let config = Config::read(&reader);
    reader.finish().unwrap();
    config
}

#[test]
fn what_is_wrong_with_scanners_rules_and_sinks_has_its_place() {
    for (text, expected) in [
        ("[[scanner]]\nkind = \"clam\"\n", "2:8 scanner[1].kind: unknown word; did you mean \"clamd\"?"),
        ("[[scanner]]\nname = \"av\"\n", "1:1 scanner[1].kind: is missing"),
        (
            "[[scanner]]\nkind = \"clamd\"\nurl = \"x\"\n",
            "3:1 scanner[1].url: unknown key; did you mean scanner[].url?",
        ),
        ("[[scanner]]\nkind = \"clamd\"\nname = \"a b\"\n", "3:8 scanner[1].name: not a name"),
        (
            "[[scanner]]\nkind = \"clamd\"\n[[scanner]]\nkind = \"clamd\"\n",
            "3:1 scanner[2].name: another scanner is called clamd",
        ),
        ("[[scanner]]\nkind = \"clamd\"\nsize_max = \"5 TiB\"\n", "3:12 scanner[1].size_max: out of range"),
        ("[[scanner]]\nkind = \"clamd\"\ndeadline = 5\n", "3:12 scanner[1].deadline: is a number"),
        ("[[scanner]]\nkind = \"hash\"\n", "1:1 scanner[1].lists: is missing: expected"),
        ("[[rule]]\ntags = [\"x\"]\n", "1:1 rule[1].name: is missing"),
        ("[[rule]]\nname = \"a\"\n", "1:1 rule[1]: it decides nothing"),
        ("[[rule]]\nname = \"A b\"\nstop = true\n", "2:8 rule[1].name: a name has"),
        ("[[rule]]\nname = \"a\"\nverdict = \"bad\"\n", "3:11 rule[1].verdict: unknown word"),
        (
            "[[rule]]\nname = \"a\"\nstop = true\npart.flag = [\"macros\", \"macro\"]\n",
            "4:24 rule[1].part.flag[2]:",
        ),
        ("[[rule]]\nname = \"a\"\nstop = true\n[rule.part]\n", "4:1 rule[1].part: it names nothing"),
        ("[[rule]]\nname = \"a\"\nstop = true\nwhen = \"1 +\"\n", "4:8 rule[1].when:"),
        (
            "[[scanner]]\nkind = \"clamd\"\n[[rule]]\nname = \"a\"\nstop = true\nfinding.scanner = [\"clamd\", \"clam\"]\n",
            "6:29 rule[1].finding.scanner[2]: no scanner is called so",
        ),
        (
            "[[rule]]\nname = \"a\"\nstop = true\ncoverage.scanner = [\"clamd\"]\n",
            "4:21 rule[1].coverage.scanner[1]: no scanner",
        ),
        ("[[sink]]\nkind = \"syslog\"\n", "1:1 sink[1].address: expected a host and a port"),
        ("[[sink]]\nkind = \"cef\"\nurl = \"x\"\n", "3:1 sink[1].url: unknown key"),
        ("[[sink]]\nkind = \"webhook\"\nurl = \"ftp://x\"\n", "3:7 sink[1].url: expected a URL"),
        ("[scan]\nsize_max = \"1 KiB\"\n", "2:12 scan.size_max: out of range"),
    ] {
        let found = faults(text);
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "{text}: {found:?}");
    }
}

#[test]
fn values_reach_their_scanner_in_its_units() {
    let config = config(
        "[[scanner]]\nkind = \"clamd\"\nname = \"av\"\nsize_max = \"2 MiB\"\ndeadline = \"5s\"\nrequired = false\n\
         [[scanner]]\nkind = \"attachment\"\nextensions = []\n",
    );
    let [av, attachment] = &config.scanners[..] else { panic!("{:?}", config.scanners) };
    assert_eq!(
        (&*av.name, av.kind.word, av.required, av.deadline),
        ("av", "clamd", false, Duration::from_secs(5))
    );
    assert!(av.given["size_max"] == sensor_scan::Value::Number(2 << 20));
    assert!(av.given["address"] == sensor_scan::Value::Text("/run/clamav/clamd.ctl".to_owned()));
    // Empty on purpose, where the default is not.
    assert!(attachment.given["extensions"] == sensor_scan::Value::List(Vec::new()));
    assert_eq!(&*attachment.name, "attachment");
}

#[test]
fn a_secret_is_read_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "s3cret\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        "[[scanner]]\nkind = \"webhook\"\nurl = \"https://scan.example.com/\"\nsecret_file = {path:?}\n"
    );
    assert!(config(&text).scanners[0].given["secret"] == sensor_scan::Value::Text("s3cret".to_owned()));
    let written =
        "[[scanner]]\nkind = \"webhook\"\nurl = \"https://scan.example.com/\"\nsecret = \"s3cret\"\n";
    let found = faults(written);
    assert!(found[0].contains("did you mean secret_file"), "{found:?}");
    assert!(!found[0].contains("s3cret"), "{found:?}");
}

/// The file of all defaults says what each kind takes, and nothing in it is a fault when it is switched on.
#[test]
fn every_kind_is_in_the_file_of_defaults() {
    let file = described().commented_defaults();
    for kind in sensor_scan::KINDS {
        assert!(file.contains(&format!("#kind = \"{}\"", kind.word)), "{}", kind.word);
    }
    for kind in ["jsonl", "syslog", "cef", "webhook"] {
        assert!(file.contains(&format!("#kind = \"{kind}\"")), "{kind}");
    }
    assert!(file.contains("#secret_file = "));
}
