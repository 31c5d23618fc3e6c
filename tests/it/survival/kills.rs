//! kill -9 again and again under load.

use std::collections::BTreeSet;

use crate::harness::load::{Load, Sent, account};
use crate::harness::own_address;
use crate::harness::random::Random;
use crate::harness::sensor::{Home, Sensor};
use crate::harness::store::sequences;
use crate::harness::wait_for;

const KILLS: usize = 8;
const CLIENTS: usize = 6;
/// Bounds the test, not the load: the kills come first.
const MESSAGES_MAX: usize = 400;
/// Messages that are acknowledged in one life before it ends, at most.
const LIFE_MESSAGES_MAX: usize = 40;

/// Segments so small that they are filled and used again many times.
const SMALL_SEGMENTS: &str = "[spool]\nsegment_size = \"256 KiB\"\nreserve = \"1 MiB\"\n";

#[test]
fn what_was_acknowledged_before_a_kill_is_kept_once_and_whole() {
    let home = Home::on(&format!("{}:0", own_address()), SMALL_SEGMENTS);
    let (sensor, sent) = kill_again_and_again(&home);
    home.wait_drained();
    assert!(sensor.end().success());
    let archive = home.archive();
    let messages = archive.iter().map(|(id, kept)| (id.clone(), kept.message.clone())).collect();
    let acknowledged = account(&sent, &messages);
    let counts = home.counts();
    assert_eq!((counts.in_spool, counts.set_aside, counts.withdrawn), (0, 0, 0), "{counts:?}");
    assert_eq!(counts.kept, archive.len() as u64, "{acknowledged} acknowledged, {counts:?}");
    let dense: Vec<u64> = (1..=counts.accepted).collect();
    assert_eq!(sequences(archive.values().map(|kept| &kept.record)), dense);
}

#[test]
fn what_was_acknowledged_before_a_kill_is_read_back_from_the_spool() {
    let paused = format!("{SMALL_SEGMENTS}[pipeline]\npaused = true\n");
    let home = Home::on(&format!("{}:0", own_address()), &paused);
    let (sensor, sent) = kill_again_and_again(&home);
    // Beside the running sensor: the whole list, and some of the bytes.
    let listed = home.spooled();
    let ids: Vec<&str> = listed.iter().map(|entry| entry["envelope"]["id"].as_str().unwrap()).collect();
    let some = ids.iter().step_by(ids.len() / 20 + 1).map(|id| (*id, home.output(&["spool", "export", id])));
    let exported: Vec<_> = some.collect();
    assert!(sensor.end().success());
    let counts = home.counts();
    assert_eq!((counts.kept, counts.set_aside, counts.withdrawn), (0, 0, 0), "{counts:?}");
    assert_eq!(sequences(&listed), (1..=counts.accepted).collect::<Vec<_>>());
    // Then all of it is kept as it was sent.
    home.reconfigure("paused = true", "paused = false");
    let sensor = home.start();
    home.wait_drained();
    assert!(sensor.end().success());
    let archived = home.archived_messages();
    account(&sent, &archived);
    let kept: BTreeSet<&str> = archived.keys().map(String::as_str).collect();
    assert_eq!(kept, ids.into_iter().collect());
    for (id, message) in exported {
        assert!(archived[id] == message, "{id} was exported with other bytes");
    }
}

/// Gives the sensor's last life, and what all clients were told.
fn kill_again_and_again(home: &Home) -> (Sensor, Vec<Sent>) {
    let seed = Random::seed("SENSOR_KILL_SEED");
    let mut random = Random::new(seed);
    let mut sensor = home.start();
    let load = Load::start(sensor.address, CLIENTS, MESSAGES_MAX, seed);
    for _ in 0..KILLS {
        let until = load.acknowledged() + random.below(LIFE_MESSAGES_MAX);
        wait_for("acknowledged mail", || (load.acknowledged() >= until || load.is_done()).then_some(()));
        sensor.kill();
        sensor = home.start();
        load.go_to(sensor.address);
    }
    let until = load.acknowledged() + LIFE_MESSAGES_MAX;
    wait_for("acknowledged mail", || (load.acknowledged() >= until || load.is_done()).then_some(()));
    assert!(!load.is_done(), "the load was too small for {KILLS} kills");
    (sensor, load.end())
}
