//! Every fault at once, each with its place and what was expected: whole texts, as `check` prints them.

use sensor_settings::{Position, Source};

use crate::sample::{read, read_file};

fn check(text: &str, expected: &str) {
    let (_, result) = read_file(text);
    let faults = result.map(|_| ()).expect_err(text);
    assert_eq!(faults.to_string(), expected, "\n{faults}\n");
}

#[test]
fn a_value_of_another_type_says_what_it_is_and_what_was_expected() {
    check(
        "[smtp]\nenabled = \"yes\"\n",
        r#"mailsensor.toml:2:11: smtp.enabled: is a string; did you mean true, without quotes?
  |
2 | enabled = "yes"
  |           ^^^^^
  = expected true or false"#,
    );
    check(
        "state_dir = 7\n[smtp]\ndestination_domains = \"example.com\"\nlimits.recipients = 0.5",
        r#"mailsensor.toml:1:13: state_dir: is a number
  |
1 | state_dir = 7
  |             ^
  = expected a path

mailsensor.toml:3:23: smtp.destination_domains: is a string; did you mean ["example.com"]?
  |
3 | destination_domains = "example.com"
  |                       ^^^^^^^^^^^^^
  = expected a list of domains such as example.com

mailsensor.toml:4:21: smtp.limits.recipients: is a number with a fraction
  |
4 | limits.recipients = 0.5
  |                     ^^^
  = expected a whole number from 1 to 100000"#,
    );
}

#[test]
fn each_faulty_element_of_a_list_has_its_own_place() {
    check(
        "[smtp]\ndestination_domains = [\n\t\"example.com\",\n\t\"a b\",  # here\n\t\"c d\",\n]\n",
        "mailsensor.toml:4:2: smtp.destination_domains[2]: holds a space
  |
4 |  \"a b\",  # here
  |  ^^^^^
  = expected a list of domains such as example.com

mailsensor.toml:5:2: smtp.destination_domains[3]: holds a space
  |
5 |  \"c d\",
  |  ^^^^^
  = expected a list of domains such as example.com",
    );
    check(
        "smtp.destination_domains = [\"a b\", 7, true]",
        r#"mailsensor.toml:1:36: smtp.destination_domains[2]: is a number; did you mean "7"?
  |
1 | smtp.destination_domains = ["a b", 7, true]
  |                                    ^
  = expected a list of domains such as example.com

mailsensor.toml:1:39: smtp.destination_domains[3]: is true
  |
1 | smtp.destination_domains = ["a b", 7, true]
  |                                       ^^^^
  = expected a list of domains such as example.com"#,
    );
}

