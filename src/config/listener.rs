//! `[[smtp.listener]]`: an address that mail servers connect to, and how it receives them.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use sensor_ingress::{Authority, ClientCertificates, Reception, Security, TlsError, in_conflict};
use sensor_policy::Networks;
use sensor_settings::{Form, Key, Reload, Table};

use super::smtp::item_faults;

#[derive(Clone, Debug)]
pub(crate) struct ListenerConfig {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) security: Security,
    pub(crate) client_certificates: Certificates,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) proxies: Networks,
    pub(crate) xclient: Networks,
    pub(crate) xforward: Networks,
}

/// `client_certificates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificates {
    Ignore,
    Request,
    Require,
}

impl ListenerConfig {
    /// How it receives those who connect.
    ///
    /// # Errors
    /// When `client_ca` cannot be used.
    pub(crate) fn reception(&self) -> Result<Reception, TlsError> {
        let authority = self.client_ca.as_deref().map(Authority::load).transpose()?;
        let client_certificates = match (self.client_certificates, authority) {
            (Certificates::Ignore, _) | (_, None) => ClientCertificates::Ignore,
            (Certificates::Request, Some(authority)) => ClientCertificates::Request(authority),
            (Certificates::Require, Some(authority)) => ClientCertificates::Require(authority),
        };
        Ok(Reception {
            proxies: self.proxies.clone(),
            xclient: self.xclient.clone(),
            xforward: self.xforward.clone(),
            client_certificates,
        })
    }
}

pub(super) const SECURITY: &[(&str, Security)] = &[
    ("none", Security::None),
    ("opportunistic", Security::Opportunistic),
    ("required", Security::Required),
    ("implicit", Security::Implicit),
];
const CERTIFICATES: &[(&str, Certificates)] = &[
    ("ignore", Certificates::Ignore),
    ("request", Certificates::Request),
    ("require", Certificates::Require),
];

pub(super) fn listeners(smtp: &Table<'_>, security: Security) -> Vec<ListenerConfig> {
    let mut seen = Seen::default();
    let mut listeners = smtp.tables("listener", "An address that mail servers connect to.", |table| {
        let listener = listener(table, security);
        if table.is_present() {
            seen.check(table, &listener);
        }
        Some(listener)
    });
    if listeners.is_empty() {
        listeners.push(ListenerConfig {
            name: "default".to_owned(),
            address: DEFAULT_ADDRESS.parse().expect("an address and a port"),
            security,
            client_certificates: Certificates::Ignore,
            client_ca: None,
            proxies: Networks::default(),
            xclient: Networks::default(),
            xforward: Networks::default(),
        });
    }
    listeners
}

/// What listeners must not share. A default that stands in for a faulty value is not one of them.
#[derive(Default)]
struct Seen {
    names: HashSet<String>,
    /// With the listener's name in words.
    addresses: Vec<(SocketAddr, String)>,
}

impl Seen {
    fn check(&mut self, table: &Table<'_>, listener: &ListenerConfig) {
        let ListenerConfig { name, address, .. } = listener;
        let is_named = table.is_sound(LISTENER_NAME.name);
        if is_named && !self.names.insert(name.clone()) {
            table.fault_at(LISTENER_NAME.name, "another listener has this name");
        }
        if !table.is_sound(ADDRESS.name) {
            return;
        }
        match self.addresses.iter().find(|(taken, _)| in_conflict(*taken, *address)) {
            Some((taken, other)) if taken == address => {
                table.fault_at(ADDRESS.name, format!("{other} has this address"));
            }
            Some((taken, other)) => {
                table.fault_at(ADDRESS.name, format!("{other} listens on {taken}: only one of them can"));
            }
            None => {
                let named = if is_named { format!("listener {name}") } else { "another listener".into() };
                self.addresses.push((*address, named));
            }
        }
    }
}

const DEFAULT_ADDRESS: &str = "127.0.0.1:2525";

