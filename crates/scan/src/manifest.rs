//! What is told of a message to programs and webhooks, as JSON.

use sensor_mail::Part;
use sensor_mail::envelope::Origin;
use sensor_pipeline::Dissected;
use serde::Serialize;

/// ```json
/// { "message": "<mail id>", "arrival": "2026-11-22T10:00:00Z", "from": "alice@example.com",
///   "recipients": ["bob@example.com"], "client": "192.0.2.1", "helo": "mx.example.com",
///   "octets": 1234, "sha256": "...", "parts": [ { "id": 0, "path": "", ... } ] }
/// ```
#[derive(Serialize)]
struct Manifest<'a> {
    message: String,
    arrival: jiff::Timestamp,
    /// Empty for mail from nobody.
    from: &'a str,
    recipients: Vec<&'a str>,
    client: std::net::IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    helo: Option<&'a str>,
    octets: u64,
    sha256: sensor_mail::Sha256,
    parts: Vec<&'a Part>,
}

pub(crate) fn manifest(mail: &Dissected) -> Vec<u8> {
    let envelope = &mail.record.envelope;
    let Origin::Smtp(origin) = &envelope.origin;
    let manifest = Manifest {
        message: envelope.id.to_string(),
        arrival: envelope.arrival,
        from: envelope.reverse_path.as_str(),
        recipients: envelope.recipients.iter().map(|recipient| recipient.path.as_str()).collect(),
        client: origin.client,
        helo: origin.helo.as_deref(),
        octets: envelope.octets,
        sha256: envelope.sha256,
        parts: mail.parts.iter().map(|piece| &piece.part).collect(),
    };
    serde_json::to_vec(&manifest).expect("texts and numbers are JSON")
}
