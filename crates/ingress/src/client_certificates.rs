//! Certificates that clients show in TLS.
//!
//! ```text
//!            no certificate    one that proves nothing     one of our authority
//!  ignore    (not asked for)   (not asked for)             (not asked for)
//!  request   TLS, recorded     TLS, recorded with why      TLS, recorded
//!  require   no TLS            no TLS                      TLS, recorded
//! ```
//!
//! A client that shows a certificate proves in the handshake that it holds the key: where it does not, there
//! is no TLS in any mode. Only a certificate that cannot be read at all proves nothing of the kind, and is
//! recorded as such.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use sensor_mail::Sha256;
use sensor_mail::envelope::ClientCertificate;
use sensor_mail::terminal::visible;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::tls::{TlsError, read};

/// The most of a subject that is recorded, in characters.
const SUBJECT_CHARS_MAX: usize = 512;
/// The most that is recorded of why a certificate proves nothing, in characters.
const PROBLEM_CHARS_MAX: usize = 512;

/// Whether a listener asks clients for a certificate, and who vouches for them.
#[derive(Clone, Debug, Default)]
pub enum ClientCertificates {
    /// It does not ask.
    #[default]
    Ignore,
    /// It asks, and records what came of it.
    Request(Authority),
    /// There is no TLS without a good one.
    Require(Authority),
}

/// Those whose certificates are believed.
#[derive(Clone)]
pub struct Authority(Arc<dyn ClientCertVerifier>);

impl Authority {
    /// Reads the certificates of authorities, PEM.
    ///
    /// # Errors
    /// When the file cannot be read, or holds none that can be used.
    pub fn load(file: &Path) -> Result<Self, TlsError> {
        let pem = |problem: String| TlsError::Pem { path: file.to_owned(), problem };
        let octets = read(file)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&octets) {
            let certificate = certificate.map_err(|error| pem(error.to_string()))?;
            roots.add(certificate).map_err(|error| pem(error.to_string()))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| pem(error.to_string()))?;
        Ok(Self(verifier))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority").field(&self.0.root_hint_subjects().len()).finish()
    }
}

impl ClientCertificates {
    /// What a handshake asks, in the terms of rustls.
    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match self {
            Self::Ignore => WebPkiClientVerifier::no_client_auth(),
            Self::Request(authority) => Arc::new(Requested(authority.clone())),
            Self::Require(Authority(verifier)) => Arc::clone(verifier),
        }
    }

    /// What came of it, when the handshake is over: the chain that the client showed, its own first.
    pub(crate) fn judge(
        &self,
        shown: Option<&[CertificateDer<'_>]>,
        now: UnixTime,
    ) -> Option<ClientCertificate> {
        let (Self::Request(Authority(verifier)) | Self::Require(Authority(verifier))) = self else {
            return None;
        };
        let Some((own, others)) = shown.and_then(<[_]>::split_first) else {
            return Some(ClientCertificate::Missing);
        };
        let (subject, sha256) = (subject(own), fingerprint(own));
        Some(match verifier.verify_client_cert(own, others, now) {
            Ok(_) => ClientCertificate::Verified { subject, sha256 },
            Err(error) => {
                let problem = shown_text(&error.to_string(), PROBLEM_CHARS_MAX);
                ClientCertificate::Unverified { subject, sha256, problem }
            }
        })
    }
}

fn subject(certificate: &CertificateDer<'_>) -> Box<str> {
    let parsed = X509Certificate::from_der(certificate);
    let text = parsed.map_or_else(|_| String::new(), |(_, parsed)| parsed.subject().to_string());
    shown_text(&text, SUBJECT_CHARS_MAX)
}

/// A subject is a stranger's text, and what is wrong with a certificate may quote it: a terminal is not to
/// be driven by it, nor its line turned around.
fn shown_text(text: &str, chars_max: usize) -> Box<str> {
    let start: String = text.chars().take(chars_max).collect();
    visible(&start).into()
}

/// SHA-256 of a certificate in DER.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Sha256 {
    let digest = digest::digest(&digest::SHA256, certificate);
    Sha256(digest.as_ref().try_into().expect("a SHA-256 digest has 32 octets"))
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Takes any certificate, and none; what it is worth is found out when the handshake is over.
struct Requested(Authority);

impl fmt::Debug for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requested").field(&self.0).finish()
    }
}

impl ClientCertVerifier for Requested {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.0.0.verify_tls12_signature(message, certificate, signed);
        unless_unreadable(certificate, checked)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.0.0.verify_tls13_signature(message, certificate, signed);
        unless_unreadable(certificate, checked)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.0.supported_verify_schemes()
    }
}

/// A certificate that cannot be read holds no key to check a signature by. It is judged as unverified by
/// the same reading, so nothing is believed of it.
fn unless_unreadable(
    certificate: &CertificateDer<'_>,
    checked: Result<HandshakeSignatureValid, Error>,
) -> Result<HandshakeSignatureValid, Error> {
    match ParsedCertificate::try_from(certificate) {
        Ok(_) => checked,
        Err(_) => Ok(HandshakeSignatureValid::assertion()),
    }
}
