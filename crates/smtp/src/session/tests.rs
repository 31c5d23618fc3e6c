use std::num::NonZeroU32;
use std::time::Duration;

use sensor_mail::{MailIds, NodeId, Refusal};

use super::*;
use crate::dialogue::some_instant as start;
use crate::{Limits, StartTls, Timeouts};

fn config() -> SessionConfig {
    SessionConfig {
        hostname: "mx.example.com".into(),
        size_max: None,
        starttls: StartTls::Offered,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
    }
}

fn greeted() -> Session {
    let mut session = Session::new(Arc::new(config()));
    session.greet(&Admission::Admit);
    flush(&mut session);
    session
}

fn flush(session: &mut Session) -> String {
    let text = String::from_utf8(session.transmit().to_vec()).unwrap();
    session.sent(text.len());
    text
}

/// Gives `input` piece by piece and admits every question but the last, which stays open.
fn play(session: &mut Session, input: &str, now: Instant) -> Vec<Step> {
    let (mut rest, mut steps) = (input.as_bytes(), Vec::new());
    loop {
        let Received { consumed, step } = session.receive(rest, now);
        rest = &rest[consumed..];
        let asks = matches!(step, Step::Event(Event::Mail(_) | Event::Recipient(_) | Event::BodyStart(_)));
        let ends = matches!(step, Step::NeedInput | Step::Blocked | Step::Event(Event::Close(_)));
        steps.push(step);
        if asks && !rest.is_empty() {
            session.admit();
        } else if ends || asks {
            return steps;
        }
    }
}

const OPENING: &str = "EHLO client.example\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n";

fn in_data(now: Instant) -> Session {
    let mut session = greeted();
    play(&mut session, &format!("{OPENING}DATA\r\n"), now);
    session.admit();
    flush(&mut session);
    session
}

fn queued() -> Reply {
    Reply::queued(MailIds::new(NodeId::default(), 0).next(0))
}

/// Ten thousand idle sessions are a few megabytes; this is the whole of each but the client's name.
#[test]
fn a_session_is_small_and_an_idle_one_owns_no_buffer() {
    assert!(size_of::<Session>() <= 320, "{}", size_of::<Session>());
    let mut session = in_data(start());
    assert_eq!(session.buffer_octets(), 0, "a body is not held");
    play(&mut session, "text\r\n.\r\n", start());
    session.answer(queued());
    assert!(session.buffer_octets() > 0, "a reply waits");
    flush(&mut session);
    assert_eq!(session.buffer_octets(), 0, "all is sent");
    play(&mut session, "NO", start());
    assert!(session.buffer_octets() > 0, "a line waits for its end");
    play(&mut session, "OP\r\n", start());
    flush(&mut session);
    assert_eq!(session.buffer_octets(), 0, "the line is done");
}

#[test]
fn a_client_that_is_turned_away_gets_no_line_buffer() {
    let mut session = Session::new(Arc::new(config()));
    session.greet(&Admission::Refuse(Refusal::Client(sensor_mail::RuleId::named("clients[1]"))));
    flush(&mut session);
    play(&mut session, &"x".repeat(3000), start());
    assert_eq!(session.buffer_octets(), 0);
    play(&mut session, "\r\nQUI", start());
    flush(&mut session);
    assert!(session.buffer_octets() <= 2 * "QUIT\r\n".len());
}

#[test]
fn nothing_is_read_while_a_question_is_open() {
    let mut session = greeted();
    let steps = play(&mut session, "EHLO client.example\r\nMAIL FROM:<a@example.com>\r\n", start());
    assert!(matches!(steps[..], [Step::Event(Event::Mail(_))]));
    let received = session.receive(b"RCPT TO:<b@example.com>\r\n", start());
    assert_eq!(received, Received { consumed: 0, step: Step::Blocked });
    assert_eq!(session.poll_timeout(), None, "the client waits for us");
}

#[test]
fn a_group_of_commands_is_answered_in_one_write() {
    let mut session = greeted();
    let steps = play(&mut session, "EHLO client.example\r\nNOOP\r\nRSET\r\nNOOP\r\n", start());
    assert_eq!(steps, [Step::NeedInput]);
    assert!(flush(&mut session).ends_with("\r\n250 2.0.0 ok\r\n250 2.0.0 ok\r\n250 2.0.0 ok\r\n"));
}

