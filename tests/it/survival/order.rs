//! Nobody is told 250 before the disk said so: the system calls of a sensor under load, in their order.

use std::collections::HashSet;

use crate::harness::client::{Client, queued_id};
use crate::harness::sensor::Home;
use crate::harness::tracer::{Call, Traced};

const CLIENTS: usize = 4;
const MESSAGES: usize = 15;

/// A message as its sender knows it: how it ends, and the id it was told.
struct Told {
    last_line: String,
    id: String,
}

#[test]
fn a_sync_succeeds_between_the_last_octet_and_the_250() {
    let name = "a_sync_succeeds_between_the_last_octet_and_the_250";
    let home = Home::new("[spool]\nsegment_size = \"256 KiB\"\n");
    let traced = ["-s", "400000", "-e", "trace=recvfrom,read,sendto,write,writev,pwrite64,fdatasync"];
    let Some(traced) = Traced::start(name, &home, &traced) else { return };
    let address = traced.sensor.address;
    let told: Vec<Told> = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || send_all(address, client))).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let output = traced.output();
    assert!(traced.sensor.end().success());
    let trace = Trace::of(Traced::calls(&output));
    for Told { last_line, id } in &told {
        let read = trace.the(&trace.reads, last_line);
        let written = trace.the(&trace.writes, last_line);
        let answered = trace.the(&trace.answers, id);
        assert!(read.ended < written.ended, "{last_line} was written before it came");
        let file = path_of(written);
        let synced = trace
            .syncs
            .iter()
            .find(|sync| path_of(sync) == file && sync.begun > written.ended && sync.ended < answered.begun);
        assert!(synced.is_some(), "{id}: no sync between line {} and line {}", written.ended, answered.begun);
    }
    assert_eq!(told.iter().map(|told| &told.id).collect::<HashSet<_>>().len(), CLIENTS * MESSAGES);
}

/// A loss of power that takes the name of a new directory takes all that is in it.
#[test]
fn the_name_of_a_new_directory_is_durable_before_anything_is_in_it() {
    let name = "the_name_of_a_new_directory_is_durable_before_anything_is_in_it";
    let home = Home::new("");
    let traced = ["-e", "trace=mkdir,mkdirat,open,openat,fsync"];
    let Some(traced) = Traced::start(name, &home, &traced) else { return };
    let output = traced.output();
    assert!(traced.sensor.end().success());
    let calls = Traced::calls(&output);
    for directory in ["state", "state/spool", "state/archive"].map(|name| home.path().join(name)) {
        let (directory, parent) =
            (directory.to_str().unwrap(), directory.parent().unwrap().to_str().unwrap());
        let is_made =
            |call: &&Call| call.text.starts_with("mkdir") && call.text.contains(&format!("\"{directory}\""));
        let made = calls.iter().filter(is_made).find(|call| call.result == 0).unwrap();
        let fills = |call: &&Call| {
            let is_new = call.text.starts_with("mkdir") || call.text.contains("O_CREAT");
            is_new && call.result >= 0 && call.text.contains(&format!("\"{directory}/"))
        };
        let filled = calls.iter().find(fills).map_or(usize::MAX, |call| call.begun);
        let synced = calls.iter().find(|call| {
            let is_sync = call.text.starts_with("fsync") && call.result == 0 && path_of(call) == parent;
            is_sync && call.begun > made.ended && call.ended < filled
        });
        assert!(synced.is_some(), "{directory} was made at line {} and filled at {filled}", made.ended);
    }
}

fn send_all(address: std::net::SocketAddr, client: usize) -> Vec<Told> {
    let mut session = Client::hello(address);
    let send = |number: usize| {
        let last_line = format!("end-of-{client}-{number}-here");
        let message = format!("Subject: {number}\r\n\r\n{}{last_line}\r\n", "x\r\n".repeat(1 + number % 7));
        let reply = match number % 2 {
            0 => session.data("ada@example.com", "bob@example.test", message.as_bytes()),
            _ => session.bdat("ada@example.com", "bob@example.test", message.as_bytes(), 4_096),
        };
        Told { last_line, id: queued_id(&reply) }
    };
    (0..MESSAGES).map(send).collect()
}

/// The calls that matter, apart.
struct Trace {
    reads: Vec<Call>,
    writes: Vec<Call>,
    syncs: Vec<Call>,
    answers: Vec<Call>,
}

impl Trace {
    fn of(calls: Vec<Call>) -> Self {
        let mut trace =
            Self { reads: Vec::new(), writes: Vec::new(), syncs: Vec::new(), answers: Vec::new() };
        for call in calls {
            let name = call.text.split('(').next().unwrap_or_default();
            match name {
                "recvfrom" | "read" => trace.reads.push(call),
                "pwrite64" if path_of(&call).contains("/spool/") && call.result > 0 => {
                    trace.writes.push(call)
                }
                "fdatasync" if call.result == 0 => trace.syncs.push(call),
                "sendto" | "write" | "writev" if call.text.contains("250 2.0.0 queued as ") => {
                    trace.answers.push(call);
                }
                _ => {}
            }
        }
        trace
    }

    /// The first call that shows the text.
    #[track_caller]
    fn the<'a>(&self, calls: &'a [Call], text: &str) -> &'a Call {
        calls.iter().find(|call| call.text.contains(text)).unwrap_or_else(|| panic!("no call with {text}"))
    }
}

/// The file that a call is about: strace -y prints `fd<path>`.
fn path_of(call: &Call) -> &str {
    let path = call.text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    path.map_or("", |(path, _)| path)
}
