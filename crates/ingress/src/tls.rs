//! The certificate that listeners show, and what TLS they speak.
//!
//! TLS 1.2 and 1.3 only, with the suites that rustls considers safe and keys of RSA 2048 or better. With no
//! certificate configured, one that signs itself is made once and kept in the state directory: a relaying
//! mail server that does opportunistic TLS takes it, and an administrator can pin its fingerprint.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustix::fs::OFlags;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, ServerConfig};
use sensor_mail::Sha256;

use crate::client_certificates::{self, ClientCertificates, provider};

/// What is said of a key that the provider does not take. It does not tell why.
const USABLE_KEYS: &str = "the key cannot be used: RSA needs 2048 bits at least; ECDSA P-256, P-384 and P-521 and \
                           Ed25519 are taken too";
const VERSIONS_FIT: &str = "the suites of the provider are for these versions";

/// Where a certificate and its key are, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key of the first certificate: PKCS #8, PKCS #1 or SEC1.
    pub key: PathBuf,
}

/// A certificate with its key, ready to serve. Clones show the same one: when it is changed, it is for all.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
}

/// What listeners show to who shakes hands now.
#[derive(Debug)]
struct Shown(ArcSwap<Certificate>);

#[derive(Debug)]
struct Certificate {
    key: Arc<CertifiedKey>,
    fingerprint: String,
    not_after: Option<Timestamp>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no certificate or key in PEM that can be used.
    #[error("{path}: {problem}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificate and the key do not fit together.
    #[error("the key in {key} is not that of the first certificate in {certificate}")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate cannot be read, though it is one in PEM.
    #[error("the first certificate in {certificate} cannot be used: {source}")]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// Making a certificate failed.
    #[error("no self-signed certificate could be made: {0}")]
    Generate(#[from] rcgen::Error),
}

impl TlsIdentity {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// When a file cannot be read, is not PEM, or the two do not belong together.
    pub fn load(files: &CertificateFiles) -> Result<Self, TlsError> {
        let pem = |path: &Path, problem: String| TlsError::Pem { path: path.to_owned(), problem };
        let chain = CertificateDer::pem_slice_iter(&read(&files.certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| pem(&files.certificate, error.to_string()))?;
        let leaf = chain.first().ok_or_else(|| pem(&files.certificate, "no certificate in it".into()))?;
        let (fingerprint, not_after) = (fingerprint(leaf), not_after(leaf));
        let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
            .map_err(|error| pem(&files.key, format!("no private key in it: {error}")))?;
        let key =
            provider().key_provider.load_private_key(key).map_err(|_| pem(&files.key, USABLE_KEYS.into()))?;
        let key = Arc::new(CertifiedKey::new(chain, key));
        check_match(&key, files)?;
        let shown = Arc::new(Shown(ArcSwap::from_pointee(Certificate { key, fingerprint, not_after })));
        let resolver = Arc::clone(&shown) as Arc<dyn ResolvesServerCert>;
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect(VERSIONS_FIT)
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        Ok(Self { config: Arc::new(config), shown })
    }

    /// Shows what `fresh` shows, in each handshake that begins from now on, wherever this identity is in use.
    /// Load the fresh one first: where that fails, this one goes on as it is. Says whether it is another
    /// certificate.
    pub fn renew(&self, fresh: &Self) -> bool {
        let before = self.shown.0.swap(fresh.shown.0.load_full());
        before.fingerprint != self.shown.0.load().fingerprint
    }

    /// Reads the self-signed certificate in `folder`; makes it first if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be written or what is in it cannot be read.
    pub fn self_signed(folder: &Path, hostname: &str) -> Result<Self, TlsError> {
        let files = CertificateFiles {
            certificate: folder.join("self-signed.crt.pem"),
            key: folder.join("self-signed.key.pem"),
        };
        if !files.certificate.exists() {
            make_self_signed(&files, hostname)?;
        }
        Self::load(&files)
    }

    /// SHA-256 of the certificate in DER, as `openssl x509 -fingerprint -sha256` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.shown.0.load().fingerprint.clone()
    }

    /// The last moment at which clients believe the certificate; `None` where it does not tell in a form
    /// that is understood.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.shown.0.load().not_after
    }

    /// The same for a listener that asks clients for their certificate.
    #[must_use]
    pub fn server_config_for(&self, clients: &ClientCertificates) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect(VERSIONS_FIT)
            .with_client_cert_verifier(clients.verifier())
            .with_cert_resolver(Arc::clone(&self.config.cert_resolver));
        Arc::new(config)
    }

    /// What a TLS acceptor needs.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn check_match(key: &CertifiedKey, files: &CertificateFiles) -> Result<(), TlsError> {
    let certificate = files.certificate.clone();
    match key.keys_match() {
        // A kind of key that does not tell its public half: the handshake will show it.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        Err(Error::InconsistentKeys(_)) => Err(TlsError::Mismatch { certificate, key: files.key.clone() }),
        Err(source) => Err(TlsError::Unusable { certificate, source }),
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let Sha256(octets) = client_certificates::fingerprint(certificate);
    let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    pairs.join(":")
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    read_file(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// Waits for nobody: a pipe that is never written to would hold up the start, and every change after it.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    // Reading a directory fails by itself, in the words of the system.
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe or a device"));
    }
    let mut octets = Vec::new();
    file.read_to_end(&mut octets)?;
    Ok(octets)
}

