//! What is refused is counted once, under the rule that refused it.

use std::num::NonZeroU32;
use std::time::Duration;

use sensor_ingress::{RuleCount, Settings};
use sensor_smtp::StartTls;

use crate::house::{House, Plan};

pub(crate) fn counts(house: &House) -> Vec<(&'static str, u64, u64)> {
    let refusals = house.door.refusals().into_iter().filter(|count| count.refused > 0);
    refusals.map(|RuleCount { rule, refused, softened }| (rule, refused, softened)).collect()
}

/// How a client meets a limit: what it says, and whether it then waits for the end.
struct Case {
    limits: fn(&mut Settings),
    starttls: StartTls,
    words: &'static str,
    ends: bool,
    counted: &'static [(&'static str, u64)],
}

const UNLIMITED: Case =
    Case { limits: |_| {}, starttls: StartTls::Offered, words: "", ends: true, counted: &[] };

const OPENING: &str =
    "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.com>\r\nRCPT TO:<carol@example.com>\r\n";
const REFUSED_TLS: &str = "MAIL FROM:<>\r\nEHLO a\r\nMAIL FROM:<>\r\nBDAT 2\r\nhiQUIT\r\n";
const TWO_MESSAGES: &str =
    "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.com>\r\nBDAT 2 LAST\r\nhiMAIL FROM:<>\r\n";

#[tokio::test(start_paused = true)]
async fn what_a_session_refuses_by_itself_is_counted_once() {
    for case in [
        Case {
            words: REFUSED_TLS,
            starttls: StartTls::Required,
            counted: &[("tls.security", 3)],
            ..UNLIMITED
        },
        Case {
            limits: |settings| settings.limits.recipients_max = 1,
            words: OPENING,
            ends: false,
            counted: &[("limits.recipients", 1)],
            ..UNLIMITED
        },
        Case { words: "EHLO a\r\n", counted: &[("limits.command_time", 1)], ..UNLIMITED },
        Case { words: "BDAT 9\r\nslow", counted: &[("limits.body_time", 1)], ..UNLIMITED },
        Case {
            limits: |settings| settings.limits.commands_max = 2,
            words: "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n",
            counted: &[("limits.commands", 1)],
            ..UNLIMITED
        },
        Case {
            limits: |settings| settings.limits.errors_max = 1,
            words: "X\r\nX\r\nX\r\n",
            counted: &[("limits.errors", 1)],
            ..UNLIMITED
        },
        Case {
            limits: |settings| settings.limits.messages_max = NonZeroU32::new(1),
            words: TWO_MESSAGES,
            counted: &[("limits.messages", 1)],
            ..UNLIMITED
        },
        Case { words: "EHLO a\r\nQUIT\r\n", ..UNLIMITED },
    ] {
        let plan = Plan { starttls: case.starttls, ..Plan::default() };
        let house = House::new(&plan);
        let mut settings = plan.settings();
        (case.limits)(&mut settings);
        house.door.change(settings);
        let (mut client, served) = house.connect().await;
        client.expect("220 ").await;
        client.say(case.words).await;
        if case.ends {
            // Whatever it hears: by and by nobody listens any more.
            while !client.hear().await.is_empty() {}
            served.await.unwrap();
        } else {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let counted: Vec<_> = case.counted.iter().map(|(rule, refused)| (*rule, *refused, 0)).collect();
        assert_eq!(counts(&house), counted, "{:?}", case.words);
    }
}

/// One that was refused in the greeting is one refusal, however long it stays and whatever it says.
#[tokio::test(start_paused = true)]
async fn who_is_refused_in_the_greeting_is_counted_once() {
    for (clients, first, words, rule) in [
        (&["192.0.2.7"][..], "", "", "clients.default"),
        (&["192.0.2.7"], "", "NOOP\r\n", "clients.default"),
        (&["10.0.0.0/8"], "EHLO a\r\n", "", "early_talker"),
    ] {
        let house = House::new(&Plan { clients, ..Plan::default() });
        let (mut client, served) = house.connect_through(64 << 10, first.as_bytes()).await;
        client.say(words.repeat(30)).await;
        while !client.hear().await.is_empty() {}
        served.await.unwrap();
        assert_eq!(counts(&house), [(rule, 1, 0)], "{words:?}");
    }
}
