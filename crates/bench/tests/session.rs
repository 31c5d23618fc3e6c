//! The load generator against the sensor's own session, so that it is known to speak the SMTP that is measured.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use clap::Parser;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sensor_bench::load::{self, Report};
use sensor_bench::{meter, tls};
use sensor_mail::envelope::{Tls, Transfer};
use sensor_mail::{Admission, MailIds, NodeId};
use sensor_smtp::{Event, Reply, Session, SessionConfig, StartTls, Step};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: load::Options,
}

/// What a session took: how it came, its octets, whether TLS was there.
type Taken = Arc<Mutex<Vec<(Transfer, Vec<u8>, bool)>>>;

enum End {
    Closed,
    StartTls,
}

/// Takes every message that a connection brings.
struct Driver {
    session: Session,
    unread: Vec<u8>,
    body: Vec<u8>,
    ids: MailIds,
    taken: Taken,
}

impl Driver {
    /// Runs the session until it closes or wants a handshake.
    fn run(&mut self, stream: &mut (impl Read + Write)) -> End {
        loop {
            let received = self.session.receive(&self.unread, meter::now());
            let rest = self.unread.split_off(received.consumed);
            let input = std::mem::replace(&mut self.unread, rest);
            match received.step {
                Step::Event(Event::StartTls) => {
                    self.transmit(stream);
                    assert!(self.unread.is_empty(), "nothing comes behind STARTTLS");
                    return End::StartTls;
                }
                Step::Event(Event::Close(_)) => {
                    self.transmit(stream);
                    return End::Closed;
                }
                Step::Event(event) => self.event(event, &input),
                Step::Transmit => self.transmit(stream),
                Step::NeedInput => {
                    self.transmit(stream);
                    self.read(stream);
                }
                Step::Blocked => panic!("a session that is answered does not block"),
            }
        }
    }

    fn event(&mut self, event: Event, input: &[u8]) {
        match event {
            Event::Mail(_) | Event::Recipient(_) | Event::BodyStart(_) => self.session.admit(),
            Event::Body(range) => self.body.extend_from_slice(&input[range]),
            Event::EndOfMessage(end) => {
                let taken = (end.transfer, std::mem::take(&mut self.body), self.session.tls().is_some());
                self.taken.lock().unwrap().push(taken);
                self.session.answer(Reply::queued(self.ids.next(0)));
            }
            Event::Refused(_) | Event::Reset | Event::Introduced | Event::StartTls | Event::Close(_) => {
                panic!("the load generator does not give rise to {event:?}")
            }
        }
    }

    fn transmit(&mut self, stream: &mut impl Write) {
        let waiting = self.session.transmit();
        stream.write_all(waiting).unwrap();
        stream.flush().unwrap();
        let sent = waiting.len();
        self.session.sent(sent);
    }

    fn read(&mut self, stream: &mut impl Read) {
        let mut piece = [0; 8 << 10];
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => self.session.closed(),
            Ok(octets) => self.unread.extend_from_slice(&piece[..octets]),
        }
    }
}

fn serve(mut stream: TcpStream, tls: &Arc<ServerConfig>, taken: Taken) {
    stream.set_nodelay(true).unwrap();
    let hostname = "sensor.example.org".into();
    let (limits, timeouts) = (Default::default(), Default::default());
    let config = SessionConfig { hostname, size_max: None, starttls: StartTls::Offered, limits, timeouts };
    let session = Session::new(Arc::new(config));
    let ids = MailIds::new(NodeId::default(), 0);
    let mut driver = Driver { session, unread: Vec::new(), body: Vec::new(), ids, taken };
    driver.session.greet(&Admission::Admit);
    if let End::StartTls = driver.run(&mut stream) {
        let mut secured = StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream);
        let (version, cipher) = ("TLSv1.3".into(), "any".into());
        driver.session.tls_established(Tls { version, cipher, server_name: None, client: None });
        driver.run(&mut secured);
    }
}

fn tls_config(dir: &Path) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificate = CertificateDer::from_pem_file(dir.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}

/// Sends 20 messages over 3 connections at a time to the session.
fn load(typed: &str) -> (Report, Vec<(Transfer, Vec<u8>, bool)>) {
    let certificate = tempfile::tempdir().unwrap();
    tls::run(&tls::Options { dir: certificate.path().to_owned() }).unwrap();
    let (config, taken) = (tls_config(certificate.path()), Taken::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let all = Arc::clone(&taken);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, taken) = (Arc::clone(&config), Arc::clone(&all));
            thread::spawn(move || serve(stream.unwrap(), &config, taken));
        }
    });
    let line = format!("load --addr {addr} --seconds 60 --connections 3 --messages 20 --settle 0 {typed}");
    let report = load::run(&Arguments::parse_from(line.split_whitespace()).options).unwrap();
    let taken = taken.lock().unwrap().clone();
    (report, taken)
}

#[test]
fn every_way_of_sending_brings_whole_messages_to_the_sensors_session() {
    for (typed, transfer, is_tls, octets) in [
        ("", Transfer::Data, false, 4 << 10),
        ("--per-connection 5 --pipelining", Transfer::Data, false, 4 << 10),
        ("--per-connection 5 --pipelining --chunking", Transfer::Bdat, false, 4 << 10),
        ("--per-connection 5 --starttls", Transfer::Data, true, 4 << 10),
        ("--pipelining --chunking --starttls", Transfer::Bdat, true, 4 << 10),
        ("--per-connection 2 --octets 64KiB", Transfer::Data, false, 64 << 10),
        ("--octets 200KiB --structure attachment --starttls", Transfer::Data, true, 200 << 10),
    ] {
        let (report, taken) = load(typed);
        assert_eq!((report.accepted, &report.errors), (20, &BTreeMap::new()), "{typed}");
        assert_eq!(taken.len(), 20, "{typed}");
        for (came_by, body, in_tls) in taken {
            assert_eq!((came_by, in_tls), (transfer, is_tls), "{typed}");
            assert!(body.starts_with(b"Message-ID: <") && body.ends_with(b"\r\n"), "{typed}");
            assert_eq!(body.len(), octets, "{typed}");
        }
    }
}
