//! Many clients that send at the same time, and the account of what each message was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::client::{Client, stuffed};
use super::random::Random;
use super::{PATIENCE, wait_for};

/// What the sender of a message knows at the end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was told `250` with this id.
    Acknowledged(String),
    /// It was told this instead.
    Refused(String),
    /// The connection ended before an answer: the message may be there or not.
    Unknown,
}

/// A message that was sent once.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) message: Vec<u8>,
    pub(crate) fate: Fate,
}

/// Clients that send, each its own messages, and connect again when they are cut off.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<Sent>>>,
}

struct Shared {
    pause: Duration,
    route: Mutex<Route>,
    is_over: AtomicBool,
    acknowledged: AtomicUsize,
}

/// Where the sensor is, and who is connected to it.
struct Route {
    address: SocketAddr,
    connections: Vec<TcpStream>,
}

impl Load {
    /// Starts `clients`, which send until they have sent `messages_max` each or are told to end.
    pub(crate) fn start(address: SocketAddr, clients: usize, messages_max: usize, seed: u64) -> Self {
        Self::start_at(address, clients, messages_max, Duration::ZERO, seed)
    }

    /// The same with a pause behind each message, where a test goes on for long and all that is sent is remembered.
    pub(crate) fn start_at(
        address: SocketAddr,
        clients: usize,
        messages_max: usize,
        pause: Duration,
        seed: u64,
    ) -> Self {
        let shared = Arc::new(Shared {
            pause,
            route: Mutex::new(Route { address, connections: Vec::new() }),
            is_over: AtomicBool::new(false),
            acknowledged: AtomicUsize::new(0),
        });
        let clients = (0..clients)
            .map(|number| {
                let (shared, random) = (Arc::clone(&shared), Random::new(seed ^ (number as u64) << 32));
                std::thread::spawn(move || shared.send_all(number, messages_max, random))
            })
            .collect();
        Self { shared, clients }
    }

    /// The sensor was killed and has restarted on another port. A connection that the kernel completed while
    /// the old listener died may get no reset: its client would wait for a greeting as long as it lives.
    pub(crate) fn go_to(&self, address: SocketAddr) {
        let mut route = self.shared.route.lock().unwrap();
        route.address = address;
        for connection in route.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Messages that were told `250` so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Whether each client has sent all that it may.
    pub(crate) fn is_done(&self) -> bool {
        self.clients.iter().all(JoinHandle::is_finished)
    }

    /// Has the clients end after the message in hand.
    pub(crate) fn end(self) -> Vec<Sent> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.wait()
    }

    /// Waits until each client has sent all that it may.
    pub(crate) fn wait(self) -> Vec<Sent> {
        self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    }
}

impl Shared {
    fn send_all(&self, client: usize, messages_max: usize, mut random: Random) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut open = None;
        while sent.len() < messages_max && !self.is_over.load(Ordering::Relaxed) {
            let Some(mut session) = open.take().or_else(|| self.connect()) else { continue };
            let message = unique_message(&format!("{client}-{}", sent.len()), &mut random);
            let answered = match random.below(2) {
                0 => deliver_by_data(&mut session, &message),
                _ => deliver_by_bdat(&mut session, &message, 500 + random.below(40_000)),
            };
            let fate = fate_of(answered);
            match &fate {
                Fate::Acknowledged(_) => {
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                    open = Some(session);
                }
                Fate::Refused(reply) if !reply.starts_with("421") => open = Some(session),
                Fate::Refused(_) | Fate::Unknown => {}
            }
            sent.push(Sent { message, fate });
            std::thread::sleep(self.pause);
        }
        sent
    }

    /// A greeted session; none where nobody listens now.
    fn connect(&self) -> Option<Client> {
        let connected = self.try_connect().and_then(|mut client| {
            greet(&mut client)?;
            Ok(client)
        });
        connected
            .inspect_err(|error| {
                assert_broken_off(error);
                std::thread::sleep(Duration::from_millis(5));
            })
            .ok()
    }

    fn try_connect(&self) -> io::Result<Client> {
        let mut route = self.route.lock().unwrap();
        let client = Client::try_connected(route.address)?;
        route.connections.push(client.stream()?);
        Ok(client)
    }
}

/// How long a greeting is waited for. One that is late is looked into, not taken for a failure.
const GREETING_TIME: Duration = Duration::from_secs(10);

/// Where the last segment of a handshake meets a listener that closes, the kernel may forget the connection
/// without a reset: its client would wait until it gives up (RFC 5321 section 4.5.3.2.1: after five minutes).
/// That is no failure of the sensor, which never had the connection. One that it has must be greeted.
fn greet(client: &mut Client) -> io::Result<()> {
    client.be_patient_for(GREETING_TIME)?;
    client.try_reply().map_err(|error| {
        let is_forgotten = error.kind() == ErrorKind::WouldBlock && !client.has_counterpart();
        if is_forgotten { ErrorKind::ConnectionAborted.into() } else { error }
    })?;
    client.be_patient_for(PATIENCE)?;
    let reply = say(client, "EHLO client.example.com\r\n")?;
    if reply.starts_with("250") { Ok(()) } else { Err(io::Error::other(reply)) }
}

