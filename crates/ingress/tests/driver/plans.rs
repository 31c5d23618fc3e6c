//! Listeners that change on real sockets while the gate is open: addresses, names, certificates.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use rustls::pki_types::ServerName;
use sensor_ingress::{
    BindError, ClientCertificates, ListenerPlan, ListenerState, Reception, Security, TlsIdentity,
};
use sensor_policy::Networks;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificates::Certificates;
use crate::gate::{LONG, address_of, connect, gate_of, house, is_refused, loopback, plan, replace, states};
use crate::house::{Client, Shown, client_config};

#[tokio::test]
async fn nobody_is_taken_in_by_a_change_before_it_is_carried_out() {
    let house = house();
    let free = || std::net::TcpListener::bind(loopback(0)).unwrap().local_addr().unwrap();
    let (old, new) = (free(), free());
    let gate = gate_of(&house, vec![plan("relay", old)]);
    // From closed to open: who connects to a socket that is bound already waits.
    let prepared = gate.prepare(vec![plan("relay", old)], true, LONG).await.unwrap();
    let mut early = connect(old).await;
    assert!(!gate.status().is_open);
    prepared.carry_out().await;
    early.expect("220 ").await;
    // What is dropped is undone, also where our own socket was in the way.
    let wide = SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, old.port()));
    drop(gate.prepare(vec![plan("wide", wide)], true, LONG).await.unwrap());
    drop(gate.prepare(vec![plan("relay", new)], true, LONG).await.unwrap());
    drop(gate.prepare(vec![plan("relay", new)], false, LONG).await.unwrap());
    gate.enable().await.unwrap();
    connect(old).await.expect("220 ").await;
    assert!(is_refused(new).await);
    // Moved and closed as one: nothing is bound, and nothing is open any more.
    let taken = std::net::TcpListener::bind(new).unwrap();
    gate.prepare(vec![plan("relay", new)], false, LONG).await.unwrap().carry_out().await;
    assert!(!gate.status().is_open && is_refused(old).await);
    let faults = gate.prepare(vec![plan("relay", new)], true, LONG).await.map(drop).unwrap_err();
    assert!(faults[0].to_string().contains(&new.to_string()));
    drop(taken);
    replace(&gate, vec![plan("relay", old)]).await.unwrap();
    assert!(is_refused(old).await, "it is closed as before");
    gate.enable().await.unwrap();
    connect(old).await.expect("220 ").await;
}

#[tokio::test]
async fn a_change_of_plans_touches_only_what_changes() {
    let house = house();
    let ports: Vec<_> = (0..5).map(|_| std::net::TcpListener::bind(loopback(0)).unwrap()).collect();
    let [same, renamed, moved, new, gone] =
        [0, 1, 2, 3, 4].map(|index: usize| ports[index].local_addr().unwrap());
    drop(ports);
    let gate = gate_of(
        &house,
        vec![plan("same", same), plan("before", renamed), plan("moved", moved), plan("gone", gone)],
    );
    gate.enable().await.unwrap();
    let mut clients = Vec::new();
    for address in [same, renamed, moved, gone] {
        let mut client = connect(address).await;
        client.open().await;
        clients.push(client);
    }
    let plans = || vec![plan("same", same), plan("after", renamed), plan("moved", new)];
    // Not as long as one address is taken: then nothing changes.
    let taken = std::net::TcpListener::bind(new).unwrap();
    let faults = replace(&gate, plans()).await.unwrap_err();
    assert!(faults[0].to_string().starts_with(&format!("listener moved: cannot listen on {new}")));
    assert!(gate.status().is_open && gate.status().fault.is_some());
    for address in [same, renamed, moved, gone] {
        connect(address).await.expect("220 ").await;
    }
    drop(taken);
    replace(&gate, plans()).await.unwrap();
    for address in [same, renamed, new] {
        connect(address).await.expect("220 ").await;
    }
    for address in [moved, gone] {
        assert!(is_refused(address).await, "{address}");
    }
    assert_eq!(
        states(&gate).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["same", "after", "moved"]
    );
    // Sessions of a listener that is there under its name go on; those of the others end what they are at.
    for (client, goes_on) in clients.iter_mut().zip([true, false, true, false]) {
        client.say("BDAT 2 LAST\r\nhi").await;
        client.expect("250 2.0.0 queued").await;
        if goes_on {
            client.ask("NOOP", "250 ").await;
        } else {
            client.expect("421 4.3.2").await;
        }
    }
    // While it is closed, plans are only remembered.
    gate.disable(LONG).await;
    replace(&gate, vec![plan("moved", gone)]).await.unwrap();
    assert!(is_refused(gone).await);
    gate.enable().await.unwrap();
    connect(gone).await.expect("220 ").await;
    assert!(is_refused(new).await);
}

