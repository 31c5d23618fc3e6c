//! What an operator does to a running sensor: nothing that was acknowledged is lost by it, and no transaction
//! is cut.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::api::Api;
use crate::harness::client::Client;
use crate::harness::load::{Fate, Load, Sent};
use crate::harness::postfix::Postfix;
use crate::harness::sensor::{Home, Sensor};
use crate::harness::wait_for;
use crate::round_robin::{id_of_sent, submit};

mod reload;

const SMTP: &str = "/v1/sensors/self/smtp";
const SMALL: &str =
    "[spool]\nsegment_size = \"1 MiB\"\nreserve = \"1 MiB\"\n[control]\naddress = \"127.0.0.1:0\"\n";

/// A sensor with a control plane over TCP.
pub(crate) fn started(more: &str) -> (Home, Sensor, Api) {
    let home = Home::new(&format!("{SMALL}{more}"));
    let sensor = home.start();
    let api = Api::new(&home, sensor.control.expect("a control plane over TCP"));
    (home, sensor, api)
}

/// Each message was answered; what was answered 250 is kept, and nothing else is.
#[track_caller]
fn check(home: &Home, sent: &[Sent]) {
    let kept = home.archived_messages();
    let mut acknowledged = BTreeSet::new();
    for Sent { message, fate } in sent {
        match fate {
            Fate::Acknowledged(id) => {
                assert!(kept.get(id) == Some(message), "{id} was acknowledged and is lost or altered");
                acknowledged.insert(id);
            }
            Fate::Refused(reply) => assert!(reply.starts_with('4'), "{reply}"),
            Fate::Unknown => panic!("a transaction was cut"),
        }
    }
    assert_eq!(acknowledged.len(), kept.len(), "kept without having been acknowledged");
}

#[test]
fn toggled_two_hundred_times_under_load_no_transaction_is_cut_and_nothing_is_lost() {
    let (home, sensor, api) = started("");
    let load = Load::start(sensor.address, 6, usize::MAX, 11);
    for round in 0..200 {
        let before = load.acknowledged();
        assert_eq!(api.post(&format!("{SMTP}/disable")).status, 200);
        assert!(TcpStream::connect(sensor.address).is_err(), "refused as soon as it is said, round {round}");
        assert_eq!(api.get("/v1/status").body["state"], "disabled");
        assert_eq!(api.post(&format!("{SMTP}/enable")).status, 200);
        if round % 10 == 0 {
            wait_for("mail again", || (load.acknowledged() > before).then_some(()));
        }
    }
    let sent = load.end();
    home.wait_drained();
    // What the disk shows is counted when it is durable.
    let balance = wait_for("all to be counted", || {
        let balance = api.get("/v1/status").body["conservation"].clone();
        (balance["in_spool"] == 0).then_some(balance)
    });
    assert_eq!(balance["accepted"], balance["kept"], "{balance}");
    assert!(sensor.end().success());
    home.counts();
    check(&home, &sent);
}

#[test]
fn a_postfix_delivers_all_in_the_end_though_its_sensor_is_toggled() {
    let test = "a_postfix_delivers_all_in_the_end_though_its_sensor_is_toggled";
    let (home, sensor, api) = started("");
    let main = format!(
        "relayhost = [127.0.0.1]:{}\nminimal_backoff_time = 1s\nmaximal_backoff_time = 1s\nqueue_run_delay = 1s\n",
        sensor.address.port()
    );
    let Some(postfix) = Postfix::start(test, &main, "") else { return };
    let is_over = AtomicBool::new(false);
    let tokens = std::thread::scope(|scope| {
        let submitted = scope.spawn(|| submit(&postfix, &is_over));
        for _ in 0..30 {
            let before = home.accepted();
            assert_eq!(api.post(&format!("{SMTP}/disable")).status, 200);
            assert_eq!(api.post(&format!("{SMTP}/enable")).status, 200);
            postfix.flush();
            wait_for("mail between", || (home.accepted() > before || submitted.is_finished()).then_some(()));
        }
        is_over.store(true, Ordering::Relaxed);
        submitted.join().unwrap()
    });
    postfix.wait_empty();
    home.wait_drained();
    assert!(sensor.end().success());
    let (log, kept) = (postfix.log(), home.archived_messages());
    let told: BTreeSet<&str> = log.lines().filter_map(id_of_sent).collect();
    assert_eq!(told.len(), tokens.len(), "Postfix delivers each message once");
    assert!(told.iter().all(|id| kept.contains_key(*id)), "what Postfix was told is kept");
}

