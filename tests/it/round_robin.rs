//! Two sensors behind one name with two addresses, as round-robin DNS gives them, and a Postfix that relays to
//! the name. One sensor is drained under load, later the other is killed: Postfix delivers all, and nothing
//! that it was told is durable is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::client::Client;
use crate::harness::postfix::Postfix;
use crate::harness::sensor::Home;
use crate::harness::{skip, wait_for};

const NAME: &str = "sensor.example.test";
/// Messages that are submitted: as many as it takes until each sensor has gone down and come back.
const MESSAGES: RangeInclusive<usize> = 200..=3_000;

#[test]
fn one_name_two_sensors_a_drain_and_a_kill_lose_nothing() {
    let test = "one_name_two_sensors_a_drain_and_a_kill_lose_nothing";
    let Some(port) = port_of_both() else { return skip(test, "127.0.0.2 or 127.0.0.3 cannot be used") };
    let small = "[spool]\nsegment_size = \"1 MiB\"\nreserve = \"1 MiB\"\n";
    let homes = ["127.0.0.2", "127.0.0.3"].map(|address| Home::on(&format!("{address}:{port}"), small));
    let hosts = "127.0.0.1 localhost\n127.0.0.2 sensor.example.test\n127.0.0.3 sensor.example.test\n";
    let main = format!("relayhost = [{NAME}]:{port}\nsmtp_tls_security_level = may\n");
    let Some(postfix) = Postfix::start_with_hosts(test, &main, "", hosts) else { return };
    let mut sensors = homes.each_ref().map(|home| Some(home.start()));
    let is_over = AtomicBool::new(false);
    let messages = std::thread::scope(|scope| {
        let submitted = scope.spawn(|| submit(&postfix, &is_over));
        let kept = |home: &Home, more: usize| {
            let before = home.accepted();
            wait_for("mail on both ways", || (home.accepted() >= before + more).then_some(()));
        };
        homes.iter().for_each(|home| kept(home, 5));
        assert!(sensors[0].take().unwrap().end().success());
        kept(&homes[1], 5);
        sensors[0] = Some(homes[0].start());
        kept(&homes[0], 5);
        sensors[1].take().unwrap().kill();
        kept(&homes[0], 5);
        sensors[1] = Some(homes[1].start());
        kept(&homes[1], 5);
        is_over.store(true, Ordering::Relaxed);
        submitted.join().unwrap()
    });
    postfix.wait_empty();
    for (home, sensor) in homes.iter().zip(sensors) {
        home.wait_drained();
        assert!(sensor.unwrap().end().success());
        home.counts();
    }
    check(&postfix.log(), &messages, &homes);
}

/// What Postfix logged as sent is kept under the id it was told; each message is kept, and where it is kept
/// twice the copies have the same bytes.
fn check(log: &str, messages: &[String], homes: &[Home; 2]) {
    let kept: BTreeMap<String, Vec<u8>> = homes.iter().flat_map(Home::archived_messages).collect();
    let told: BTreeSet<&str> = log.lines().filter_map(id_of_sent).collect();
    assert_eq!(told.len(), messages.len(), "Postfix delivers each message once:\n{log}");
    for id in told {
        assert!(kept.contains_key(id), "Postfix was told {id} and it is lost");
    }
    let mut copies: BTreeMap<String, BTreeSet<&[u8]>> = BTreeMap::new();
    for message in kept.values() {
        copies.entry(token_of(message)).or_default().insert(message);
    }
    for token in messages {
        assert_eq!(
            copies.remove(token).map(|copies| copies.len()),
            Some(1),
            "{token}: lost, or copies differ"
        );
    }
    assert!(copies.is_empty(), "never sent: {:?}", copies.keys());
}

fn token_of(message: &[u8]) -> String {
    let text = String::from_utf8(message.to_vec()).unwrap();
    text.lines().find_map(|line| line.strip_prefix("Token: ")).unwrap().to_owned()
}

/// The id in `status=sent (250 2.0.0 queued as <id>)`.
pub(crate) fn id_of_sent(line: &str) -> Option<&str> {
    let (_, reply) = line.split_once("status=sent (250 2.0.0 queued as ")?;
    reply.split(')').next()
}

/// Hands messages to Postfix until it is over; gives their tokens.
pub(crate) fn submit(postfix: &Postfix, is_over: &AtomicBool) -> Vec<String> {
    let mut client = Client::hello(postfix.address);
    let mut tokens = Vec::new();
    while tokens.len() < *MESSAGES.start()
        || (tokens.len() < *MESSAGES.end() && !is_over.load(Ordering::Relaxed))
    {
        let token = format!("t{}", tokens.len());
        let message = format!("Subject: {token}\r\nToken: {token}\r\n\r\n.dot\r\n{}\r\n", token.repeat(200));
        let reply = client.data("ada@example.com", "bob@example.test", message.as_bytes());
        assert!(reply.starts_with("250"), "{reply}");
        tokens.push(token);
    }
    tokens
}

/// A port that is free on both addresses.
fn port_of_both() -> Option<u16> {
    (0..20).find_map(|_| {
        let first = TcpListener::bind("127.0.0.2:0").ok()?;
        let port = first.local_addr().ok()?.port();
        TcpListener::bind(("127.0.0.3", port)).ok().map(|_| port)
    })
}
