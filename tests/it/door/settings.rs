//! The layers of settings as an administrator meets them: files, the run-time layer, the environment.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Output};

use sensor_settings::{Change, Form, KeepError, Key, Layers, MainFile, Places, Reader, Reload};

use crate::harness::sensor::{BINARY, Home};
use crate::harness::tmpfs::Tmpfs;

/// A sensor with one more file and a run-time layer.
fn home(drop_in: &str, runtime: &str) -> Home {
    let home = Home::new("");
    for (name, text) in [("conf.d/10-site.toml", drop_in), ("state/runtime.toml", runtime)] {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

/// Runs a subcommand with some variables; what it prints does not name the directory of the test.
fn said(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> (Output, String) {
    let mut command = Command::new(BINARY);
    command.arg("--config").arg(home.config()).args(arguments).envs(variables.iter().copied());
    let output = command.output().unwrap();
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let folder = format!("{}/", home.path().display());
    (output, String::from_utf8(all).unwrap().replace(&folder, ""))
}

#[test]
fn each_setting_is_shown_with_its_layer() {
    let home = home(
        "[smtp]\nclients = [\"192.0.2.0/24\"]\nmessage_size_limit = \"1 MiB\"\nuncovered = \"accept\"\n",
        "# by hand\n[smtp]\nmessage_size_limit = \"2 MiB\"\nuncovered = \"refuse\"\n",
    );
    let variables = [("MAILSENSOR__SMTP__UNCOVERED", "accept")];
    let (output, shown) = said(&home, &["config", "show"], &variables);
    assert!(output.status.success(), "{shown}");
    for line in [
        "state_dir = \"state\"  # mailsensor.toml:1; a change needs a restart",
        "name = \"relay\"  # mailsensor.toml:3",
        "clients = [\"192.0.2.0/24\"]  # conf.d/10-site.toml:2",
        "message_size_limit = \"2 MiB\"  # state/runtime.toml:3",
        "uncovered = \"accept\"  # MAILSENSOR__SMTP__UNCOVERED",
        "enabled = true  # default",
    ] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "nothing of {line:?} in\n{shown}");
    }
    let (_, shown) = said(&home, &["--state-dir", "elsewhere", "config", "show"], &variables);
    // A run-time layer belongs to its state.
    for line in [
        "state_dir = \"elsewhere\"  # --state-dir; ",
        "message_size_limit = \"1 MiB\"  # conf.d/10-site.toml:3",
    ] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "nothing of {line:?} in\n{shown}");
    }
    let (output, shown) = said(&home, &["check"], &variables);
    assert!(output.status.success(), "{shown}");
    for line in [
        "note: smtp.message_size_limit is set at run time, in state/runtime.toml:3",
        "mailsensor.toml: no faults",
        "conf.d/10-site.toml: no faults",
        "state/runtime.toml: no faults",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "nothing of {line:?} in\n{shown}");
    }
    assert!(!shown.contains("smtp.uncovered is set at run time"), "{shown}");
}

#[test]
fn faults_of_all_layers_are_named_at_once() {
    let home = home("[spool]\nreserve = 5\n", "[smtp]\nenabled = 1\nbare_newline = \"keep\"\n");
    home.configure(&format!("state_dir = {:?}\nnode = -1\n", home.state()));
    let (output, said) = said(&home, &["check"], &[("MAILSENSOR__LOG__LEVEL", "loud")]);
    assert_eq!(output.status.code(), Some(78), "{said}");
    let firsts: Vec<&str> = said.split("\n\n").filter_map(|fault| fault.lines().next()).collect();
    assert_eq!(
        firsts,
        [
            "mailsensor.toml:2:8: node: is out of range",
            "conf.d/10-site.toml:2:11: spool.reserve: is a number; did you mean \"5\"?",
            "state/runtime.toml:2:11: smtp.enabled: is a number",
            "state/runtime.toml:3:1: smtp.bare_newline: cannot be set at run time; set it in a configuration file",
            "MAILSENSOR__LOG__LEVEL: log.level: unknown word",
        ]
    );
}

#[test]
fn what_was_changed_at_run_time_holds_after_a_start() {
    let home = home("# nothing", "[smtp]\nmessage_size_limit = \"1 KiB\"\n");
    let sensor = home.start();
    let mut client = crate::harness::client::Client::connected(sensor.address);
    client.expect("220");
    let hello = client.command("EHLO client.example.com", "250");
    assert!(hello.contains("SIZE 1024"), "{hello}");
    assert!(sensor.end().success());
}

#[test]
fn the_schema_is_printed_for_editors() {
    let home = Home::new("");
    let schema: serde_json::Value = serde_json::from_slice(&home.output(&["config", "schema"])).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let listener = &schema["properties"]["smtp"]["properties"]["listener"]["items"];
    assert_eq!(listener["properties"]["name"]["default"], "default");
}

#[test]
fn a_change_that_the_disk_has_no_room_for_leaves_the_old_one() {
    let name = "a_change_that_the_disk_has_no_room_for_leaves_the_old_one";
    let home = Home::new("");
    let Some(disk) = Tmpfs::mount(name, &home.state(), 256 * 1024) else { return };
    home.configure(&format!("state_dir = {:?}\n", home.state()));
    let places = Places {
        file: MainFile::Required(home.config()),
        drop_ins: home.path().join("conf.d"),
        runtime: |reader| state_dir(reader).join("runtime.toml"),
        above: Vec::new(),
        credentials: None,
    };
    let (mut layers, _) = Layers::open(places, greeting).unwrap();
    let mut say = |text: &str| layers.propose(&[Change::set("greeting", text)]).unwrap().keep();
    say("hello").unwrap();
    disk.fill();
    let long = "x".repeat(64 * 1024);
    for _ in 0..3 {
        let error = say(&long).unwrap_err();
        let KeepError::Unwritten { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.kind(), ErrorKind::StorageFull);
        let kept = fs::read_to_string(home.state().join("runtime.toml")).unwrap();
        assert!(kept.ends_with("greeting = \"hello\"\n"), "{kept}");
        assert_eq!(
            fs::read_dir(home.state()).unwrap().count(),
            2,
            "beside it there is only what fills the disk"
        );
    }
    fs::remove_file(home.state().join("ballast")).unwrap();
    assert_eq!(say(&long).unwrap().settings, Some(long));
}

fn state_dir(reader: &Reader) -> PathBuf {
    reader.root().read(Key::new("state_dir", "Where state is.", Reload::Restart), &Form::path(), "state")
}

fn greeting(reader: &Reader) -> Option<String> {
    let _ = state_dir(reader);
    let key = Key::new("greeting", "What is said.", Reload::Live).at_run_time();
    reader.root().optional(key, &Form::text("a text"))
}
