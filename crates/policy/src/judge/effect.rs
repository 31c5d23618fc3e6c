//! What rules bring about, and how what several of them say becomes one judgement.

use sensor_mail::{Disposition, Judgement, RuleId, Severity, Verdict};

use super::condition::Holds;

/// What a rule says of a message for which it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) verdict: Option<Verdict>,
    pub(super) severity: Option<Severity>,
    pub(super) tags: Vec<Box<str>>,
    pub(super) disposition: Option<Disposition>,
    pub(super) notices: Vec<Box<str>>,
}

impl Effect {
    /// A rule that speaks against a message without saying how grave that is means: as grave as what it goes by.
    fn severity(&self, holds: Holds) -> Severity {
        let speaks_against = match self.verdict {
            Some(Verdict::Suspect | Verdict::Hostile) => true,
            Some(Verdict::Clean | Verdict::Undetermined) | None => false,
        };
        let as_found = if speaks_against { holds.gravest } else { Severity::Info };
        self.severity.unwrap_or(as_found)
    }
}

/// The judgement as far as the rules were asked: of everything the gravest, the strictest, the union. The
/// order in which rules are heard changes nothing but the order in which they are named.
#[derive(Debug)]
pub(super) struct Tally(Judgement);

impl Tally {
    pub(super) fn begin(ruleset: &str) -> Self {
        Self(Judgement { verdict: Verdict::Clean, ruleset: ruleset.into(), ..Judgement::default() })
    }

    pub(super) fn hear(&mut self, rule: &RuleId, effect: &Effect, holds: Holds) {
        let judgement = &mut self.0;
        judgement.verdict = judgement.verdict.max(effect.verdict.unwrap_or(Verdict::Clean));
        judgement.severity = judgement.severity.max(effect.severity(holds));
        judgement.disposition = judgement.disposition.max(effect.disposition.unwrap_or_default());
        judgement.tags.extend(effect.tags.iter().cloned());
        judgement.notices.extend(effect.notices.iter().cloned());
        judgement.rules.push(rule.clone());
    }

    /// The message is not known to be clean, for the reason that `rule` names.
    pub(super) fn doubt(&mut self, rule: RuleId) {
        self.0.verdict = self.0.verdict.max(Verdict::Undetermined);
        self.0.rules.push(rule);
    }

    pub(super) fn end(mut self) -> Judgement {
        for list in [&mut self.0.tags, &mut self.0.notices] {
            list.sort_unstable();
            list.dedup();
        }
        self.0
    }
}