#[test]
fn replies_that_nobody_reads_stop_the_reading() {
    let mut session = greeted();
    let group = "HELP\r\n".repeat(1000);
    let Received { consumed, step } = session.receive(group.as_bytes(), start());
    assert_eq!(step, Step::Transmit);
    assert!(consumed < group.len() && session.transmit().len() < TRANSMIT_OCTETS_MAX + 512);
    assert_eq!(session.receive(&group.as_bytes()[consumed..], start()).consumed, 0);
    assert!(session.poll_timeout().is_some(), "a client that never reads is slow");
}

#[test]
fn a_body_comes_in_the_longest_ranges() {
    let mut session = in_data(start());
    let body = format!("{}\r\n", "line\r\n".repeat(1000));
    let steps = play(&mut session, &format!("{body}..x\r\n"), start());
    let ranges = [Event::Body(0..body.len()), Event::Body(1..5)].map(Step::Event);
    assert_eq!(steps, [&ranges[..], &[Step::NeedInput]].concat());
}

/// A disk of ours that takes an hour for each piece costs the client nothing.
#[test]
fn what_we_make_the_client_wait_does_not_count() {
    let hour = Duration::from_secs(3600);
    let mut now = start();
    let mut session = in_data(now);
    for _ in 0..3 {
        assert_eq!(session.receive(b"", now).step, Step::NeedInput);
        now += Duration::from_secs(19);
        assert_eq!(session.receive(b"x", now).step, Step::Event(Event::Body(0..1)));
        assert_eq!(session.poll_timeout(), None, "we have its octet");
        now += hour;
    }
    assert_eq!(session.receive(b"", now).step, Step::NeedInput);
    assert_eq!(session.poll_timeout(), Some(now + Duration::from_secs(3)), "of a minute it has used 57 s");
}

#[test]
fn octets_earn_time_at_the_slowest_rate() {
    let mut config = config();
    config.limits.body_octets_per_second_min = NonZeroU32::new(10).unwrap();
    let now = start();
    let mut session = Session::new(Arc::new(config));
    session.greet(&Admission::Admit);
    play(&mut session, &format!("{OPENING}DATA\r\n"), now);
    session.admit();
    play(&mut session, &"x".repeat(50), now);
    assert_eq!(session.poll_timeout(), Some(now + Duration::from_secs(60 + 5)));
}

#[test]
fn a_body_that_is_refused_is_answered_at_its_end() {
    let mut session = in_data(start());
    assert_eq!(session.receive(b"text\r\n", start()).step, Step::Event(Event::Body(0..6)));
    session.refuse_body(Reply::from(&Refusal::StorageLow));
    assert_eq!(play(&mut session, "more\r\n..", start()), [Step::NeedInput]);
    assert_eq!(flush(&mut session), "");
    assert_eq!(play(&mut session, "\r\n.\r\nNOOP\r\n", start()), [Step::NeedInput]);
    assert_eq!(flush(&mut session), "452 4.3.1 storage is low\r\n250 2.0.0 ok\r\n");
}

/// Told when the command is read, also where its payload is still to be stepped over.
#[test]
fn what_the_session_refuses_by_itself_is_told() {
    let mut config = config();
    config.starttls = StartTls::Required;
    config.limits.recipients_max = 1;
    let config = Arc::new(config);
    let begun = || {
        let mut session = Session::new(Arc::clone(&config));
        session.greet(&Admission::Admit);
        session
    };
    let of = |refusal| Step::Event(Event::Refused(refusal));
    for words in ["MAIL FROM:<a@example.com>\r\n", "HELO x\r\n", "RSET\r\n", "BDAT 3\r\n"] {
        let steps = play(&mut begun(), words, start());
        assert_eq!(steps, [of(Refusal::TlsRequired), Step::NeedInput], "{words:?}");
    }
    for words in ["EHLO x\r\n", "NOOP\r\n", "MAIL FROM\0\r\n"] {
        assert_eq!(play(&mut begun(), words, start()), [Step::NeedInput], "{words:?}");
    }
    let mut session = begun();
    play(&mut session, "STARTTLS\r\n", start());
    session.tls_established(Tls::default());
    let steps = play(&mut session, &format!("{OPENING}RCPT TO:<c@example.com>\r\nNOOP\r\n"), start());
    assert_eq!(steps[2..], [of(Refusal::Recipients { limit: 1 }), Step::NeedInput]);
}

