//! What is said about a message fits where it is stored, or is refused before the message comes.

use std::net::{IpAddr, Ipv6Addr};

use sensor_ingress::{Alarm, ClientCertificates};
use sensor_mail::envelope::{
    ClientCertificate, LineEndings, Origin, Parameter, Protocol, Provenance, Recipient, SmtpOrigin, Tls,
    Transfer,
};
use sensor_mail::{ForwardPath, Mailbox, Refusal, ReversePath};
use sensor_smtp::StartTls;

use super::certificates::{Certificates, stranger};
use super::house::{House, Plan};

/// Segments whose headers have 4 KiB, 8 KiB, 32 KiB and 1 MiB.
const SEGMENTS: [u32; 4] = [32 << 10, 64 << 10, 256 << 10, 8 << 20];

/// The longest parameters of many recipients do not fit into the spool: that is said at RCPT, where the
/// sender sends the others next time, and not when the message is whole, each time anew.
#[tokio::test(start_paused = true)]
async fn recipients_that_do_not_fit_are_told_so_before_the_message_comes() {
    for segment in &SEGMENTS[1..] {
        let house = House::new(&Plan { segment: *segment, ..Plan::default() });
        let (mut client, _) = house.connect().await;
        client.open().await;
        let original = format!("rfc822;{}@example.com", "\"".repeat(900));
        let mut later = 0;
        for n in 0..999 {
            client.say(format!("RCPT TO:<r{n}@example.com> ORCPT={original}\r\n")).await;
            let reply = client.hear().await;
            later += usize::from(reply.starts_with("452 4.5.3"));
            assert!(reply.starts_with("250 ") || later > 0, "{reply}");
        }
        assert!(later > 0);
        client.say("BDAT 2 LAST\r\nhi").await;
        client.expect("250 2.0.0 queued").await;
        assert_eq!(house.messages().await[0].0.recipients.len(), 1_000 - later);
    }
}

/// The largest that a session can know, in octets that JSON doubles.
#[tokio::test(start_paused = true)]
async fn what_was_taken_at_rcpt_is_stored() {
    let awkward = |octets: usize| "\"".repeat(octets);
    for segment in SEGMENTS {
        for mail_octets in [0, 300, 900] {
            let house = House::new(&Plan { segment, ..Plan::default() });
            let envid = Parameter { keyword: "ENVID".into(), value: Some(awkward(mail_octets).into()) };
            let path = ReversePath::Mailbox(mailbox(mail_octets));
            let mut transaction = house.door.intake.open(path, vec![envid]).unwrap();
            let refused = (0..).find_map(|n| transaction.recipient(recipient(n % 200)).err());
            assert!(matches!(refused, Some(Refusal::Recipients { .. })), "{refused:?}");
            let count = transaction.recipients().len();
            if count == 0 {
                assert!(
                    segment < 64 << 10,
                    "{segment}: no recipient beside a sender of {mail_octets} octets"
                );
                continue;
            }
            transaction.write(b"Subject: all said\r\n\r\n").await.unwrap();
            let line_endings = LineEndings { bare_cr: u64::MAX, bare_lf: u64::MAX };
            let (origin, mut alarm) = (origin(&awkward(255)), Alarm::default());
            let accepted = house.door.intake.accept(transaction, origin, line_endings, &mut alarm).await;
            assert!(accepted.is_ok(), "{segment}, {count} recipients: {accepted:?}");
        }
    }
}

/// Who speaks for others at length leaves less room to recipients, and is told so at RCPT like anybody.
#[tokio::test]
async fn what_is_known_of_the_other_side_is_stored_too() {
    let (long, certificates) = ("\"".repeat(255), Certificates::new());
    for segment in [64 << 10, 128 << 10, 8 << 20] {
        let house = House::new(&Plan {
            segment,
            starttls: StartTls::Implicit,
            proxies: &["10.0.0.1"],
            xclient: &["10.0.0.9"],
            xforward: &["10.0.0.9"],
            certificates: ClientCertificates::Request(certificates.authority()),
            ..Plan::default()
        });
        let header = b"PROXY TCP4 10.0.0.9 10.0.0.2 65535 25\r\n";
        let (client, _) = house.connect_through(64 << 10, header).await;
        let shown = Some(stranger(&"\"\u{1b}".repeat(200)));
        let mut client = client.try_shake_hands(&house, shown).await.unwrap();
        client.expect("220 ").await;
        let introduced = format!("XCLIENT NAME={long} HELO={long} LOGIN={long} PORT=65535");
        client
            .ask(
                &format!(
                    "{introduced} DESTADDR=IPV6:{0} ADDR=10.0.0.8 DESTPORT=65535",
                    "ffff:".repeat(7) + "ffff"
                ),
                "220 ",
            )
            .await;
        client.ask("EHLO client.example.com", "250 ").await;
        let forwarded = format!("XFORWARD NAME={long} ADDR={long} HELO={long} IDENT={long} PORT=65535");
        client.ask(&format!("{forwarded} SOURCE=REMOTE PROTO={}", &long[..64]), "250 ").await;
        client.ask("MAIL FROM:<ada@example.com>", "250 2.1.0").await;
        let mut taken = 0;
        for n in 0..1_000 {
            client.say(format!("RCPT TO:<r{n}@example.com>\r\n")).await;
            let reply = client.hear().await;
            taken += usize::from(reply.starts_with("250 "));
            assert!(reply.starts_with("250 ") || reply.starts_with("452 4.5.3"), "{reply}");
        }
        match segment >> 10 {
            64 => {
                assert_eq!(taken, 0, "all of this together is too much for the smallest segments");
                continue;
            }
            128 => assert!((1..1_000).contains(&taken), "{taken}"),
            _ => assert_eq!(taken, 1_000),
        }
        client.say("BDAT 2 LAST\r\nhi").await;
        client.expect("250 2.0.0 queued").await;
        let (envelope, _) = house.messages().await.remove(0);
        let Origin::Smtp(origin) = envelope.origin;
        assert!(origin.proxy.is_some() && origin.xclient.is_some() && origin.xforward.is_some());
        let client = origin.tls.unwrap().client.unwrap();
        let ClientCertificate::Unverified { subject, .. } = client else { panic!("{client:?}") };
        assert!(subject.contains('"') && !subject.contains(char::is_control), "{subject}");
    }
}

fn mailbox(octets: usize) -> Mailbox {
    Mailbox::parse(&format!("\"{}\"@example.com", "\\\"".repeat(octets / 2))).unwrap()
}

fn recipient(octets: usize) -> Recipient {
    let orcpt = Parameter { keyword: "ORCPT".into(), value: Some("\\".repeat(octets + 1).into()) };
    Recipient {
        path: ForwardPath::Mailbox(mailbox(octets)),
        parameters: vec![orcpt],
        provenance: Provenance::Envelope,
        unscanned: true,
    }
}

fn origin(awkward: &str) -> Origin {
    Origin::Smtp(SmtpOrigin {
        listener: awkward.into(),
        connection: u64::MAX,
        client: IpAddr::V6(Ipv6Addr::from([0xff; 16])),
        port: u16::MAX,
        proxy: None,
        xclient: None,
        xforward: None,
        helo: Some(awkward.into()),
        protocol: Protocol::Utf8smtps,
        tls: Some(Tls {
            version: "TLSv1.3".into(),
            cipher: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".into(),
            server_name: Some("s".repeat(253).into()),
            client: None,
        }),
        transfer: Transfer::Data,
    })
}
