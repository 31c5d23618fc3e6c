//! Many clients, idle ones and slow ones.

use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::Home;
use crate::harness::wait_for;

use super::{MESSAGE, home_with};

#[test]
fn connections_beyond_the_limits_are_told_to_come_back() {
    for (limits, told) in [("connections = 3", "421 4.7.0"), ("connections_per_client = 3", "421 4.7.0")] {
        let home = Home::new(&format!("[smtp.limits]\n{limits}\n"));
        let sensor = home.start();
        let mut held: Vec<Client> = (0..3).map(|_| Client::hello(sensor.address)).collect();
        let mut fourth = Client::connected(sensor.address);
        fourth.expect(told);
        assert!(fourth.rest().is_empty());
        // Those that are in are served, and a place that is left is free again.
        queued_id(&held[1].data("", "bob@example.test", MESSAGE));
        held.pop();
        wait_for("a free place", || {
            let mut client = Client::connected(sensor.address);
            client.try_reply().ok().filter(|greeting| greeting.starts_with("220"))
        });
    }
}

#[test]
fn two_hundred_idle_sessions_stop_nobody() {
    let home = Home::new("");
    let sensor = home.start();
    let mut idle: Vec<Client> = (0..200).map(|_| Client::hello(sensor.address)).collect();
    for client in idle.iter_mut().step_by(4) {
        client.command("MAIL FROM:<idle@example.com>", "250");
    }
    let mut busy = Client::hello(sensor.address);
    for _ in 0..20 {
        queued_id(&busy.data("ada@example.com", "bob@example.test", MESSAGE));
    }
    home.wait_kept(20);
    // They idled, and are all still there.
    for client in &mut idle {
        client.command("NOOP", "250");
    }
}

#[test]
fn a_session_that_says_nothing_is_ended() {
    let home = Home::new("[smtp.limits]\ncommand_time = \"1s\"\n");
    let sensor = home.start();
    let mut client = Client::hello(sensor.address);
    client.expect("421 4.4.2");
    assert!(client.rest().is_empty());
}

#[test]
fn a_body_that_drips_is_cut_and_leaves_nothing() {
    let home = Home::new("[smtp.limits]\nbody_grace = \"1s\"\nbody_rate_min = \"10 KiB\"\n");
    let sensor = home.start();
    for start in ["DATA\r\n", "BDAT 1000000 LAST\r\n"] {
        let mut client = Client::hello(sensor.address);
        client.command("MAIL FROM:<ada@example.com>", "250");
        client.command("RCPT TO:<bob@example.test>", "250");
        client.send(start.as_bytes());
        if start.starts_with("DATA") {
            client.expect("354");
        }
        // Each octet shows life; what is asked for is a rate.
        wait_for("the end of patience", || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            client.try_send(b"x").err()
        });
        if let Ok(reply) = client.try_reply() {
            assert!(reply.starts_with("421 4.4.2"), "{reply}");
        }
        drop(client);
        queued_id(&Client::hello(sensor.address).data("", "bob@example.test", MESSAGE));
    }
    home.wait_drained();
    assert!(sensor.end().success());
    assert_eq!(home.counts().accepted, 2);
    assert!(home.archived_messages().values().all(|message| message == MESSAGE));
}

#[test]
fn errors_without_end_are_ended() {
    let home = home_with("");
    let sensor = home.start();
    let mut client = Client::hello(sensor.address);
    let mut replies = Vec::new();
    while let Ok(()) = client.try_send(b"GET / HTTP/1.1\r\n") {
        match client.try_reply() {
            Ok(reply) => replies.push(reply),
            Err(_) => break,
        }
    }
    let last = replies.pop().unwrap();
    assert!(last.starts_with("421 4.7.0"), "{last}");
    assert!(replies.len() <= 20 && replies.iter().all(|reply| reply.starts_with("500 5.5.1")), "{replies:?}");
}
