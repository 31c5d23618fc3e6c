//! What an operator can do, and is told, while something is not as it should be.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::{BINARY, Home, Sensor};
use crate::harness::wait_for;

const CONTROLLED: &str = "[control]\naddress = \"127.0.0.1:0\"\n";
const MESSAGE: &[u8] = b"Subject: trouble\r\n\r\nbody\r\n";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn controlled(more: &str) -> (Home, Sensor, Api) {
    let home = Home::new(&format!("{more}\n{CONTROLLED}"));
    let sensor = home.start();
    let api = Api::new(&home, sensor.control.expect("a control plane over TCP"));
    (home, sensor, api)
}

fn warnings(home: &Home) -> Vec<String> {
    let status: Value = serde_json::from_slice(&home.output(&["status", "--json"])).unwrap();
    status["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_faulty_file_keeps_nobody_from_the_sensor_that_runs() {
    let home = Home::new("");
    let sensor = home.start();
    let good = fs::read_to_string(home.config()).unwrap();
    let runtime = home.state().join("runtime.toml");
    for (file, faulty, fault) in [
        (home.config(), format!("{good}[smtp]\nnonsense = true\n"), "smtp.nonsense: unknown key"),
        (home.config(), format!("{good}[smtp\n"), "unclosed table"),
        (runtime.clone(), String::new(), "runtime.toml: is empty"),
    ] {
        fs::write(&file, faulty).unwrap();
        for command in [
            &["disable"][..],
            &["status"],
            &["set", "message_size_limit=1 MiB"],
            &["end-grace"],
            &["spool", "ls"],
            &["message", "ls"],
        ] {
            let output = home.command(command);
            assert!(output.status.success(), "{command:?}: {}", said(&output));
            let said = said(&output);
            assert!(said.contains(fault) && said.contains("warning: the configuration is faulty"), "{said}");
            // A change is made on what holds, and mends the file that the sensor writes itself.
            if file == runtime {
                break;
            }
        }
        assert!(TcpStream::connect(sensor.address).is_err(), "{fault}: it is off");
        home.configure(&good);
        home.output(&["enable"]);
    }
    queued_id(&Client::hello(sensor.address).data("", "bob@example.test", MESSAGE));
}

#[test]
fn where_the_state_is_must_be_told_by_somebody() {
    let home = Home::new("");
    let sensor = home.start();
    home.configure("state_dir = 5\n[archive]\ndirectory = 7\n");
    let output = home.command(&["status"]);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    assert!(said(&output).contains("name it (--state-dir)"), "{}", said(&output));
    let state = home.state();
    let state = state.to_str().unwrap();
    home.output(&["--state-dir", state, "status"]);
    let output = home.command(&["--state-dir", state, "message", "ls"]);
    assert_eq!(output.status.code(), Some(1), "not that of another place");
    assert!(said(&output).contains("where mail is kept cannot be told"), "{}", said(&output));
    // Edited since the start: the sensor is where it was.
    let elsewhere = home.path().join("elsewhere");
    home.configure(&format!("state_dir = {elsewhere:?}\n"));
    let output = home.command(&["status"]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("where state_dir was edited since it was started") && said.contains("--state-dir"));
    drop(sensor);
}

#[test]
fn nothing_yet_is_an_empty_list() {
    let home = Home::new("");
    for (command, note) in
        [(["spool", "ls"], "there is no spool"), (["message", "ls"], "there is no archive")]
    {
        let output = home.command(&command);
        assert!(output.status.success() && output.stdout.is_empty(), "{command:?}: {output:?}");
        assert!(said(&output).contains(note), "{}", said(&output));
    }
    let id = "01900000-0000-7000-8000-000000000000";
    let output = home.command(&["spool", "show", id]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains(id), "{}", said(&output));
}

#[test]
fn check_finds_all_that_this_host_lacks_at_once() {
    let home = Home::new("");
    let (state, folder) = (home.state(), home.path().display().to_string());
    fs::create_dir(&state).unwrap();
    let token = state.join("control.token");
    fs::write(&token, "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    home.configure(&format!(
        "state_dir = {state:?}\n[smtp.tls]\ncertificate = '{folder}/chain.pem'\nkey = '{folder}/key.pem'\n\
         [[smtp.listener]]\nname = 'relay'\naddress = '127.0.0.1:0'\nclient_certificates = 'request'\n\
         client_ca = '{folder}/ca.pem'\n[archive]\ndirectory = '{folder}/file/archive'\n\
         [log]\nfile = '{folder}/logs/sensor.log'\n"
    ));
    let output = home.command(&["check"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    let expected = [
        "smtp.tls: F/chain.pem: No such file or directory (os error 2)",
        "smtp.listener relay: client_ca: F/ca.pem: No such file or directory (os error 2)",
        "archive.directory: F/file is no directory",
        "log.file: there is no directory F/logs; make it",
        "others may read F/state/control.token (mode 0644): remove it so that a new one is made, and restart",
    ];
    assert_eq!(said.replace(&folder, "F").lines().collect::<Vec<_>>(), expected);
    home.configure(&format!(
        "state_dir = {state:?}\ncontrol.hosts = ['https://sensor.example.com/', '192.0.2.1']\n"
    ));
    let output = home.command(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("control.hosts[1]: is not a host name; write it without scheme, port and path"),
        "{said}"
    );
    assert!(said.contains("control.hosts[2]: is an address"), "{said}");
}

#[test]
fn a_variable_that_sets_nothing_is_told() {
    let home = Home::new("");
    let mut check = Command::new(BINARY);
    check.env("MAILSENSOR_SMTP__ENABLED", "false").arg("--config").arg(home.config()).arg("check");
    let output = check.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", said(&output));
    assert!(told.contains("note: MAILSENSOR_SMTP__ENABLED sets nothing"), "{told}");
    let mut command = Command::new(BINARY);
    command.env("MAILSENSOR_SMTP__ENABLED", "false");
    let sensor = home.start_under(command);
    assert!(sensor.end().success());
    let logged = home.logged("a variable of the environment is no setting");
    assert!(logged.iter().any(|line| line.to_string().contains("MAILSENSOR_SMTP__ENABLED")), "{logged:?}");
}

#[test]
fn a_sensor_that_nobody_listens_to_takes_mail() {
    let home = Home::on("127.0.0.1:0", CONTROLLED);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let log = fs::File::create(home.path().join("log")).unwrap();
    let mut command = Command::new(BINARY);
    let mut child =
        command.arg("--config").arg(home.config()).arg("run").stdout(full).stderr(log).spawn().unwrap();
    let status = wait_for("the sensor", || {
        let output = home.command(&["status", "--json"]);
        output.status.success().then(|| serde_json::from_slice::<Value>(&output.stdout).unwrap())
    });
    assert_eq!(status["state"], "enabled", "{status}");
    let address = status["listeners"][0]["address"].as_str().unwrap().parse().unwrap();
    queued_id(&Client::hello(address).data("", "bob@example.test", MESSAGE));
    home.output(&["drain"]);
    assert!(child.wait().unwrap().success());
    assert!(
        !home.logged("where mail is taken cannot be said on standard output").is_empty(),
        "{}",
        home.log()
    );
}

#[test]
fn a_refused_reload_is_in_the_log_the_status_and_the_figures_until_one_is_taken() {
    let (home, sensor, _) = controlled("[pipeline]\npaused = true");
    let good = fs::read_to_string(home.config()).unwrap();
    let is_refused = || warnings(&home).iter().any(|told| told.contains("the last reload was refused"));
    assert!(warnings(&home).iter().any(|told| told.contains("pipeline.paused is true")));
    assert!(!is_refused());
    home.configure(&good.replace("paused = true", "paused = 7"));
    sensor.signal("HUP");
    wait_for("the warning", || is_refused().then_some(()));
    let told = warnings(&home).join("\n");
    assert!(told.contains(": pipeline.paused: is a number (mailsensor check)"), "{told}");
    let fault = wait_for("the line", || home.logged("fault in the settings").pop());
    assert_eq!(fault["fault"], "is a number", "{fault}");
    assert_eq!(fault["expected"], "true or false", "{fault}");
    for line in home.log().lines() {
        assert_eq!(line.matches("\"message\":").count(), 1, "a key twice: {line}");
    }
    let metrics = || home_metrics(&home, &sensor);
    for figure in ["pipeline_paused 1", "reload_refused 1", "archive_failing 0"] {
        assert!(metrics().contains(&format!("\nmailsensor_{figure}\n")), "{figure}: {}", metrics());
    }
    home.configure(&good);
    home.output(&["reload"]);
    assert!(!is_refused());
    assert!(metrics().contains("\nmailsensor_reload_refused 0\n"));
}

/// The figures as a scrape sees them.
fn home_metrics(home: &Home, sensor: &Sensor) -> String {
    Api::new(home, sensor.control.unwrap()).text("/metrics")
}

#[test]
fn an_explanation_says_that_the_sensor_is_off() {
    let (_home, _sensor, api) = controlled("");
    let question = json!({ "client": "127.0.0.1", "recipients": ["bob@example.com"] });
    let first = |api: &Api| api.post_json("/v1/explain", &question).body["steps"][0].clone();
    assert_eq!(first(&api)["outcome"], "admitted");
    assert_eq!(api.post("/v1/sensors/self/smtp/disable").status, 200);
    let step = first(&api);
    assert_eq!(
        (&step["outcome"], &step["rule"], &step["reason"], &step["default"]),
        (&json!("try_later"), &json!("enabled"), &json!("the sensor is switched off"), &Value::Null),
        "{step}"
    );
}

#[test]
fn a_reload_says_which_certificate_is_shown() {
    let home = Home::new("");
    let sensor = home.start();
    let reload = || String::from_utf8(home.output(&["reload"])).unwrap();
    assert_eq!(reload(), "reloaded\nnothing is different\n");
    let tls = home.state().join("tls");
    let made = rcgen::generate_simple_self_signed(["sensor.example.com".to_owned()]).unwrap();
    fs::write(tls.join("self-signed.key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(tls.join("self-signed.crt.pem"), made.cert.pem()).unwrap();
    let told = reload();
    let fingerprint =
        told.strip_prefix("reloaded\nlisteners show another certificate: SHA-256 ").expect(&told);
    assert_eq!(fingerprint.trim_end().len(), 32 * 3 - 1, "and nothing else: {told}");
    let status = String::from_utf8(home.output(&["status"])).unwrap();
    assert!(status.contains(fingerprint.trim_end()), "{status}");
    // A key of another certificate changes nothing, and is told once.
    let other = rcgen::generate_simple_self_signed(["sensor.example.com".to_owned()]).unwrap();
    fs::write(tls.join("self-signed.key.pem"), other.signing_key.serialize_pem()).unwrap();
    let refused = home.command(&["reload"]);
    let told = said(&refused);
    assert!(
        !refused.status.success() && told.matches("is not that of the first certificate").count() == 1,
        "{told}"
    );
    drop(sensor);
}

#[test]
fn a_value_that_cannot_be_set_is_told_once() {
    let home = Home::new("");
    let sensor = home.start();
    let output = home.command(&["set", "enabled=yes"]);
    assert_eq!(said(&output), "mailsensor: enabled=yes: true or false\n");
    drop(sensor);
}

#[test]
fn a_pipe_in_the_place_of_a_file_holds_up_no_change() {
    let (home, sensor, api) = controlled("");
    let folder = home.path().join("conf.d");
    fs::create_dir(&folder).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("1.toml")).status().unwrap().success());
    sensor.signal("HUP");
    wait_for("the fault", || home.logged("fault in the settings").pop());
    assert_eq!(api.post("/v1/sensors/self/smtp/disable").status, 200);
    assert_eq!(api.post("/v1/reload").status, 422);
    drop(sensor);
}
