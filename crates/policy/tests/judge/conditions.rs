//! Each condition by itself: what meets it, and what only nearly does.

use super::message::{judged, rules};

/// Whether a rule with `condition` holds for `message`.
#[track_caller]
fn check(condition: &str, message: &str, holds: bool) {
    let rules = rules(&format!("[[rule]]\nname = \"tried\"\ntags = [\"held\"]\n{condition}\n"));
    let ruling = judged(&rules, message);
    assert_eq!(!ruling.judgement.tags.is_empty(), holds, "{condition} on {message}");
    let named = ruling.judgement.rules.iter().any(|rule| rule.as_str() == "rule.tried");
    assert_eq!(named, holds, "a rule that holds is named, and no other: {:?}", ruling.judgement.rules);
}

#[test]
fn a_finding_has_to_meet_all_that_is_asked_of_one() {
    let two = "findings = [{ scanner = \"av\", rule = \"Win.Agent-1\", severity = \"low\", tags = [\"a\"] }, \
               { scanner = \"yara\", rule = \"macro\", severity = \"high\", tags = [\"b\", \"c\"] }]";
    for (condition, holds) in [
        ("finding.scanner = [\"av\"]", true),
        ("finding.scanner = [\"AV\"]", false),
        ("finding.scanner = [\"x\", \"yara\"]", true),
        ("finding.rule = [\"win.*\"]", true),
        ("finding.rule = [\"win\"]", false),
        ("finding.tag = [\"c\"]", true),
        ("finding.tag = [\"d\"]", false),
        ("finding.severity_min = \"high\"", true),
        ("finding.severity_min = \"critical\"", false),
        ("finding.scanner = [\"av\"]\nfinding.severity_min = \"high\"", false),
        ("finding.scanner = [\"yara\"]\nfinding.tag = [\"a\"]", false),
        ("finding.scanner = [\"yara\"]\nfinding.tag = [\"b\"]\nfinding.rule = [\"m?cro\"]", true),
    ] {
        check(condition, two, holds);
    }
    check("finding.severity_min = \"info\"", "", false);
}

#[test]
fn a_part_has_to_meet_all_that_is_asked_of_one() {
    let two = "parts = [{ declared = \"application/pdf\", name = \"Invoice.PDF\", size = 10, role = \"body\" }, \
               { detected = \"application/zip\", flags = [\"encrypted\"], unopened = [\"depth_max\"], size = 1048576 }]";
    for (condition, holds) in [
        ("part.declared = [\"application/*\"]", true),
        ("part.declared = [\"application/zip\"]", false),
        ("part.detected = [\"*/zip\"]", true),
        ("part.name = [\"invoice.*\"]", true),
        ("part.name = [\"*\"]\npart.flag = [\"encrypted\"]", false),
        ("part.extension = [\"exe\", \"pdf\"]", true),
        ("part.extension = [\"df\"]", false),
        ("part.flag = [\"bomb\", \"encrypted\"]", true),
        ("part.flag = [\"bomb\"]", false),
        ("part.role = [\"body\"]", true),
        ("part.role = [\"member\"]", false),
        ("part.unopened = [\"depth_max\"]", true),
        ("part.unopened = [\"parts_max\"]", false),
        ("part.size_min = \"1 MiB\"", true),
        ("part.size_min = \"1048577\"", false),
        ("part.size_min = \"11\"\npart.role = [\"body\"]", false),
    ] {
        check(condition, two, holds);
    }
}

#[test]
fn an_extension_is_what_a_name_ends_with_for_who_opens_it() {
    for (name, holds) in [
        ("a.exe", true),
        ("a.EXE", true),
        ("a.exe.", true),
        ("a.exe . .", true),
        ("a.exe\u{a0}", true),
        (".exe", true),
        ("exe", false),
        ("a.exe.txt", false),
        ("a.tar.gz", true),
        ("a.gz", false),
    ] {
        check("part.extension = [\"exe\", \"tar.gz\"]", &format!("parts = [{{ name = \"{name}\" }}]"), holds);
    }
}

