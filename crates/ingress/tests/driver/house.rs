//! A door with a simulated disk behind it, and a client in front of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sensor_ingress::{
    AddressLog, BareNewline, ClientCertificates, Door, Intake, Peer, Phase, Reception, Settings, SlotLimits,
    TlsIdentity, serve,
};
use sensor_mail::{Envelope, MailIds, NodeId};
use sensor_policy::{ClientRules, Networks, Rules};
use sensor_smtp::{SessionConfig, StartTls};
use sensor_spool::disk::SimDisk;
use sensor_spool::{Options, Runner, Spool};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What differs from house to house.
pub(crate) struct Plan {
    pub(crate) clients: &'static [&'static str],
    pub(crate) slots: u32,
    /// What the storage takes for a group.
    pub(crate) pace: Duration,
    /// Free space below which nothing is taken; the disk has 1 TiB.
    pub(crate) reserve: u64,
    pub(crate) bare_newline: BareNewline,
    /// Octets of a segment of the spool.
    pub(crate) segment: u32,
    /// Octets of memory for bodies.
    pub(crate) memory: usize,
    pub(crate) starttls: StartTls,
    /// Where clients come from, before anybody speaks for another.
    pub(crate) from: &'static str,
    pub(crate) proxies: &'static [&'static str],
    pub(crate) xclient: &'static [&'static str],
    pub(crate) xforward: &'static [&'static str],
    pub(crate) certificates: ClientCertificates,
}

impl Default for Plan {
    fn default() -> Self {
        let (pace, bare_newline) = (Duration::from_millis(1), BareNewline::Keep);
        Self {
            clients: &["10.0.0.0/8"],
            slots: 100,
            pace,
            reserve: 0,
            bare_newline,
            segment: 256 << 10,
            memory: 64 << 20,
            starttls: StartTls::Offered,
            from: "10.0.0.1:4000",
            proxies: &[],
            xclient: &[],
            xforward: &[],
            certificates: ClientCertificates::Ignore,
        }
    }
}

impl Plan {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            rules: Rules { clients: ClientRules::parse(self.clients).unwrap(), ..Rules::default() },
            grace: Settings::GRACE,
            bare_newline: self.bare_newline,
            slots: SlotLimits { connections: self.slots, connections_per_client: self.slots },
            addresses: AddressLog::Full,
            hostname: "sensor.example.com".into(),
            limits: sensor_smtp::Limits::default(),
            timeouts: sensor_smtp::Timeouts::default(),
        }
    }
}

pub(crate) struct House {
    pub(crate) door: Arc<Door>,
    pub(crate) spool: Spool<Envelope>,
    pub(crate) phase: watch::Sender<Phase>,
    certificates: tempfile::TempDir,
    tls: TlsAcceptor,
    starttls: StartTls,
    from: SocketAddr,
    reception: Arc<Reception>,
}

impl House {
    pub(crate) fn new(plan: &Plan) -> Self {
        let options = Options {
            segment_octets: plan.segment,
            memory_octets: plan.memory,
            reserve_octets: plan.reserve,
            reserve_inodes: 0,
            salt: 7,
            ..Options::default()
        };
        let (pace, clock) = (plan.pace, Arc::clone(&options.clock));
        let runner = Runner::Task(Arc::new(move || pace));
        let (spool, _) = Spool::open(Arc::new(SimDisk::new(1)), options, runner).unwrap();
        let ids = MailIds::new(NodeId::default(), 1);
        let intake = Intake::new(spool.clone(), ids, NodeId::default(), clock, Duration::from_secs(60));
        let certificates = tempfile::tempdir().unwrap();
        let identity = TlsIdentity::self_signed(certificates.path(), "sensor.example.com").unwrap();
        let door = Door::new(intake, plan.settings());
        let phase = watch::Sender::new(Phase::Open);
        let tls = TlsAcceptor::from(identity.server_config_for(&plan.certificates));
        let reception = Arc::new(Reception {
            proxies: Networks::parse(plan.proxies).unwrap(),
            xclient: Networks::parse(plan.xclient).unwrap(),
            xforward: Networks::parse(plan.xforward).unwrap(),
            client_certificates: plan.certificates.clone(),
        });
        let (door, starttls, from) = (Arc::new(door), plan.starttls, plan.from.parse().unwrap());
        Self { door, spool, phase, certificates, tls, starttls, from, reception }
    }

    /// A client that has said `first` before it is looked at; `octets` may be on their way.
    pub(crate) async fn connect_through(
        &self,
        octets: usize,
        first: &[u8],
    ) -> (Client<DuplexStream>, JoinHandle<()>) {
        let (mut client, server) = tokio::io::duplex(octets);
        client.write_all(first).await.unwrap();
        let local: SocketAddr = "10.0.0.2:25".parse().unwrap();
        let (reception, address) = (Arc::clone(&self.reception), self.from);
        let peer = Peer { listener: "relay".into(), reception, address, local };
        let (tls, door) = (Some(self.tls.clone()), Arc::clone(&self.door));
        let session = self.door.session(self.starttls);
        let served = tokio::spawn(serve(server, peer, session, tls, door, self.phase.subscribe()));
        (Client(client), served)
    }