fn listener(table: &Table<'_>, security: Security) -> ListenerConfig {
    let listener = ListenerConfig {
        name: table.read(LISTENER_NAME, &Form::text("a name"), "default"),
        address: table.read(ADDRESS, &Form::socket_address(), DEFAULT_ADDRESS),
        security: table.optional(LISTENER_SECURITY, &Form::words(SECURITY)).unwrap_or(security),
        client_certificates: table.read(CLIENT_CERTIFICATES, &Form::words(CERTIFICATES), "ignore"),
        client_ca: table.optional(CLIENT_CA, &Form::path()),
        proxies: networks(table, PROXY),
        xclient: networks(table, XCLIENT),
        xforward: networks(table, XFORWARD),
    };
    check_certificates(table, &listener);
    listener
}

/// A certificate can be insisted on only where nobody gets by without TLS, and looked at only where somebody
/// says whose are good.
fn check_certificates(table: &Table<'_>, listener: &ListenerConfig) {
    let ListenerConfig { security, client_certificates, client_ca, .. } = listener;
    match (client_certificates, security) {
        (Certificates::Ignore, _)
        | (_, Security::Required | Security::Implicit)
        | (Certificates::Request, Security::Opportunistic) => {}
        (Certificates::Require, Security::None | Security::Opportunistic) => table.fault_at(
            CLIENT_CERTIFICATES.name,
            "nobody can be made to show a certificate where TLS is not needed: \
             set security to required or implicit, or ask only (request)",
        ),
        (Certificates::Request, Security::None) => {
            table.fault_at(CLIENT_CERTIFICATES.name, "security is none: there is no TLS to show one in");
        }
    }
    match (client_certificates, client_ca) {
        (Certificates::Ignore, None) | (Certificates::Request | Certificates::Require, Some(_)) => {}
        (Certificates::Request | Certificates::Require, None) => {
            table.fault_at(CLIENT_CERTIFICATES.name, "certificates need an authority: set client_ca too");
        }
        (Certificates::Ignore, Some(_)) => table.fault_at(
            CLIENT_CA.name,
            "certificates are not asked for: set client_certificates to request or require",
        ),
    }
}

fn networks(table: &Table<'_>, key: Key) -> Networks {
    table.list(key, "a list of addresses and blocks such as 10.0.0.1 and 2001:db8::/64", |entries| {
        Networks::parse(entries).map_err(item_faults)
    })
}

const LISTENER_NAME: Key = Key::new("name", "What the listener is called in logs and records.", Reload::Live);
const ADDRESS: Key = Key::new(
    "address",
    "Where it listens; [::]:25 takes IPv4 and IPv6. Port 0: a free one, shown at the start.",
    Reload::Live,
);
const LISTENER_SECURITY: Key = Key::new(
    "security",
    "What smtp.tls.security is for this listener alone. Not set: the same.",
    Reload::Live,
)
.example("\"required\"");
const CLIENT_CERTIFICATES: Key = Key::new(
    "client_certificates",
    "Whether clients are asked for a certificate in TLS: request records what it is worth; with require\n\
     there is no TLS without a good one, which needs security required or implicit.",
    Reload::Live,
);
const CLIENT_CA: Key = Key::new(
    "client_ca",
    "Certificates of the authorities whose clients' certificates are good, PEM.",
    Reload::Live,
)
.example("\"/etc/mailsensor/clients.pem\"");
const PROXY: Key = Key::new(
    "proxy",
    "Proxies and load balancers that begin each connection with a PROXY header (version 1 or 2). One from\n\
     here without a header is closed; a header from elsewhere is none. Clients are those behind the proxy:\n\
     list them in smtp.clients.",
    Reload::Live,
);
const XCLIENT: Key = Key::new(
    "xclient",
    "Clients that may speak for others by XCLIENT: smtp.clients and the record then see the other.",
    Reload::Live,
);
const XFORWARD: Key = Key::new(
    "xforward",
    "Clients that may say by XFORWARD where they had a message from. It changes only the record.",
    Reload::Live,
);
