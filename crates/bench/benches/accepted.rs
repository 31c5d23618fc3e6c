//! Instructions for an accepted message, counted by valgrind: the guard against code that grows slower.
//!
//! ```text
//!   session    octets -> events, replies                        no I/O at all
//!   commit     draft, body, envelope -> durable                 a real disk: system calls are not counted
//!   accept     client -> serve -> rules, session, digest, commit -> 250, over a stream in memory
//!   describe   header block -> Description
//! ```
//!
//! Each does it for [`MESSAGES`] messages of 4 KiB on one thread with a clock that stands still, so a count is
//! the same again on a busy machine, within some tenths of a percent. `scripts/bench guard` runs this and holds
//! the counts to `crates/bench/benches/accepted.toml`. What it lacks: anything about the kernel, caches, or
//! waiting.

#![expect(missing_docs, reason = "the macros make modules and functions that have none")]

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gungraun::{library_benchmark, library_benchmark_group, main};
use sensor_bench::corpus::{self, Shape, Structure};
use sensor_ingress::{
    AddressLog, BareNewline, Door, Intake, Peer, Phase, Reception, Settings, SlotLimits, serve,
};
use sensor_mail::{Admission, Description, Envelope, MailId, MailIds, NodeId, Sha256, fixture};
use sensor_policy::{ClientRules, DomainRules, Rules};
use sensor_smtp::{Event, Limits, Reply, Session, SessionConfig, StartTls, Step, Timeouts};
use sensor_spool::{Clock, Options, RealDisk, Runner, Spool};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Messages in one count.
const MESSAGES: u64 = 100;
const OCTETS: usize = 4096;
/// All messages fit into the first half of the first segment: none of the counts has a new one in it.
const SEGMENT_OCTETS: u32 = 4 << 20;
/// 2026-11-22T10:00:00Z.
const UNIX_MILLIS: u64 = 1_795_341_600_000;
/// One message on the wire, as it goes out command by command.
const COMMANDS: [&[u8]; 3] =
    [b"MAIL FROM:<ada@example.net>\r\n", b"RCPT TO:<bob@example.org>\r\n", b"DATA\r\n"];

fn messages() -> Vec<Vec<u8>> {
    let shape = Shape { octets: OCTETS, structure: Structure::Text };
    (0..MESSAGES).map(|seed| corpus::message(seed, shape)).collect()
}

fn config() -> SessionConfig {
    SessionConfig {
        hostname: "sensor.example.com".into(),
        size_max: None,
        starttls: StartTls::Unavailable,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
    }
}

/// A message as DATA sends it. The corpus has lines that begin with a dot.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        stuffed.extend(line.starts_with(b".").then_some(b'.'));
        stuffed.extend_from_slice(line);
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}

/// All that one client says, piece by piece: after each it waits for the answer.
fn dialogue() -> Vec<Vec<u8>> {
    let mut pieces = vec![b"EHLO client.example.net\r\n".to_vec()];
    for message in messages() {
        pieces.extend(COMMANDS.map(<[u8]>::to_vec));
        pieces.push(stuffed(&message));
    }
    pieces
}

struct Conversation {
    session: Session,
    pieces: Vec<Vec<u8>>,
    now: Instant,
    id: MailId,
}

#[expect(clippy::disallowed_methods, reason = "any instant will do: it never moves")]
fn conversation() -> Conversation {
    let mut session = Session::new(Arc::new(config()));
    session.greet(&Admission::Admit);
    let id = MailIds::new(NodeId::default(), 1).next(UNIX_MILLIS);
    Conversation { session, pieces: dialogue(), now: Instant::now(), id }
}

impl Conversation {
    /// Feeds one piece; gives the octets of body in it.
    fn hear(&mut self, piece: &[u8]) -> usize {
        let (mut unread, mut octets) = (piece, 0);
        loop {
            let received = self.session.receive(unread, self.now);
            unread = &unread[received.consumed..];
            match received.step {
                Step::NeedInput => {
                    self.transmit();
                    return octets;
                }
                Step::Transmit => self.transmit(),
                Step::Blocked => unreachable!("every question is answered"),
                Step::Event(event) => octets += self.answer(event),
            }
        }
    }

    fn answer(&mut self, event: Event) -> usize {
        match event {
            Event::Mail(_) | Event::Recipient(_) => self.session.answer_admission(&Admission::Admit),
            Event::BodyStart(_) => self.session.admit(),
            Event::Body(range) => return range.len(),
            Event::EndOfMessage(_) => self.session.answer(Reply::queued(self.id)),
            Event::Reset => {}
            Event::Refused(_) | Event::Introduced | Event::StartTls | Event::Close(_) => {
                unreachable!("nothing of this is in the dialogue")
            }
        }
        0
    }

    fn transmit(&mut self) {
        let octets = black_box(self.session.transmit()).len();
        self.session.sent(octets);
    }
}

#[library_benchmark]
#[bench::messages(setup = conversation)]
fn session(mut conversation: Conversation) -> Conversation {
    let pieces = std::mem::take(&mut conversation.pieces);
    let octets: usize = pieces.iter().map(|piece| conversation.hear(piece)).sum();
    assert_eq!(octets, OCTETS * usize::try_from(MESSAGES).expect("a hundred"));
    conversation
}