#[test]
fn an_answer_of_421_closes_the_session() {
    for input in ["", "DATA\r\n", "BDAT 6\r\n", "DATA\r\nx\r\n.\r\n"] {
        let mut session = greeted();
        play(&mut session, &format!("{OPENING}{input}"), start());
        session.answer(Reply::from(&Refusal::Disabled));
        assert!(flush(&mut session).ends_with("421 4.3.2 mx.example.com no mail is taken here now\r\n"));
        let step = session.receive(b"QUIT\r\n", start()).step;
        assert_eq!(step, Step::Event(Event::Close(CloseReason::Unavailable)), "{input}");
    }
}

#[test]
fn a_body_refused_with_421_is_answered_at_once() {
    let mut session = in_data(start());
    assert_eq!(session.receive(b"text\r\n", start()).step, Step::Event(Event::Body(0..6)));
    session.refuse_body(Reply::from(&Refusal::Draining));
    assert!(flush(&mut session).starts_with("421 4.3.2 "));
    let step = session.receive(b"more\r\n", start()).step;
    assert_eq!(step, Step::Event(Event::Close(CloseReason::Unavailable)));
}

/// The driver may be committing while the connection breaks.
#[test]
fn an_answer_to_a_client_that_is_gone_is_dropped() {
    let mut session = in_data(start());
    play(&mut session, "x\r\n.\r\n", start());
    session.closed();
    session.answer(queued());
    assert_eq!(flush(&mut session), "");
    assert_eq!(session.receive(b"", start()).step, Step::Event(Event::Close(CloseReason::PeerGone)));
}

#[test]
fn a_session_can_be_shut_down_before_it_is_greeted() {
    let mut session = Session::new(Arc::new(config()));
    session.shut_down(Reply::from(&Refusal::Draining));
    assert_eq!(session.receive(b"", start()).step, Step::Event(Event::Close(CloseReason::ShutDown)));
    session.greet(&Admission::Admit);
    assert!(flush(&mut session).starts_with("421 4.3.2 "));
}

#[test]
fn a_shut_down_waits_for_the_handshake() {
    let mut session = greeted();
    play(&mut session, "STARTTLS\r\n", start());
    flush(&mut session);
    session.shut_down(Reply::from(&Refusal::Draining));
    assert_eq!(session.receive(b"", start()).step, Step::Blocked);
    let tls = Tls { version: "TLSv1.3".into(), cipher: "TLS_AES_128_GCM_SHA256".into(), ..Tls::default() };
    session.tls_established(tls.clone());
    assert_eq!(session.tls(), Some(&tls));
    assert_eq!(session.receive(b"", start()).step, Step::Event(Event::Close(CloseReason::ShutDown)));
}

#[test]
fn no_reply_repeats_what_the_client_said() {
    let mut session = greeted();
    for line in [
        "EHLO marker",
        "marker",
        "MARKER marker",
        "MAIL FROM:<marker>",
        "MAIL FROM:<marker@example.com> marker=marker",
        "MAIL FROM:<a@example.com> SIZE=marker",
        "MAIL FROM:<märker@example.com>",
        "MAIL marker",
        "RCPT TO:<marker@example.com>",
        "VRFY marker",
        "NOOP marker\0",
        "HELP marker",
    ] {
        play(&mut session, &format!("{line}\r\n"), start());
        let reply = flush(&mut session).to_ascii_lowercase();
        assert!(!reply.is_empty() && !reply.contains("marker"), "{line}: {reply}");
    }
    assert_eq!(session.hello(), Some("marker"));
}

#[test]
#[should_panic(expected = "only an id accepts a message")]
fn a_message_is_not_accepted_without_an_id() {
    let mut session = in_data(start());
    play(&mut session, ".\r\n", start());
    session.admit();
}

#[test]
#[should_panic(expected = "no question is open")]
fn an_answer_without_a_question_is_our_mistake() {
    greeted().answer(queued());
}
