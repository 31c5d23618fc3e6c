//! The settings in force and the file of all defaults, whole.

use sensor_settings::{Form, Key, Kind, Reader, Reload, Source};

use crate::sample::{read, read_file};

const SITE: &str = "state_dir = \"/srv\"\n\n[smtp]\nenabled = false\n\n[[smtp.listener]]\nname = \"a\"\n\
                    address = \"[::]:25\"\n\n[[smtp.listener]]\nname = \"b\"\naddress = \"[::]:26\"\nqueue.backlog = 3\n";

#[test]
fn the_settings_in_force_are_toml_with_origins() {
    let (sample, result) = read_file(SITE);
    let shown = result.unwrap().to_toml_with_origins();
    assert_eq!(
        shown,
        r#"state_dir = "/srv"  # mailsensor.toml:1; a change needs a restart

# How mail comes in.
[smtp]
enabled = false  # mailsensor.toml:4
destination_domains = []  # default
# password is not set

# A socket to listen on.
[[smtp.listener]]
name = "a"  # mailsensor.toml:7; a change needs a restart
address = "[::]:25"  # mailsensor.toml:8; a change needs a restart
security = "opportunistic"  # default; a change needs a restart

# The queue of the socket.
[smtp.listener.queue]
backlog = 128  # default; a change needs a restart

# A socket to listen on.
[[smtp.listener]]
name = "b"  # mailsensor.toml:11; a change needs a restart
address = "[::]:26"  # mailsensor.toml:12; a change needs a restart
security = "opportunistic"  # default; a change needs a restart

# The queue of the socket.
[smtp.listener.queue]
backlog = 3  # mailsensor.toml:13; a change needs a restart

# How much is too much.
[smtp.limits]
recipients = 1000  # default; a change needs a restart
idle = "5m"  # default
"#
    );
    let (again, result) = read_file(&shown);
    assert_eq!(again, sample);
    assert!(result.is_ok());
}

#[test]
fn secrets_are_shown_nowhere() {
    let (sample, result) = read_file("smtp.password = \"hunter2\"");
    let shown = result.unwrap();
    assert_eq!(sample.password.as_deref(), Some("hunter2"));
    assert!(shown.to_toml_with_origins().contains("password = \"***\"  # mailsensor.toml:1\n"));
    assert!(!format!("{shown:?}").contains("hunter2"));
}

const DEFAULTS: &str = r#"# Where state is kept.
# Takes a path.
# A change takes effect with the next start.
#state_dir = "/var/lib/sensor"

# How mail comes in.
[smtp]
# Whether mail is taken.
# Takes true or false.
# The control plane may set it.
#enabled = true

# Whose mail is taken.
# Empty: everybody's.
# Takes a list of domains such as example.com.
# The control plane may set it.
#destination_domains = []

# Opens the door.
# Takes a password.
# password has no default

# A socket to listen on.
#[[smtp.listener]]
# How it is called in the log.
# Takes a name.
# A change takes effect with the next start.
# name has no default

# Where it listens.
# Takes an IP address and a port such as 192.0.2.1:25 or [::]:25.
# A change takes effect with the next start.
# It has no default; for example:
#address = "[::]:25"

# What TLS is for.
# Takes one of none, opportunistic, required.
# A change takes effect with the next start.
#security = "opportunistic"

# The queue of the socket.
#[smtp.listener.queue]
# Connections not yet accepted.
# Takes a whole number from 1 to 4096.
# A change takes effect with the next start.
#backlog = 128

# How much is too much.
[smtp.limits]
# Recipients of a message.
# Takes a whole number from 1 to 100000.
# A change takes effect with the next start.
# The control plane may set it.
#recipients = 1000

# How long a session may be silent.
# Takes a duration such as 30s, 5m or 24h, from 1s to 1h.
#idle = "5m"
"#;

#[test]
fn the_file_of_all_defaults_does_not_depend_on_what_is_set() {
    for sources in [Vec::new(), vec![Source::file("mailsensor.toml", SITE)]] {
        assert_eq!(read(sources).1.unwrap().commented_defaults(), DEFAULTS);
    }
}

#[test]
fn the_file_of_all_defaults_changes_nothing_commented_or_not() {
    let (sample, _) = read(Vec::new());
    assert_eq!(read_file(DEFAULTS).0, sample);
    let of_listener = ["#[", "#address", "#security", "#backlog"];
    let is_listener = |line: &&str| of_listener.iter().any(|begin| line.starts_with(begin));
    let uncommented: Vec<&str> = DEFAULTS
        .lines()
        .filter(|line| !is_listener(line))
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    let (again, result) = read_file(&uncommented.join("\n"));
    assert_eq!(again, sample);
    let shown = result.unwrap();
    let from_file = shown.iter().filter(|record| record.origin != sensor_settings::Origin::Default).count();
    assert_eq!(from_file, 5, "{}", shown.to_toml_with_origins());
}

#[test]
fn each_key_is_described_for_a_schema() {
    let shown = read(Vec::new()).1.unwrap();
    let template = shown.sections().iter().find(|section| section.path == "smtp.listener[]").unwrap();
    assert!(template.is_template());
    let security = template.records.iter().find(|record| record.key.name == "security").unwrap();
    assert_eq!(security.kind, Kind::Words(vec!["none", "opportunistic", "required"]));
    assert_eq!(security.default.as_deref(), Some("\"opportunistic\""));
    assert_eq!(security.key.reload, Reload::Restart);
}

#[test]
fn arrays_within_arrays_have_one_template() {
    let text = "[[site]]\n[[site.rule]]\nname = \"a\"\n[[site]]\n[[site.rule]]\nname = \"b\"\n[[site.rule]]\nnam = \"c\"\n";
    let read = |text: &str| {
        let reader = Reader::new(vec![Source::file("sites.toml", text)]);
        let sites = reader.root().tables("site", "A place.", |site| {
            Some(site.tables("rule", "What holds there.", |rule| {
                rule.required(Key::new("name", "Its name.", Reload::Live), &Form::text("a name"))
            }))
        });
        (sites, reader.finish())
    };
    let (sites, result) = read(text);
    assert_eq!(sites, [vec!["a"], vec!["b"]]);
    let keys: Vec<String> = result.unwrap_err().iter().map(|fault| fault.key.clone()).collect();
    assert_eq!(keys, ["site[2].rule[2].name", "site[2].rule[2].nam"]);
    let shown = read(&text.replace("nam =", "name =")).1.unwrap();
    let paths: Vec<&str> = shown.sections().iter().map(|section| section.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "",
            "site[]",
            "site[].rule[]",
            "site[1]",
            "site[1].rule[1]",
            "site[2]",
            "site[2].rule[1]",
            "site[2].rule[2]"
        ]
    );
    assert_eq!(read(&shown.to_toml_with_origins()).0, [vec!["a"], vec!["b", "c"]]);
}
