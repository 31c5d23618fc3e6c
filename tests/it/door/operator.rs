//! What an administrator is told when something is not as it should be.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::{BINARY, Home};
use crate::harness::{archived, wait_for};

use super::MESSAGE;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn check_names_every_fault_at_once_with_its_place() {
    let home = Home::new("");
    home.configure(
        "state_dir = 5\n\
         nonsense = true\n\
         [smtp]\n\
         enabled = \"yes\"\n\
         destination_domains = [\"example.test\", \"!example.test\", \"not a domain\"]\n\
         clients = [\"192.0.2.0/33\"]\n\
         message_size_limit = \"much\"\n\
         [[smtp.listener]]\n\
         name = \"relay\"\n\
         address = \"127.0.0.1\"\n\
         security = \"maybe\"\n\
         [spool]\n\
         segment_size = \"1 KiB\"\n\
         [drain]\n\
         deadline = \"2 weeks\"\n",
    );
    let output = home.command(&["check"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    let file = home.config();
    let firsts: Vec<&str> = said.split("\n\n").filter_map(|fault| fault.lines().next()).collect();
    let expected: Vec<String> = [
        "1:13: state_dir: is a number",
        "2:1: nonsense: unknown key",
        "4:11: smtp.enabled: is a string; did you mean true, without quotes?",
        "5:40: smtp.destination_domains[2]: contradicts entry 1 of this list; remove one of them",
        "5:57: smtp.destination_domains[3]: not a domain name",
        "6:12: smtp.clients[1]: the prefix is longer than the 32 bits of an address",
        "7:22: smtp.message_size_limit: not a size such as 50 MiB, 50 MB or 52428800",
        "10:11: smtp.listener[1].address: not an IP address with a port",
        "11:12: smtp.listener[1].security: unknown word",
        "13:16: spool.segment_size: out of range",
        "15:12: drain.deadline: not a duration",
    ]
    .map(|fault| format!("{}:{fault}", file.display()))
    .to_vec();
    assert_eq!(firsts, expected);
    // The same faults stop a start before anything is made.
    let output = home.command(&["run"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(!home.state().exists());
}

#[test]
fn a_configuration_that_is_not_toml_is_placed() {
    let home = Home::new("");
    home.configure("state_dir = \"x\"\n[smtp\n");
    let output = home.command(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(said(&output).contains("mailsensor.toml:2:6: unclosed table"), "{}", said(&output));
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_fault() {
    let home = Home::new("");
    let said_of = |why: &str| {
        let expected = format!("{}: cannot be read: {why}\n", home.config().display());
        for command in ["check", "run"] {
            let output = home.command(&[command]);
            assert_eq!(output.status.code(), Some(78), "{command}: {}", said(&output));
            assert_eq!(said(&output), expected, "{command}");
        }
    };
    fs::remove_file(home.config()).unwrap();
    said_of("No such file or directory (os error 2); write it or name another one");
    fs::create_dir(home.config()).unwrap();
    said_of("Is a directory (os error 21); name a file in it");
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_by_check_and_run() {
    let home = Home::new("");
    let state = home.state();
    let folder = home.path().to_owned();
    let configure = |certificate: &Path, key: &Path| {
        home.configure(&format!(
            "state_dir = {state:?}\n[smtp.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n\
             [[smtp.listener]]\nname = \"relay\"\naddress = \"127.0.0.1:0\"\n"
        ));
    };
    let not_pem = folder.join("not.pem");
    fs::write(&not_pem, "not a certificate").unwrap();
    let missing = folder.join("missing.pem");
    for (certificate, key, named) in [(&missing, &not_pem, &missing), (&not_pem, &missing, &not_pem)] {
        configure(certificate, key);
        for command in ["check", "run"] {
            let output = home.command(&[command]);
            assert_eq!(output.status.code(), Some(78), "{command}: {}", said(&output));
            assert!(!state.exists(), "{command}: nothing is made");
            assert!(said(&output).contains(&named.display().to_string()), "{command}: {}", said(&output));
        }
    }
    // Half of the pair has a place in the configuration.
    home.configure("[smtp.tls]\ncertificate = \"chain.pem\"\n");
    let output = home.command(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(said(&output).contains("mailsensor.toml:2:15: "), "{}", said(&output));
    assert!(said(&output).contains("smtp.tls.key"), "{}", said(&output));
}

#[test]
fn without_a_configuration_it_runs_and_says_how_to_try_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(BINARY)
        .args(["--state-dir", "mail", "run"])
        .current_dir(folder.path())
        .env("MAILSENSOR_CONFIG", "")
        .env_remove("MAILSENSOR_CONFIG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let lines: Vec<String> =
        std::io::BufRead::lines(out).map(Result::unwrap).take_while(|line| line != "ready").collect();
    if lines.is_empty() {
        // The default port is another's: that is said, and is not what this test is about.
        let output = child.wait_with_output().unwrap();
        assert!(said(&output).contains("127.0.0.1:2525"), "{}", said(&output));
        return crate::harness::skip("without_a_configuration", "port 2525 of 127.0.0.1 is in use");
    }
    let all = lines.join("\n");
    let archive = folder.path().canonicalize().unwrap().join("mail/archive");
    for part in ["built-in defaults", "listens on 127.0.0.1:2525", "swaks --server 127.0.0.1 --port 2525"] {
        assert!(all.contains(part), "nothing about {part} in\n{all}");
    }
    assert!(all.contains(&format!("keeps it in {}", archive.display())), "{all}");
    let id =
        queued_id(&Client::hello("127.0.0.1:2525".parse().unwrap()).data("", "bob@example.test", MESSAGE));
    wait_for("the kept message", || archived(&folder.path().join("mail"), &id).exists().then_some(()));
    let ended = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(ended.success() && child.wait().unwrap().success());
}

#[test]
fn how_to_try_it_is_told_for_a_listener_that_takes_a_test() {
    const RELAY: &str = "name = \"relay\"\naddress = \"[::]:0\"\n";
    let behind = "[[smtp.listener]]\nname = \"front\"\naddress = \"127.0.0.1:0\"\nproxy = [\"127.0.0.1\"]\n";
    let relay = |more: &str| format!("[[smtp.listener]]\n{RELAY}{more}\n");
    for (listeners, expected) in [
        (relay(""), "--port N --from"),
        (relay("security = \"implicit\""), "--port N --tls-on-connect --from"),
        (relay("security = \"required\""), "--port N --tls --from"),
        (format!("{behind}{}", relay("security = \"implicit\"")), "--port N --tls-on-connect --from"),
    ] {
        let home = Home::new("");
        home.configure(&format!("state_dir = {:?}\n{listeners}", home.state()));
        let line = home.first_line("try it: swaks --server 127.0.0.1 --port ");
        let words = line.split(' ').map(|word| if word.parse::<u16>().is_ok() { "N" } else { word });
        let said = words.collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{listeners}: {said}");
    }
    let home = Home::new("");
    home.configure(&format!("state_dir = {:?}\n{behind}", home.state()));
    assert!(home.first_line("try it").contains("each listener wants a PROXY header"));
}

#[test]
fn a_second_sensor_on_the_same_state_says_why_it_does_not_start() {
    let home = Home::new("");
    let sensor = home.start();
    let output = home.command(&["run"]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(
        said.contains("state/spool") && said.contains("another mailsensor runs with this state_dir"),
        "{said}"
    );
    // The first one does not notice.
    queued_id(&Client::hello(sensor.address).data("", "bob@example.test", MESSAGE));
    assert!(sensor.end().success());
}

#[test]
fn an_altered_message_is_not_passed_off_as_the_accepted_one() {
    let home = Home::new("");
    let sensor = home.start();
    let id = queued_id(&Client::hello(sensor.address).data("", "bob@example.test", MESSAGE));
    home.wait_kept(1);
    assert_eq!(home.message(&id), MESSAGE);
    let file = archived(&home.state(), &id);
    fs::remove_file(&file).unwrap();
    fs::write(&file, b"Subject: hello\r\n\r\nwOrld\r\n").unwrap();
    let output = home.command(&["message", "cat", &id]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(said(&output).contains("SHA-256"), "{}", said(&output));
}

#[test]
fn an_id_that_nobody_has_is_an_error_that_names_it() {
    let home = Home::new("");
    let sensor = home.start();
    let id = queued_id(&Client::hello(sensor.address).data("", "bob@example.test", MESSAGE));
    home.wait_drained();
    let unknown = "01900000-0000-7000-8000-000000000000";
    for (command, id) in [
        (["spool", "show"], unknown),
        (["spool", "export"], unknown),
        (["message", "show"], unknown),
        (["message", "cat"], unknown),
        // It was there, and is settled.
        (["spool", "show"], &id),
    ] {
        let output = home.command(&[command[0], command[1], id]);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(output.stdout.is_empty() && said(&output).contains(id), "{command:?}: {}", said(&output));
    }
    assert_eq!(home.command(&["message", "cat", "not-an-id"]).status.code(), Some(2));
}
