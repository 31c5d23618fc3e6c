//! TLS towards a receiver, by rustls.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Failure;

/// Whom TLS trusts, and what it shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// The certificate authorities in PEM; none for those of the host.
    pub ca: Option<PathBuf>,
    /// A certificate of our own and its key, in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// TLS cannot be used as it is configured; the operator must act.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {problem}", path = path.display())]
    Pem {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The host has no certificate authorities.
    #[error("this host has no certificate authorities: install ca-certificates, or set ca")]
    NoAuthorities,
    /// The host of the receiver cannot stand in a certificate.
    #[error("{0} is no name that a certificate can have")]
    Name(String),
    /// Certificate and key cannot be used.
    #[error("the certificate and its key cannot be used: {0}")]
    Identity(rustls::Error),
}

/// What it takes to connect.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// TLS with `host`, whose certificate must have that name.
    pub(crate) fn new(options: &TlsOptions, host: &str) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has suites of TLS 1.2 and 1.3")
            .with_root_certificates(authorities(options.ca.as_deref())?);
        let config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(&read(key)?)
                    .map_err(|error| pem(key, format!("no private key in it: {error}")))?;
                builder.with_client_auth_cert(certificates(certificate)?, key).map_err(TlsError::Identity)?
            }
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub(super) async fn connect(&self, socket: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let connected = self.connector.connect(self.name.clone(), socket).await;
        connected.map_err(|error| Failure::peer("no TLS", error))
    }
}

fn authorities(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|error| pem(path, error.to_string()))?;
            }
        }
        // Some of what a host trusts may be unreadable; the rest counts.
        None => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if store.is_empty() { Err(TlsError::NoAuthorities) } else { Ok(store) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| pem(path, error.to_string()))?;
    if certificates.is_empty() { Err(pem(path, "no certificate in it".to_owned())) } else { Ok(certificates) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn pem(path: &Path, problem: String) -> TlsError {
    TlsError::Pem { path: path.to_owned(), problem }
}
