//! Storage that fails: what could not be made durable is refused for now and leaves no ghost, what was
//! acknowledged is there after a kill, and the sensor goes on by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::load::{Fate, Load, Sent, account, send_until_taken};
use crate::harness::random::Random;
use crate::harness::sensor::Home;
use crate::harness::tracer::Traced;

const CLIENTS: usize = 4;
const MESSAGES: usize = 25;

/// Which calls of each thread fail, and how. The writer is one thread; starting up is another's.
const INJECTIONS: &[&str] = &[
    "inject=fdatasync:error=EIO:when=4",
    "inject=fdatasync:error=EIO:when=6..9",
    "inject=fdatasync:error=ENOSPC:when=3+5",
    "inject=pwrite64:error=EIO:when=5..8",
    "inject=pwrite64:error=ENOSPC:when=3+4",
];

#[test]
fn failing_storage_refuses_for_now_leaves_no_ghost_and_is_recovered_from() {
    let name = "failing_storage_refuses_for_now_leaves_no_ghost_and_is_recovered_from";
    let seed = Random::seed("SENSOR_FAULT_SEED");
    for injection in INJECTIONS {
        let home = Home::new("[spool]\nsegment_size = \"256 KiB\"\n[pipeline]\npaused = true\n");
        let traced = Traced::start(name, &home, &["-e", "trace=fdatasync,pwrite64", "-e", injection]);
        let Some(Traced { sensor, .. }) = traced else { return };
        let mut sent = Load::start(sensor.address, CLIENTS, MESSAGES, seed).wait();
        for message in &sent {
            if let Fate::Refused(reply) = &message.fate {
                assert!(reply.starts_with('4') && !reply.starts_with("421"), "{injection}: {reply}");
            }
        }
        sent.push(send_until_taken(sensor.address, b"Subject: after the failure\r\n\r\n"));
        assert!(sent.iter().any(|sent| matches!(sent.fate, Fate::Refused(_))), "{injection}: nothing failed");
        assert!(!failures(&home).is_empty(), "{injection}: no error is logged");
        let acknowledged = acknowledged(&sent);
        assert_eq!(counted(&home.spooled()), acknowledged, "the list of a running sensor");
        sensor.kill();
        assert_eq!(counted(&home.spooled()), acknowledged, "{injection}");
        home.reconfigure("paused = true", "paused = false");
        let sensor = home.start();
        home.wait_drained();
        assert!(sensor.end().success());
        check_kept(&home, &sent);
    }
}

fn failures(home: &Home) -> Vec<Value> {
    home.logged("the spool's storage failed; going on in a new segment when one can be written")
}

/// The ids of what counts as accepted. What failed may still be found: in doubt, without a sequence.
fn counted(entries: &[Value]) -> BTreeSet<String> {
    let counted = entries.iter().filter(|entry| !entry["sequence"].is_null());
    counted.map(|entry| entry["envelope"]["id"].as_str().unwrap().to_owned()).collect()
}

fn acknowledged(sent: &[Sent]) -> BTreeSet<String> {
    let acknowledged = sent.iter().filter_map(|sent| match &sent.fate {
        Fate::Acknowledged(id) => Some(id.clone()),
        Fate::Refused(_) | Fate::Unknown => None,
    });
    acknowledged.collect()
}

/// What was acknowledged is kept whole and counted; what is kept beside it was sent, and is not counted.
#[track_caller]
fn check_kept(home: &Home, sent: &[Sent]) {
    let (certain, in_doubt): (BTreeMap<_, _>, BTreeMap<_, _>) =
        home.archive().into_iter().partition(|(_, kept)| !kept.record["sequence"].is_null());
    let messages = certain.into_iter().map(|(id, kept)| (id, kept.message)).collect();
    account(sent, &messages);
    for (id, kept) in in_doubt {
        assert!(sent.iter().any(|sent| sent.message == kept.message), "{id} is in doubt and was never sent");
    }
    let counts = home.counts();
    assert_eq!((counts.accepted, counts.kept), (messages.len() as u64, messages.len() as u64), "{counts:?}");
}

#[test]
fn an_archive_that_cannot_be_synced_costs_time_and_no_mail() {
    let name = "an_archive_that_cannot_be_synced_costs_time_and_no_mail";
    let home = Home::new("[spool]\nsegment_size = \"256 KiB\"\n[pipeline]\nworkers = 1\n");
    let traced =
        Traced::start(name, &home, &["-e", "trace=syncfs", "-e", "inject=syncfs:error=EIO:when=1..2"]);
    let Some(Traced { sensor, .. }) = traced else { return };
    let sent = Load::start(sensor.address, CLIENTS, MESSAGES, Random::seed("SENSOR_FAULT_SEED")).wait();
    assert!(sent.iter().all(|sent| matches!(sent.fate, Fate::Acknowledged(_))));
    home.wait_drained();
    assert!(!home.logged("mail cannot be kept; it waits in the spool").is_empty());
    assert!(sensor.end().success());
    assert_eq!(account(&sent, &home.archived_messages()), CLIENTS * MESSAGES);
    let counts = home.counts();
    assert_eq!((counts.kept, counts.set_aside), (sent.len() as u64, 0), "{counts:?}");
}
