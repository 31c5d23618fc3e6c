//! Going down: what is in progress ends, the rest is told to come back, nobody is waited for beyond the deadline.

use std::io::ErrorKind;
use std::net::TcpStream;

use crate::harness::client::{Client, queued_id, stuffed};
use crate::harness::own_address;
use crate::harness::sensor::{Home, Sensor};
use crate::harness::wait_for;

const MESSAGE: &[u8] = b"Subject: under way\r\n\r\nfirst half\r\nsecond half\r\n";

fn started(more: &str) -> (Home, Sensor) {
    let home = Home::on(&format!("{}:0", own_address()), more);
    let sensor = home.start();
    (home, sensor)
}

/// A session in the middle of a DATA, and what it still has to say.
fn in_the_middle(sensor: &Sensor) -> (Client, Vec<u8>) {
    let mut client = Client::hello(sensor.address);
    client.command("MAIL FROM:<ada@example.com>", "250");
    client.command("RCPT TO:<bob@example.test>", "250");
    client.command("DATA", "354");
    let mut wire = stuffed(MESSAGE);
    let rest = wire.split_off(30);
    client.send(&wire);
    (client, rest)
}

fn wait_refused(sensor: &Sensor) {
    wait_for("a closed listener", || match TcpStream::connect(sensor.address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Some(()),
        _ => None,
    });
}

#[test]
fn a_drain_ends_messages_in_progress_and_tells_the_others_to_come_back() {
    let (home, sensor) = started("[drain]\ndeadline = \"50s\"\n");
    let mut idle = Client::hello(sensor.address);
    let mut with_envelope = Client::hello(sensor.address);
    with_envelope.command("MAIL FROM:<ada@example.com>", "250");
    let (mut busy, rest) = in_the_middle(&sensor);
    sensor.signal("TERM");
    let told = idle.expect("421 4.3.2");
    assert!(idle.rest().is_empty(), "nothing follows {told}");
    wait_refused(&sensor);
    busy.send(&rest);
    let id = queued_id(&busy.expect("250"));
    busy.expect("421 4.3.2");
    // Its transaction ends, by its own will, and that is its last one.
    with_envelope.command("RSET", "250");
    with_envelope.expect("421 4.3.2");
    assert!(with_envelope.rest().is_empty());
    assert!(sensor.wait_ended().success());
    assert_eq!(home.message(&id), MESSAGE);
    let counts = home.counts();
    assert_eq!((counts.accepted, counts.kept + counts.in_spool), (1, 1), "{counts:?}");
}

#[test]
fn a_client_that_never_ends_its_message_is_cut_at_the_deadline() {
    let (home, sensor) = started("[drain]\ndeadline = \"1s\"\n");
    let (mut busy, _never_said) = in_the_middle(&sensor);
    sensor.signal("TERM");
    assert!(sensor.wait_ended().success());
    assert!(busy.try_reply().is_err(), "a message that did not end has no answer");
    assert_eq!(home.logged("drain deadline: connections are cut").len(), 1);
    assert_eq!(home.counts().accepted, 0);
    assert!(home.spooled().is_empty() && home.archive().is_empty());
}

#[test]
fn a_second_start_finds_what_the_first_left() {
    let (home, sensor) = started("[pipeline]\npaused = true\n");
    let id = queued_id(&Client::hello(sensor.address).data("", "bob@example.test", MESSAGE));
    assert!(sensor.end().success());
    assert_eq!(home.message(&id), MESSAGE);
    home.reconfigure("paused = true", "paused = false");
    let sensor = home.start();
    home.wait_drained();
    assert!(sensor.end().success());
    assert_eq!(home.archived_messages().into_iter().collect::<Vec<_>>(), [(id, MESSAGE.to_vec())]);
    assert_eq!(home.counts().kept, 1);
}
