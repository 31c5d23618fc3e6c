//! Settings that are read anew every 200 ms while mail comes in.
//!
//! ```text
//!  file      change 0   half of it   change 1   nothing   change 2   two faults   change 3  ...
//!  by        API        API          SIGHUP     SIGHUP    API        API          SIGHUP
//!  is        taken      refused      taken      refused   taken      refused      taken
//!  holds     0          0            1          1         2          2            3
//!  mail      ---- clients that send one message after the other ---------------------------->
//!            ---- clients in the middle of whose message there is always a reload ---------->
//! ```

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{SMTP, check, started};
use crate::harness::api::Api;
use crate::harness::client::{Client, queued_id};
use crate::harness::load::{Fate, Load, Sent};
use crate::harness::sensor::{Home, Sensor};
use crate::harness::store::LogFollower;
use crate::harness::wait_for;

const PACE: Duration = Duration::from_millis(200);

/// How many reloads there are. The promise is a minute of them, which `SENSOR_TEST_LONG=1` asks for, as
/// scripts/test does: there other tests run meanwhile. Who runs this test alone sees in a tenth of it what
/// usually goes wrong.
fn reloads_max() -> u32 {
    match std::env::var("SENSOR_TEST_LONG") {
        Ok(long) if long == "1" => 300,
        _ => 30,
    }
}

