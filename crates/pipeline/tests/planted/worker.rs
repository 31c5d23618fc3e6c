//! A worker process whose dissector splits a message at blank lines, and that misbehaves where the message, or its
//! settings, tell it to.

use std::process::ExitCode;

use aws_lc_rs::digest;
use bytes::Bytes;
use rustix::process::{Resource, getrlimit};
use sensor_mail::finding::{Missed, Severity};
use sensor_mail::part::{PartPath, Role};
use sensor_mail::{Blake3, Part, PartId, Sha256};
use sensor_pipeline::worker::{Tools, serve};
use sensor_pipeline::{Budget, Dissection, Dissector, Inspector, Report};

mod grasping;

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|argument| argument == "grasp") {
        return grasping::work();
    }
    serve(|setup| match &*setup.settings {
        "supplied" => Err(format!("supplied with {} octets", sound(&setup.supplies))),
        "unable" => Err("rule 7 does not compile".to_owned()),
        "exit" => std::process::exit(3),
        _ => Ok(Tools {
            dissector: Box::new(Splitter),
            inspectors: vec![Box::new(Words("words")), Box::new(Words("more-words"))],
        }),
    })
}

/// How many octets there are, if each is what it should be.
fn sound(supplies: &[u8]) -> usize {
    supplies.iter().enumerate().take_while(|(at, octet)| at % 251 == usize::from(**octet)).count()
}

struct Splitter;

impl Dissector for Splitter {
    fn dissect(&self, message: Bytes, _: &Budget) -> Dissection {
        misbehave(&message);
        let mut parts = vec![(part(0, &message), message.clone())];
        let mut rest = &message[..];
        while let Some(at) = rest.windows(2).position(|pair| pair == b"\n\n") {
            let (one, others) = rest.split_at(at);
            parts.push((part(parts.len(), one), message.slice_ref(one)));
            rest = &others[2..];
        }
        lie(&message, &mut parts);
        Dissection { parts, recipients: vec![] }
    }
}

fn part(number: usize, octets: &[u8]) -> Part {
    let id = PartId(u32::try_from(number).expect("few parts"));
    Part {
        id,
        parent: (number > 0).then_some(PartId::MESSAGE),
        path: PartPath(if number > 0 { number.to_string().into() } else { "".into() }),
        role: if number > 0 { Role::Body } else { Role::Message },
        declared: None,
        detected: None,
        name: None,
        octets: octets.len() as u64,
        sha256: Sha256(digest::digest(&digest::SHA256, octets).as_ref().try_into().expect("32 octets")),
        blake3: Blake3(*blake3::hash(octets).as_bytes()),
        entropy: 0,
        flags: vec![],
        gaps: vec![],
    }
}

fn has(octets: &[u8], word: &str) -> bool {
    octets.windows(word.len()).any(|window| window == word.as_bytes())
}

fn misbehave(message: &[u8]) {
    if has(message, "PANIC") {
        panic!("with the text of the message: {message:?}");
    }
    MISDEEDS.iter().filter(|(word, ..)| has(message, word)).for_each(|(_, _, commit)| commit());
}

fn misbehave_late(part: &[u8]) {
    MISDEEDS.iter().filter(|(_, word, _)| has(part, word)).for_each(|(_, _, commit)| commit());
}

/// What no process survives, by the word that has the dissector do it, and the one for an inspector.
const MISDEEDS: &[(&str, &str, fn())] = &[
    ("ABORT", "GIVE-UP", abort),
    ("OVERFLOW", "FALL", overflow),
    ("EAT", "DEVOUR", eat),
    ("HANG", "DOZE", hang),
    ("SPIN", "WHIRL", spin),
];

fn abort() {
    std::process::abort();
}

fn overflow() {
    std::hint::black_box(recurse(1));
}

fn eat() {
    let mut eaten = Vec::new();
    loop {
        eaten.push(vec![1_u8; 1 << 24]);
    }
}

