//! What is said about a message fits where it is stored, or is refused before the message comes.

use std::net::{IpAddr, Ipv6Addr};

use sensor_mail::envelope::{
    LineEndings, Origin, Parameter, Protocol, Provenance, Recipient, SmtpOrigin, Tls, Transfer,
};
use sensor_mail::{ForwardPath, Mailbox, Refusal, ReversePath};

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
            let accepted = house.door.intake.accept(transaction, origin(&awkward(255)), line_endings).await;
            assert!(accepted.is_ok(), "{segment}, {count} recipients: {accepted:?}");
        }
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
        helo: Some(awkward.into()),
        protocol: Protocol::Utf8smtps,
        tls: Some(Tls {
            version: "TLSv1.3".into(),
            cipher: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".into(),
            server_name: Some("s".repeat(253).into()),
        }),
        transfer: Transfer::Data,
    })
}