    pub(crate) async fn connect(&self) -> (Client<DuplexStream>, JoinHandle<()>) {
        self.connect_through(64 << 10, b"").await
    }

    /// What EHLO says of a connection's size that begins now.
    pub(crate) fn advertised(&self) -> Option<std::num::NonZeroU64> {
        self.door.session(StartTls::Unavailable).size_max
    }

    /// All messages of the spool, whole.
    pub(crate) async fn messages(&self) -> Vec<(Envelope, Vec<u8>)> {
        if self.spool.status().in_spool == 0 {
            return Vec::new();
        }
        let leases = self.spool.lease(100).await.unwrap();
        let read = |lease: &sensor_spool::Lease<Envelope>| {
            let mut octets = vec![0; usize::try_from(lease.body.len()).unwrap()];
            assert_eq!(lease.body.read_at(0, &mut octets).unwrap(), octets.len());
            (lease.header.clone(), octets)
        };
        leases.iter().map(read).collect()
    }

    pub(crate) async fn bodies(&self) -> Vec<Vec<u8>> {
        self.messages().await.into_iter().map(|(_, octets)| octets).collect()
    }
}

pub(crate) fn session(starttls: StartTls) -> Arc<SessionConfig> {
    Arc::new(SessionConfig {
        hostname: "sensor.example.com".into(),
        size_max: None,
        starttls,
        limits: sensor_smtp::Limits::default(),
        timeouts: sensor_smtp::Timeouts::default(),
    })
}

/// The client's side of a connection.
pub(crate) struct Client<S>(pub(crate) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn say(&mut self, words: impl AsRef<[u8]>) {
        self.try_say(words).await.unwrap();
    }

    pub(crate) async fn try_say(&mut self, words: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.0.write_all(words.as_ref()).await?;
        self.0.flush().await
    }

    /// The next reply's last line; empty at the end.
    pub(crate) async fn hear(&mut self) -> String {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                match self.0.read_u8().await {
                    Ok(octet) => line.push(octet),
                    Err(_) => return String::new(),
                }
            }
            let line = String::from_utf8(line).unwrap();
            if line.as_bytes()[3] == b' ' {
                return line.trim_end().to_owned();
            }
        }
    }

    pub(crate) async fn expect(&mut self, start: &str) {
        let reply = self.hear().await;
        assert!(reply.starts_with(start), "expected {start}, heard {reply:?}");
    }

    pub(crate) async fn ask(&mut self, words: &str, reply: &str) {
        self.say(format!("{words}\r\n")).await;
        self.expect(reply).await;
    }

    /// To the end of the connection: nothing more is said.
    pub(crate) async fn expect_end(&mut self) {
        assert_eq!(self.hear().await, "");
    }

    /// A transaction with one recipient.
    pub(crate) async fn open(&mut self) {
        self.expect("220 ").await;
        self.ask("EHLO client.example.com", "250 ").await;
        self.ask("MAIL FROM:<ada@example.com>", "250 2.1.0").await;
        self.ask("RCPT TO:<bob@example.com>", "250 2.1.5").await;
    }
}

impl Client<DuplexStream> {
    /// After `220 ready`.
    pub(crate) async fn shake_hands(self, house: &House) -> Client<TlsStream<DuplexStream>> {
        let name = ServerName::try_from("sensor.example.com").unwrap();
        let connector = TlsConnector::from(client_config(house.certificates.path(), None));
        Client(connector.connect(name, self.0).await.unwrap())
    }

    /// The same, showing a certificate if there is one. With TLS 1.3 a server's refusal comes later.
    pub(crate) async fn try_shake_hands(
        self,
        house: &House,
        shown: Option<Shown>,
    ) -> std::io::Result<Client<TlsStream<DuplexStream>>> {
        let name = ServerName::try_from("sensor.example.com").unwrap();
        let connector = TlsConnector::from(client_config(house.certificates.path(), shown));
        connector.connect(name, self.0).await.map(Client)
    }
}

/// What a client shows: its certificate and the key to it.
pub(crate) type Shown = (CertificateDer<'static>, PrivateKeyDer<'static>);

pub(crate) fn client_config(certificates: &Path, shown: Option<Shown>) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificates.join("self-signed.crt.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let keys = provider.key_provider;
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    Arc::new(match shown {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            // Not asked whether the two belong together.
            let key = keys.load_private_key(key).unwrap();
            let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
            builder.with_client_cert_resolver(Arc::new(shown))
        }
    })
}

/// Lets everybody act who can, until all wait. The clock is a simulated one.
pub(crate) async fn all_wait() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}