#[test]
fn a_reload_every_200_ms_drops_nothing_and_faulty_files_change_nothing() {
    let (home, sensor, api) = started("");
    let (rounds, is_over) = (&AtomicUsize::new(0), &AtomicBool::new(false));
    let address = sensor.address;
    let load = Load::start_at(address, 4, usize::MAX, Duration::from_millis(50), 14);
    let mut sent = std::thread::scope(|scope| {
        let slow = |client| scope.spawn(move || span_reloads(client, address, rounds, is_over));
        let slow: Vec<_> = (0..4).map(slow).collect();
        reload_all_the_time(&home, &sensor, &api, rounds);
        is_over.store(true, Ordering::Relaxed);
        slow.into_iter().flat_map(|slow| slow.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(sent.len() > rounds.load(Ordering::Relaxed) / 2, "{} messages spanned reloads", sent.len());
    sent.extend(load.end());
    home.wait_drained();
    let balance = api.get("/v1/status").body["conservation"].clone();
    assert_eq!(balance["accepted"], balance["kept"], "{balance}");
    assert!(sensor.end().success());
    assert_eq!(home.counts().accepted, sent.len() as u64);
    check(&home, &sent);
    assert!(sent.iter().all(|sent| matches!(sent.fate, Fate::Acknowledged(_))), "nothing was refused");
}

/// Messages of one client, each of which begins before a reload and ends behind it.
fn span_reloads(client: usize, address: SocketAddr, rounds: &AtomicUsize, is_over: &AtomicBool) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut session = Client::hello(address);
    while !is_over.load(Ordering::Relaxed) {
        let head = format!("Subject: {client}-{}\r\n\r\n", sent.len());
        session.command("MAIL FROM:<ada@example.com>", "250");
        session.command("RCPT TO:<bob@example.test>", "250");
        session.command("DATA", "354");
        session.send(head.as_bytes());
        let begun = rounds.load(Ordering::Relaxed);
        wait_for("a reload", || {
            (rounds.load(Ordering::Relaxed) > begun || is_over.load(Ordering::Relaxed)).then_some(())
        });
        session.send(b"end\r\n.\r\n");
        let id = queued_id(&session.expect(""));
        sent.push(Sent { message: format!("{head}end\r\n").into_bytes(), fate: Fate::Acknowledged(id) });
    }
    session.command("QUIT", "221");
    sent
}

fn reload_all_the_time(home: &Home, sensor: &Sensor, api: &Api, rounds: &AtomicUsize) {
    let good = std::fs::read_to_string(home.config()).unwrap();
    let mut reloads = Reloads { sensor, api, log: home.follow_log() };
    let begun = Instant::now();
    for round in 0..reloads_max() {
        // The pace of an operator gone wild, not a wait for anything: each reload is seen to end.
        std::thread::sleep((PACE * round).saturating_sub(begun.elapsed()));
        let change = round / 2;
        let changed = changed(&good, change);
        let way = if change % 2 == 0 { Way::Api } else { Way::Signal };
        if round % 2 == 0 {
            home.configure(&changed);
            reloads.taken(way, &size_limit(change));
        } else {
            home.configure(&faulty(&changed, change));
            let before = api.get(SMTP);
            reloads.refused(way);
            let after = api.get(SMTP);
            assert_eq!((before.etag, before.body), (after.etag, after.body), "the old settings hold");
        }
        assert_eq!(api.get(SMTP).body["message_size_limit"], size_limit(change), "round {round}");
        rounds.fetch_add(1, Ordering::Relaxed);
    }
    home.configure(&good);
    eprintln!("{} reloads in {:?}", reloads_max(), begun.elapsed());
}

fn size_limit(change: u32) -> String {
    format!("{} MiB", 50 + change)
}

/// The configuration with the next change: always another size, in turns something else about the door.
fn changed(good: &str, change: u32) -> String {
    let (smtp, listener) = match change % 4 {
        0 => ("", ""),
        1 => ("clients = [\"127.0.0.0/8\", \"!127.0.0.99\"]\n", ""),
        2 => ("tls.security = \"none\"\n", ""),
        _ => ("", "[[smtp.listener]]\nname = \"extra\"\naddress = \"127.0.0.1:0\"\n"),
    };
    let first = "[[smtp.listener]]";
    let smtp = format!("[smtp]\nmessage_size_limit = \"{}\"\n{smtp}{first}", size_limit(change));
    format!("{}{listener}", good.replace(first, &smtp))
}

/// What is found instead of `good`: half of it, nothing, or what means nothing.
fn faulty(good: &str, change: u32) -> String {
    match change % 3 {
        0 => good[..good.find("address").unwrap() + 3].to_owned(),
        1 => String::new(),
        _ => "smtp.enabled = 7\nsmtp.clients = [\"300.0.0.1\"]\n".to_owned(),
    }
}

/// How the sensor is told.
#[derive(Clone, Copy, Debug)]
enum Way {
    Api,
    Signal,
}

struct Reloads<'a> {
    sensor: &'a Sensor,
    api: &'a Api,
    log: LogFollower,
}

impl Reloads<'_> {
    #[track_caller]
    fn taken(&mut self, way: Way, size_limit: &str) {
        match way {
            Way::Api => {
                let answer = self.api.post("/v1/reload");
                assert_eq!(answer.status, 200, "{answer:?}");
            }
            Way::Signal => {
                self.sensor.signal("HUP");
                self.wait_logged("settings reloaded", |event| {
                    event["key"] == "smtp.message_size_limit"
                        && event["new"].as_str().is_some_and(|new| new.contains(size_limit))
                });
            }
        }
    }

    #[track_caller]
    fn refused(&mut self, way: Way) {
        let faults = match way {
            Way::Api => {
                let answer = self.api.post("/v1/reload");
                assert_eq!(answer.status, 422, "{answer:?}");
                answer.body["faults"].as_array().unwrap().len()
            }
            Way::Signal => {
                self.sensor.signal("HUP");
                let before = self.wait_logged("not reloaded: the settings are as they were", |_| true);
                before.iter().filter(|event| event["message"] == "fault in the settings").count()
            }
        };
        assert!(faults > 0, "refused without a word");
    }

    /// What is logged until an event says so, which must be the one that is meant.
    #[track_caller]
    fn wait_logged(&mut self, message: &str, is_meant: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut before = Vec::new();
        wait_for(message, || {
            while let Some(event) = self.log.next_event() {
                if event["message"] == message && is_meant(&event) {
                    return Some(());
                }
                before.push(event);
            }
            None
        });
        before
    }
}
