use sensor_settings::{Faults, Source};

use super::*;

fn read(text: &str) -> Result<Shown, Faults> {
    let reader = Reader::new(vec![Source::file("mailsensor.toml", text)]);
    Config::read(&reader);
    reader.finish()
}

/// The places and keys of all faults, in order.
fn faults(text: &str) -> Vec<String> {
    let faults = read(text).map(|_| ()).expect_err(text);
    let shown = |fault: &sensor_settings::Fault| {
        let place = fault.position.map_or(String::new(), |at| format!("{}:{} ", at.line, at.column));
        format!("{place}{}: {}", fault.key, fault.message)
    };
    faults.iter().map(shown).collect()
}

fn two_listeners([name1, address1, name2, address2]: [&str; 4]) -> String {
    format!(
        "[[smtp.listener]]\nname = {name1}\naddress = {address1}\n\
         [[smtp.listener]]\nname = {name2}\naddress = {address2}\n"
    )
}

#[test]
fn listeners_are_compared_only_by_what_could_be_read() {
    let port_missing = "not an IP address with a port";
    for (values, expected) in [
        // Where a value is faulty the default stands in: nobody wrote that two listeners share it.
        (
            ["'a'", "'192.0.2.1'", "'b'", "'192.0.2.2'"],
            vec![
                format!("3:11 smtp.listener[1].address: {port_missing}"),
                format!("6:11 smtp.listener[2].address: {port_missing}"),
            ],
        ),
        (
            ["'a'", "'192.0.2.1'", "'b'", "'127.0.0.1:2525'"],
            vec![format!("3:11 smtp.listener[1].address: {port_missing}")],
        ),
        (
            ["7", "'192.0.2.1:25'", "'default'", "'192.0.2.2:25'"],
            vec!["2:8 smtp.listener[1].name: is a number; did you mean \"7\"?".to_owned()],
        ),
        // What could be read is compared, whatever is wrong beside it.
        (
            ["7", "'192.0.2.1:25'", "'b'", "'192.0.2.1:25'"],
            vec![
                "2:8 smtp.listener[1].name: is a number; did you mean \"7\"?".to_owned(),
                "6:11 smtp.listener[2].address: another listener has this address".to_owned(),
            ],
        ),
        (
            ["'a'", "'192.0.2.1:25'", "'a'", "'192.0.2.1:25'"],
            vec![
                "5:8 smtp.listener[2].name: another listener has this name".to_owned(),
                "6:11 smtp.listener[2].address: listener a has this address".to_owned(),
            ],
        ),
    ] {
        let text = two_listeners(values);
        assert_eq!(faults(&text), expected, "{text}");
    }
    for (one, other) in
        [("[::]:25", "127.0.0.1:25"), ("127.0.0.1:25", "0.0.0.0:25"), ("0.0.0.0:25", "[::]:25")]
    {
        let text = two_listeners(["'a'", &format!("'{one}'"), "'b'", &format!("'{other}'")]);
        let expected =
            format!("6:11 smtp.listener[2].address: listener a listens on {one}: only one of them can");
        assert_eq!(faults(&text), [expected], "{text}");
    }
    // Port 0 is a free one, another for each.
    assert!(read(&two_listeners(["'a'", "'127.0.0.1:0'", "'b'", "'127.0.0.1:0'"])).is_ok());
}

#[test]
fn a_listener_without_a_tls_level_has_that_of_all() {
    use sensor_ingress::Security::{None, Opportunistic, Required};
    let listener = "[[smtp.listener]]\nname = 'a'\naddress = '127.0.0.1:0'\n";
    let levels = |text: &str| -> Vec<_> {
        let reader = Reader::new(vec![Source::file("mailsensor.toml", text)]);
        let config = Config::read(&reader);
        reader.finish().unwrap();
        config.smtp.listeners.iter().map(|listener| listener.security).collect()
    };
    for (text, expected) in [
        (String::new(), vec![Opportunistic]),
        ("smtp.tls.security = 'required'".into(), vec![Required]),
        (format!("{listener}[smtp.tls]\nsecurity = 'none'"), vec![None]),
        (
            format!(
                "{listener}security = 'required'\n{}[smtp.tls]\nsecurity = 'none'",
                listener.replace("'a'", "'b'")
            ),
            vec![Required, None],
        ),
    ] {
        assert_eq!(levels(&text), expected, "{text}");
    }
}

mod looks;
mod schema;

#[test]
fn a_host_that_no_request_can_name_is_a_fault() {
    for (host, is_fault) in [
        ("sensor.example.com", false),
        ("Sensor", false),
        ("sensor.example.com:8465", true),
        ("https://sensor.example.com", true),
        ("*.example.com", true),
        ("b\u{fc}cher.example", true),
        ("192.0.2.1", true),
        ("2001:db8::1", true),
        ("localhost", true),
        ("", true),
    ] {
        assert_eq!(read(&format!("control.hosts = [{host:?}]")).is_err(), is_fault, "{host}");
    }
}