#[test]
fn reloads_under_load_drop_nothing_and_faulty_files_change_nothing() {
    let (home, sensor, api) = started("[drain]\ndeadline = \"30s\"\n");
    let load = Load::start(sensor.address, 6, usize::MAX, 12);
    let good = fs::read_to_string(home.config()).unwrap();
    let listener = "[[smtp.listener]]";
    for round in 0..100_usize {
        let before = load.acknowledged();
        let size = format!("[smtp]\nmessage_size_limit = \"{} MiB\"\n{listener}", 50 + round);
        let good_now = good.replace(listener, &size);
        home.configure(&good_now);
        let answer = api.post("/v1/reload");
        assert_eq!(answer.status, 200, "{answer:?}");
        let etag = api.get(SMTP).etag;
        let half = good_now.find("address").unwrap() + 3;
        for faulty in ["", &good_now[..half], "smtp.enabled = 7\nsmtp.clients = [\"300.0.0.1\"]\n"] {
            home.configure(faulty);
            let answer = api.post("/v1/reload");
            assert_eq!(answer.status, 422, "{faulty:?}: {answer:?}");
            assert!(!answer.body["faults"].as_array().unwrap().is_empty(), "{answer:?}");
        }
        assert_eq!(api.get(SMTP).etag, etag, "the old settings stay");
        assert_eq!(api.get(SMTP).body["message_size_limit"], format!("{} MiB", 50 + round));
        if round % 10 == 0 {
            wait_for("mail meanwhile", || (load.acknowledged() > before).then_some(()));
        }
    }
    sensor.signal("HUP");
    wait_for("the log to tell why", || {
        (!home.logged("not reloaded: the settings are as they were").is_empty()).then_some(())
    });
    home.configure(&good);
    let sent = load.end();
    home.wait_drained();
    assert!(sensor.end().success());
    check(&home, &sent);
}

#[test]
fn a_reload_that_cannot_listen_leaves_the_listeners_as_they_were() {
    let fixed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::on(&fixed.to_string(), SMALL);
    let sensor = home.start();
    let api = Api::new(&home, sensor.control.expect("a control plane over TCP"));
    assert_eq!(api.post(&format!("{SMTP}/disable")).status, 200);
    // The file says enabled, and another address: the listeners are replaced first, then they cannot open.
    fs::remove_file(home.state().join("runtime.toml")).unwrap();
    home.reconfigure(&fixed.to_string(), &taken.local_addr().unwrap().to_string());
    let answer = api.post("/v1/reload");
    assert_eq!(answer.status, 503, "{answer:?}");
    let status = api.get("/v1/status").body;
    assert_eq!(status["state"], "disabled", "{status}");
    assert_eq!(status["listeners"][0]["address"], sensor.address.to_string(), "{status}");
    assert_eq!(api.post(&format!("{SMTP}/enable")).status, 200);
    assert!(Client::connected(sensor.address).try_reply().unwrap().starts_with("220"));
}

#[test]
fn a_slip_costs_a_delay_until_the_grace_is_ended_and_outlives_a_restart() {
    let (home, sensor, api) = started("");
    let greeting = |sensor: &Sensor| Client::connected(sensor.address).try_reply().unwrap();
    let narrowed = json!({ "clients": ["192.0.2.0/24"] });
    let asked = api.patch(SMTP, &narrowed);
    assert_eq!(asked.status, 409, "the default flips: {asked:?}");
    let tried = api.patch(&format!("{SMTP}?confirm=true&dry_run=true"), &narrowed);
    assert_eq!((tried.status, &tried.body["dry_run"]), (200, &Value::Bool(true)), "{tried:?}");
    assert!(greeting(&sensor).starts_with("220"), "a dry run changes nothing");
    assert_eq!(api.patch(&format!("{SMTP}?confirm=true"), &narrowed).status, 200);
    assert!(greeting(&sensor).starts_with("421"), "gently");
    let explained = home.output(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&explained).unwrap();
    assert_eq!(status["softened"], 1, "{status}");
    assert!(status["grace"]["until"].is_string(), "{status}");
    assert_eq!(api.post(&format!("{SMTP}/end-grace")).status, 200);
    assert!(greeting(&sensor).starts_with("554"));
    sensor.kill();
    let sensor = home.start();
    assert!(greeting(&sensor).starts_with("554"), "it is in runtime.toml");
    home.output(&["reset", "clients", "--confirm"]);
    assert!(greeting(&sensor).starts_with("220"));
}

