//! Certificates that clients show.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use sensor_ingress::Authority;

use super::house::Shown;

/// An authority, a certificate of its making, and one of somebody else's.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
    good: Shown,
    foreign: Shown,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let (folder, (authority, other)) = (tempfile::tempdir().unwrap(), (issuer("one"), issuer("other")));
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let name = "relay.example.com";
        Self { folder, good: issued(&authority, name), foreign: issued(&other, name) }
    }

    pub(crate) fn authority(&self) -> Authority {
        Authority::load(&self.folder.path().join("ca.pem")).unwrap()
    }

    pub(crate) fn good(&self) -> Shown {
        clone(&self.good)
    }

    pub(crate) fn foreign(&self) -> Shown {
        clone(&self.foreign)
    }
}

/// A certificate whose subject is `name`, from an authority that nobody knows.
pub(crate) fn stranger(name: &str) -> Shown {
    issued(&issuer("nobody"), name)
}

fn clone(shown: &Shown) -> Shown {
    (shown.0.clone(), shown.1.clone_key())
}

fn issuer(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issued(issuer: &CertifiedIssuer<'static, KeyPair>, name: &str) -> Shown {
    let mut params = CertificateParams::new(["relay.example.com".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
}
