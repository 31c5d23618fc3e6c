//! What cannot be used is told with its place, all of it at once.

use sensor_policy::judge::{RULES_MAX, RuleSets, WrittenRule, unknown_scanners};

use super::message::written;

fn told(rules: &[WrittenRule]) -> Vec<String> {
    let faults = RuleSets::parse(rules).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

/// Each faulty line of a rule, and what is said about it.
#[test]
fn every_fault_says_what_was_expected() {
    for (line, says) in [
        ("name = \"\"", "rule 1, name: a name has 1 to 64 lower-case letters, digits and `_`"),
        ("name = \"Macro-Mail\"", "rule 1, name: a name has"),
        (
            "verdict = \"bad\"",
            "rule 1, verdict: unknown variant `bad`, expected one of `clean`, `undetermined`",
        ),
        ("severity = \"HIGH\"", "rule 1, severity: unknown variant `HIGH`, expected one of `info`"),
        ("disposition = \"delete\"", "rule 1, disposition: unknown variant `delete`, expected one of `keep`"),
        ("tags = [\"a\", \"\"]", "rule 1, tags[2]: a word of 1 to 128 characters"),
        ("tags = [\" a\"]", "rule 1, tags[1]: a word"),
        ("notices = [\"a\\nb\"]", "rule 1, notices[1]: a word"),
        ("finding = {}", "rule 1, finding: it names nothing to look for"),
        ("part = {}", "rule 1, part: it names nothing"),
        ("coverage = {}", "rule 1, coverage: it names nothing"),
        ("sender = {}", "rule 1, sender: it names nothing"),
        ("recipient = {}", "rule 1, recipient: it names nothing"),
        ("finding.severity_min = \"grave\"", "rule 1, finding.severity_min: unknown variant `grave`"),
        (
            "finding.rule = [\"a\", \"\"]",
            "rule 1, finding.rule[2]: a pattern with * and ? has 1 to 256 octets",
        ),
        ("part.flag = [\"macros\", \"macro\"]", "rule 1, part.flag[2]: unknown variant `macro`"),
        ("part.role = [\"file\"]", "rule 1, part.role[1]: unknown variant `file`"),
        ("part.unopened = [\"locked\"]", "rule 1, part.unopened[1]: unknown variant `locked`"),
        ("part.extension = [\"*.exe\"]", "rule 1, part.extension[1]: without the dot; did you mean exe?"),
        ("part.size_min = \"10M\"", "rule 1, part.size_min: "),
        ("coverage.outcome = [\"ok\"]", "rule 1, coverage.outcome[1]: unknown variant `ok`"),
        ("sender.domain = [\"*.example.com\"]", "rule 1, sender.domain[1]: wildcards are not taken"),
        ("sender.domain = [\"a.example\", \"!a.example\"]", "rule 1, sender.domain[2]: contradicts entry 1"),
        (
            "sender.address = [\"example.com\"]",
            "rule 1, sender.address[1]: no domain; a whole address such as",
        ),
        ("recipient.address = [\"<>\"]", "rule 1, recipient.address[1]: bad local part"),
        ("recipient.provenance = [\"body\"]", "rule 1, recipient.provenance[1]: unknown variant `body`"),
        ("client = [\"10.1.2.3/8\"]", "rule 1, client[1]: host bits are set; did you mean 10.0.0.0/8?"),
    ] {
        let name = if line.starts_with("name") { "" } else { "name = \"a\"\n" };
        let faults = told(&written(&format!("[[rule]]\n{name}{line}\nstop = true\n")));
        assert_eq!(faults.len(), 1, "{line}: {faults:?}");
        assert!(faults[0].starts_with(says), "{line}: {}", faults[0]);
    }
}

#[test]
fn a_rule_that_decides_nothing_is_one_fault_and_a_bad_word_is_no_second_one() {
    assert_eq!(told(&written("[[rule]]\nname = \"a\"")).len(), 1);
    assert_eq!(told(&written("[[rule]]\nname = \"a\"\nverdict = \"bad\"")).len(), 1);
    assert_eq!(told(&written("[[rule]]\nname = \"a\"\nenabled = false")), [""; 0]);
    assert_eq!(told(&written("[[rule]]\nname = \"a\"\nstop = true")), [""; 0]);
}

#[test]
fn all_faults_of_all_rules_are_told_in_the_order_of_the_file() {
    let rules = written(
        "[[rule]]\nname = \"a\"\nverdict = \"bad\"\nclient = [\"x\", \"10.0.0.1\", \"y\"]\n\
         [[rule]]\nname = \"b\"\nstop = true\n\
         [[rule]]\nname = \"a\"\nenabled = false\npart.flag = [\"x\"]\n",
    );
    let faults = RuleSets::parse(&rules).unwrap_err();
    let places: Vec<_> = faults.iter().map(|fault| (fault.rule, fault.key, fault.item)).collect();
    assert_eq!(
        places,
        [
            (0, "client", Some(0)),
            (0, "client", Some(2)),
            (0, "verdict", None),
            (2, "part.flag", Some(0)),
            (2, "name", None),
        ]
    );
    assert_eq!(faults[4].to_string(), "rule 3, name: rule 1 has this name");
}

#[test]
fn a_name_may_stand_once_in_force_and_once_on_trial() {
    let rule = |shadow| format!("[[rule]]\nname = \"a\"\nstop = true\nshadow = {shadow}\n");
    for (shadows, count) in
        [(&[false, true][..], 0), (&[true, false], 0), (&[true, true], 1), (&[false, true, false], 1)]
    {
        let text: String = shadows.iter().map(rule).collect();
        assert_eq!(told(&written(&text)).len(), count, "{shadows:?}");
    }
}

#[test]
fn there_is_a_limit_to_the_number_of_rules() {
    let rule = |index: usize| WrittenRule { name: format!("r{index}"), stop: true, ..WrittenRule::default() };
    let rules: Vec<WrittenRule> = (0..=RULES_MAX).map(rule).collect();
    assert_eq!(told(&rules[..RULES_MAX]), [""; 0]);
    assert_eq!(told(&rules), ["rule 1001: more than 1000 rules"]);
}

#[test]
fn keys_that_there_are_not_are_refused() {
    for key in
        ["verdikt = \"clean\"", "finding.scaner = [\"a\"]", "part.path = [\"a\"]", "sender.ip = [\"a\"]"]
    {
        let text = format!("name = \"a\"\n{key}\n");
        let error = toml::from_str::<WrittenRule>(&text).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{key}: {error}");
    }
}

#[test]
fn a_scanner_that_there_is_not_is_told() {
    let rules = written(
        "[[rule]]\nname = \"a\"\nfinding.scanner = [\"av\", \"clamav\"]\n\
         [[rule]]\nname = \"b\"\ncoverage.scanner = [\"AV\"]\n",
    );
    let told: Vec<String> = unknown_scanners(&rules, &["av"]).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("rule 1, finding.scanner[2]: no scanner is called so"), "{told:?}");
    assert!(told[1].starts_with("rule 2, coverage.scanner[1]: no scanner"), "{told:?}");
}

#[cfg(not(feature = "cel"))]
#[test]
fn an_expression_is_a_fault_where_they_are_left_out() {
    let told = told(&written("[[rule]]\nname = \"a\"\nwhen = \"true\"\nstop = true"));
    assert_eq!(told, ["rule 1, when: this program was built without expressions (feature `cel`)"]);
}
