//! The driver between a client on an in-memory stream and a spool on a simulated disk, by a paused clock.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod before;
mod certificates;
mod changes;
mod counts;
mod envelope;
mod gate;
mod house;
mod plans;

use std::time::Duration;

use house::{House, Plan, all_wait, session};
use sensor_ingress::{BareNewline, Phase, TURNED_AWAY_MAX, serve};
use sensor_mail::envelope::Origin;
use sensor_smtp::StartTls;
use tokio::time::Instant;

/// An idle connection's task, its socket and session included; TLS and the message in hand are beside it.
const TASK_OCTETS_MAX: usize = 1536;

#[test]
fn an_idle_connection_is_small() {
    fn octets<F: Future>(_: impl FnOnce(tokio::net::TcpStream) -> F) -> usize {
        size_of::<F>()
    }
    let octets = octets(|stream| {
        let house = House::new(&Plan::default());
        let peer = sensor_ingress::Peer {
            listener: "relay".into(),
            reception: std::sync::Arc::default(),
            address: "10.0.0.1:4000".parse().unwrap(),
            local: "10.0.0.2:25".parse().unwrap(),
        };
        serve(stream, peer, session(StartTls::Offered), None, house.door, house.phase.subscribe())
    });
    println!("a connection's task has {octets} octets");
    assert!(octets <= TASK_OCTETS_MAX, "{octets}");
}

