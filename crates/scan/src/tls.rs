//! TLS towards a peer, by rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sensor_pipeline::Budget;
use tokio_rustls::TlsConnector;

use crate::keys::{Key, Shape};
use crate::options::Options;
use crate::peer::Socket;
use crate::trouble::Trouble;
use crate::url::Url;

pub(crate) const CA: Key = Key::new(
    "ca",
    Shape::Path,
    "The certificate authorities of the peer, in PEM, for https. Not set: those of this host.",
)
.such_as("\"/etc/mailsensor/scan-ca.pem\"");

/// What it takes to speak TLS with one host.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// TLS where the URL wants it. `None`, with faults noted, where it cannot be had.
    pub(crate) fn of(url: &Url, options: &mut Options<'_>) -> Option<Option<Self>> {
        if !url.is_tls {
            return Some(None);
        }
        let Ok(name) = ServerName::try_from(url.host.clone()) else {
            options.fault("url", "a host that can stand in a certificate");
            return None;
        };
        match authorities(options.path(&CA).as_deref()) {
            Ok(store) => Some(Some(Self { connector: connector(store), name })),
            Err(problem) => {
                options.fault(CA.name, format!("a file with certificates in PEM: {problem}"));
                None
            }
        }
    }

    pub(crate) async fn connect(
        &self,
        socket: Box<dyn Socket>,
        budget: &Budget,
    ) -> Result<Box<dyn Socket>, Trouble> {
        let connected = budget.run(self.connector.connect(self.name.clone(), socket)).await?;
        Ok(Box::new(connected.map_err(|error| Trouble::at("no TLS", &error))?))
    }
}

fn connector(store: RootCertStore) -> TlsConnector {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites of TLS 1.2 and 1.3")
        .with_root_certificates(store)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn authorities(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
                let certificate = certificate.map_err(|error| error.to_string())?;
                store.add(certificate).map_err(|error| error.to_string())?;
            }
        }
        // Some of what a host trusts may be unreadable; the rest counts.
        None => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    match (store.is_empty(), ca) {
        (false, _) => Ok(store),
        (true, Some(_)) => Err("it holds no certificate".to_owned()),
        (true, None) => Err("this host has no certificate authorities".to_owned()),
    }
}