/// A spool on a real disk, all of it on one thread.
struct Store {
    spool: Spool<Envelope>,
    runtime: Runtime,
    _directory: tempfile::TempDir,
}

fn store() -> Store {
    let directory = tempfile::tempdir().expect("a directory for the spool");
    let disk = Arc::new(RealDisk::new(directory.path().join("spool")).expect("a directory of its own"));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    let options = Options {
        segment_octets: SEGMENT_OCTETS,
        reserve_octets: 0,
        reserve_inodes: 0,
        clock: clock(),
        salt: 7,
        ..Options::default()
    };
    let (spool, _) = {
        let _inside = runtime.enter();
        Spool::open(disk, options, Runner::task()).expect("an empty spool")
    };
    Store { spool, runtime, _directory: directory }
}

fn clock() -> Clock {
    Arc::new(|| UNIX_MILLIS)
}

fn entries() -> (Store, Vec<(Envelope, Vec<u8>)>) {
    let ids = MailIds::new(NodeId::default(), 1);
    let entry = |message: Vec<u8>| {
        (fixture::envelope(ids.next(UNIX_MILLIS), message.len() as u64, Sha256([7; 32])), message)
    };
    (store(), messages().into_iter().map(entry).collect())
}

#[library_benchmark]
#[bench::messages(setup = entries)]
fn commit((store, entries): (Store, Vec<(Envelope, Vec<u8>)>)) -> Store {
    store.runtime.block_on(async {
        for (envelope, message) in &entries {
            let mut draft = store.spool.draft().expect("there is room");
            draft.write(message).await.expect("it is stored");
            black_box(draft.commit(envelope).await.expect("it is durable"));
        }
    });
    assert_eq!(store.spool.status().accepted, MESSAGES);
    store
}

/// A client in front of a whole door.
struct House {
    client: DuplexStream,
    pieces: Vec<Vec<u8>>,
    store: Store,
    _phase: watch::Sender<Phase>,
}

fn house() -> House {
    let store = store();
    let ids = MailIds::new(NodeId::default(), 1);
    let deadline = Duration::from_secs(60);
    let intake = Intake::new(store.spool.clone(), ids, NodeId::default(), clock(), deadline);
    let door = Arc::new(Door::new(intake, settings()));
    let (client, server) = tokio::io::duplex(64 << 10);
    let [address, local] =
        ["10.0.0.1:4000", "10.0.0.2:25"].map(|text| text.parse::<SocketAddr>().expect("an address"));
    let reception = Arc::new(Reception::default());
    let peer = Peer { listener: "relay".into(), reception, address, local };
    let phase = watch::Sender::new(Phase::Open);
    let config = door.session(StartTls::Unavailable);
    let _inside = store.runtime.enter();
    // It ends with the runtime.
    drop(tokio::spawn(serve(server, peer, config, None, door, phase.subscribe())));
    drop(_inside);
    House { client, pieces: dialogue(), store, _phase: phase }
}

fn settings() -> Settings {
    let rules = Rules {
        clients: ClientRules::parse(&["10.0.0.0/8", "!10.9.0.0/16"]).expect("rules"),
        domains: DomainRules::parse(&["example.org", "!lab.example.org"]).expect("rules"),
        ..Rules::default()
    };
    Settings {
        rules,
        grace: Settings::GRACE,
        bare_newline: BareNewline::Keep,
        slots: SlotLimits { connections: 100, connections_per_client: 100 },
        addresses: AddressLog::Full,
        hostname: "sensor.example.com".into(),
        limits: Limits::default(),
        timeouts: Timeouts::default(),
    }
}

/// Reads to the end of one reply.
async fn hear(client: &mut DuplexStream, reply: &mut Vec<u8>) {
    reply.clear();
    let is_whole = |reply: &[u8]| {
        let lines = reply.strip_suffix(b"\r\n");
        let last = lines.and_then(|lines| lines.split(|&octet| octet == b'\n').next_back());
        last.is_some_and(|line| line.get(3) == Some(&b' '))
    };
    while !is_whole(reply) {
        assert_ne!(client.read_buf(reply).await.expect("a stream in memory"), 0, "the door closed");
    }
    assert!(matches!(reply.first(), Some(b'2' | b'3')), "the door refused");
}

#[library_benchmark]
#[bench::messages(setup = house)]
fn accept(mut house: House) -> House {
    let House { client, pieces, store, .. } = &mut house;
    store.runtime.block_on(async {
        let mut reply = Vec::with_capacity(1024);
        hear(client, &mut reply).await;
        for piece in pieces {
            client.write_all(piece).await.expect("a stream in memory");
            hear(client, &mut reply).await;
        }
    });
    assert_eq!(store.spool.status().accepted, MESSAGES);
    house
}

#[library_benchmark]
#[bench::messages(setup = messages)]
fn describe(messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for message in &messages {
        black_box(Description::of(message, true));
    }
    messages
}

library_benchmark_group!(name = accepted, benchmarks = [session, commit, accept, describe]);
main!(library_benchmark_groups = accepted);
