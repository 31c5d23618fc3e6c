use sensor_mail::RuleId;

use super::*;

fn written(reply: &Reply) -> String {
    let mut out = Vec::new();
    reply.write("mx.example.com", &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn each_refusal_has_its_reply() {
    let rule = |id| RuleId::named(id);
    for (refusal, reply) in [
        (Refusal::Client(rule("clients[2]")), "554 5.7.1 your address is not allowed here (rule clients[2])"),
        (
            Refusal::RecipientDomain(rule("destination_domains[2]")),
            "550 5.7.1 recipient domain is not accepted here (rule destination_domains[2])",
        ),
        (
            Refusal::MessageSize { limit: 1000 },
            "552 5.3.4 message is larger than 1000 octets (rule message_size_limit)",
        ),
        (
            Refusal::Recipients { limit: 9 },
            "452 4.5.3 no more than 9 recipients at a time (rule limits.recipients)",
        ),
        (Refusal::Connections { limit: 50 }, "421 4.7.0 all 50 connections are in use"),
        (Refusal::ConnectionsOfClient { limit: 5 }, "421 4.7.0 no more than 5 connections from your address"),
        (Refusal::TlsRequired, "530 5.7.0 STARTTLS is required first"),
        (Refusal::StorageLow, "452 4.3.1 storage is low"),
        (Refusal::MemoryLow, "452 4.3.1 memory is low"),
        (Refusal::Disabled, "421 4.3.2 no mail is taken here now"),
        (Refusal::Draining, "421 4.3.2 going down, try again"),
        (Refusal::StorageFailed, "451 4.3.0 message could not be stored"),
        (Refusal::StorageSlow, "451 4.4.5 message could not be stored in time"),
        (Refusal::BareNewline, "550 5.6.0 message has a bare CR or LF (rule bare_newline)"),
    ] {
        assert_eq!(Reply::from(&refusal).to_string(), reply);
    }
}

#[test]
fn an_admission_for_later_never_says_for_good() {
    let refusal = Refusal::RecipientDomain(RuleId::named("x"));
    let code = |admission| Reply::to_admission(&admission).map(|reply| reply.to_string());
    assert_eq!(code(Admission::Admit), None);
    assert!(code(Admission::Refuse(refusal.clone())).unwrap().starts_with("550 5.7.1 "));
    assert!(code(Admission::TryLater(refusal)).unwrap().starts_with("451 4.7.1 "));
    assert!(code(Admission::Refuse(Refusal::StorageLow)).unwrap().starts_with("452 4.3.1 "));
}

#[test]
fn a_greeting_is_554_for_good_or_421_for_now() {
    let client = || Refusal::Client(RuleId::named("clients.default"));
    for (admission, reply) in [
        (Admission::Refuse(client()), "554 your address is not allowed here (rule clients.default)\r\n"),
        (
            Admission::TryLater(client()),
            "421 4.7.1 mx.example.com your address is not allowed here (rule clients.default)\r\n",
        ),
        (Admission::TryLater(Refusal::Draining), "421 4.3.2 mx.example.com going down, try again\r\n"),
        (Admission::TryLater(Refusal::StorageLow), "421 4.3.1 mx.example.com storage is low\r\n"),
    ] {
        assert_eq!(written(&Reply::to_client(&admission).unwrap()), reply);
    }
}

#[test]
fn each_line_carries_the_codes_and_only_the_first_the_name() {
    assert_eq!(
        written(&Reply::fixed(221, (0, 0), "one\ntwo")),
        "221-2.0.0 mx.example.com one\r\n221 2.0.0 two\r\n"
    );
}

/// Text that holds a rule's id or a number must not be able to say a second reply.
#[test]
fn no_text_forges_a_reply_or_a_line_that_is_too_long() {
    let forged = Refusal::Client(RuleId::named("x\r\n250 ok\r\n\0ü"));
    assert_eq!(
        written(&Reply::from(&forged)),
        "554-5.7.1 your address is not allowed here (rule x?\r\n554-5.7.1 250 ok?\r\n554 5.7.1 ???)\r\n"
    );
    let long = written(&Reply::from(&Refusal::Client(RuleId::named(&"x".repeat(1000)))));
    assert_eq!((long.len(), &long[510..]), (512, "\r\n"));
}