#[test]
fn keys_that_nobody_asked_for_say_what_may_have_been_meant() {
    for (text, fault) in [
        ("[smpt]\nenabled = true", "1:2: smpt: unknown key; did you mean smtp?"),
        ("smtp.enable = true", "1:6: smtp.enable: unknown key; did you mean enabled?"),
        ("smtp.Enabled = true", "1:6: smtp.Enabled: unknown key; did you mean enabled?"),
        (
            "smtp.destination-domains = []",
            "1:6: smtp.destination-domains: unknown key; did you mean destination_domains?",
        ),
        ("smtp.recipients = 3", "1:6: smtp.recipients: unknown key; did you mean smtp.limits.recipients?"),
        ("enabled = true", "1:1: enabled: unknown key; did you mean smtp.enabled?"),
        ("smtp.colour = 3", "1:6: smtp.colour: unknown key"),
        ("\"a\\u001b[31m\" = 3", r#"1:1: "a\u001B[31m": unknown key"#),
        ("smtp.limits.colour.deep = 3", "1:13: smtp.limits.colour: unknown key"),
        (
            "[[smtp.listener]]\nname = 'a'\naddress = '[::]:25'\nsecurty = 'none'",
            "4:1: smtp.listener[1].securty: unknown key; did you mean security?",
        ),
        (
            "smtp.listener = [{name='a', address='[::]:25', queue.x=1}]",
            "1:54: smtp.listener[1].queue.x: unknown key",
        ),
    ] {
        let faults = read_file(text).1.map(|_| ()).expect_err(text).to_string();
        assert_eq!(faults.lines().next(), Some(format!("mailsensor.toml:{fault}").as_str()), "{faults}");
    }
}

#[test]
fn forms_say_what_is_wrong_with_a_text() {
    let idle = "smtp.limits.idle";
    for (text, fault) in [
        ("smtp.limits.idle = '30'", format!("{idle}: the unit is missing; did you mean 30s?")),
        ("smtp.limits.idle = 30", format!("{idle}: is a number")),
        ("smtp.limits.idle = 'soon'", format!("{idle}: not a duration")),
        ("smtp.limits.idle = ''", format!("{idle}: not a duration")),
        ("smtp.limits.idle = '-5s'", format!("{idle}: a duration is not negative")),
        ("smtp.limits.idle = '2h'", format!("{idle}: out of range")),
        ("smtp.limits.recipients = 0", "smtp.limits.recipients: is out of range".to_owned()),
        ("smtp.limits.recipients = 100001", "smtp.limits.recipients: is out of range".to_owned()),
        (
            "smtp.limits.recipients = 99999999999999999999",
            "smtp.limits.recipients: is a number with too many digits".to_owned(),
        ),
        (
            "smtp.limits.recipients = '7'",
            "smtp.limits.recipients: is a string; did you mean 7, without quotes?".to_owned(),
        ),
        // What would be a fault again is not proposed.
        ("smtp.limits.recipients = '-5'", "smtp.limits.recipients: is a string".to_owned()),
        ("smtp.limits.recipients = '100001'", "smtp.limits.recipients: is a string".to_owned()),
        ("smtp.listener = [{name='a', address=25}]", "smtp.listener[1].address: is a number".to_owned()),
        ("smtp.destination_domains = 'a b'", "smtp.destination_domains: is a string".to_owned()),
        ("state_dir = ''", "state_dir: is empty".to_owned()),
        ("state_dir = 'a\\u0000'", String::new()),
        ("state_dir = \"a\\u0000\"", "state_dir: a path holds no NUL".to_owned()),
        (
            "smtp.listener = [{name='a', address='[::]'}]",
            "smtp.listener[1].address: not an IP address with a port".to_owned(),
        ),
        (
            "smtp.listener = [{name='a', address='[::]:25', security='requird'}]",
            "smtp.listener[1].security: unknown word; did you mean \"required\"?".to_owned(),
        ),
        (
            "smtp.listener = [{name='a', address='[::]:25', security='tls'}]",
            "smtp.listener[1].security: unknown word".to_owned(),
        ),
        ("smtp = 3", "smtp: is a number".to_owned()),
        ("[[smtp]]", "smtp: is an array of tables".to_owned()),
        ("[smtp.listener]", "smtp.listener: is a table".to_owned()),
        ("smtp.listener = ['a']", "smtp.listener: holds a string".to_owned()),
    ] {
        let faults = read_file(text).1.err();
        let first = faults
            .iter()
            .flatten()
            .next()
            .map_or(String::new(), |fault| format!("{}: {}", fault.key, fault.message));
        assert_eq!(first, fault, "{text}");
    }
}

#[test]
fn a_table_in_single_brackets_is_told_about_double_ones() {
    check(
        "[smtp.listener]\nname = \"a\"",
        "mailsensor.toml:1:7: smtp.listener: is a table
  |
1 | [smtp.listener]
  |       ^^^^^^^^
  = expected an array of tables, [[smtp.listener]]",
    );
}

#[test]
fn what_is_missing_is_missed_at_its_table() {
    check(
        "[[smtp.listener]]\nname = \"a\"\n\n[[smtp.listener]]\naddress = \"127.0.0.1:25\"\n",
        "mailsensor.toml:1:1: smtp.listener[1].address: is missing
  |
1 | [[smtp.listener]]
  | ^^^^^^^^^^^^^^^^^
  = expected an IP address and a port such as 192.0.2.1:25 or [::]:25

mailsensor.toml:4:1: smtp.listener[2].name: is missing
  |
4 | [[smtp.listener]]
  | ^^^^^^^^^^^^^^^^^
  = expected a name",
    );
}

#[test]
fn a_fault_between_keys_stands_at_one_of_them_and_shows_no_secret() {
    check(
        "[smtp]\nenabled = false\npassword = \"hunter2\"\n",
        "mailsensor.toml:3:12: smtp.password: is of no use while enabled is false",
    );
    check(
        "[smtp]\npassword = [\"hunter2\"]\n",
        "mailsensor.toml:2:12: smtp.password: is an array\n  = expected a password",
    );
}

#[test]
fn no_fault_shows_the_line_of_a_secret() {
    for text in [
        "smtp.password = \"hunter2",
        "smtp.passwrd = \"hunter2\"",
        "password = \"hunter2\"",
        "smtp = { password = \"hunter2\", enabled = 3, colour = 4 }",
        "smtp.password = \"hunter2\" enabled",
        "smtp.password = [\"hunter2\"]",
    ] {
        let faults = read_file(text).1.map(|_| ()).expect_err(text).to_string();
        assert!(!faults.contains("hunter2"), "{faults}");
    }
}

#[test]
fn elements_keep_their_numbers_beside_one_that_is_no_table() {
    let text = "smtp.listener = [{name='a', address='[::]:25'}, 7, {name='b'}]";
    let faults = read_file(text).1.unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["smtp.listener", "smtp.listener[3].address"]);
}

