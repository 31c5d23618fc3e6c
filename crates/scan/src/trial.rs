//! Tries of scanners, with mail in which they should find something.

use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;
use jiff::Timestamp;
use sensor_mail::envelope::{
    LineEndings, Origin, Protocol, Provenance, Recipient, SmtpOrigin, Tenant, Transfer,
};
use sensor_mail::finding::{Finding, Gap};
use sensor_mail::part::{PartFlag, PartPath, Role};
use sensor_mail::{
    Blake3, Description, Envelope, ForwardPath, MailId, NodeId, Part, PartId, ReversePath, Sha256,
};
use sensor_pipeline::{Budget, Dissected, Octets, Piece, Record, Report};

use crate::kind::Installed;

/// What a trial showed.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What became of it.
    pub outcome: Outcome,
    /// The version of the scanner's rules, in its own words.
    pub ruleset: Option<Box<str>>,
}

/// What became of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It found what it should, and perhaps more.
    Found(Vec<Finding>),
    /// It answers, but does not know what it was shown.
    Silent,
    /// It did not look at everything.
    Missed(Vec<Gap>),
}

/// Shows a scanner mail in which it should find something.
pub async fn try_out(scanner: &dyn Installed, id: MailId, at: Timestamp, budget: &Budget) -> Trial {
    let mail = scanner.sample().mail(id, at);
    let mut report = Report::of(scanner.name());
    scanner.scan(&mail, budget, &mut report).await;
    let outcome = match (report.gaps(), report.findings()) {
        ([], []) => Outcome::Silent,
        ([], found) => Outcome::Found(found.to_vec()),
        (gaps, _) => Outcome::Missed(gaps.to_vec()),
    };
    let (_, coverage) = report.conclude(false, std::time::Duration::ZERO);
    Trial { outcome, ruleset: coverage.ruleset.or_else(|| scanner.ruleset()) }
}

/// A file that a scanner knows, sent by mail.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The name of the file.
    pub file: Box<str>,
    /// Its media type, declared and detected.
    pub media_type: Box<str>,
    /// What is remarkable about it.
    pub flags: Vec<PartFlag>,
    /// A line of text: what it holds.
    pub line: String,
    /// The size that the manifest gives for it, where that is not its own.
    pub claimed_octets: Option<u64>,
}

impl Sample {
    /// The EICAR test file, which scanners for malware know. It is put together here, so that none finds it in
    /// this program.
    #[must_use]
    pub fn eicar() -> Self {
        Self::of(
            "eicar.com",
            ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat(),
        )
    }

    /// GTUBE, which scanners for spam know.
    #[must_use]
    pub fn gtube() -> Self {
        Self::of(
            "gtube.txt",
            ["XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-", "ANTI-UBE-TEST-EMAIL*C.34X"].concat(),
        )
    }

    /// A file in which nobody should find anything.
    #[must_use]
    pub fn harmless() -> Self {
        Self::of("notes.txt", "Nothing to see here.".to_owned())
    }

    fn of(file: &str, line: String) -> Self {
        Self {
            file: file.into(),
            media_type: "text/plain".into(),
            flags: Vec::new(),
            line,
            claimed_octets: None,
        }
    }

    /// A message from and to nobody, with the file as its attachment, taken apart: 0 is the message, 1 its
    /// text, 2 the file.
    #[must_use]
    pub fn mail(&self, id: MailId, at: Timestamp) -> Dissected {
        const TEXT: &str = "This message tries a scanner.";
        let message = self.message(TEXT, at);
        let file = Bytes::from(self.line.clone().into_bytes());
        let parts = vec![
            piece(0, "", Role::Message, message.clone()),
            piece(1, "1", Role::Body, Bytes::from_static(TEXT.as_bytes())),
            self.file(piece(2, "2", Role::Attachment, file)),
        ];
        let record = Record {
            sequence: None,
            envelope: envelope(id, at, &message),
            description: Description::of(&message, true),
        };
        Dissected { record: Arc::new(record), parts: parts.into() }
    }

    fn file(&self, piece: Piece) -> Piece {
        let part = Part {
            declared: Some(self.media_type.clone()),
            detected: Some(self.media_type.clone()),
            name: Some(self.file.clone()),
            flags: self.flags.clone(),
            octets: self.claimed_octets.unwrap_or(piece.part.octets),
            ..piece.part
        };
        Piece { part, ..piece }
    }

    /// The line break before a boundary belongs to the boundary (RFC 2046 section 5.1.1): the file is the line
    /// and nothing else.
    fn message(&self, text: &str, at: Timestamp) -> Bytes {
        let Self { file, media_type, line, .. } = self;
        let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
        format!(
            "From: Trial <sensor@example.com>\r\nTo: nobody@example.com\r\nSubject: A trial\r\nDate: {date}\r\n\
             Message-ID: <trial@example.com>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=\"trial\"\r\n\r\n\
             --trial\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
             --trial\r\nContent-Type: {media_type}; name=\"{file}\"\r\n\
             Content-Disposition: attachment; filename=\"{file}\"\r\n\r\n{line}\r\n--trial--\r\n"
        )
        .into()
    }
}

fn piece(number: u32, path: &str, role: Role, octets: Bytes) -> Piece {
    let part = Part {
        id: PartId(number),
        parent: (number > 0).then_some(PartId::MESSAGE),
        path: PartPath(path.into()),
        role,
        declared: None,
        detected: None,
        name: None,
        octets: octets.len() as u64,
        sha256: sha256(&octets),
        blake3: Blake3(*blake3::hash(&octets).as_bytes()),
        entropy: 0,
        flags: Vec::new(),
        gaps: Vec::new(),
    };
    Piece { part, octets: Octets::Held(octets) }
}

fn sha256(octets: &[u8]) -> Sha256 {
    let digest = digest::digest(&digest::SHA256, octets);
    Sha256(digest.as_ref().try_into().expect("a SHA-256 digest has 32 octets"))
}

fn envelope(id: MailId, arrival: Timestamp, message: &[u8]) -> Envelope {
    let recipient = Recipient {
        path: ForwardPath::parse("nobody@example.com").expect("an address"),
        parameters: Vec::new(),
        provenance: Provenance::Envelope,
        unscanned: false,
    };
    Envelope {
        id,
        tenant: Tenant::default(),
        node: NodeId::default(),
        arrival,
        origin: Origin::Smtp(SmtpOrigin {
            listener: "trial".into(),
            connection: 0,
            client: std::net::Ipv4Addr::LOCALHOST.into(),
            port: 0,
            proxy: None,
            xclient: None,
            xforward: None,
            helo: Some("trial.example.com".into()),
            protocol: Protocol::Esmtp,
            tls: None,
            transfer: Transfer::Data,
        }),
        reverse_path: ReversePath::Null,
        mail_parameters: Vec::new(),
        recipients: vec![recipient],
        octets: message.len() as u64,
        sha256: sha256(message),
        line_endings: LineEndings::default(),
    }
}
