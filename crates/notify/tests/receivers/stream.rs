//! Syslog by TCP and TLS.

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use sensor_notify::keys::KindName;
use tokio_rustls::TlsAcceptor;

use super::peer::{Act, Inbox, Speech, listen, taken};
use super::*;

/// Waits until the receiver has all of these events.
async fn until_all(inbox: &Inbox, keys: Vec<String>) {
    let keys = sorted(keys);
    let seen = || sorted(taken(inbox).iter().map(|message| key_in(message)).collect());
    let all = async {
        while seen() != keys {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("only {:?}", seen()));
}

#[tokio::test]
async fn a_receiver_that_works_gets_every_event_in_a_frame() {
    let (address, inbox) = listen(Speech::Frames, &[], None).await;
    let running = Running::start(KindName::Cef, &[("transport", "tcp"), ("address", &address.to_string())]);
    let keys = running.emit(30).await;
    running.until_delivered(30).await;
    until_all(&inbox, keys).await;
}

/// The first octets into a connection that was closed meanwhile would be taken by the kernel, and lost.
#[tokio::test]
async fn a_connection_that_was_closed_while_idle_takes_no_event() {
    let (address, inbox) = listen(Speech::Frames, &[Act::Once, Act::Once], None).await;
    let running =
        Running::start(KindName::Syslog, &[("transport", "tcp"), ("address", &address.to_string())]);
    let mut keys = Vec::new();
    for number in 0..3 {
        let event = event(number);
        running.sink.emit(&event).await;
        keys.push(key(&event));
        until_all(&inbox, keys.clone()).await;
    }
    running.until("delivered", |status| status.queued == 0).await;
}

#[tokio::test]
async fn a_receiver_that_is_absent_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let running = Running::start(KindName::Syslog, &[("transport", "tcp"), ("address", &address)]);
    running.emit(3).await;
    let status = running.until("refused", |status| status.failed_tries > 0).await;
    assert_eq!((status.queued, status.delivered), (3, 0));
    assert!(status.last_error.unwrap().text.starts_with("no connection"));
}

/// A certificate authority in a file, and a receiver that it vouches for under `name`.
fn authority(folder: &Path, name: &str) -> (String, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let path = folder.join(format!("{name}.pem"));
    std::fs::write(&path, issuer.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (path.to_str().unwrap().to_owned(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn tls_delivers_once_handshakes_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, acceptor) = authority(folder.path(), "127.0.0.1");
    let script = [Act::Hang, Act::Close];
    let (address, inbox) = listen(Speech::Frames, &script, Some(acceptor)).await;
    let running = Running::start(KindName::Syslog, &[("address", &address.to_string()), ("ca", &ca)]);
    let keys = running.emit(30).await;
    let status = running.until_delivered(30).await;
    assert_eq!(status.failed_tries, 2, "{status:?}");
    until_all(&inbox, keys).await;
}

/// A receiver of another name, one of another authority, and one without TLS get nothing.
#[tokio::test]
async fn nothing_is_told_to_who_does_not_prove_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, acceptor) = authority(folder.path(), "other.example.com");
    let (_, stranger) = authority(folder.path(), "127.0.0.1");
    for tls in [Some(acceptor), Some(stranger), None] {
        let (address, inbox) = listen(Speech::Frames, &[Act::Close; 0], tls).await;
        let running = Running::start(KindName::Syslog, &[("address", &address.to_string()), ("ca", &ca)]);
        running.emit(2).await;
        let status = running.until("refused", |status| status.failed_tries > 0).await;
        assert_eq!((status.delivered, status.queued), (0, 2));
        assert!(taken(&inbox).is_empty());
    }
}
