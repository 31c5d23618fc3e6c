//! The dialogues of tests/dialogues, played to the real binary over TCP and inside TLS.
//!
//! Left out are those that need simulated time or a storage that fails on demand; `crates/smtp` plays all.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sensor_mail::envelope::Origin;
use sensor_mail::{Admission, Envelope, Refusal};
use sensor_smtp::dialogue::{Act, Dialogue, Expected, Kept, Scene, account};
use sensor_smtp::{BodyType, EndOfMessage, Mail, StartTls};

use super::harness::sensor::{Home, Sensor};
use super::harness::{PATIENCE, archived, files_below, wait_for};

#[test]
fn over_tcp() {
    play_all(Through::Tcp, 60);
}

#[test]
fn inside_tls() {
    play_all(Through::Tls, 50);
}

/// Where no limit is set, a session by itself knows of none, and a sensor of what its spool can hold.
const UNLIMITED: (&str, &str) = ("250-SIZE 0\n", "250-SIZE 17179869184\n");

/// What a dialogue goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Through {
    Tcp,
    /// Greeting, EHLO and STARTTLS come first; the dialogue goes on where its own greeting is over.
    Tls,
}

fn play_all(through: Through, least: usize) {
    let mut stages = BTreeMap::new();
    let mut played = 0;
    for file in files_below(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialogues").as_ref()) {
        if file.extension().is_none_or(|extension| extension != "smtp") {
            continue;
        }
        let (alone, spooled) = UNLIMITED;
        let text = fs::read_to_string(&file).unwrap().replace(alone, spooled);
        let dialogue = Dialogue::parse(&text).unwrap();
        let Some(toml) = configuration(&dialogue, through) else { continue };
        let stage = stages.entry(toml).or_insert_with_key(|toml| Stage::new(toml));
        stage.play(&dialogue, &file, through);
        played += 1;
    }
    assert!(played >= least, "only {played} dialogues were played");
}

/// The configuration that sets a dialogue's scene; none when only a simulation can.
fn configuration(dialogue: &Dialogue, through: Through) -> Option<String> {
    let Scene {
        config,
        permits,
        refuses_bare_newlines,
        client,
        addresses,
        sender,
        recipients,
        start,
        message,
        ..
    } = &dialogue.scene;
    let admitted = [client, sender, start, message].iter().all(|answer| **answer == Admission::Admit);
    let timeless = !dialogue.acts.iter().any(|act| matches!(act, Act::Wait(_) | Act::ShutDown));
    let greeted = matches!(dialogue.acts.first(), Some(Act::Server(_)));
    let speaks_of_tls =
        |act: &Act| matches!(act, Act::Client(octets) if octets.windows(8).any(|word| word == b"STARTTLS"));
    let starts_tls = config.starttls != StartTls::Unavailable || dialogue.acts.iter().any(speaks_of_tls);
    if !admitted || !timeless || !greeted || (starts_tls && through == Through::Tls) {
        return None;
    }
    let domains = entries("destination_domains", recipients)?;
    let mut clients = entries("clients", addresses)?;
    if permits.xclient && clients.is_empty() {
        // Whoever is spoken for need not be near.
        clients = ["0.0.0.0/0", "::/0"].map(str::to_owned).to_vec();
    }
    let listed = |permitted: bool| if permitted { "[\"127.0.0.1\"]" } else { "[]" };
    let security = match (through, config.starttls) {
        (Through::Tcp, StartTls::Unavailable) => "none",
        (Through::Tls, _) | (Through::Tcp, StartTls::Offered) => "opportunistic",
        (Through::Tcp, StartTls::Required) => "required",
        (Through::Tcp, StartTls::Implicit) => "implicit",
    };
    let size = config.size_max.map_or("unlimited".to_owned(), |size| size.to_string());
    let limits = &config.limits;
    Some(format!(
        "hostname = \"{}\"\n[smtp]\nmessage_size_limit = \"{size}\"\nbare_newline = \"{}\"\n\
         destination_domains = {domains:?}\nclients = {clients:?}\n[smtp.limits]\nrecipients = {}\ncommands = {}\nmessages = {}\n\
         errors = {}\ndrain_size = \"{}\"\n[[smtp.listener]]\naddress = \"127.0.0.1:0\"\nsecurity = \"{security}\"\n\
         xclient = {}\nxforward = {}\n",
        config.hostname,
        if *refuses_bare_newlines { "reject" } else { "keep" },
        limits.recipients_max,
        limits.commands_max.max(10),
        limits.messages_max.map_or(0, u32::from),
        limits.errors_max,
        limits.drain_octets_max,
        listed(permits.xclient),
        listed(permits.xforward),
    ))
    .filter(|_| limits.commands_max >= 10 && limits.errors_max > 0)
}

/// Entries that refuse these domains or addresses by the rules that the dialogue expects.
fn entries(list: &str, answers: &[(impl Display, Admission)]) -> Option<Vec<String>> {
    let mut entries = Vec::new();
    for (entry, admission) in answers {
        let Admission::Refuse(Refusal::RecipientDomain(rule) | Refusal::Client(rule)) = admission else {
            return None;
        };
        let number = rule.as_str().strip_prefix(list)?.strip_prefix('[')?.strip_suffix(']')?;
        let number: usize = number.parse().ok()?;
        // Entries before it that no dialogue speaks of.
        while entries.len() + 1 < number {
            entries.push(format!("!filler{}.invalid", entries.len()));
        }
        (entries.len() + 1 == number).then_some(())?;
        entries.push(format!("!{entry}"));
    }
    Some(entries)
}

/// A sensor with one configuration, for all dialogues that need it.
struct Stage {
    home: Home,
    sensor: Sensor,
}

