//! Rules on trial: what they would change is reported, and nothing comes of it.

use sensor_policy::judge::Difference;

use super::message::{judged, rules};

const MACROS: &str = "parts = [{ flags = [\"macros\"] }]\nfindings = [{ scanner = \"yara\", severity = \"low\" }]\n\
                      coverage = [{ scanner = \"yara\", hit = true }]";

/// Checks both judgements by the rules that decided.
#[track_caller]
fn check(text: &str, live: &[&str], shadow: Option<&[&str]>) {
    let set = rules(text);
    let ruling = judged(&set, MACROS);
    let named = |rules: &[sensor_mail::RuleId]| rules.iter().map(|rule| rule.to_string()).collect::<Vec<_>>();
    assert_eq!(named(&ruling.judgement.rules), live, "{text}");
    assert_eq!(
        ruling.shadow.as_ref().map(|shadow| named(&shadow.rules)).as_deref(),
        shadow.map(|names| { names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>() }).as_deref(),
        "{text}"
    );
}

#[test]
fn rules_on_trial_stand_where_they_would_in_force() {
    let a = "[[rule]]\nname = \"a\"\ntags = [\"a\"]\n";
    let b = "[[rule]]\nname = \"b\"\ntags = [\"b\"]\n";
    let trial = "shadow = true\n";
    let builtin = "rule.builtin_suspect";
    check(a, &["rule.a", builtin], None);
    check(&format!("{a}{trial}{b}"), &["rule.b", builtin], Some(&["rule.a", "rule.b", builtin]));
    // In place of its namesake, wherever it is written.
    check(&format!("{a}{b}{a}{trial}"), &["rule.a", "rule.b", builtin], Some(&["rule.a", "rule.b", builtin]));
    check(
        &format!("{a}{b}{a}{trial}enabled = false\n"),
        &["rule.a", "rule.b", builtin],
        Some(&["rule.b", builtin]),
    );
    // One that stops keeps the later ones, and the built-in ones, from being asked.
    check(&format!("{a}{b}{a}stop = true\n{trial}"), &["rule.a", "rule.b", builtin], Some(&["rule.a"]));
    let none = "[[rule]]\nname = \"builtin_suspect\"\nenabled = false\n";
    check(&format!("{none}{trial}"), &[builtin], Some(&[]));
    check(none, &[], None);
}

#[test]
fn a_rule_on_trial_changes_nothing_that_is_in_force() {
    let in_force = "[[rule]]\nname = \"a\"\npart.flag = [\"macros\"]\ntags = [\"a\"]\n";
    let on_trial =
        "[[rule]]\nname = \"b\"\nshadow = true\nverdict = \"hostile\"\ndisposition = \"metadata_only\"\n";
    let (alone, with) = (rules(in_force), rules(&format!("{on_trial}{in_force}")));
    assert_eq!(judged(&alone, MACROS).judgement, judged(&with, MACROS).judgement);
    assert_eq!(alone.version(), with.version());
    let shadow = judged(&with, MACROS).shadow.unwrap();
    let without_word = rules(&format!("{}{in_force}", on_trial.replace("shadow = true\n", "")));
    assert_eq!(shadow, judged(&without_word, MACROS).judgement);
}

#[test]
fn a_difference_says_what_changes_and_nothing_else() {
    let text = "[[rule]]\nname = \"a\"\ntags = [\"x\", \"y\"]\nnotices = [\"soc\"]\n\
                [[rule]]\nname = \"a\"\nshadow = true\ntags = [\"y\", \"z\"]\nseverity = \"high\"\n";
    let ruling = judged(&rules(text), MACROS);
    let shadow = ruling.shadow.unwrap();
    let difference = Difference::between(&ruling.judgement, &shadow).unwrap();
    assert_eq!(difference.to_string(), "severity low -> high, tags -x +z, notices -soc");
    assert_eq!(Difference::between(&shadow, &shadow), None);
}