#[test]
fn broken_toml_is_one_fault_a_line_and_the_rest_is_read_all_the_same() {
    check(
        "state_dir = \n[smtp\nenabled = 3\n[smtp.limits]\nrecipients = 0\nidle = \"5m\nenabled = 1\n",
        "mailsensor.toml:1:13: string values must be quoted, expected literal string
  |
1 | state_dir = 
  |             ^

mailsensor.toml:2:6: unclosed table, expected `]`
  |
2 | [smtp
  |      ^

mailsensor.toml:5:14: smtp.limits.recipients: is out of range
  |
5 | recipients = 0
  |              ^
  = expected a whole number from 1 to 100000

mailsensor.toml:6:11: invalid basic string, expected `\"`
  |
6 | idle = \"5m
  |           ^

mailsensor.toml:7:1: smtp.limits.enabled: unknown key; did you mean smtp.enabled?
  |
7 | enabled = 1
  | ^^^^^^^",
    );
    check(
        "[smtp]\nenabled = true\nenabled = true\n",
        "mailsensor.toml:3:1: duplicate key
  |
3 | enabled = true
  | ^^^^^^^",
    );
}

#[test]
fn a_list_that_does_not_end_is_one_fault_a_line() {
    let (_, result) = read_file("smtp.destination_domains = [\"a\"\n\nenabled = 3\n");
    let faults = result.unwrap_err();
    let lines: Vec<usize> =
        faults.iter().filter_map(|fault| fault.position).map(|position| position.line).collect();
    assert_eq!(lines, [3], "{faults}");
    assert!(faults.iter().all(|fault| fault.key.is_empty()), "{faults}");
}

#[test]
fn columns_count_characters_behind_a_mark_and_before_windows_line_ends() {
    check(
        "\u{feff}state_dir = \"/näh\"\r\n\"ö\" = 1\r\n[smtp] # größe\r\nenabled = 2 # ü\r\n",
        "mailsensor.toml:2:1: \"ö\": unknown key
  |
2 | \"ö\" = 1
  | ^^^

mailsensor.toml:4:11: smtp.enabled: is a number
  |
4 | enabled = 2 # ü
  |           ^
  = expected true or false",
    );
    check(
        "smtp.destination_domains = [\"größe und\", \"b c\"]",
        "mailsensor.toml:1:29: smtp.destination_domains[1]: holds a space
  |
1 | smtp.destination_domains = [\"größe und\", \"b c\"]
  |                             ^^^^^^^^^^^
  = expected a list of domains such as example.com

mailsensor.toml:1:42: smtp.destination_domains[2]: holds a space
  |
1 | smtp.destination_domains = [\"größe und\", \"b c\"]
  |                                          ^^^^^
  = expected a list of domains such as example.com",
    );
}

#[test]
fn a_long_line_is_cut_around_the_fault() {
    let text = format!(
        "smtp.destination_domains = [{}\"a b\", {}]",
        "\"example.com\",".repeat(9),
        "\"x\",".repeat(30)
    );
    let column = 29 + 9 * 14;
    let (before, after) = (",\"example.com\"".repeat(4), "\"x\",".repeat(13));
    check(
        &text,
        &format!(
            "mailsensor.toml:1:{column}: smtp.destination_domains[10]: holds a space
  |
1 | ...om\"{before},\"a b\", {after}\"...
  |    {:60}^^^^^
  = expected a list of domains such as example.com",
            ""
        ),
    );
}

#[test]
fn what_is_not_utf_8_has_a_place_too() {
    let (_, result) =
        read(vec![Source::file("mailsensor.toml", b"# fine\nstate_dir = \"\xff\"\nenabled = 3".to_vec())]);
    assert_eq!(
        result.unwrap_err().to_string(),
        "mailsensor.toml:2:14: not UTF-8\n  |\n2 | state_dir = \"\u{fffd}\"\n  |              ^"
    );
}

#[test]
fn a_file_beyond_the_limit_is_refused_unread() {
    let octets = vec![b'#'; sensor_settings::SOURCE_OCTETS_MAX + 1];
    let (_, result) = read(vec![Source::file("mailsensor.toml", octets)]);
    let faults = result.unwrap_err();
    let fault = faults.iter().next().unwrap();
    assert_eq!(fault.message, "the file has more than 16777216 octets");
}

#[test]
fn faults_of_several_sources_come_in_their_order_and_machines_can_read_them() {
    let sources = vec![
        Source::file("mailsensor.toml", "[smtp]\nlimits.idle = \"x\"\nenabled = 1\n"),
        Source::file("conf.d/10-site.toml", "smtp.enabled = true\nsmtp.limits.idle = \"1m\"\ncolour = 1"),
    ];
    let (sample, result) = read(sources);
    let faults = result.unwrap_err();
    let places: Vec<_> = faults
        .iter()
        .map(|fault| (fault.source.as_deref().unwrap(), fault.position.unwrap(), fault.key.as_str()))
        .collect();
    let at = |line, column| Position { line, column };
    assert_eq!(
        places,
        [
            ("mailsensor.toml", at(2, 15), "smtp.limits.idle"),
            ("mailsensor.toml", at(3, 11), "smtp.enabled"),
            ("conf.d/10-site.toml", at(3, 1), "colour"),
        ]
    );
    assert_eq!(faults.len(), 3);
    assert!(sample.enabled, "a good value in a later source is used to go on");
}

#[test]
fn what_is_much_too_long_is_cut() {
    let faults = read_file(&format!("{} = 1", "x".repeat(1_000_000))).1.unwrap_err();
    assert_eq!(faults.iter().next().map(|fault| fault.key.clone()), Some(format!("{}...", "x".repeat(64))));
    let faults = read_file(&format!("smtp.destination_domains = '{}'", "x".repeat(101))).1.unwrap_err();
    assert_eq!(faults.iter().next().map(|fault| fault.message.as_str()), Some("is a string"));
}

#[test]
fn a_hundred_faults_are_printed_and_the_others_are_counted() {
    let text: String = (0..105).map(|index| format!("x{index} = 1\n")).collect();
    let faults = read_file(&text).1.unwrap_err();
    assert_eq!(faults.len(), 105);
    let shown = faults.to_string();
    assert_eq!(shown.matches("unknown key").count(), 100);
    assert!(shown.ends_with("\n\nand 5 more"), "{shown}");
}
