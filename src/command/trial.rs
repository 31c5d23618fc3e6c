//! Which listener a test message from this host can use, and how it must speak there.
//!
//! ```text
//!  listener      wants                                   a test from this host
//!  front         a PROXY header of 127.0.0.1             passes it by
//!  partners      a client's certificate                  passes it by
//!  submissions   TLS from the first octet                takes it, in such TLS
//!  relay         nothing                                 would have taken the next one
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sensor_ingress::Security;

use crate::cli::SendTls;
use crate::config::{Certificates, ListenerConfig};

/// A way in for a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trial<'a> {
    /// The listener's name.
    pub(super) listener: &'a str,
    /// Where it is for a client on this host.
    pub(super) server: SocketAddr,
    /// The TLS to use; none: in clear.
    pub(super) tls: Option<SendTls>,
}

impl<'a> Trial<'a> {
    /// By the first of `listeners` that takes a test: in the TLS that is `asked` for, or else as the listener wants
    /// it.
    pub(super) fn by(listeners: &'a [ListenerConfig], asked: Option<SendTls>) -> Option<Self> {
        listeners.iter().find_map(|listener| at(listener, asked))
    }
}

fn at(listener: &ListenerConfig, asked: Option<SendTls>) -> Option<Trial<'_>> {
    let server = seen_from_here(listener.address);
    let tls = tls_at(listener.security, asked)?;
    let wants_header = listener.proxies.contains(source_towards(server.ip()));
    let wants_certificate = listener.client_certificates == Certificates::Require;
    (!wants_header && !wants_certificate).then_some(Trial { listener: &listener.name, server, tls })
}

fn seen_from_here(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        // [::] takes IPv4 too; a host may well have no IPv6 loopback.
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// The address that a connection of this host to its own address `server` comes from.
fn source_towards(server: IpAddr) -> IpAddr {
    match server {
        IpAddr::V4(server) if server.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => server,
    }
}

/// The TLS to use; outer `None` where the listener has not what is asked for.
fn tls_at(security: Security, asked: Option<SendTls>) -> Option<Option<SendTls>> {
    match (security, asked) {
        (Security::None | Security::Opportunistic, None) => Some(None),
        (Security::Required, None)
        | (Security::Opportunistic | Security::Required, Some(SendTls::Starttls)) => {
            Some(Some(SendTls::Starttls))
        }
        (Security::Implicit, None | Some(SendTls::Implicit)) => Some(Some(SendTls::Implicit)),
        (Security::None, Some(_))
        | (Security::Opportunistic | Security::Required, Some(SendTls::Implicit))
        | (Security::Implicit, Some(SendTls::Starttls)) => None,
    }
}

#[cfg(test)]
mod tests {
    use sensor_policy::Networks;

    use super::*;

    const STARTTLS: Option<SendTls> = Some(SendTls::Starttls);
    const IMPLICIT: Option<SendTls> = Some(SendTls::Implicit);

    fn listener(address: &str, security: Security) -> ListenerConfig {
        ListenerConfig {
            name: format!("{security:?}"),
            address: address.parse().unwrap(),
            security,
            client_certificates: Certificates::Ignore,
            client_ca: None,
            proxies: Networks::default(),
            xclient: Networks::default(),
            xforward: Networks::default(),
        }
    }

    #[test]
    fn a_test_speaks_as_the_listener_wants_it() {
        for (security, asked, tls) in [
            (Security::None, None, Some(None)),
            (Security::None, STARTTLS, None),
            (Security::None, IMPLICIT, None),
            (Security::Opportunistic, None, Some(None)),
            (Security::Opportunistic, STARTTLS, Some(STARTTLS)),
            (Security::Opportunistic, IMPLICIT, None),
            (Security::Required, None, Some(STARTTLS)),
            (Security::Required, STARTTLS, Some(STARTTLS)),
            (Security::Required, IMPLICIT, None),
            (Security::Implicit, None, Some(IMPLICIT)),
            (Security::Implicit, STARTTLS, None),
            (Security::Implicit, IMPLICIT, Some(IMPLICIT)),
        ] {
            let one = [listener("[::]:25", security)];
            let trial = Trial::by(&one, asked);
            assert_eq!(trial.map(|trial| trial.tls), tls, "{security:?} {asked:?}");
            assert!(trial.is_none_or(|trial| trial.server.to_string() == "127.0.0.1:25"));
        }
    }

    #[test]
    fn a_listener_that_wants_what_a_test_has_not_is_passed_by() {
        let behind = |address: &str, proxy: &str| ListenerConfig {
            proxies: Networks::parse(&[proxy]).unwrap(),
            ..listener(address, Security::None)
        };
        let with_certificate = ListenerConfig {
            client_certificates: Certificates::Require,
            ..listener("127.0.0.1:465", Security::Implicit)
        };
        let takes = |listener: &ListenerConfig| Trial::by(std::slice::from_ref(listener), None).is_some();
        for (listener, expected) in [
            (behind("127.0.0.1:25", "127.0.0.1"), false),
            (behind("127.0.0.2:25", "127.0.0.1"), false),
            (behind("[::]:25", "127.0.0.0/8"), false),
            (behind("192.0.2.1:25", "192.0.2.0/24"), false),
            (behind("[2001:db8::1]:25", "2001:db8::/32"), false),
            // Its proxy is elsewhere: who connects from here is a client like others.
            (behind("127.0.0.1:25", "192.0.2.1"), true),
            (behind("192.0.2.1:25", "192.0.2.9"), true),
            (with_certificate.clone(), false),
        ] {
            assert_eq!(takes(&listener), expected, "{listener:?}");
        }
        let all = [
            behind("127.0.0.1:25", "127.0.0.1"),
            with_certificate,
            listener("127.0.0.1:587", Security::Required),
            listener("127.0.0.1:26", Security::None),
        ];
        assert_eq!(Trial::by(&all, None).unwrap().server.port(), 587);
        assert_eq!(Trial::by(&all, IMPLICIT), None);
    }
}
