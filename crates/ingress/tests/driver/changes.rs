//! Rules and limits that change while sessions run: what is refused gently, and that nothing is cut.

use std::time::Duration;

use sensor_ingress::{BareNewline, Settings, SlotLimits};
use sensor_policy::{ClientRules, DomainRules, SizeLimit};
use sensor_smtp::StartTls;
use sensor_spool::disk::Chance;
use tokio::time::{Instant, advance};

use crate::counts::counts;
use crate::house::{House, Plan};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn settings(plan: &Plan, edit: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = plan.settings();
    edit(&mut settings);
    settings
}

fn domains(list: &[&str]) -> DomainRules {
    DomainRules::parse(list).unwrap()
}

fn size(limit: &str) -> SizeLimit {
    SizeLimit::parse(limit).unwrap()
}

/// A change, what the client does then, and what it hears: while former rules count, after the grace was
/// ended by hand, and when it is over by itself.
#[tokio::test(start_paused = true)]
async fn what_former_rules_would_take_is_refused_for_now_and_then_for_good() {
    struct Case {
        change: fn(&mut Settings),
        words: &'static [&'static str],
        softened: &'static str,
        refused: &'static str,
        rule: &'static str,
    }
    const HELLO: &str = "EHLO client.example.com\r\nMAIL FROM:<ada@example.com>";
    for Case { change, words, softened, refused, rule } in [
        Case {
            change: |settings| settings.rules.clients = ClientRules::parse(&["192.0.2.0/24"]).unwrap(),
            words: &[""],
            softened: "421 4.7.1 sensor.example.com your address is not allowed here",
            refused: "554 your address is not allowed here",
            rule: "clients.default",
        },
        Case {
            change: |settings| settings.rules.domains = domains(&["example.com"]),
            words: &["", HELLO, "", "RCPT TO:<bob@example.org>"],
            softened: "451 4.7.1 recipient domain is not accepted here",
            refused: "550 5.7.1 recipient domain is not accepted here",
            rule: "destination_domains.default",
        },
        Case {
            change: |settings| settings.rules.size = size("1 KiB"),
            words: &["", "EHLO client.example.com", "MAIL FROM:<ada@example.com> SIZE=2000"],
            softened: "451 4.3.4 message is larger than 1024 octets",
            refused: "552 5.3.4 message is larger than 1024 octets",
            rule: "message_size_limit",
        },
        Case {
            change: |settings| settings.bare_newline = BareNewline::Reject,
            words: &["", HELLO, "", "RCPT TO:<bob@example.org>", "BDAT 3 LAST\r\na\nb"],
            softened: "451 4.6.0 message has a bare CR or LF",
            refused: "550 5.6.0 message has a bare CR or LF",
            rule: "bare_newline",
        },
    ] {
        let plan = Plan::default();
        let house = House::new(&plan);
        house.door.change(settings(&plan, change));
        let mut counted = (0, 0);
        for (moment, reply) in [(1, softened), (2, softened), (3, refused), (4, softened), (5, refused)] {
            match moment {
                2 => advance(DAY - Duration::from_secs(600)).await,
                3 => assert!(house.door.end_grace()),
                4 => {
                    house.door.change(plan.settings());
                    house.door.change(settings(&plan, change));
                }
                5 => advance(DAY).await,
                _ => {}
            }
            assert_eq!(house.door.grace().is_some(), reply == softened, "{rule} {moment}");
            let (mut client, _) = house.connect().await;
            let mut heard = String::new();
            for word in words {
                if !word.is_empty() {
                    client.say(format!("{word}{}", if word.starts_with("BDAT") { "" } else { "\r\n" })).await;
                }
                heard = client.hear().await;
            }
            assert!(heard.starts_with(reply), "{rule} {moment}: {heard}");
            counted = (counted.0 + 1, counted.1 + u64::from(reply == softened));
            assert_eq!(counts(&house), [(rule, counted.0, counted.1)], "{moment}");
        }
        assert!(!house.door.end_grace(), "nothing is left to end");
    }
}

/// A client that heeds SIZE bounces by itself what is larger: a smaller one is told when it holds for good.
#[tokio::test(start_paused = true)]
async fn the_largest_size_is_advertised_that_is_not_refused_for_good() {
    let plan = Plan::default();
    let house = House::new(&plan);
    let advertised = || house.advertised().map(std::num::NonZeroU64::get);
    let limited = |limit| settings(&plan, |settings| settings.rules.size = size(limit));
    // Without a limit it is what an entry of the spool can be.
    let storable = Some(house.spool.body_octets_max());
    assert_eq!(advertised(), storable);
    house.door.change(limited("1 KiB"));
    assert_eq!(advertised(), storable);
    house.door.end_grace();
    assert_eq!(advertised(), Some(1024));
    house.door.change(limited("4 KiB"));
    advance(DAY / 2).await;
    house.door.change(limited("2 KiB"));
    assert_eq!(advertised(), Some(4096));
    advance(DAY / 2).await;
    assert_eq!(advertised(), Some(4096));
    advance(DAY / 2).await;
    assert_eq!(advertised(), Some(2048));
}

