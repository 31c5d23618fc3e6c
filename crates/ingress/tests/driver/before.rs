//! What comes before a greeting, and who then speaks for whom: PROXY, implicit TLS, client certificates,
//! XCLIENT.

use std::time::Duration;

use sensor_ingress::{ClientCertificates, Phase, Settings, SlotLimits};
use sensor_mail::envelope::{ClientCertificate, Endpoint, Origin, SmtpOrigin};
use sensor_smtp::StartTls;
use tokio::time::Instant;

use super::certificates::{Certificates, stranger};
use super::house::{Client, House, Plan, Shown, all_wait};

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.2 4321 25\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x02\x10\xe1\0\x19";
const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn proxied() -> Plan {
    Plan { clients: &["192.0.2.0/24"], proxies: &["10.0.0.1"], ..Plan::default() }
}

async fn message(client: &mut Client<tokio::io::DuplexStream>) {
    client.open().await;
    client.say("BDAT 2 LAST\r\nhi").await;
    client.expect("250 2.0.0 queued").await;
}

async fn origin(house: &House) -> SmtpOrigin {
    let Origin::Smtp(origin) = house.messages().await.remove(0).0.origin;
    origin
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_does_not_begin_with_a_header_is_closed_without_a_word() {
    for garbage in [&b"EHLO client.example.com\r\n"[..], b"PROXY TCP4 1 2 3 4\r\n", &V2[..12], &[b'P'; 200]] {
        let house = House::new(&proxied());
        let (mut client, served) = house.connect_through(64 << 10, garbage).await;
        all_wait().await;
        if garbage.len() == 12 {
            client.say("\x31\x11\0\0").await;
        }
        client.expect_end().await;
        served.await.unwrap();
        assert_eq!(house.door.slots.open(), 0);
    }
}

/// One octet a second is not worth a minute; nothing is said before the header is whole.
#[tokio::test(start_paused = true)]
async fn a_header_that_drips_has_the_time_of_a_handshake() {
    for (header, drained) in [(V1, false), (V2, false), (V1, true)] {
        let house = House::new(&proxied());
        let (mut client, served) = house.connect_through(64 << 10, b"").await;
        let start = Instant::now();
        for octet in &header[..header.len() - 1] {
            client.say([*octet]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(house.door.slots.open(), 1);
        if drained {
            house.phase.send_replace(Phase::Draining);
        }
        client.expect_end().await;
        served.await.unwrap();
        assert!(start.elapsed() <= Duration::from_secs(61), "{:?}", start.elapsed());
        assert_eq!(house.door.slots.open(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_behind_a_proxy_is_judged_and_recorded() {
    for header in [V1, V2] {
        for cut in 0..=header.len() {
            let house = House::new(&proxied());
            let (mut client, _) = house.connect_through(64 << 10, &header[..cut]).await;
            all_wait().await;
            client.say(&header[cut..]).await;
            message(&mut client).await;
            let origin = origin(&house).await;
            assert_eq!((origin.client.to_string(), origin.port), ("192.0.2.7".into(), 4321));
            let proxy = Endpoint { address: "10.0.0.1".parse().unwrap(), port: 4000 };
            assert_eq!(origin.proxy, Some(proxy));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_rule_is_asked_for_the_client_behind_the_proxy() {
    let stranger = b"PROXY TCP4 198.51.100.1 10.0.0.2 4321 25\r\n";
    let house = House::new(&proxied());
    let (mut client, _) = house.connect_through(64 << 10, stranger).await;
    client.expect("554 ").await;
    client.ask("MAIL FROM:<ada@example.com>", "503 ").await;
    // What stands behind the header in one piece came before the greeting.
    let (mut client, _) = house.connect_through(64 << 10, &[V1, b"EHLO x\r\n"].concat()).await;
    client.expect("421 ").await;
}

#[tokio::test(start_paused = true)]
async fn a_header_from_elsewhere_is_garbage_to_smtp() {
    let plan = Plan { proxies: &["10.0.0.9"], ..Plan::default() };
    for header in [V1, V2] {
        let house = House::new(&plan);
        let (mut client, _) = house.connect_through(64 << 10, header).await;
        client.expect("421 ").await;
        let (mut client, _) = house.connect().await;
        client.expect("220 ").await;
        client.say(header).await;
        client.expect("500 ").await;
    }
}

/// The proxy is no client of ours: its health checks are greeted all the same, and its mail is refused.
#[tokio::test(start_paused = true)]
async fn a_health_check_is_greeted_whatever_the_rules_say() {
    for header in [V2_LOCAL, b"PROXY UNKNOWN\r\n"] {
        let house = House::new(&proxied());
        let (mut client, _) = house.connect_through(64 << 10, header).await;
        client.expect("220 ").await;
        client.ask("EHLO proxy.example.com", "250 ").await;
        assert_eq!(refused(&house), 0, "nobody was refused anything yet");
        client.ask("MAIL FROM:<ada@example.com>", "554 5.7.1").await;
        assert_eq!(refused(&house), 1);
        client.ask("QUIT", "221 ").await;
        let welcome = House::new(&Plan { proxies: &["10.0.0.1"], ..Plan::default() });
        let (mut client, _) = welcome.connect_through(64 << 10, header).await;
        message(&mut client).await;
        let origin = origin(&welcome).await;
        assert_eq!((origin.client.to_string(), origin.proxy), ("10.0.0.1".into(), None));
    }
}

/// What the rules do not take any more they refuse for now at first: a proxy must not take us for dead for a
/// day because of that.
#[tokio::test(start_paused = true)]
async fn a_health_check_is_greeted_after_a_change_of_the_rules_too() {
    let house = House::new(&Plan { proxies: &["10.0.0.1"], ..Plan::default() });
    house.door.change(proxied().settings());
    let (mut client, _) = house.connect_through(64 << 10, V2_LOCAL).await;
    client.expect("220 ").await;
    client.ask("EHLO proxy.example.com", "250 ").await;
    client.ask("MAIL FROM:<ada@example.com>", "451 4.7.1").await;
    // Where nobody is taken, it is to look elsewhere.
    let full = SlotLimits { connections: 0, connections_per_client: 0 };
    house.door.change(Settings { slots: full, ..proxied().settings() });
    let (mut client, _) = house.connect_through(64 << 10, V2_LOCAL).await;
    client.expect("421 4.7.0").await;
}

fn refused(house: &House) -> u64 {
    house.door.refusals().iter().map(|count| count.refused).sum()
}

/// Without a slot nobody's header is read: whoever is behind it must not pass for the proxy.
#[tokio::test(start_paused = true)]
async fn a_full_house_turns_proxies_away_and_counts_it_once() {
    for header in [V1, b""] {
        let house = House::new(&Plan { slots: 0, ..proxied() });
        let (mut client, served) = house.connect_through(64 << 10, header).await;
        client.expect("421 4.7.0").await;
        client.expect_end().await;
        served.await.unwrap();
        assert_eq!(refused(&house), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn slots_are_the_clients_and_not_the_proxys() {
    let house = House::new(&Plan { slots: 1, ..proxied() });
    let (mut first, _) = house.connect_through(64 << 10, V1).await;
    first.expect("220 ").await;
    assert_eq!(house.door.slots.open(), 1);
    let (mut second, _) = house.connect_through(64 << 10, V1).await;
    second.expect("421 ").await;
}

#[tokio::test(start_paused = true)]
async fn xclient_has_the_rule_asked_anew_and_moves_the_slot() {
    let plan = Plan { clients: &["10.0.0.0/8", "192.0.2.7"], xclient: &["10.0.0.1"], ..Plan::default() };
    let house = House::new(&plan);
    let (mut client, _) = house.connect().await;
    client.expect("220 ").await;
    client.ask("XCLIENT ADDR=192.0.2.7 PORT=99 HELO=h.example", "220 ").await;
    client.ask("XCLIENT NAME=n.example", "220 sensor").await;
    assert_eq!(house.door.slots.open(), 1);
    client.say("EHLO e.example\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.com>\r\nBDAT 2 LAST\r\nhi").await;
    for reply in ["250 ", "250 2.1.0", "250 2.1.5", "250 2.0.0 queued"] {
        client.expect(reply).await;
    }
    let origin = origin(&house).await;
    let introduction = origin.xclient.unwrap();
    assert_eq!((origin.client.to_string(), origin.port), ("192.0.2.7".into(), 99));
    assert_eq!(introduction.by, Endpoint { address: "10.0.0.1".parse().unwrap(), port: 4000 });
    assert_eq!(introduction.said.helo.as_deref(), Some("h.example"));
    assert_eq!(introduction.said.name.as_deref(), Some("n.example"));
    assert_eq!(origin.helo.as_deref(), Some("e.example"));
    client.say("XCLIENT ADDR=192.0.2.8\r\nMAIL FROM:<>\r\n").await;
    client.expect("554 ").await;
    client.expect("503 ").await;
    // Not listed: neither the proxy's word nor anybody's is taken.
    let house = House::new(&Plan::default());
    let (mut other, _) = house.connect().await;
    other.expect("220 ").await;
    other.ask("XCLIENT ADDR=10.0.0.1", "550 5.7.0").await;
}

#[tokio::test(start_paused = true)]
async fn the_right_to_speak_for_others_is_that_of_the_client_and_not_of_its_proxy() {
    let behind = Plan { xclient: &["192.0.2.7"], ..proxied() };
    let before = Plan { xclient: &["10.0.0.1"], ..proxied() };
    for (plan, reply) in [(behind, "220 "), (before, "550 5.7.0")] {
        let house = House::new(&plan);
        let (mut client, _) = house.connect_through(64 << 10, V1).await;
        client.expect("220 ").await;
        client.ask("XCLIENT ADDR=192.0.2.9", reply).await;
    }
}

#[tokio::test(start_paused = true)]
async fn implicit_tls_begins_with_a_handshake_and_nothing_else() {
    let implicit = Plan { starttls: StartTls::Implicit, ..Plan::default() };
    for words in ["EHLO client.example.com\r\n", "\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        let house = House::new(&implicit);
        let (mut client, served) = house.connect_through(64 << 10, words.as_bytes()).await;
        served.await.unwrap();
        let mut said = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client.0, &mut said).await.unwrap();
        assert!(!said.windows(3).any(|code| matches!(code, b"220" | b"421" | b"500")), "{said:?}");
        assert_eq!(house.door.slots.open(), 0);
    }
    // A handshake that does not go on.
    let house = House::new(&implicit);
    let (_client, served) = house.connect_through(64 << 10, &[22, 3, 1, 2]).await;
    let start = Instant::now();
    served.await.unwrap();
    assert!(start.elapsed() <= Duration::from_secs(61));
}

#[tokio::test(start_paused = true)]
async fn a_full_house_does_not_shake_hands() {
    let house = House::new(&Plan { starttls: StartTls::Implicit, slots: 0, ..Plan::default() });
    let (client, served) = house.connect().await;
    assert!(client.try_shake_hands(&house, None).await.is_err());
    served.await.unwrap();
}

/// The begin of TLS may come in one piece with the header; each is where it belongs.
#[tokio::test(start_paused = true)]
async fn implicit_tls_behind_a_proxy() {
    for header in [V1, V2] {
        let house = House::new(&Plan { starttls: StartTls::Implicit, ..proxied() });
        let (client, _) = house.connect_through(64 << 10, header).await;
        let mut client = client.shake_hands(&house).await;
        client.open().await;
        client.say("BDAT 2 LAST\r\nhi").await;
        client.expect("250 2.0.0 queued").await;
        let origin = origin(&house).await;
        assert_eq!(origin.client.to_string(), "192.0.2.7");
        assert_eq!(origin.tls.unwrap().client, None);
    }
}

/// The record of a message over implicit TLS; none where there is no TLS.
async fn recorded(
    certificates: ClientCertificates,
    shown: Option<Shown>,
) -> Option<Option<ClientCertificate>> {
    let house = House::new(&Plan { starttls: StartTls::Implicit, certificates, ..Plan::default() });
    let (client, _) = house.connect().await;
    let mut client = client.try_shake_hands(&house, shown).await.ok()?;
    let greeting = client.hear().await;
    if greeting.is_empty() {
        return None;
    }
    client.ask("EHLO client.example.com", "250 ").await;
    client.say("MAIL FROM:<>\r\nRCPT TO:<bob@example.com>\r\nBDAT 2 LAST\r\nhi").await;
    for reply in ["250 2.1.0", "250 2.1.5", "250 2.0.0 queued"] {
        client.expect(reply).await;
    }
    Some(origin(&house).await.tls.unwrap().client)
}

#[tokio::test]
async fn certificates_of_clients_are_required_requested_or_ignored() {
    let certificates = Certificates::new();
    let required = || ClientCertificates::Require(certificates.authority());
    let requested = || ClientCertificates::Request(certificates.authority());
    assert_eq!(recorded(required(), None).await, None);
    assert_eq!(recorded(required(), Some(certificates.foreign())).await, None);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificates.good().0);
    for asked in [required(), requested()] {
        let record = recorded(asked, Some(certificates.good())).await.unwrap();
        let Some(ClientCertificate::Verified { subject, sha256 }) = record else { panic!("{record:?}") };
        assert_eq!((&*subject, &sha256.0[..]), ("CN=relay.example.com", digest.as_ref()));
    }
    assert_eq!(recorded(requested(), None).await, Some(Some(ClientCertificate::Missing)));
    let record = recorded(requested(), Some(certificates.foreign())).await.unwrap();
    let Some(ClientCertificate::Unverified { subject, problem, .. }) = record else { panic!("{record:?}") };
    assert_eq!(&*subject, "CN=relay.example.com");
    assert!(problem.contains("UnknownIssuer"), "{problem}");
    assert_eq!(recorded(ClientCertificates::Ignore, Some(certificates.good())).await, Some(None));
}

/// Whoever makes a certificate writes its subject: it turns no line of a terminal around.
#[tokio::test]
async fn a_subject_acts_on_no_terminal() {
    let requested = ClientCertificates::Request(Certificates::new().authority());
    let shown = stranger("a\u{202e}b\u{9b}c\u{2066}d");
    let record = recorded(requested, Some(shown)).await.unwrap();
    let Some(ClientCertificate::Unverified { subject, .. }) = record else { panic!("{record:?}") };
    assert_eq!(&*subject, "CN=a\u{fffd}b\u{fffd}c\u{fffd}d");
}

/// Who shows another's certificate does not hold the key to it: no TLS, also where it is only asked for.
#[tokio::test]
async fn a_certificate_without_its_key_is_no_certificate() {
    let certificates = Certificates::new();
    let stolen = (certificates.good().0, certificates.foreign().1);
    let requested = ClientCertificates::Request(certificates.authority());
    assert_eq!(recorded(requested, Some(stolen)).await, None);
}
