//! Changes of the settings of a running sensor: in the right order, whole, and as they were announced.

use std::fs;
use std::io::ErrorKind;

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::client::Client;
use crate::harness::sensor::{Home, Sensor};
use crate::harness::tracer::Traced;
use crate::harness::wait_for;
use crate::listeners::{said, swaks};

const SMTP: &str = "/v1/sensors/self/smtp";
const CONTROL: &str = "[control]\naddress = \"127.0.0.1:0\"\n";

fn started(more: &str) -> (Home, Sensor, Api) {
    let home = Home::new(&format!("{CONTROL}{more}"));
    let sensor = home.start();
    let api = Api::new(&home, sensor.control.expect("a control plane over TCP"));
    (home, sensor, api)
}

#[test]
fn tls_that_is_switched_on_while_it_runs_is_spoken() {
    let name = "tls_that_is_switched_on_while_it_runs_is_spoken";
    for (level, tls) in [("opportunistic", "--tls"), ("required", "--tls"), ("implicit", "--tls-on-connect")]
    {
        let (_home, sensor, api) = started("[smtp.tls]\nsecurity = \"none\"\n");
        let answer = api.patch(SMTP, &json!({ "tls": { "security": level } }));
        assert_eq!(answer.status, 200, "{answer:?}");
        let Some(output) = swaks(name, sensor.address, &[tls]) else { return };
        assert!(output.status.success(), "{level}: {}", said(&output));
        assert_eq!(api.get("/v1/status").body["listeners"][0]["security"], level);
    }
}

#[test]
fn nobody_is_taken_in_under_rules_that_are_replaced_by_the_same_change() {
    let name = "nobody_is_taken_in_under_rules_that_are_replaced_by_the_same_change";
    let home = Home::new(&format!("{CONTROL}[smtp]\nenabled = true\nclients = [\"127.0.0.1\"]\n"));
    // A disk that takes its time with runtime.toml; the spool syncs in another way.
    let delayed = ["-e", "trace=fsync", "-e", "inject=fsync:delay_enter=300000"];
    let Some(traced) = Traced::start(name, &home, &delayed) else { return };
    let api = Api::new(&home, traced.sensor.control.expect("a control plane over TCP"));
    assert_eq!(api.post(&format!("{SMTP}/disable")).status, 200);
    let address = traced.sensor.address;
    std::thread::scope(|scope| {
        let change = scope.spawn(|| {
            let body = json!({ "enabled": true, "clients": ["192.0.2.7"] });
            api.patch(&format!("{SMTP}?confirm=true"), &body)
        });
        let mut greetings = 0;
        while !change.is_finished() || greetings == 0 {
            match Client::try_connected(address).and_then(|mut client| client.try_reply()) {
                Ok(greeting) => {
                    assert!(greeting.starts_with("421"), "by the new rules, and gently: {greeting}");
                    greetings += 1;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}"),
            }
        }
        assert_eq!(change.join().unwrap().status, 200);
    });
}

#[test]
fn what_needs_a_restart_waits_for_it_and_is_told_until_it_is_undone() {
    let (home, sensor, api) = started("");
    let fingerprint = || api.get("/v1/status").body["certificates"][0]["fingerprint"].clone();
    let waits = || api.get("/v1/status").body["warnings"].to_string().contains("state_dir");
    let (before, state) = (fingerprint(), home.state());
    assert!(before.is_string() && !waits());
    let elsewhere = home.path().join("elsewhere");
    let place = |path: &std::path::Path| format!("state_dir = {path:?}");
    home.reconfigure(&place(&state), &place(&elsewhere));
    let answer = api.post("/v1/reload");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["differences"][0]["needs_restart"], true, "{answer:?}");
    assert!(waits());
    assert_eq!(fingerprint(), before, "peers may have pinned it");
    assert!(!elsewhere.exists(), "nothing is made for a start that is to come");
    home.reconfigure(&place(&elsewhere), &place(&state));
    assert_eq!(api.post("/v1/reload").status, 200);
    assert!(!waits());
    Client::greeted(sensor.address);
}

#[test]
fn a_default_that_turns_around_is_told_by_a_dry_run_and_by_a_reload() {
    let (home, _sensor, api) = started("");
    let tried = api.patch(&format!("{SMTP}?dry_run=true"), &json!({ "clients": ["192.0.2.7"] }));
    assert_eq!((tried.status, &tried.body["flips"][0]["key"]), (200, &json!("smtp.clients")), "{tried:?}");
    let unturned = api.patch(&format!("{SMTP}?dry_run=true"), &json!({ "message_size_limit": "1 MiB" }));
    assert_eq!(unturned.body["flips"], json!([]));
    home.reconfigure("[[smtp.listener]]", "[smtp]\nclients = [\"127.0.0.1\"]\n[[smtp.listener]]");
    let reloaded = api.post("/v1/reload");
    assert_eq!(reloaded.body["flips"][0]["key"], "smtp.clients", "{reloaded:?}");
    let told = || home.logged("a default was turned around").pop();
    let told: Value = wait_for("a line in the log", told);
    assert_eq!(told["level"], "WARN");
}

#[test]
fn who_asks_for_a_change_while_the_sensor_goes_down_is_told_so_at_once() {
    let (home, sensor, api) = started("");
    let mut client = Client::hello(sensor.address);
    client.command("MAIL FROM:<ada@example.com>", "250");
    client.command("RCPT TO:<bob@example.test>", "250");
    client.command("DATA", "354");
    sensor.signal("TERM");
    wait_for("the drain", || (api.get("/v1/status").body["state"] == "draining").then_some(()));
    let before = fs::read(home.state().join("runtime.toml")).ok();
    for answer in [api.post("/v1/reload"), api.post(&format!("{SMTP}/disable"))] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.body["detail"].to_string().contains("goes down"), "{answer:?}");
    }
    assert_eq!(fs::read(home.state().join("runtime.toml")).ok(), before);
    client.send(b"hi\r\n.\r\n");
    client.expect("250");
    assert!(sensor.wait_ended().success());
    assert!(!home.log().contains("\"ERROR\""), "{}", home.log());
}
