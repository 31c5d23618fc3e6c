//! Secrets come from files of their own and are seen nowhere.

use std::path::PathBuf;

use sensor_settings::{Faults, Form, Key, Reader, Reload, SECRET_OCTETS_MAX, Secret, Shown, Source};

use crate::files::Host;

const TOKEN: Key = Key::new("token_file", "Opens the door.", Reload::Live);

fn read(text: &str, credentials: Option<PathBuf>) -> (Option<Secret>, Result<Shown, Faults>) {
    let reader = Reader::new(vec![Source::file("main.toml", text)]).with_credentials(credentials);
    let door = reader.table("door", "Who gets in.");
    let token = door.secret(TOKEN);
    let _ = door.optional(Key::new("colour", "Of the door.", Reload::Live), &Form::text("a colour"));
    (token, reader.finish())
}

#[test]
fn a_secret_is_the_one_line_of_its_file() {
    let host = Host::new(&[("plain", "hunter2"), ("unix", "hunter2\n"), ("windows", "hunter2\r\n")]);
    for name in ["plain", "unix", "windows"] {
        let path = host.path(name);
        let (secret, result) = read(&format!("door.token_file = {path:?}"), None);
        let (secret, shown) = (secret.unwrap(), result.unwrap());
        assert_eq!(secret.expose(), "hunter2");
        assert!(shown.to_toml_with_origins().contains(&format!("token_file = {path:?}  # main.toml:1")));
        for seen in [format!("{secret:?} {shown:?}"), shown.to_toml_with_origins()] {
            assert!(!seen.contains("hunter2"), "{seen}");
        }
    }
}

#[test]
fn what_is_no_secret_is_a_fault_that_repeats_nothing() {
    let host = Host::new(&[("empty", "\n"), ("two", "hunter2\nhunter2\n"), ("nul", "hunter2\0")]);
    host.write("latin", b"hunter2\xff");
    host.write("long", vec![b'x'; SECRET_OCTETS_MAX + 1]);
    let pipe = std::process::Command::new("mkfifo").arg(host.path("pipe")).status().unwrap();
    assert!(pipe.success());
    for (name, what) in [
        ("empty", "is empty"),
        ("two", "has more than one line"),
        ("nul", "has more than one line"),
        ("latin", "is not UTF-8"),
        ("long", "has more than 65536 octets"),
        ("pipe", "cannot be read: it is a pipe or a device; name a file"),
        ("gone", "cannot be read: No such file or directory (os error 2); write it or name another one"),
    ] {
        let (secret, result) = read(&format!("\ndoor.token_file = {:?}", host.path(name)), None);
        assert!(secret.is_none());
        let said = host.shorten(&result.unwrap_err().to_string());
        assert_eq!(said, format!("main.toml:2:19: door.token_file: {name} {what}"));
    }
}

#[test]
fn a_credential_of_systemd_stands_in_where_no_file_is_named() {
    let host = Host::new(&[("credentials/door.token", "hunter2\n"), ("named", "other")]);
    let credentials = || Some(host.path("credentials"));
    let (secret, result) = read("", credentials());
    assert_eq!(secret.unwrap().expose(), "hunter2");
    let shown = host.shorten(&result.unwrap().to_toml_with_origins());
    assert!(
        shown.contains("token_file = \"credentials/door.token\"  # systemd credential door.token\n"),
        "{shown}"
    );
    let (secret, _) = read(&format!("door.token_file = {:?}", host.path("named")), credentials());
    assert_eq!(secret.unwrap().expose(), "other");
    // A name that is faulty is not passed over for the credential.
    assert!(read("door.token_file = 7", credentials()).0.is_none());
    for nothing in [None, Some(host.path("elsewhere"))] {
        let (secret, result) = read("", nothing);
        assert!(secret.is_none());
        assert!(result.unwrap().to_toml_with_origins().contains("# token_file is not set"));
    }
    host.write("credentials/door.token", "");
    let faults = read("", credentials()).1.unwrap_err().to_string();
    assert_eq!(host.shorten(&faults), "door.token_file: credentials/door.token is empty");
}

#[test]
fn a_change_of_the_secret_is_seen_though_its_name_stays() {
    let host = Host::new(&[("token", "one")]);
    let text = format!("door.token_file = {:?}", host.path("token"));
    let old = read(&text, None).1.unwrap();
    assert_eq!(read(&text, None).1.unwrap().differences(&old), []);
    host.write("token", "two");
    let new = read(&text, None).1.unwrap();
    let changes = new.differences(&old);
    assert!(matches!(&changes[..], [change] if change.path == "door.token_file"), "{changes:?}");
}

#[test]
fn a_secret_that_stands_in_the_configuration_is_not_shown_either() {
    for key in ["token", "tokn", "token_fil", "token_file"] {
        let (_, result) = read(&format!("door.{key} = 'hunter2 of {key}'"), None);
        let faults = result.unwrap_err();
        let fault = faults.iter().next().unwrap();
        if key != "token_file" {
            assert_eq!(fault.message, "unknown key; did you mean token_file?");
            assert!(!faults.to_string().contains("hunter2"), "{faults}");
        }
        assert!(!format!("{fault}").contains('^'), "the line is shown: {fault}");
    }
}

#[test]
fn the_file_of_all_defaults_says_where_a_secret_comes_from() {
    let (_, result) = read("", None);
    let defaults = result.unwrap().commented_defaults();
    let expected = "# Opens the door.\n# Takes the path of a file with one line; not set: the systemd credential \
                    door.token.\n# token_file has no default\n";
    assert!(defaults.contains(expected), "{defaults}");
}
