//! `docs/rules.md`, executed: each message there is judged by the rules before it.

use sensor_mail::Judgement;
use sensor_policy::judge::{Difference, RuleSets};
use serde::Deserialize;

use super::message::{judged, rules, written};

/// The part of a judgement that the document shows; what it does not say is nothing.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shown {
    verdict: sensor_mail::Verdict,
    severity: sensor_mail::Severity,
    disposition: sensor_mail::Disposition,
    tags: Vec<Box<str>>,
    notices: Vec<Box<str>>,
    rules: Vec<sensor_mail::RuleId>,
}

impl From<Judgement> for Shown {
    fn from(judgement: Judgement) -> Self {
        let Judgement { verdict, severity, tags, disposition, notices, rules, ruleset: _ } = judgement;
        Self { verdict, severity, disposition, tags, notices, rules }
    }
}

/// The fenced blocks of the document: what stands behind the fence, and the text.
fn blocks() -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut pieces = text.split("\n```");
    pieces.next();
    let fenced = pieces.step_by(2).map(|block| block.split_once('\n').unwrap());
    fenced.map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect()
}

#[test]
fn every_example_of_the_document_is_judged_as_it_says() {
    let (mut set, mut left_out, mut message, mut ruling, mut judgements) =
        (RuleSets::default(), false, String::new(), None, 0);
    for (kind, text) in blocks() {
        match kind.as_str() {
            "toml rules" => {
                left_out = text.contains("when = ") && !cfg!(feature = "cel");
                set = if left_out { RuleSets::default() } else { rules(&text) };
            }
            _ if left_out => println!("skipped, as expressions are left out of this program: {text}"),
            "toml message" => {
                ruling = Some(judged(&set, &text));
                message = text;
            }
            "toml judgement" => {
                let shown: Shown = toml::from_str(&text).unwrap();
                let ruling = ruling.as_ref().unwrap();
                assert_eq!(Shown::from(ruling.judgement.clone()), shown, "{message}");
                assert_eq!(ruling.troubles, [], "{message}");
                judgements += 1;
            }
            "text difference" => {
                let ruling = ruling.as_ref().unwrap();
                let shadow = ruling.shadow.as_ref().unwrap();
                let difference = Difference::between(&ruling.judgement, shadow).unwrap();
                assert_eq!(difference.to_string(), text.trim());
            }
            "toml builtin" => {}
            other => panic!("nothing is done with a block of the kind {other:?}"),
        }
    }
    assert!(judgements >= 8, "{judgements} judgements were found");
}

/// What is printed as built in is built in: written out it makes the same rule set.
#[test]
fn the_built_in_rules_are_those_of_the_document() {
    let (_, text) = blocks().into_iter().find(|(kind, _)| kind == "toml builtin").unwrap();
    assert_eq!(written(&text).len(), 3);
    assert_eq!(rules(&text).version(), RuleSets::default().version());
    assert_ne!(rules("[[rule]]\nname = \"a\"\nstop = true").version(), RuleSets::default().version());
}