/// The key is in place before the certificate: whoever sees the certificate finds its key.
fn make_self_signed(files: &CertificateFiles, hostname: &str) -> Result<(), TlsError> {
    let made = rcgen::generate_simple_self_signed([hostname.to_owned(), "localhost".to_owned()])?;
    place(&files.key, made.signing_key.serialize_pem().as_bytes())?;
    place(&files.certificate, made.cert.pem().as_bytes())
}

/// Writes a file that only its owner reads, whole or not at all.
fn place(path: &Path, content: &[u8]) -> Result<(), TlsError> {
    let fresh = path.with_extension("new");
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = owner_only().open(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn owner_only() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_self_signed_certificate_is_made_once_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let tls = folder.path().join("tls");
        let first = TlsIdentity::self_signed(&tls, "sensor.example.com").unwrap();
        let again = TlsIdentity::self_signed(&tls, "other.example.com").unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(first.fingerprint().len(), 32 * 3 - 1);
        let mode = fs::metadata(tls.join("self-signed.key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_end_of_a_certificate_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles {
            certificate: folder.path().join("chain.pem"),
            key: folder.path().join("key.pem"),
        };
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(["sensor.example.com".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2027, 1, 2);
        place(&files.certificate, parameters.self_signed(&key).unwrap().pem().as_bytes()).unwrap();
        place(&files.key, key.serialize_pem().as_bytes()).unwrap();
        let not_after = TlsIdentity::load(&files).unwrap().not_after().unwrap();
        assert_eq!(not_after.to_string(), "2027-01-02T00:00:00Z");
    }

    /// Made for this test, and used by nobody.
    const RSA_1024: &str = "\
-----BEGIN PRIVATE KEY-----
MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBALNfCa/Z9p3lPQMD
QPI9qUq/r4zSpXJbzcObC6I5idK6+YgrwjANvVO/yR9QZQQIqCxFC8NseehyP1gt
zy8Tndxmke/FckQb8QkezT3GX2F2Ux97gzd3cNj0evREOHODkIHccmx4fr0xki+u
66pUl5Wqk4D53NcK6+x0hDu/DZJ5AgMBAAECgYAerEbUynoQwC2xwTGu+vpjLOpR
M4hVSPuj0nSn1h0KayzWq1z2qLLSin5TG4VarjxL7ba4QWmLZVYNty+xxjH9QD/B
cCLtkAsh8vqgpCY0ku8WUPXazGjNy1yoq18FfZYmsfZESselMoIeM4ahBxBU/nAE
52v+3jLWJgN+Y00r8QJBANxiNzFocMZ/QI9gcysLc2pDrkE4kAmSn6m7n1Us63iI
ROCGoqmLvJE3Kn49QLHA7h/kQgUgTywuJzftj9QAOtUCQQDQXAsW1AmWEurMlcHi
yKnKGQ2tam8Xtr8lu0mxw8Mlg+cvBXsRZorMpAKGkwjEOf8sF4nks/sbn9DGlyo4
l0MVAkAavmx2OXdeDzk1bP3s3lHeNmJiFcwc7Uck4NjgDDhzAw5gtNXufz+d27Tz
Ztl/+KqtAhUk7BvPf7ZQqiqHDpQVAkBrirZmh/aSsRzjj4BNL0kDeL7ofQDt+nLa
ZLp6uBHnMReH24pTxttpGFX9Y7KopU6hUVzo4ESBU5GMjsVKBDipAkBVhhATyn2T
ZfUrW+GLNxzXMa5ZVI+UTTs/5yQsfjTXC6aYJ/ZuRnR4yWvjyqkOEKjSIf9ZOjSV
6UbNj9vgfCZ+
-----END PRIVATE KEY-----
";

    #[test]
    fn what_cannot_serve_is_refused_by_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let one = folder.path().join("one");
        let two = folder.path().join("two");
        TlsIdentity::self_signed(&one, "one.example.com").unwrap();
        TlsIdentity::self_signed(&two, "two.example.com").unwrap();
        let load = |certificate: PathBuf, key: PathBuf| {
            TlsIdentity::load(&CertificateFiles { certificate, key }).map(|_| ()).unwrap_err().to_string()
        };
        let (cert, key) = (one.join("self-signed.crt.pem"), one.join("self-signed.key.pem"));
        assert!(load(folder.path().join("none.pem"), key.clone()).contains("none.pem: No such file"));
        assert!(load(key.clone(), key.clone()).contains("no certificate in it"));
        assert!(load(cert.clone(), cert.clone()).contains("no private key in it"));
        let other = two.join("self-signed.key.pem");
        assert_eq!(
            load(cert.clone(), other.clone()),
            format!(
                "the key in {} is not that of the first certificate in {}",
                other.display(),
                cert.display()
            )
        );
        let weak = folder.path().join("weak.pem");
        fs::write(&weak, RSA_1024).unwrap();
        assert!(load(cert.clone(), weak).contains("weak.pem: the key cannot be used: RSA needs 2048 bits"));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(load(cert, pipe).contains("pipe: it is a pipe"));
    }
}