impl Stage {
    fn new(toml: &str) -> Self {
        let home = Home::new("");
        home.configure(&format!("state_dir = {:?}\n{toml}", home.state()));
        let sensor = home.start();
        Self { home, sensor }
    }

    fn play(&self, dialogue: &Dialogue, file: &Path, through: Through) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let mut player = Player::new(name, self.sensor.address, self.home.state());
        let mut acts = &dialogue.acts[..];
        if through == Through::Tls {
            player.start_tls();
            acts = &acts[1..];
        }
        if dialogue.scene.config.starttls == StartTls::Implicit {
            player.handshake();
        }
        for act in acts {
            player.act(act);
        }
        player.end(&dialogue.end);
        let ids = player.accepted;
        let kept: Vec<Kept> = ids.iter().map(|id| kept(&self.home, id)).collect();
        let expected: Vec<Kept> = dialogue.kept.iter().map(|kept| expected(kept, through)).collect();
        assert_eq!(kept, expected, "{name}");
    }
}

/// Inside TLS the protocol of each message ends in S (RFC 3848).
fn expected(kept: &Kept, through: Through) -> Kept {
    let account = match (through, kept.account.split_once(' ')) {
        (Through::Tls, Some((protocol, rest))) => format!("{protocol}S {rest}"),
        (Through::Tls, None) | (Through::Tcp, _) => kept.account.clone(),
    };
    Kept { account, octets: kept.octets.clone() }
}

/// What the archive says about a message.
fn kept(home: &Home, id: &str) -> Kept {
    let path = archived(&home.state(), id);
    let record = wait_for("the record", || fs::read(path.with_extension("json")).ok());
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let envelope: Envelope = serde_json::from_value(record["envelope"].clone()).unwrap();
    let Origin::Smtp(origin) = &envelope.origin;
    let end = EndOfMessage {
        transfer: origin.transfer,
        protocol: origin.protocol,
        line_endings: envelope.line_endings,
        forwarded: origin.xforward.clone(),
    };
    let introduced = origin.xclient.as_deref().map(|introduction| &introduction.said);
    let mail = Mail {
        path: envelope.reverse_path.clone(),
        size: None,
        body: BodyType::SevenBit,
        smtputf8: false,
        parameters: envelope.mail_parameters.clone(),
    };
    Kept { account: account(&mail, &envelope.recipients, &end, introduced), octets: fs::read(path).unwrap() }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

struct Player<'a> {
    name: &'a str,
    socket: TcpStream,
    stream: BufReader<Box<dyn ReadWrite>>,
    state: PathBuf,
    accepted: Vec<String>,
}

impl<'a> Player<'a> {
    fn new(name: &'a str, address: SocketAddr, state: PathBuf) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let stream: Box<dyn ReadWrite> = Box::new(socket.try_clone().unwrap());
        Self { name, socket, stream: BufReader::new(stream), state, accepted: Vec::new() }
    }

    fn act(&mut self, act: &Act) {
        match act {
            // A server that has closed already does not hear it: what it said before is checked.
            Act::Client(octets) => drop(self.stream.get_mut().write_all(octets)),
            Act::Server(lines) => lines.iter().for_each(|line| self.expect(line)),
            Act::Handshake => self.handshake(),
            Act::Gone => self.socket.shutdown(Shutdown::Write).unwrap(),
            Act::Wait(_) | Act::ShutDown => unreachable!("such dialogues are left out"),
        }
    }

    fn expect(&mut self, expected: &Expected) {
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line);
            let line = line.trim_end();
            let Expected { number, .. } = expected;
            assert!(
                expected.matches(line),
                "{}:{number}: expected {expected:?}, got {line:?} {read:?}",
                self.name
            );
            if let Some(id) = line.strip_prefix("250 2.0.0 queued as ") {
                self.accepted.push(id.to_owned());
            }
            if !expected.goes_on_behind(line) {
                return;
            }
        }
    }

    /// The server has closed, or says nothing more when the client goes.
    fn end(&mut self, end: &str) {
        if matches!(end, "open" | "peer-gone") {
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        let mut rest = Vec::new();
        // A connection that the server closed with octets unread ends in a reset; what it said came before.
        let _ = self.stream.read_to_end(&mut rest);
        // What comes in plaintext where a handshake should begin is answered by TLS itself, with an alert.
        const TLS_ALERT: u8 = 0x15;
        let alerted = end == "plaintext-behind-start-tls" && rest.first() == Some(&TLS_ALERT);
        assert!(
            rest.is_empty() || alerted,
            "{}: more was said: {:?}",
            self.name,
            String::from_utf8_lossy(&rest)
        );
    }

    fn start_tls(&mut self) {
        for (command, replies) in [("", 1), ("EHLO tls.example\r\n", 1), ("STARTTLS\r\n", 1)] {
            self.stream.get_mut().write_all(command.as_bytes()).unwrap();
            for _ in 0..replies {
                self.one_reply();
            }
        }
        self.handshake();
    }

    fn one_reply(&mut self) {
        let mut line = String::new();
        while line.as_bytes().get(3) != Some(&b' ') {
            line.clear();
            assert!(self.stream.read_line(&mut line).unwrap() > 0, "{}", self.name);
        }
        assert!(line.starts_with('2'), "{}: {line}", self.name);
    }

    /// Trusts the self-signed certificate of the state directory and nothing else.
    fn handshake(&mut self) {
        let mut roots = RootCertStore::empty();
        let certificate = self.state.join("tls/self-signed.crt.pem");
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), server).unwrap();
        let stream: Box<dyn ReadWrite> =
            Box::new(StreamOwned::new(connection, self.socket.try_clone().unwrap()));
        self.stream = BufReader::new(stream);
    }
}
