//! A message that cannot be filed is set aside, with its reason and its bytes; the others flow.

use std::fs;

use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::Home;
use crate::harness::{archived, wait_for};

#[test]
fn a_message_that_cannot_be_filed_is_set_aside_after_three_failures() {
    let home = Home::new("[pipeline]\npaused = true\n");
    let sensor = home.start();
    let mut client = Client::hello(sensor.address);
    let message = |number: usize| format!("Subject: {number}\r\n\r\nbody {number}\r\n").into_bytes();
    let ids: Vec<String> =
        (0..5).map(|number| queued_id(&client.data("", "bob@example.test", &message(number)))).collect();
    drop(client);
    assert!(sensor.end().success());
    // A directory stands where the third message belongs.
    let planted = archived(&home.state(), &ids[2]);
    fs::create_dir_all(planted.join("in the way")).unwrap();
    home.reconfigure("paused = true", "paused = false");
    let sensor = home.start();
    let aside = wait_for("a message set aside", || {
        home.spooled().into_iter().find(|entry| entry["standing"]["state"] == "set_aside")
    });
    assert_eq!(aside["envelope"]["id"], ids[2]);
    assert_eq!((&aside["attempts"], &aside["failures"]), (&3.into(), &3.into()), "{aside}");
    assert!(!aside["standing"]["reason"].as_str().unwrap().is_empty(), "{aside}");
    // It waited 1 s and 8 s between its tries; the others did not.
    for (number, id) in ids.iter().enumerate().filter(|(number, _)| *number != 2) {
        assert_eq!(fs::read(archived(&home.state(), id)).unwrap(), message(number));
    }
    let bytes = home.output(&["spool", "export", &ids[2]]);
    assert_eq!(bytes, message(2));
    assert_eq!(home.message(&ids[2]), bytes);
    queued_id(&Client::hello(sensor.address).data("", "bob@example.test", &message(9)));
    home.wait_kept(5);
    assert!(sensor.end().success());
    let counts = home.counts();
    assert_eq!((counts.accepted, counts.kept, counts.set_aside, counts.in_spool), (6, 5, 1, 0), "{counts:?}");
    // It stays where it is, over restarts.
    let sensor = home.start();
    assert_eq!(home.message(&ids[2]), message(2));
    assert!(sensor.end().success());
    assert_eq!(home.counts().set_aside, 1);
}