fn fate_of(answered: io::Result<String>) -> Fate {
    match answered {
        Ok(reply) => match reply.strip_prefix("250 2.0.0 queued as ") {
            Some(id) => Fate::Acknowledged(id.to_owned()),
            None => Fate::Refused(reply),
        },
        Err(error) => {
            assert_broken_off(&error);
            Fate::Unknown
        }
    }
}

/// A connection may end; a sensor that is alive and does not answer is a failure.
#[track_caller]
fn assert_broken_off(error: &io::Error) {
    assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no answer: {error}");
}

fn say(client: &mut Client, line: &str) -> io::Result<String> {
    client.try_send(line.as_bytes())?;
    client.try_reply()
}

/// The envelope; the first reply that refuses it, if one does.
fn open_transaction(client: &mut Client, parameters: &str) -> io::Result<Option<String>> {
    for line in
        [format!("MAIL FROM:<ada@example.com>{parameters}\r\n"), "RCPT TO:<bob@example.test>\r\n".into()]
    {
        let reply = say(client, &line)?;
        if !reply.starts_with('2') {
            return Ok(Some(reply));
        }
    }
    Ok(None)
}

/// The reply that decides: the final one, or the first that refuses.
fn deliver_by_data(client: &mut Client, message: &[u8]) -> io::Result<String> {
    if let Some(refused) = open_transaction(client, "")? {
        return Ok(refused);
    }
    let reply = say(client, "DATA\r\n")?;
    if !reply.starts_with("354") {
        return Ok(reply);
    }
    client.try_send(&stuffed(message))?;
    client.try_reply()
}

/// The reply that decides: the final one, or the first that refuses.
fn deliver_by_bdat(client: &mut Client, message: &[u8], chunk: usize) -> io::Result<String> {
    if let Some(refused) = open_transaction(client, " BODY=BINARYMIME")? {
        return Ok(refused);
    }
    for part in message.chunks(chunk) {
        client.try_send(format!("BDAT {}\r\n", part.len()).as_bytes())?;
        client.try_send(part)?;
        let reply = client.try_reply()?;
        if !reply.starts_with("250") {
            return Ok(reply);
        }
    }
    say(client, "BDAT 0 LAST\r\n")
}

/// Sends one message by DATA.
pub(crate) fn send(client: &mut Client, message: Vec<u8>) -> Sent {
    let fate = fate_of(deliver_by_data(client, &message));
    Sent { message, fate }
}

/// Sends one message again and again until it is taken; gives the try that was.
#[track_caller]
pub(crate) fn send_until_taken(address: SocketAddr, message: &[u8]) -> Sent {
    wait_for("mail to be taken again", || {
        let sent = send(&mut Client::hello(address), message.to_vec());
        matches!(sent.fate, Fate::Acknowledged(_)).then_some(sent)
    })
}

/// A message that no other client sends: dots at line begins, every octet but CR and LF, CR LF at the end.
fn unique_message(token: &str, random: &mut Random) -> Vec<u8> {
    let octets = [200, 200, 4_000, 4_000, 4_000, 30_000, 30_000, 300_000][random.below(8)];
    let mut message = format!(
        "From: Ada <ada@example.com>\r\nMessage-ID: <{token}@example.com>\r\nSubject: {token}\r\n\r\n.{token}\r\n..\r\n"
    )
    .into_bytes();
    while message.len() < octets {
        let line: Vec<u8> =
            random.octets(70).into_iter().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
        message.extend_from_slice(&line);
        message.extend_from_slice(b"\r\n");
    }
    message
}

/// Holds what is stored against what was sent: what was acknowledged is there under its id, whole; nothing is
/// there that was not sent, or was refused; nothing is there twice. Says how many were acknowledged.
#[track_caller]
pub(crate) fn account(sent: &[Sent], stored: &BTreeMap<String, Vec<u8>>) -> usize {
    let mut acknowledged = BTreeSet::new();
    for Sent { message, fate } in sent {
        let Fate::Acknowledged(id) = fate else { continue };
        assert!(acknowledged.insert(id), "{id} was given twice");
        let found = stored.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
        assert!(found == message, "{id} is altered: {} octets of {}", found.len(), message.len());
    }
    let possible: BTreeSet<&[u8]> = sent
        .iter()
        .filter(|sent| !matches!(sent.fate, Fate::Refused(_)))
        .map(|sent| &sent.message[..])
        .collect();
    let mut seen = BTreeSet::new();
    for (id, message) in stored {
        assert!(possible.contains(&message[..]), "{id} is stored and was never sent, or was refused");
        assert!(seen.insert(&message[..]), "{id} is stored twice");
    }
    acknowledged.len()
}
