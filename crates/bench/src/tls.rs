//! TLS at both ends of a measurement: the same kind of certificate for all servers, a client that takes any.
//!
//! It promises that a handshake is a whole one: no session is resumed, since a server that is measured with
//! resumption shows what its cache does, not what its handshakes cost. It lacks trust: a client that stays on
//! the loopback interface knows whom it talks to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The name in the certificate, and the one that clients ask for.
pub(crate) const SERVER_NAME: &str = "localhost";
const CERTIFICATE_FILE: &str = "cert.pem";
const KEY_FILE: &str = "key.pem";

/// What `sensor-bench certificate` makes.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The directory that cert.pem and key.pem are written into.
    #[arg(long)]
    pub dir: PathBuf,
}

/// What keeps a server from speaking TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what its name says.
    #[error("{path}: {source}")]
    Pem {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// No key can be made.
    #[error("no certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Certificate and key do not fit.
    #[error("no TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Writes a self-signed certificate for `localhost` and its key, ECDSA P-256.
///
/// # Errors
/// When the files cannot be written.
pub fn run(options: &Options) -> Result<(), TlsError> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = rcgen::CertificateParams::new([SERVER_NAME.to_owned()])?.self_signed(&key)?;
    let in_dir = |name| options.dir.join(name);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { path, source }
    };
    let path = in_dir(CERTIFICATE_FILE);
    fs::write(&path, certificate.pem()).map_err(at(&path))?;
    let path = in_dir(KEY_FILE);
    create_private(&path)
        .and_then(|mut file| file.write_all(key.serialize_pem().as_bytes()))
        .map_err(at(&path))
}

fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The server's end, with the certificate that [`run`] wrote into `dir`.
pub(crate) fn acceptor(dir: &Path) -> Result<TlsAcceptor, TlsError> {
    let mut config = server_config(dir)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn server_config(dir: &Path) -> Result<ServerConfig, TlsError> {
    let at = |name| {
        let path = dir.join(name);
        move |source| TlsError::Pem { path, source }
    };
    let certificate =
        CertificateDer::from_pem_file(dir.join(CERTIFICATE_FILE)).map_err(at(CERTIFICATE_FILE))?;
    let key = PrivateKeyDer::from_pem_file(dir.join(KEY_FILE)).map_err(at(KEY_FILE))?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(builder.with_no_client_auth().with_single_cert(vec![certificate], key)?)
}

/// The client's end, which takes any certificate and resumes nothing.
pub(crate) fn connector() -> TlsConnector {
    let mut config = client_config();
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

fn client_config() -> ClientConfig {
    let provider = provider();
    ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has the ciphers of TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Whoever the server says it is; that it holds the key is verified, as every client does.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rustls::HandshakeKind;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn certificate() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        run(&Options { dir: dir.path().to_owned() }).unwrap();
        dir
    }

    #[test]
    fn a_key_is_not_overwritten_and_a_directory_not_made() {
        let dir = certificate();
        for (path, file) in [(dir.path().to_owned(), "key.pem"), (dir.path().join("none"), "none/cert.pem")] {
            let error = run(&Options { dir: path }).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: ", dir.path().join(file).display())), "{error}");
        }
    }

    #[test]
    fn a_file_that_holds_something_else_is_named() {
        for name in [CERTIFICATE_FILE, KEY_FILE] {
            let dir = certificate();
            fs::write(dir.path().join(name), "nothing").unwrap();
            let error = acceptor(dir.path()).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn the_key_is_readable_by_nobody_else() {
        let mode = fs::metadata(certificate().path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    /// How the second of two handshakes went. An octet is read after each, and tickets with it.
    async fn second_handshake(acceptor: TlsAcceptor, connector: TlsConnector) -> Option<HandshakeKind> {
        let mut kind = None;
        for _ in 0..2 {
            let (client, server) = tokio::io::duplex(1 << 14);
            let name = ServerName::try_from(SERVER_NAME).unwrap();
            let (client, server) = tokio::join!(connector.connect(name, client), acceptor.accept(server));
            let (mut client, mut server) = (client.unwrap(), server.unwrap());
            server.write_u8(0).await.unwrap();
            server.flush().await.unwrap();
            client.read_u8().await.unwrap();
            kind = client.get_ref().1.handshake_kind();
        }
        kind
    }

    #[tokio::test]
    async fn no_session_is_resumed_whatever_the_other_end_would_do() {
        let dir = certificate();
        let resuming_acceptor = TlsAcceptor::from(Arc::new(server_config(dir.path()).unwrap()));
        let resuming_connector = TlsConnector::from(Arc::new(client_config()));
        for (acceptor, connector, kind) in [
            (resuming_acceptor.clone(), resuming_connector.clone(), HandshakeKind::Resumed),
            (resuming_acceptor, connector(), HandshakeKind::Full),
            (acceptor(dir.path()).unwrap(), resuming_connector, HandshakeKind::Full),
        ] {
            assert_eq!(second_handshake(acceptor, connector).await, Some(kind));
        }
    }
}