#[test]
fn coverage_is_that_of_one_scanner() {
    let two = "coverage = [{ scanner = \"av\", required = true, hit = true, gaps = [{ missed = \"timed_out\", part = 1 }] }, \
               { scanner = \"yara\" }]";
    for (condition, holds) in [
        ("coverage.scanner = [\"yara\"]", true),
        ("coverage.scanner = [\"rspamd\"]", false),
        ("coverage.outcome = [\"hit\"]", true),
        ("coverage.outcome = [\"timed_out\"]", false),
        ("coverage.outcome = [\"clean\"]\ncoverage.required = true", false),
        ("coverage.outcome = [\"clean\"]\ncoverage.required = false", true),
        ("coverage.required = true\ncoverage.missed = true", true),
        ("coverage.scanner = [\"yara\"]\ncoverage.missed = true", false),
        ("coverage.scanner = [\"yara\"]\ncoverage.missed = false", true),
    ] {
        check(condition, two, holds);
    }
}

#[test]
fn senders_are_those_of_the_envelope() {
    for (condition, sender, holds) in [
        ("sender.domain = [\"example.com\"]", "a@sub.example.com", true),
        ("sender.domain = [\"example.com\", \"!lab.example.com\"]", "a@lab.example.com", false),
        ("sender.domain = [\"!example.com\"]", "a@example.com", false),
        ("sender.domain = [\"!example.com\"]", "a@example.org", true),
        ("sender.domain = [\"!example.com\"]", "", false),
        ("sender.domain = [\"bücher.example\"]", "a@xn--bcher-kva.example", true),
        ("sender.address = [\"a@example.com\"]", "A@Example.Com.", true),
        ("sender.address = [\"a@example.com\"]", "", false),
        ("sender.address = [\"<>\"]", "", true),
        ("sender.address = [\"<>\"]", "a@example.com", false),
        ("sender.address = [\"<>\", \"a@example.com\"]", "a@example.com", true),
        ("sender.address = [\"<>\"]\nsender.domain = [\"example.com\"]", "", false),
        ("sender.address = [\"a@example.com\"]\nsender.domain = [\"example.org\"]", "a@example.com", false),
    ] {
        check(condition, &format!("sender = \"{sender}\""), holds);
    }
}

#[test]
fn recipients_of_a_header_count_only_where_a_rule_says_so() {
    let both =
        "recipients = [\"bob@example.com\", \"postmaster\"]\nheader_recipients = [\"eve@example.org\"]";
    for (condition, holds) in [
        ("recipient.domain = [\"example.com\"]", true),
        ("recipient.domain = [\"example.org\"]", false),
        ("recipient.domain = [\"example.org\"]\nrecipient.provenance = [\"envelope\"]", false),
        ("recipient.domain = [\"example.org\"]\nrecipient.provenance = [\"header\"]", true),
        ("recipient.domain = [\"example.com\"]\nrecipient.provenance = [\"header\", \"journal\"]", false),
        ("recipient.address = [\"BOB@example.com\"]", true),
        ("recipient.address = [\"eve@example.org\"]", false),
        ("recipient.address = [\"Postmaster\"]", true),
        ("recipient.provenance = [\"journal\"]", false),
        ("recipient.provenance = [\"header\"]", true),
    ] {
        check(condition, both, holds);
    }
    check("recipient.address = [\"postmaster\"]", "recipients = [\"bob@example.com\"]", false);
    check("recipient.domain = [\"example.com\"]", "recipients = [\"postmaster\"]", false);
}

#[test]
fn clients_are_as_at_the_door() {
    for (condition, client, holds) in [
        ("client = [\"192.0.2.0/24\"]", "192.0.2.7", true),
        ("client = [\"192.0.2.0/24\"]", "::ffff:192.0.2.7", true),
        ("client = [\"192.0.2.0/24\"]", "198.51.100.7", false),
        ("client = [\"192.0.2.0/24\", \"!192.0.2.7\"]", "192.0.2.7", false),
        ("client = [\"!192.0.2.0/24\"]", "192.0.2.7", false),
        ("client = [\"!192.0.2.0/24\"]", "2001:db8::7", true),
    ] {
        check(condition, &format!("client = \"{client}\""), holds);
    }
}

#[test]
fn all_kinds_of_conditions_have_to_hold() {
    let condition = "finding.scanner = [\"av\"]\npart.flag = [\"macros\"]\nclient = [\"192.0.2.7\"]";
    let finding = "findings = [{ scanner = \"av\" }]";
    let (part, client) = ("parts = [{ flags = [\"macros\"] }]", "client = \"192.0.2.7\"");
    check(condition, &[finding, part, client].join("\n"), true);
    for two in [[finding, part], [part, client], [finding, client]] {
        check(condition, &two.join("\n"), false);
    }
    check("", "", true);
}
