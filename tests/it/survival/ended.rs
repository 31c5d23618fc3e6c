//! A spool that ended by itself takes the sensor down, so that its supervisor starts it again.

use crate::harness::client::Client;
use crate::harness::load::{Fate, Sent, account, send};
use crate::harness::sensor::Home;
use crate::harness::tracer::Traced;

const MESSAGES_MAX: usize = 50;

/// The system claims to have written more than it was given: nothing that a program can go on from, so the
/// spool's writer panics. Only in the segment; the archive is not touched.
const WRITER_PANICS: &str = "inject=pwrite64:retval=1000000000:when=5";

#[test]
fn a_spool_that_ends_by_itself_takes_the_sensor_down() {
    let name = "a_spool_that_ends_by_itself_takes_the_sensor_down";
    for paused in [true, false] {
        let home = Home::new(&format!(
            "[spool]\nsegment_size = \"1 MiB\"\n[pipeline]\npaused = {paused}\n[drain]\ndeadline = \"1s\"\n"
        ));
        let segment = home.state().join("spool/00000001.seg");
        let arguments = ["-P", segment.to_str().unwrap(), "-e", "trace=pwrite64", "-e", WRITER_PANICS];
        let Some(Traced { sensor, .. }) = Traced::start(name, &home, &arguments) else { return };
        let mut client = Client::hello(sensor.address);
        let mut sent = Vec::new();
        while sent.len() < MESSAGES_MAX && sent.last().is_none_or(is_acknowledged) {
            let message = format!("Subject: {}\r\n\r\nbody\r\n", sent.len());
            sent.push(send(&mut client, message.into_bytes()));
        }
        assert_eq!(sensor.wait_ended().code(), Some(1), "paused: {paused}");
        let log = home.log();
        assert!(
            log.contains("mailsensor: the spool ended by itself; what was accepted is on its disk"),
            "{log}"
        );
        home.reconfigure(&format!("paused = {paused}"), "paused = false");
        let sensor = home.start();
        home.wait_drained();
        assert!(sensor.end().success());
        assert_eq!(account(&sent, &home.archived_messages()), sent.len() - 1, "the last one was cut off");
        assert!(sent.len() > 1, "it ended before anything was accepted");
    }
}

fn is_acknowledged(sent: &Sent) -> bool {
    matches!(sent.fate, Fate::Acknowledged(_))
}