fn hang() {
    loop {
        std::thread::park();
    }
}

/// Uses its processor up, and never asks what is left of its time.
fn spin() {
    while std::hint::black_box(true) {}
}

fn recurse(depth: u64) -> u64 {
    let page = std::hint::black_box([depth; 512]);
    if depth == 0 { 0 } else { recurse(depth + 1) + page[3] }
}

fn lie(message: &[u8], parts: &mut [(Part, Bytes)]) {
    if has(message, "LIE-SIZE") {
        parts[1].0.octets = 1 << 40;
    } else if has(message, "LIE-DIGEST") {
        parts[0].0.sha256 = Sha256([7; 32]);
    } else if has(message, "LIE-PARENT") {
        parts[1].0.parent = Some(PartId(1));
    } else if has(message, "LIE-NUMBER") {
        parts[1].0.id = PartId(9);
    } else if has(message, "LIE-NAME") {
        parts[1].0.name = Some("\u{1b}[2J".into());
    } else if has(message, "LIE-ROLE") {
        parts[1].0.role = Role::Message;
    }
}

/// Finds the word FIND, and misbehaves over others; says in details what the process may do.
struct Words(&'static str);

impl Inspector for Words {
    fn name(&self) -> &str {
        self.0
    }

    fn ruleset(&self) -> Option<Box<str>> {
        Some("planted 1".into())
    }

    fn inspect(&self, parts: &[(Part, Bytes)], budget: &Budget, report: &mut Report) {
        for (part, octets) in parts.iter().skip(1) {
            if has(octets, "FIND") {
                report.found(part.id, "found", Severity::High);
            }
            if has(octets, "STUMBLE") {
                panic!("planted");
            }
            if self.0 == "more-words" {
                misbehave_late(octets);
            }
            if has(octets, "LOITER") {
                while budget.is_over().is_none() {}
                report.missed(Some(part.id), Missed::TimedOut);
            }
            if has(octets, "NOWHERE") {
                report.found(PartId(99), "nowhere", Severity::High);
            }
            if has(octets, "ESCAPE") {
                escape(part.id, report);
            }
            if has(octets, "SEARCH") {
                search(part.id, report);
            }
        }
    }
}

/// Tries what a worker must not be able to do; a finding for each that it can.
fn escape(part: PartId, report: &mut Report) {
    let mut tried = |what: &str, worked: bool| {
        if worked {
            report.found(part, what, Severity::Critical);
        }
    };
    tried("reads a file", std::fs::read("/etc/passwd").is_ok());
    tried("writes a file", std::fs::write(std::env::temp_dir().join("worker-escaped"), "").is_ok());
    tried("runs a program", std::process::Command::new("/bin/true").status().is_ok());
    tried(
        "connects",
        std::net::TcpStream::connect("127.0.0.1:1")
            .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused),
    );
    tried("binds", std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
    tried("has an environment", std::env::vars_os().next().is_some());
    // A thread it may have.
    let thread = std::thread::Builder::new().spawn(|| 7).map(std::thread::JoinHandle::join);
    tried("has no thread", !matches!(thread, Ok(Ok(7))));
    tried("has all the time of the processor", getrlimit(Resource::Cpu).current.is_none_or(|most| most > 60));
}

/// Has a shell read from each descriptor there may be, which is the way to do that by its number alone; a finding for
/// each that says something.
fn search(part: PartId, report: &mut Report) {
    for number in 3..10 {
        let script = format!("read -r line <&{number} && test -n \"$line\"");
        let mut shell = std::process::Command::new("/bin/sh");
        if shell.args(["-c", &script]).status().is_ok_and(|status| status.success()) {
            report.found(part, &format!("reads descriptor {number}"), Severity::Critical);
        }
    }
    let works = std::process::Command::new("/bin/sh").args(["-c", "exit 7"]).status();
    if works.is_ok_and(|status| status.code() == Some(7)) {
        report.found(part, "has a shell", Severity::Low);
    }
}
