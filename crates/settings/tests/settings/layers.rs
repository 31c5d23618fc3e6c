//! Later sources win, and each value knows where it comes from.

use std::time::Duration;

use sensor_settings::{Origin, Shown, Source};

use crate::sample::{Security, read};

fn environment(variables: &[(&str, &str)]) -> Vec<Source> {
    let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Source::environment("MAILSENSOR", owned)
}

fn origin(shown: &Shown, path: &str) -> String {
    let record =
        shown.iter().find(|record| record.path == path).unwrap_or_else(|| panic!("{path} was not read"));
    format!("{} from {}", record.value.as_deref().unwrap_or("nothing"), record.origin)
}

#[test]
fn without_a_source_the_defaults_hold() {
    let (sample, result) = read(Vec::new());
    let shown = result.unwrap();
    assert!(sample.enabled && sample.domains.is_empty() && sample.listeners.is_empty());
    assert_eq!((sample.recipients, sample.idle), (1_000, Duration::from_secs(300)));
    assert_eq!(sample.password, None);
    assert!(shown.iter().all(|record| record.origin == Origin::Default));
    assert_eq!(origin(&shown, "smtp.password"), "nothing from default");
}

#[test]
fn a_value_is_taken_from_the_last_source_that_sets_it() {
    let mut sources = vec![
        Source::built_in("state_dir = 'data'\nsmtp.limits.idle = '1m'"),
        Source::file(
            "mailsensor.toml",
            "[smtp]\nenabled = false\ndestination_domains = ['a.example', 'b.example']\n[smtp.limits]\nrecipients = 7\nidle = '2m'",
        ),
        Source::file(
            "conf.d/10.toml",
            "smtp.destination_domains = ['c.example']\nsmtp.limits.recipients = 8",
        ),
        Source::runtime("runtime.toml", "[smtp]\nenabled = true"),
    ];
    sources.extend(environment(&[
        ("MAILSENSOR__SMTP__LIMITS__RECIPIENTS", "9"),
        ("PATH", "/bin"),
        ("MAILSENSOR", "x"),
    ]));
    sources.push(Source::option("--state-dir", "state_dir", "typed"));
    let (sample, result) = read(sources);
    let shown = result.unwrap();
    assert!(sample.enabled);
    assert_eq!(sample.domains, ["c.example"]);
    assert_eq!((sample.recipients, sample.idle), (9, Duration::from_secs(120)));
    for (path, expected) in [
        ("state_dir", "\"typed\" from --state-dir"),
        ("smtp.enabled", "true from runtime.toml:2"),
        ("smtp.destination_domains", "[\"c.example\"] from conf.d/10.toml:1"),
        ("smtp.limits.idle", "\"2m\" from mailsensor.toml:6"),
        ("smtp.limits.recipients", "9 from MAILSENSOR__SMTP__LIMITS__RECIPIENTS"),
    ] {
        assert_eq!(origin(&shown, path), expected);
    }
}

#[test]
fn an_array_of_tables_is_replaced_as_a_whole() {
    let sources = vec![
        Source::file(
            "a.toml",
            "[[smtp.listener]]\nname='a'\naddress='[::]:25'\n[[smtp.listener]]\nname='b'\naddress='[::]:26'",
        ),
        Source::file(
            "b.toml",
            "[[smtp.listener]]\nname='c'\naddress='127.0.0.1:27'\nsecurity='required'\nqueue.backlog=5",
        ),
    ];
    let (sample, result) = read(sources);
    let [listener] = sample.listeners.as_slice() else { panic!("{sample:?}") };
    assert_eq!((listener.name.as_str(), listener.security, listener.backlog), ("c", Security::Required, 5));
    assert_eq!(listener.address.to_string(), "127.0.0.1:27");
    assert_eq!(origin(&result.unwrap(), "smtp.listener[1].queue.backlog"), "5 from b.toml:5");
}

#[test]
fn variables_take_toml_and_bare_words_alike() {
    for (value, domains) in [
        ("a.example", &["a.example"][..]),
        ("a.example, b.example,", &["a.example", "b.example"]),
        ("['a.example', \"b.example\"]", &["a.example", "b.example"]),
        ("", &[]),
        ("[]", &[]),
    ] {
        let (sample, result) = read(environment(&[("MAILSENSOR__SMTP__DESTINATION_DOMAINS", value)]));
        assert_eq!(sample.domains, domains, "{value:?}: {:?}", result.err());
    }
    for (value, directory) in
        [("/srv", "/srv"), ("\"/srv\"", "/srv"), ("7", "7"), ("true", "true"), ("1979-05-27", "1979-05-27")]
    {
        let (sample, result) = read(environment(&[("MAILSENSOR__STATE_DIR", value)]));
        assert_eq!(sample.state_dir.to_str(), Some(directory), "{:?}", result.err());
    }
    let tables = "[{name = 'a', address = '127.0.0.1:25'}]";
    let (sample, _) = read(environment(&[("MAILSENSOR__SMTP__LISTENER", tables)]));
    assert_eq!(sample.listeners.len(), 1);
}

#[test]
fn faults_of_variables_name_them_and_show_no_values() {
    let variables = [
        ("MAILSENSOR__SMTP__ENABLED", "maybe"),
        ("MAILSENSOR__SMTP__PASSWRD", "hunter2"),
        ("MAILSENSOR__SMTP__LIMITS", "3"),
    ];
    let (_, result) = read(environment(&variables));
    assert_eq!(
        result.unwrap_err().to_string(),
        "MAILSENSOR__SMTP__ENABLED: smtp.enabled: is a string\n = expected true or false\n\n\
         MAILSENSOR__SMTP__LIMITS: smtp.limits: is a number\n = expected a table, [smtp.limits]\n\n\
         MAILSENSOR__SMTP__PASSWRD: smtp.passwrd: unknown key; did you mean password?"
    );
}

#[test]
fn what_has_no_lines_is_named_without_one() {
    let option = |value| vec![Source::option("--state-dir", "state_dir", value)];
    let (sample, result) = read(option("7"));
    assert_eq!(sample.state_dir.to_str(), Some("7"));
    assert_eq!(origin(&result.unwrap(), "state_dir"), "\"7\" from --state-dir");
    for (sources, fault) in [
        (option(""), "--state-dir: state_dir: is empty\n = expected a path"),
        (
            environment(&[("MAILSENSOR__STATE_DIR", "")]),
            "MAILSENSOR__STATE_DIR: state_dir: is empty\n = expected a path",
        ),
        (
            vec![Source::unreadable("conf.d/10.toml", "cannot be read: permission denied")],
            "conf.d/10.toml: cannot be read: permission denied",
        ),
    ] {
        assert_eq!(read(sources).1.unwrap_err().to_string(), fault);
    }
}