/// Everything becomes narrower while a message is on its way: it was admitted.
#[tokio::test(start_paused = true)]
async fn no_change_cuts_a_transaction() {
    let plan = Plan::default();
    let house = House::new(&plan);
    let (mut client, _) = house.connect().await;
    client.open().await;
    client.ask("DATA", "354 ").await;
    client.say("first\r\n").await;
    house.door.change(settings(&plan, |settings| {
        settings.rules.clients = ClientRules::parse(&["192.0.2.0/24"]).unwrap();
        settings.rules.domains = domains(&["example.org"]);
        settings.rules.size = size("5 B");
        settings.bare_newline = BareNewline::Reject;
        settings.slots = SlotLimits { connections: 1, connections_per_client: 1 };
        settings.limits.recipients_max = 1;
        settings.grace = Duration::ZERO;
    }));
    client.say("bare\nnewline\r\n.\r\n").await;
    client.expect("250 2.0.0 queued").await;
    // The next one is told what holds now.
    client.ask("MAIL FROM:<ada@example.com> SIZE=6", "552 5.3.4").await;
    client.ask("MAIL FROM:<ada@example.com>", "250 ").await;
    client.ask("RCPT TO:<bob@example.com>", "550 5.7.1").await;
    client.ask("RCPT TO:<bob@example.org>", "250 ").await;
    client.say("BDAT 6 LAST\r\nsix...").await;
    client.expect("552 5.3.4").await;
    assert_eq!(house.bodies().await, [b"first\r\nbare\nnewline\r\n".to_vec()]);
    let (mut next, _) = house.connect().await;
    next.expect("421 4.7.0").await;
}

/// A recipient that was admitted stays admitted, also where the next one is not any more.
#[tokio::test(start_paused = true)]
async fn a_recipient_that_was_admitted_stays_admitted() {
    let plan = Plan::default();
    let house = House::new(&plan);
    let (mut client, _) = house.connect().await;
    client.open().await;
    house.door.change(settings(&plan, |settings| settings.rules.domains = domains(&["example.org"])));
    let carol = sensor_mail::ForwardPath::parse("carol@example.com").unwrap();
    assert!(house.door.would_take(&carol).softened);
    client.ask("RCPT TO:<carol@example.com>", "451 4.7.1").await;
    client.say("BDAT 2 LAST\r\nhi").await;
    client.expect("250 2.0.0 queued").await;
    let messages = house.messages().await;
    let to: Vec<_> = messages[0].0.recipients.iter().map(|recipient| recipient.path.as_str()).collect();
    assert_eq!(to, ["bob@example.com"]);
}

/// What the sender hears is 2yz or 4yz at any moment, and what it hears 250 for is there.
#[tokio::test(start_paused = true)]
async fn settings_that_change_all_the_time_lose_and_cut_nothing() {
    const MESSAGES: usize = 40;
    let plan = Plan::default();
    let house = House::new(&plan);
    let door = std::sync::Arc::clone(&house.door);
    let narrow = settings(&plan, |settings| {
        settings.rules.clients = ClientRules::parse(&["192.0.2.0/24"]).unwrap();
        settings.rules.domains = domains(&["example.org"]);
        settings.rules.size = size("1 B");
    });
    let wide = plan.settings();
    let mut chance = Chance(1);
    let changing = tokio::spawn(async move {
        loop {
            for settings in [&narrow, &wide] {
                door.change(settings.clone());
                tokio::time::sleep(Duration::from_millis(1 + chance.draw() % 12)).await;
            }
        }
    });
    let start = Instant::now();
    let mut taken = Vec::new();
    while taken.len() < MESSAGES {
        assert!(start.elapsed() < Duration::from_secs(3600), "{} messages only", taken.len());
        let (mut client, _) = house.connect().await;
        let body = format!("message {}\r\n", taken.len());
        let rest = format!("BDAT {} LAST\r\n{body}", body.len());
        let mut replies = client.hear().await;
        for words in ["EHLO a\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<bob@example.com>\r\n", &rest] {
            if replies.starts_with("2") {
                client.say(words).await;
                replies = client.hear().await;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // 4yz at worst, and always an answer: the sender comes again.
        assert!(replies.starts_with(['2', '4']), "{replies:?}");
        if replies.starts_with("250 2.0.0 queued") {
            taken.push(body.into_bytes());
        }
    }
    changing.abort();
    assert_eq!(house.bodies().await, taken);
    assert!(counts(&house).iter().all(|(_, refused, softened)| refused == softened), "{:?}", counts(&house));
}

#[tokio::test(start_paused = true)]
async fn a_session_keeps_the_limits_of_its_greeting() {
    let plan = Plan::default();
    let house = House::new(&plan);
    let before = house.door.session(StartTls::Offered);
    house.door.change(settings(&plan, |settings| {
        settings.limits.recipients_max = 7;
        settings.hostname = "other.example.com".into();
    }));
    let after = house.door.session(StartTls::Required);
    assert_eq!((before.limits.recipients_max, &*before.hostname), (1_000, "sensor.example.com"));
    assert_eq!((after.limits.recipients_max, &*after.hostname), (7, "other.example.com"));
    assert_eq!(after.starttls, StartTls::Required);
}
