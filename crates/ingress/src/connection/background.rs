//! How much of a message's header in the spool goes to what is known of the other side: a client alone has
//! none of it, and recipients get the room.

use sensor_mail::envelope::{ClientCertificate, XClient, XForward};

use crate::intake::stored_text_octets_max;

/// An address and a port, with the names of the members.
pub(super) const PROXY_OCTETS_MAX: usize = 128;
/// The names of all members, numbers and addresses; texts come on top.
const INTRODUCTION_OCTETS_MAX: usize = 512;
const FORWARDED_OCTETS_MAX: usize = 192;
const CERTIFICATE_OCTETS_MAX: usize = 256;

pub(super) fn introduction_octets_max(said: &XClient) -> usize {
    let XClient { name, protocol, helo, login, address: _, port: _, destination: _, destination_port: _ } =
        said;
    INTRODUCTION_OCTETS_MAX + texts([name, protocol, helo, login])
}

pub(super) fn forwarded_octets_max(said: &XForward) -> usize {
    let XForward { name, address, protocol, helo, ident, port: _, source: _ } = said;
    FORWARDED_OCTETS_MAX + texts([name, address, protocol, helo, ident])
}

pub(super) fn certificate_octets_max(certificate: &ClientCertificate) -> usize {
    let text = |text: &str| stored_text_octets_max(text);
    CERTIFICATE_OCTETS_MAX
        + match certificate {
            ClientCertificate::Missing => 0,
            ClientCertificate::Verified { subject, sha256: _ } => text(subject),
            ClientCertificate::Unverified { subject, sha256: _, problem } => text(subject) + text(problem),
        }
}

fn texts<const N: usize>(texts: [&Option<Box<str>>; N]) -> usize {
    texts.into_iter().flatten().map(|text| stored_text_octets_max(text)).sum()
}
