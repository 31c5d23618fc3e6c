//! An envelope for the tests of other crates.

use crate::envelope::{LineEndings, Origin, Protocol, Provenance, Recipient, SmtpOrigin, Tenant, Transfer};
use crate::{Envelope, ForwardPath, MailId, NodeId, ReversePath, Sha256};

/// The envelope of a message from nobody to `bob@example.com`.
///
/// # Panics
/// Never: what it is made of is well formed.
#[must_use]
pub fn envelope(id: MailId, octets: u64, sha256: Sha256) -> Envelope {
    let recipient = Recipient {
        path: ForwardPath::parse("bob@example.com").expect("an address"),
        parameters: vec![],
        provenance: Provenance::Envelope,
        unscanned: false,
    };
    Envelope {
        id,
        tenant: Tenant::default(),
        node: NodeId::default(),
        arrival: "2026-11-22T10:00:00Z".parse().expect("a time"),
        origin: Origin::Smtp(SmtpOrigin {
            listener: "relay".into(),
            connection: 1,
            client: "192.0.2.1".parse().expect("an address"),
            port: 4000,
            proxy: None,
            xclient: None,
            xforward: None,
            helo: None,
            protocol: Protocol::Esmtp,
            tls: None,
            transfer: Transfer::Data,
        }),
        reverse_path: ReversePath::Null,
        mail_parameters: vec![],
        recipients: vec![recipient],
        octets,
        sha256,
        line_endings: LineEndings::default(),
    }
}
