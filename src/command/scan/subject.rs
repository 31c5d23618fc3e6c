//! A file as if this host had sent it.

use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use aws_lc_rs::digest;
use jiff::Timestamp;
use sensor_mail::description::HEADER_OCTETS_MAX;
use sensor_mail::envelope::{LineEndings, Origin, Protocol, SmtpOrigin, Tenant, Transfer};
use sensor_mail::{Description, Envelope, MailIds, NodeId, ReversePath, Sha256};
use sensor_pipeline::worker::sealed;
use sensor_pipeline::{Octets, Record};

/// What is looked at.
pub(super) struct Subject {
    pub(super) record: Record,
    pub(super) octets: Octets,
}

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

impl Subject {
    pub(super) fn read(source: &Path) -> anyhow::Result<Self> {
        let file = if source == Path::new(STANDARD_INPUT) { standard_input()? } else { File::open(source)? };
        anyhow::ensure!(file.metadata()?.is_file(), "not a file");
        let octets = file.metadata()?.len();
        let mut head = vec![0; usize::try_from(octets)?.min(HEADER_OCTETS_MAX)];
        file.read_exact_at(&mut head, 0)?;
        let description = Description::of(&head, head.len() as u64 == octets);
        let record = Record { sequence: None, envelope: envelope(octets, digest_of(&file)?), description };
        Ok(Self { record, octets: Octets::Filed(Arc::new(file), 0..octets) })
    }
}

/// It has no place to read from twice: a copy has.
fn standard_input() -> anyhow::Result<File> {
    sealed(|copy| io::copy(&mut io::stdin().lock(), copy).map(drop)).context("standard input")
}

fn digest_of(mut file: &File) -> io::Result<Sha256> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => context.update(&piece[..count]),
        }
    }
    Ok(Sha256(context.finish().as_ref().try_into().expect("a SHA-256 digest has 32 octets")))
}

/// Rules about clients see this host, those about senders the null reverse path.
fn envelope(octets: u64, sha256: Sha256) -> Envelope {
    #[expect(
        clippy::disallowed_methods,
        reason = "a scan by hand has no other time than that of its being asked"
    )]
    let arrival = Timestamp::now();
    let millis = u64::try_from(arrival.as_millisecond()).unwrap_or(0);
    Envelope {
        id: MailIds::new(NodeId::default(), 0).next(millis),
        tenant: Tenant::default(),
        node: NodeId::default(),
        arrival,
        origin: Origin::Smtp(SmtpOrigin {
            listener: "scan".into(),
            connection: 0,
            client: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            proxy: None,
            xclient: None,
            xforward: None,
            helo: None,
            protocol: Protocol::Esmtp,
            tls: None,
            transfer: Transfer::Data,
        }),
        reverse_path: ReversePath::Null,
        mail_parameters: Vec::new(),
        recipients: Vec::new(),
        octets,
        sha256,
        line_endings: LineEndings::default(),
    }
}