#[tokio::test(start_paused = true)]
async fn a_message_is_acknowledged_by_the_id_it_is_stored_under() {
    let house = House::new(&Plan::default());
    let (mut client, served) = house.connect().await;
    client.open().await;
    client.ask("DATA", "354 ").await;
    client.say("Subject: x\r\n\r\n..\r\n.\r\nQUIT\r\n").await;
    let queued = client.hear().await;
    client.expect("221 ").await;
    client.expect_end().await;
    served.await.unwrap();
    let messages = house.messages().await;
    let [(envelope, octets)] = &*messages else { panic!("{messages:?}") };
    assert_eq!(queued, format!("250 2.0.0 queued as {}", envelope.id));
    assert_eq!(octets, b"Subject: x\r\n\r\n.\r\n");
    assert_eq!(house.door.slots.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_message_is_found_wherever_the_input_is_cut() {
    const WORDS: &[u8] = b"a\r\n.\r\nQUIT\r\n";
    let house = House::new(&Plan::default());
    for cut in 0..WORDS.len() {
        let (mut client, _) = house.connect().await;
        client.open().await;
        client.ask("DATA", "354 ").await;
        for piece in [&WORDS[..cut], &WORDS[cut..]] {
            client.say(piece).await;
            all_wait().await;
        }
        client.expect("250 2.0.0 queued").await;
        client.expect("221 ").await;
    }
    let bodies = house.bodies().await;
    assert_eq!(bodies, vec![b"a\r\n".to_vec(); WORDS.len()]);
}

#[tokio::test(start_paused = true)]
async fn chunks_in_one_write_are_told_apart() {
    let house = House::new(&Plan::default());
    let (mut client, _) = house.connect().await;
    client.open().await;
    // What follows a message is worked on when the message is durable, and not lost meanwhile.
    let more = "MAIL FROM:<>\r\nRCPT TO:<carol@example.com>\r\nBDAT 3 LAST\r\nxyzQUIT\r\n";
    client.say(format!("BDAT 4\r\nab\r\nBDAT 0\r\nBDAT 5 LAST\r\nQUIT\n{more}")).await;
    for reply in
        ["250 2.0.0 ch", "250 2.0.0 ch", "250 2.0.0 q", "250 2.1.0", "250 2.1.5", "250 2.0.0 q", "221 "]
    {
        client.expect(reply).await;
    }
    assert_eq!(house.bodies().await, [b"ab\r\nQUIT\n".to_vec(), b"xyz".to_vec()]);
}

#[tokio::test(start_paused = true)]
async fn a_body_larger_than_any_buffer_arrives_whole() {
    let house = House::new(&Plan::default());
    let (mut client, _) = house.connect().await;
    client.open().await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[usize::from(n % 3 == 0)]).collect();
    client.say(format!("BDAT {} LAST\r\n", body.len())).await;
    client.say(&body).await;
    client.expect("250 2.0.0 queued").await;
    assert!(house.bodies().await == [body], "other octets");
}

#[tokio::test(start_paused = true)]
async fn tls_is_recorded_by_the_names_of_the_registries() {
    let house = House::new(&Plan::default());
    let (mut client, _) = house.connect().await;
    client.expect("220 ").await;
    client.ask("EHLO before.example.com", "250 ").await;
    client.ask("STARTTLS", "220 2.0.0").await;
    let mut client = client.shake_hands(&house).await;
    client.ask("MAIL FROM:<ada@example.com>", "503 5.5.1").await;
    client.ask("EHLO inside.example.com", "250 ").await;
    client.ask("MAIL FROM:<ada@example.com>", "250 ").await;
    client.ask("RCPT TO:<bob@example.com>", "250 ").await;
    client.say("BDAT 2 LAST\r\nhi").await;
    client.expect("250 2.0.0 queued").await;
    // Without close_notify, as mail servers do it.
    drop(client);
    let Origin::Smtp(origin) = house.messages().await.remove(0).0.origin;
    let tls = origin.tls.unwrap();
    assert_eq!((&*tls.version, tls.server_name.as_deref()), ("TLSv1.3", Some("sensor.example.com")));
    assert!(tls.cipher.starts_with("TLS_") && !tls.cipher.contains("13"), "{}", tls.cipher);
    assert_eq!(origin.helo.as_deref(), Some("inside.example.com"));
}

/// Who connects and what it hears, to the end of the connection.
#[tokio::test(start_paused = true)]
async fn who_may_not_come_in_is_told_so_and_holds_nothing() {
    let stranger = Plan { clients: &["!10.0.0.0/8"], ..Plan::default() };
    let full = Plan { slots: 0, ..Plan::default() };
    for (case, plan, first, replies) in [
        ("early talker", Plan::default(), "GET / HTTP/1.1\r\n", &["421 sensor.example.com 4.7.0"][..]),
        ("not allowed", stranger, "", &["554 ", "503 ", "221 "]),
        ("no slot", full, "", &["421 "]),
    ] {
        let house = House::new(&plan);
        let (mut client, served) = house.connect_through(64 << 10, first.as_bytes()).await;
        client.expect(replies[0].split(' ').next().unwrap()).await;
        for (words, reply) in ["EHLO x", "QUIT"].iter().zip(&replies[1..]) {
            client.ask(words, reply).await;
        }
        client.expect_end().await;
        drop(client);
        served.await.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(house.door.slots.open(), 0, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_last_reply_keeps_its_slot() {
    let house = House::new(&Plan::default());
    // Room for the greeting, and not for the reply to QUIT behind it.
    let (mut client, served) = house.connect_through(64, b"").await;
    all_wait().await;
    client.say("QUIT\r\n").await;
    all_wait().await;
    assert_eq!(house.door.slots.open(), 1);
    served.await.unwrap();
    assert_eq!(house.door.slots.open(), 0);
}

/// Those who are told that there is no slot are few at a time, and none of them stays.
#[tokio::test(start_paused = true)]
async fn who_comes_besides_those_that_are_turned_away_is_dropped_at_once() {
    let house = House::new(&Plan { slots: 0, ..Plan::default() });
    let few = usize::try_from(TURNED_AWAY_MAX).unwrap();
    for round in 1..=2 {
        // They hear it, and neither go nor say anything.
        let mut told = Vec::new();
        let start = Instant::now();
        let (mut dropped, served) = loop {
            let (mut client, served) = house.connect().await;
            if client.hear().await.is_empty() {
                break (client, served);
            }
            told.push((client, served));
            assert!(told.len() <= few, "no limit");
        };
        served.await.unwrap();
        assert_eq!((told.len(), start.elapsed()), (few, Duration::ZERO), "round {round}");
        dropped.expect_end().await;
        for (_, served) in told {
            served.await.unwrap();
        }
        assert_eq!(house.door.slots.open(), 0);
        let refused: u64 = house.door.refusals().iter().map(|count| count.refused).sum();
        assert_eq!(refused, u64::from(TURNED_AWAY_MAX + 1) * round, "each is counted once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_in_mid_body_leaves_nothing() {
    for octets in [0, 10, 500_000] {
        let house = House::new(&Plan::default());
        let (mut client, served) = house.connect().await;
        client.open().await;
        client.ask("DATA", "354 ").await;
        client.say("x".repeat(octets)).await;
        drop(client);
        served.await.unwrap();
        house.spool.shut_down().await;
        let status = house.spool.status();
        assert_eq!((status.accepted, status.in_spool, house.door.slots.open()), (0, 0, 0), "{octets}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_storage_cannot_do_now_is_asked_for_later() {
    let slow = Plan { pace: Duration::from_secs(70), ..Plan::default() };
    let low = Plan { reserve: u64::MAX, ..Plan::default() };
    let strict = Plan { bare_newline: BareNewline::Reject, ..Plan::default() };
    for (case, plan, at_mail, at_end) in [
        ("slow", slow, "250 ", "451 4.4.5"),
        ("low", low, "452 4.3.1", "503 "),
        ("bare newline refused", strict, "250 ", "550 5.6.0"),
    ] {
        println!("{case}");
        let house = House::new(&plan);
        all_wait().await;
        let (mut client, _) = house.connect().await;
        client.expect("220 ").await;
        client.ask("EHLO client.example.com", "250 ").await;
        client.ask("MAIL FROM:<ada@example.com>", at_mail).await;
        client.say("RCPT TO:<bob@example.com>\r\n").await;
        client.hear().await;
        client.say("BDAT 3 LAST\r\na\nb").await;
        client.expect(at_end).await;
        client.ask("QUIT", "221 ").await;
        house.spool.shut_down().await;
        let status = house.spool.status();
        assert_eq!(status.in_spool, 0, "{case}: {status:?}");
        assert_eq!(status.accepted, status.withdrawn, "{case}: {status:?}");
    }
}

/// A sender whose body the storage does not take hears so, and holds its slot no longer than it wants.
#[tokio::test(start_paused = true)]
async fn a_storage_that_hangs_holds_no_session() {
    for (case, verb, end) in [("DATA", "DATA\r\n", "\r\n.\r\n"), ("BDAT", "BDAT 500000 LAST\r\n", "")] {
        println!("{case}");
        let hangs = Plan { pace: Duration::from_secs(365 * 24 * 3600), ..Plan::default() };
        let house = House::new(&hangs);
        let (mut client, served) = house.connect().await;
        client.open().await;
        let start = Instant::now();
        client.say(verb).await;
        if case == "DATA" {
            client.expect("354 ").await;
        }
        client.say("x".repeat(500_000) + end).await;
        client.expect("451 4.4.5").await;
        assert_eq!(start.elapsed().as_secs(), 60, "{case}");
        client.ask("QUIT", "221 ").await;
        served.await.unwrap();
        assert_eq!(house.door.slots.open(), 0, "{case}");
        let slow = house.door.refusals().into_iter().find(|count| count.rule == "spool.commit_deadline");
        assert_eq!(slow.map(|count| count.refused), Some(1), "{case}");
    }
}

/// What can never be stored is refused for good; what could be, were there memory, for now.
#[tokio::test(start_paused = true)]
async fn what_the_spool_cannot_hold_is_refused() {
    // 682 pieces of 8 KiB, in segments of 64 KiB.
    const WHOLE: usize = 5_586_944;
    for (octets, memory, reply) in
        [(WHOLE, 1 << 20, "250 2.0.0"), (WHOLE + 1, 1 << 20, "552 5.3.4"), (WHOLE, 4 << 10, "452 4.3.1")]
    {
        let house = House::new(&Plan { segment: 64 << 10, memory, ..Plan::default() });
        assert_eq!(house.advertised().map(std::num::NonZeroU64::get), Some(WHOLE as u64));
        let (mut client, _) = house.connect().await;
        client.open().await;
        client.say(format!("BDAT {octets} LAST\r\n")).await;
        client.say(vec![b'x'; octets]).await;
        client.expect(reply).await;
        client.ask(&format!("MAIL FROM:<ada@example.com> SIZE={}", WHOLE + 1), "552 5.3.4").await;
        let lengths: Vec<usize> = house.bodies().await.iter().map(Vec::len).collect();
        assert_eq!(lengths, if reply.starts_with('2') { vec![octets] } else { vec![] });
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_idle_sessions_and_lets_messages_end() {
    let house = House::new(&Plan::default());
    let (mut idle, idle_served) = house.connect().await;
    idle.expect("220 ").await;
    let (mut busy, busy_served) = house.connect().await;
    busy.open().await;
    busy.ask("DATA", "354 ").await;
    busy.say("first\r\n").await;
    all_wait().await;
    house.phase.send_replace(Phase::Draining);
    idle.expect("421 4.3.2").await;
    idle.expect_end().await;
    idle_served.await.unwrap();
    busy.say("second\r\n.\r\nMAIL FROM:<>\r\n").await;
    busy.expect("250 2.0.0 queued").await;
    busy.expect("421 ").await;
    busy.expect_end().await;
    busy_served.await.unwrap();
    assert_eq!(house.bodies().await, [b"first\r\nsecond\r\n".to_vec()]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_handshake_that_does_not_end() {
    for drained in [false, true] {
        let house = House::new(&Plan::default());
        let (mut client, served) = house.connect().await;
        client.expect("220 ").await;
        client.ask("EHLO client.example.com", "250 ").await;
        client.ask("STARTTLS", "220 ").await;
        // The first octets of a handshake record, and no more.
        client.say([22, 3, 1, 2, 0]).await;
        all_wait().await;
        let start = Instant::now();
        if drained {
            house.phase.send_replace(Phase::Draining);
        }
        served.await.unwrap();
        let limit = if drained { Duration::ZERO } else { Duration::from_secs(60) };
        assert!(start.elapsed() <= limit, "{:?}", start.elapsed());
        assert_eq!(house.door.slots.open(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_phase_has_no_owner_sessions_end() {
    let house = House::new(&Plan::default());
    let (mut client, served) = house.connect().await;
    client.expect("220 ").await;
    drop(house.phase);
    client.expect("421 ").await;
    client.expect_end().await;
    served.await.unwrap();
}