/// [::]:25 and 127.0.0.1:25 cannot be had at a time: the one is closed for the other, and comes back where
/// that was in vain.
#[tokio::test]
async fn an_address_that_our_own_socket_is_in_the_way_of_can_be_had() {
    let house = house();
    let gate = gate_of(&house, vec![plan("relay", ([0, 0, 0, 0], 0))]);
    gate.enable().await.unwrap();
    let port = address_of(&gate, "relay").port();
    let taken = std::net::TcpListener::bind(loopback(0)).unwrap();
    let narrower = plan("relay", loopback(port));
    let impossible = plan("other", taken.local_addr().unwrap());
    replace(&gate, vec![narrower.clone(), impossible]).await.unwrap_err();
    connect(([127, 0, 0, 2], port).into()).await.expect("220 ").await;
    replace(&gate, vec![narrower]).await.unwrap();
    connect(loopback(port)).await.expect("220 ").await;
    assert!(is_refused(([127, 0, 0, 2], port).into()).await);
}

/// Somebody takes an address in the moment in which it is given up for a change that then fails.
#[tokio::test]
async fn a_listener_that_cannot_be_had_back_is_told_of_and_comes_back() {
    let house = house();
    let gate = gate_of(&house, vec![plan("lost", loopback(0))]);
    gate.enable().await.unwrap();
    let lost = address_of(&gate, "lost");
    let beside = SocketAddr::from(([127, 0, 0, 2], lost.port()));
    let plans = || vec![plan("lost", loopback(0)), plan("beside", beside)];
    replace(&gate, plans()).await.unwrap();
    // Tried whenever another task waits: the second socket closes when the first is closed.
    let thief = tokio::spawn(poll_fn(move |context| match std::net::TcpListener::bind(lost) {
        Ok(socket) => Poll::Ready(socket),
        Err(_) => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }));
    let faults = replace(&gate, vec![plan("all", ([0, 0, 0, 0], lost.port()))]).await.unwrap_err();
    let stolen = thief.await.unwrap();
    let of_lost = |fault: &BindError| matches!(fault, BindError::Address { address, .. } if *address == lost);
    assert!(faults.iter().any(of_lost), "{faults:?}");
    assert!(gate.status().fault.unwrap().contains("listener lost: cannot listen on"));
    let is = |name: &str, state| (name.to_owned(), state);
    let (open, closed) = (ListenerState::Open, ListenerState::Closed);
    assert_eq!(states(&gate), [is("lost", closed), is("beside", open)]);
    connect(beside).await.expect("220 ").await;
    // As long as it is taken the fault stays.
    replace(&gate, plans()).await.unwrap_err();
    assert!(gate.status().fault.is_some());
    drop(stolen);
    replace(&gate, plans()).await.unwrap();
    assert_eq!((gate.status().fault, address_of(&gate, "lost")), (None, lost));
    assert_eq!(states(&gate), [is("lost", open), is("beside", open)]);
    connect(lost).await.expect("220 ").await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_who_comes_next_by_the_same_socket() {
    let house = house();
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str| TlsIdentity::self_signed(&folder.path().join(name), "sensor.example.com");
    let (identity, fresh) = (made("old").unwrap(), made("new").unwrap());
    let fingerprints = [identity.fingerprint(), fresh.fingerprint()];
    let tls = Some(TlsAcceptor::from(identity.server_config()));
    let secured = ListenerPlan { security: Security::Required, tls, ..plan("relay", loopback(0)) };
    let gate = gate_of(&house, vec![secured]);
    gate.enable().await.unwrap();
    let address = address_of(&gate, "relay");
    let mut begun = connect(address).await;
    begun.expect("220 ").await;
    begun.ask("EHLO client.example.com", "250 ").await;
    shake_hands(address, &folder.path().join("old")).await.unwrap();
    assert!(identity.renew(&fresh) && !identity.renew(&fresh));
    assert_eq!(identity.fingerprint(), fingerprints[1]);
    assert!(identity.not_after().is_some());
    shake_hands(address, &folder.path().join("new")).await.unwrap();
    shake_hands(address, &folder.path().join("old")).await.unwrap_err();
    // Nobody was sent away for it.
    begun.ask("NOOP", "250 ").await;
}

/// Whom a listener believes, and whom it asks for a certificate, is as in the plan for who comes next. The
/// socket is the same one: a client that waits in it is not sent away.
#[tokio::test]
async fn another_reception_holds_for_who_comes_next_by_the_same_socket() {
    let house = house();
    let gate = gate_of(&house, vec![plan("relay", loopback(0))]);
    gate.enable().await.unwrap();
    let address = address_of(&gate, "relay");
    let mut before = connect(address).await;
    before.expect("220 ").await;
    let believes = Reception { xclient: Networks::parse(&["127.0.0.1"]).unwrap(), ..Reception::default() };
    let proxied = Reception { proxies: Networks::parse(&["127.0.0.1"]).unwrap(), ..Reception::default() };
    for (reception, words, reply) in [
        (believes, "", "220 "),
        (proxied, "PROXY TCP4 127.0.0.9 127.0.0.1 4321 25\r\n", "550 5.7.0"),
        (Reception::default(), "", "550 5.7.0"),
    ] {
        let plan = ListenerPlan { reception: Arc::new(reception), ..plan("relay", loopback(0)) };
        replace(&gate, vec![plan]).await.unwrap();
        assert_eq!(address_of(&gate, "relay"), address);
        let mut client = connect(address).await;
        client.say(words).await;
        client.expect("220 ").await;
        client.ask("XCLIENT ADDR=127.0.0.8", reply).await;
        before.ask("XCLIENT ADDR=127.0.0.8", "550 5.7.0").await;
    }
}

/// A renewed certificate is shown also where clients are asked for theirs, and theirs are asked for still.
#[tokio::test]
async fn a_renewed_certificate_is_shown_where_clients_show_theirs() {
    let house = house();
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str| TlsIdentity::self_signed(&folder.path().join(name), "sensor.example.com");
    let (identity, fresh) = (made("old").unwrap(), made("new").unwrap());
    let certificates = Certificates::new();
    let required = ClientCertificates::Require(certificates.authority());
    let tls = Some(TlsAcceptor::from(identity.server_config_for(&required)));
    let reception = Arc::new(Reception { client_certificates: required, ..Reception::default() });
    let security = Security::Implicit;
    let gate = gate_of(&house, vec![ListenerPlan { security, tls, reception, ..plan("relay", loopback(0)) }]);
    gate.enable().await.unwrap();
    let address = address_of(&gate, "relay");
    let greeted = async |name: &str, shown: Option<Shown>| {
        let stream = connect(address).await.0;
        let connector = TlsConnector::from(client_config(&folder.path().join(name), shown));
        let server = ServerName::try_from("sensor.example.com").unwrap();
        let Ok(stream) = connector.connect(server, stream).await else { return false };
        Client(stream).hear().await.starts_with("220 ")
    };
    assert!(greeted("old", Some(certificates.good())).await);
    assert!(!greeted("new", Some(certificates.good())).await);
    assert!(identity.renew(&fresh));
    assert!(greeted("new", Some(certificates.good())).await);
    assert!(!greeted("old", Some(certificates.good())).await);
    for shown in [None, Some(certificates.foreign())] {
        assert!(!greeted("new", shown).await);
    }
}

/// Trusts the certificate in `folder`, and no other.
async fn shake_hands(address: SocketAddr, folder: &std::path::Path) -> std::io::Result<()> {
    let mut client = connect(address).await;
    client.expect("220 ").await;
    client.ask("EHLO client.example.com", "250 ").await;
    client.ask("STARTTLS", "220 ").await;
    let connector = TlsConnector::from(client_config(folder, None));
    let name = ServerName::try_from("sensor.example.com").unwrap();
    connector.connect(name, client.0).await.map(drop)
}
