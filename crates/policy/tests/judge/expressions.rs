//! Expressions: what is refused when they are read, what ends them, what they say of a failure.

use proptest::prelude::*;
use sensor_mail::Verdict;
use sensor_policy::judge::{RuleSets, WrittenRule};

use super::message::{Message, judged, rules};

fn with(when: &str) -> WrittenRule {
    let when = Some(when.to_owned());
    WrittenRule { name: "a".to_owned(), when, tags: vec!["held".to_owned()], ..WrittenRule::default() }
}

fn fault_of(when: &str) -> Option<String> {
    let faults = RuleSets::parse(&[with(when)]).err()?;
    assert_eq!(faults.len(), 1, "{when}: {faults:?}");
    Some(faults[0].to_string())
}

#[test]
fn an_expression_that_makes_no_sense_is_refused_when_it_is_read() {
    for (when, says, place) in [
        ("", "", "line 1"),
        ("message.size >", "", "line 1, column 15"),
        ("message.size > 1 &&\n  (", "", "line 2"),
        ("message.subject == 'é' é", "", "line 1, column 24"),
        (
            "message.size > 1 &&\n  sise > 2",
            "nothing is called sise; there are findings, parts",
            "line 2, column 3",
        ),
        ("false && parts.exists(p, q.size > 2)", "nothing is called q", "line 1, column 26"),
        ("parts.exists(p, p.size > 0) && p.size > 1", "nothing is called p;", ""),
        ("parts.exists(p, p.sise > 2)", "No such key: sise", ""),
        ("message.subjekt == ''", "No such key: subjekt", ""),
        ("message.size", "it is neither true nor false", ""),
        ("'a' + 1 == 'a1'", "", ""),
        ("shout(message.subject) == 'A'", "shout", ""),
        ("message.subject.matches('a+')", "matches", ""),
        ("findings.exists(f, f.details.score == '1')", "No such key: score", ""),
    ] {
        let fault = fault_of(when).unwrap_or_else(|| panic!("{when} was taken"));
        assert!(fault.starts_with("rule 1, when: "), "{fault}");
        assert!(fault.contains(says) && fault.contains(place), "{when}: {fault}");
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_before_it_ends_a_stack() {
    let nested =
        |open: &str, close: &str, times| format!("{}true{}", open.repeat(times), close.repeat(times));
    for (when, is_taken) in [
        (format!("'{}' == ''", "a".repeat(1_000)), false),
        (nested("[", "]", 490), false),
        (nested("true ? ", " : true", 60), false),
        (format!("0{} == 0", "+1".repeat(490)), false),
        (format!("0{} == 60", "+1".repeat(60)), true),
        (format!("message{} == 0", ".size".repeat(190)), false),
        (format!("{}true{}", "[1].exists(x, ".repeat(40), ")".repeat(40)), false),
        (format!("{}true{}", "[1].exists(x, ".repeat(30), ")".repeat(30)), true),
        ("(".repeat(1_000), false),
        ("[{".repeat(500), false),
        // These leave no level behind.
        (nested("(", ")", 490), true),
        (nested("!", "", 990), true),
    ] {
        // A stack of the size that a thread has; more than that would end the test, and the others with it.
        let text = when.clone();
        let read = std::thread::Builder::new().stack_size(2 << 20).spawn(move || fault_of(&text));
        assert_eq!(read.unwrap().join().unwrap().is_none(), is_taken, "{when}");
    }
    assert_eq!(
        fault_of(&format!("true{}", " && true".repeat(120))),
        None,
        "a long list of conditions is not deep"
    );
}

/// Two loops around each other over a thousand parts each are a million turns.
#[test]
fn an_expression_that_takes_too_many_steps_ends_and_is_no_verdict() {
    let message =
        format!("parts = [{}]\ncoverage = [{{ scanner = \"av\" }}]", "{ size = 1 }, ".repeat(1_000));
    for when in [
        "parts.all(a, parts.all(b, a.size == b.size))",
        "parts.exists(a, parts.exists(b, a.size != b.size))",
        "parts.exists_one(a, parts.exists_one(b, a.size != b.size))",
        "parts.filter(a, parts.filter(b, a.size == b.size).size() > 0).size() > 5",
        "parts.map(a, parts.map(b, a.size).size()).size() > 5",
        "parts.map(a, a.size > 0, parts.map(b, a.size).size()).size() > 5",
        "parts.all(a, parts.all(b, a.size == b.size)) || true",
    ] {
        let set = RuleSets::parse(&[with(when)]).unwrap();
        let ruling = judged(&set, &message);
        assert_eq!(ruling.judgement.verdict, Verdict::Undetermined, "{when}");
        assert_eq!(ruling.judgement.rules[0].as_str(), "rule.a.failed", "{when}");
        assert_eq!(ruling.troubles[0].why, "it took more steps than an expression may", "{when}");
    }
    let one_loop = rules(
        "[[rule]]\nname = \"a\"\ntags = [\"held\"]\nwhen = \"parts.all(p, p.size == 1) && \
                          parts.filter(p, p.size > 0).size() == 1000 && parts.map(p, p.size)[999] == 1\"",
    );
    assert_eq!(judged(&one_loop, &message).judgement.tags, ["held".into()]);
}

#[test]
fn a_failure_tells_no_text_of_the_message() {
    let set = RuleSets::parse(&[with("{'Sample': true}[message.subject]")]).unwrap();
    let message = "subject = \"secret\"\ncoverage = [{ scanner = \"av\" }]";
    let ruling = judged(&set, message);
    assert_eq!(ruling.judgement.verdict, Verdict::Undetermined);
    assert_eq!(ruling.troubles.len(), 1);
    assert!(!format!("{ruling:?}").contains("secret"), "{ruling:?}");
    // A rule behind the one that failed is asked all the same.
    let behind =
        WrittenRule { name: "b".to_owned(), when: None, verdict: Some("hostile".to_owned()), ..with("") };
    let set =
        RuleSets::parse(&[WrittenRule { stop: true, ..with("findings[0].level > 1") }, behind]).unwrap();
    let ruling = judged(&set, message);
    assert_eq!(ruling.judgement.verdict, Verdict::Hostile);
    assert_eq!(ruling.troubles[0].why, "it asks for an element that is not there");
}

/// Every key of the document, with the kind of value that it has.
#[test]
fn every_key_that_is_documented_is_there() {
    let when = "findings.all(f, f.scanner + f.rule + f.part + f.severity != 'x' && f.level < 5 && \
                'a' in f.tags && !('score' in f.details)) && \
                parts.all(p, p.path + p.role + p.declared + p.detected + p.name + p.sha256 != 'x' && \
                p.size + p.entropy >= 0 && p.flags.size() + p.unopened.size() == 2) && \
                coverage.all(c, c.scanner + c.outcome == 'avhit' && c.required && !c.missed) && \
                sender.address == '' && sender.domain == '' && recipients.size() == 2 && \
                recipients.exists(r, r.address + r.domain + r.provenance == 'b@example.orgexample.orgheader') && \
                client.address + client.helo + client.listener == '192.0.2.1relay' && !client.tls && \
                message.size == 10 && message.subject + message.message_id == 'Hi' && \
                message.from.size() + message.defects.size() + message.bare_newlines == 0";
    let message = "subject = \"Hi\"\nheader_recipients = [\"b@example.org\"]\n\
                   parts = [{ flags = [\"macros\"], unopened = [\"damaged\"] }]\n\
                   findings = [{ scanner = \"av\", tags = [\"a\"] }]\n\
                   coverage = [{ scanner = \"av\", required = true, hit = true }]";
    // The sample has no tag `a`, no flags, and another sender; the conditions are joined so that it says no.
    let set = RuleSets::parse(&[with(when)]).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let ruling = judged(&set, message);
    assert_eq!(ruling.troubles, []);
    assert_eq!(ruling.judgement.tags, ["held".into()]);
}

#[test]
fn words_in_expressions_are_those_of_records() {
    let message = Message::read("findings = [{ severity = \"high\" }]\nparts = [{ flags = [\"macros\"] }]");
    for (when, held) in [
        ("findings.exists(f, f.severity == 'high' && f.level == 3)", true),
        ("parts.exists(p, 'macros' in p.flags)", true),
        ("parts.exists(p, p.role == 'attachment')", true),
        ("recipients.exists(r, r.provenance == 'envelope')", true),
        ("coverage.exists(c, c.required)", false),
    ] {
        let set = RuleSets::parse(&[with(when)]).unwrap();
        let judgement = set.judge(&message.seen().evidence()).judgement;
        assert_eq!(!judgement.tags.is_empty(), held, "{when}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Neither reading nor asking panics, whatever is typed.
    #[test]
    fn no_expression_panics(when in "([a-z.]{1,8}|parts|findings|message|[-+*/%!&|?:.,(){}\\[\\]<>=' \"0-9]|in |exists\\(p,|\\PC){1,20}") {
        if let Ok(set) = RuleSets::parse(&[with(&when)]) {
            let message = Message::read("parts = [{}]\nfindings = [{}, {}]");
            let _ = set.judge(&message.seen().evidence());
        }
    }
}