#[test]
fn a_slip_in_the_file_costs_a_delay_though_the_sensor_was_restarted() {
    let (home, sensor, _) = started("");
    let greeting = |sensor: &Sensor| Client::connected(sensor.address).try_reply().unwrap()[..3].to_owned();
    assert!(sensor.end().success());
    // Edited while nothing runs, as many do.
    home.reconfigure("[[smtp.listener]]", "[smtp]\nclients = [\"192.0.2.0/24\"]\n[[smtp.listener]]");
    let sensor = home.start();
    assert_eq!(greeting(&sensor), "421", "gently");
    let grace =
        || serde_json::from_slice::<Value>(&home.output(&["status", "--json"])).unwrap()["grace"].clone();
    let first = grace();
    assert!(first["until"].is_string(), "{first}");
    sensor.kill();
    let sensor = home.start();
    assert_eq!((greeting(&sensor).as_str(), grace()), ("421", first), "the same grace, not another one");
    home.output(&["end-grace"]);
    assert_eq!(greeting(&sensor), "554");
    sensor.kill();
    let sensor = home.start();
    assert_eq!((greeting(&sensor).as_str(), grace()), ("554", Value::Null), "ended is ended");
    sensor.kill();
    fs::write(home.state().join("rules.json"), "half a fi").unwrap();
    let sensor = home.start();
    assert_eq!(greeting(&sensor), "554", "a cache that is broken stops nothing");
    wait_for("a line in the log", || home.log().contains("what the rules were is not known").then_some(()));
}

#[test]
fn the_sensor_that_runs_explains_what_it_would_answer_itself() {
    let (home, sensor, api) = started("");
    let explained = |more: &[&str]| {
        let question = [
            "rules",
            "explain",
            "--client",
            "127.0.0.1",
            "--local",
            "127.0.0.1",
            "--rcpt",
            "bob@example.test",
        ];
        String::from_utf8(home.output(&[&question, more].concat())).unwrap()
    };
    let running = || explained(&["--running"]);
    let all = "reply: 220|reply: 250 2.1.0|reply: 250 2.1.5";
    let has_all = |said: &str, parts: &str| {
        parts.split('|').for_each(|part| assert!(said.contains(part), "no {part} in {said}"));
    };
    assert_eq!(explained(&[]), running());
    has_all(&running(), all);
    // The file says what comes with the next reload, the sensor what holds.
    home.reconfigure("[[smtp.listener]]", "[smtp]\nclients = [\"192.0.2.7\"]\n[[smtp.listener]]");
    has_all(&explained(&[]), "refused by clients.default|reply: 554");
    has_all(&running(), all);
    assert_eq!(api.post("/v1/reload").status, 200);
    let gently = "refused for now by clients.default|until the grace ends|reply: 421";
    has_all(&running(), gently);
    assert!(Client::connected(sensor.address).try_reply().unwrap().starts_with("421"));
    home.output(&["end-grace"]);
    has_all(&running(), "refused by clients.default|reply: 554");
    assert!(!running().contains("until the grace ends"));
    assert!(Client::connected(sensor.address).try_reply().unwrap().starts_with("554"));
    // What is asked wrongly, and of nobody.
    let command = |more: &[&str]| {
        let question = ["rules", "explain", "--running", "--client", "127.0.0.1"];
        let output = home.command(&[&question, more].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, said) = command(&["--size", "much"]);
    assert!(status == Some(1) && said.contains("size: "), "{said}");
    assert!(sensor.end().success());
    let (status, said) = command(&[]);
    assert!(status == Some(1) && said.contains("no sensor is running"), "{said}");
}

#[test]
fn what_the_environment_sets_cannot_be_changed_and_who_sets_it_is_told() {
    let home = Home::new(SMALL);
    let mut command = std::process::Command::new(crate::harness::sensor::BINARY);
    command.env("MAILSENSOR__SMTP__MESSAGE_SIZE_LIMIT", "1 MiB");
    let sensor = home.start_under(command);
    let refused = home.command(&["set", "message_size_limit=2 MiB"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("MAILSENSOR__SMTP__MESSAGE_SIZE_LIMIT"), "{said}");
    drop(sensor);
    let gone = home.command(&["status"]);
    let said = String::from_utf8(gone.stderr).unwrap();
    assert!(!gone.status.success() && said.contains("no sensor is running"), "{said}");
}

#[test]
fn a_thousand_idle_clients_of_the_control_plane_do_not_touch_mail() {
    let (home, sensor, api) = started("");
    let mut idle = Vec::new();
    for number in 0..1_000 {
        // Above its limit the control plane closes who waits longest.
        let mut stream = TcpStream::connect(api.address).unwrap();
        if number % 2 == 0 {
            let _ = stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: loc");
        }
        idle.push(stream);
    }
    let load = Load::start(sensor.address, 4, 25, 13);
    let sent = load.wait();
    assert!(sent.iter().all(|sent| matches!(sent.fate, Fate::Acknowledged(_))));
    assert_eq!(api.get("/v1/status").status, 200, "nor keep out who has something to ask");
    home.output(&["status"]);
    drop(idle);
    home.wait_drained();
    assert!(sensor.end().success());
    check(&home, &sent);
}
