//! Whom a message says it is for: its fields, sub-addresses, a journal report. Said by whoever wrote them and
//! proved by nobody.

use sensor_mail::envelope::Provenance;
use sensor_mail::{ForwardPath, Recipient};

/// The most recipients that are named of one message.
const RECIPIENTS_MAX: usize = 5_000;

/// Adds those of a field, and whom their sub-addresses name. Whether there was room for all.
pub(crate) fn from_field(addresses: &[String], recipients: &mut Vec<Recipient>) -> bool {
    addresses.iter().all(|address| {
        let detail = sub_address(address);
        add(address, Provenance::Header, recipients)
            && detail.is_none_or(|address| add(&address, Provenance::SubAddress, recipients))
    })
}

/// Adds whom the sub-addresses of these recipients name: a feed may write into the sensor's own address, which is
/// all that its envelope has, whom a message was for. It is as little proved as what stands in a field.
pub fn name_sub_addresses(of: &[Recipient], recipients: &mut Vec<Recipient>) {
    for detail in of.iter().filter_map(|recipient| sub_address(recipient.path.as_str())) {
        add(&detail, Provenance::SubAddress, recipients);
    }
}

/// Adds those of the text of a journal report. Whether there was room for all.
///
/// Exchange writes a line for each: `Recipient: a@example.com` in its first format, `To: a@example.com`
/// with `Expanded: list@example.com` or `Forwarded: ...` behind in its later one.
pub(crate) fn from_report(text: &str, recipients: &mut Vec<Recipient>) -> bool {
    text.lines().filter_map(reported).all(|address| add(address, Provenance::Journal, recipients))
}

fn reported(line: &str) -> Option<&str> {
    const FIELDS: [&str; 4] = ["to", "cc", "bcc", "recipient"];
    let (field, value) = line.split_once(':')?;
    let is_recipient = FIELDS.iter().any(|known| field.trim().eq_ignore_ascii_case(known));
    let address = value.split(',').next()?.trim().trim_start_matches('<').trim_end_matches('>');
    is_recipient.then_some(address)
}

/// Whom `archive+bob=example.com@sensor.example.com` is about: `bob@example.com` (RFC 5233, and the way in
/// which VERP writes an address into another).
fn sub_address(address: &str) -> Option<String> {
    let (local, _) = address.rsplit_once('@')?;
    let (_, detail) = local.split_once('+')?;
    let (name, domain) = detail.rsplit_once('=')?;
    Some(format!("{name}@{domain}"))
}

/// Adds an address unless it is there, or is none.
fn add(address: &str, provenance: Provenance, recipients: &mut Vec<Recipient>) -> bool {
    let Ok(path) = ForwardPath::parse(address.trim()) else { return true };
    if recipients.iter().any(|other| other.provenance == provenance && other.path == path) {
        return true;
    }
    if recipients.len() >= RECIPIENTS_MAX {
        return false;
    }
    recipients.push(Recipient { path, parameters: Vec::new(), provenance, unscanned: false });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(recipients: &[Recipient]) -> Vec<(&str, Provenance)> {
        recipients.iter().map(|it| (it.path.as_str(), it.provenance)).collect()
    }

    #[test]
    fn a_report_names_recipients() {
        let mut recipients = Vec::new();
        let text = "Sender: alice@example.com\r\nSubject: To: nobody@example.com\r\nMessage-Id: <1@example.com>\r\n\
                    To: bob@example.com, Expanded: all@example.com\r\nBcc: <carol@example.com>\r\n\
                    Recipient: dave@example.com\r\nTo: not an address\r\nTo: bob@example.com\r\n";
        assert!(from_report(text, &mut recipients));
        let expected = ["bob@example.com", "carol@example.com", "dave@example.com"];
        assert_eq!(named(&recipients), expected.map(|address| (address, Provenance::Journal)));
    }

    #[test]
    fn a_sub_address_names_another() {
        for (address, expected) in [
            ("archive+bob=example.com@sensor.example.com", Some("bob@example.com")),
            ("archive+b=c=example.com@sensor.example.com", Some("b=c@example.com")),
            ("bob+lists@example.com", None),
            ("bob@example.com", None),
        ] {
            assert_eq!(sub_address(address).as_deref(), expected);
        }
        let mut recipients = Vec::new();
        assert!(from_field(&["archive+bob=example.com@sensor.example.com".to_owned()], &mut recipients));
        let expected = [
            ("archive+bob=example.com@sensor.example.com", Provenance::Header),
            ("bob@example.com", Provenance::SubAddress),
        ];
        assert_eq!(named(&recipients), expected);
    }

    #[test]
    fn sub_addresses_of_the_envelope_name_others() {
        let of = |address: &str| Recipient {
            path: ForwardPath::parse(address).unwrap(),
            parameters: Vec::new(),
            provenance: Provenance::Envelope,
            unscanned: false,
        };
        let envelope = [
            "archive+bob=example.com@sensor.example",
            "Archive+bob=example.com@sensor.example",
            "archive@sensor.example",
            "archive+carol=example.com@sensor.example",
            "archive+lists@sensor.example",
        ];
        let mut recipients = vec![of("carol@example.com")];
        name_sub_addresses(&envelope.map(of), &mut recipients);
        let expected = [
            ("carol@example.com", Provenance::Envelope),
            ("bob@example.com", Provenance::SubAddress),
            ("carol@example.com", Provenance::SubAddress),
        ];
        assert_eq!(named(&recipients), expected);
    }

    #[test]
    fn there_is_a_limit() {
        let addresses: Vec<String> = (0..=RECIPIENTS_MAX).map(|at| format!("u{at}@example.com")).collect();
        let mut recipients = Vec::new();
        assert!(!from_field(&addresses, &mut recipients));
        assert_eq!(recipients.len(), RECIPIENTS_MAX);
    }
}
