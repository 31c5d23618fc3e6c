//! What is held of a message that was looked into: an administrator's rules over what scanners found.
//!
//! ```text
//! [[rule]] -> WrittenRule -> RuleSets { live, on trial }
//!                                |
//!   Evidence ------------------- judge ------------------> Ruling { judgement, shadow, troubles }
//!   findings, coverage, parts,    every rule in order,          |
//!   recipients, envelope,         until one stops             dispose -> what becomes of it
//!   description
//! ```
//!
//! A rule holds when all its conditions do. Of all rules that hold the gravest verdict and severity count,
//! the strictest disposition, and all tags and notices; each of them is named in the judgement. Behind the
//! rules that were written stand the built-in ones, until a rule with `stop` holds or one of the same name
//! takes a built-in one's place.
//!
//! A rule with `shadow` is on trial: it counts for a second judgement, by the rules as they would be without
//! that word, which decides nothing.
//!
//! Promised: the judgement depends on the evidence and the rules alone, and on the order of the rules only
//! by `stop`; no rule can make a message clean that a required scanner did not look at in full; an
//! expression that has no answer leaves the message undetermined instead of clean; the version of a rule set
//! changes with what it says and not with how it is typed.
//!
//! Left out on purpose: nothing is decided about mail at the door, nothing is remembered between messages,
//! and no rule sees a message's text.

mod address;
mod builtin;
mod condition;
mod difference;
mod effect;
#[cfg(feature = "cel")]
mod expression;
mod fault;
mod pattern;
mod read;
mod version;
#[cfg(not(feature = "cel"))]
mod without_expression;
mod written;

#[cfg(not(feature = "cel"))]
use without_expression as expression;

use std::sync::Arc;

use sensor_mail::{Coverage, Description, Envelope, Finding, Judgement, Part, Recipient, RuleId};

use effect::Tally;
use expression::Subject;
use read::Rule;

pub use difference::Difference;
pub use fault::{RuleFault, RuleProblem};
pub use written::{
    WrittenCoverage, WrittenFinding, WrittenPart, WrittenRecipient, WrittenRule, WrittenSender,
};

/// The most rules that can be written. Each one that is asked costs a pass over findings and parts.
pub const RULES_MAX: usize = 1_000;

/// What one look saw of a message, and what is known of it besides.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// Its header block.
    pub description: &'a Description,
    /// What it consists of.
    pub parts: &'a [Part],
    /// Whom its own fields and a journal report name as recipients.
    pub recipients: &'a [Recipient],
    /// What was found.
    pub findings: &'a [Finding],
    /// What each scanner made of it.
    pub coverage: &'a [Coverage],
}

/// What the rules say of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What is in force.
    pub judgement: Judgement,
    /// What would be, by the rules with those on trial; none where none is.
    pub shadow: Option<Judgement>,
    /// Rules that could not be asked.
    pub troubles: Vec<Trouble>,
}

/// A rule that could not be asked. Where it is in force, the message is not held to be clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The rule.
    pub rule: RuleId,
    /// Whether that was by the rules on trial.
    pub shadow: bool,
    /// Why, without a word of the message.
    pub why: &'static str,
}

/// The rules in force, and those with what is on trial.
#[derive(Clone, Debug)]
pub struct RuleSets {
    live: RuleSet,
    shadow: Option<RuleSet>,
}

/// Rules in their order, and the version that they are together.
#[derive(Clone, Debug)]
struct RuleSet {
    rules: Vec<Arc<Rule>>,
    version: Box<str>,
}

impl RuleSets {
    /// Reads the rules in the order of the file.
    ///
    /// # Errors
    /// Everything that cannot be used, in the order of the file.
    pub fn parse(written: &[WrittenRule]) -> Result<Self, Vec<RuleFault>> {
        let mut faults = too_many(written).into_iter().collect();
        let read: Vec<(&WrittenRule, Arc<Rule>)> = written
            .iter()
            .take(RULES_MAX)
            .enumerate()
            .map(|(index, rule)| (rule, Arc::new(read::rule(index, rule, &mut faults))))
            .collect();
        faults.extend(names_taken(written));
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.rule);
            return Err(faults);
        }
        let live: Vec<_> = read.iter().filter(|(rule, _)| !rule.shadow).cloned().collect();
        let is_on_trial = live.len() < read.len();
        Ok(Self {
            shadow: is_on_trial.then(|| RuleSet::with_builtin(&as_if_live(&read))),
            live: RuleSet::with_builtin(&live),
        })
    }

    /// Judges a message.
    #[must_use]
    pub fn judge(&self, evidence: &Evidence<'_>) -> Ruling {
        let subject = Subject::new(evidence);
        let mut troubles = Vec::new();
        let judgement = self.live.judge(&subject, false, &mut troubles);
        let shadow = self.shadow.as_ref().map(|rules| rules.judge(&subject, true, &mut troubles));
        Ruling { judgement, shadow, troubles }
    }

    /// The version of the rules in force, as it stands in each judgement.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.live.version
    }
}

impl Default for RuleSets {
    /// The built-in rules alone.
    fn default() -> Self {
        Self { live: RuleSet::with_builtin(&[]), shadow: None }
    }
}

impl RuleSet {
    /// What is enabled of `written`, and behind it the built-in rules that it does not replace.
    fn with_builtin(written: &[(&WrittenRule, Arc<Rule>)]) -> Self {
        let builtin = builtin::rules();
        let is_replaced = |name: &str| written.iter().any(|(rule, _)| rule.name == name);
        let kept = builtin.iter().filter(|rule| !is_replaced(&rule.name));
        let mut rules: Vec<(&WrittenRule, Arc<Rule>)> =
            written.iter().filter(|(rule, _)| rule.enabled).cloned().collect();
        rules.extend(kept.map(|rule| (rule, Arc::new(read::rule(0, rule, &mut Vec::new())))));
        let version = version::version(rules.iter().map(|(written, _)| *written));
        Self { rules: rules.into_iter().map(|(_, rule)| rule).collect(), version }
    }

    fn judge(&self, subject: &Subject<'_>, shadow: bool, troubles: &mut Vec<Trouble>) -> Judgement {
        let mut tally = Tally::begin(&self.version);
        for rule in &self.rules {
            match rule.conditions.on(subject) {
                Ok(None) => {}
                Ok(Some(holds)) => {
                    tally.hear(&rule.id, &rule.effect, holds);
                    if rule.stop {
                        break;
                    }
                }
                Err(trouble) => {
                    tally.doubt(RuleId::named(&format!("{}.failed", rule.id)));
                    troubles.push(Trouble { rule: rule.id.clone(), shadow, why: trouble.0 });
                }
            }
        }
        doubt_of(subject.evidence.coverage).into_iter().for_each(|rule| tally.doubt(rule));
        tally.end()
    }
}

/// Why a message cannot be clean whatever the rules say: silence about what was not looked at would be a lie.
fn doubt_of(coverage: &[Coverage]) -> Option<RuleId> {
    let missed_all = |coverage: &Coverage| coverage.gaps.iter().any(|gap| gap.part.is_none());
    if coverage.iter().any(|coverage| coverage.required && !coverage.gaps.is_empty()) {
        Some(RuleId::named("coverage.required"))
    } else if coverage.iter().all(missed_all) {
        Some(RuleId::named("coverage.none"))
    } else {
        None
    }
}

/// The rules as they would be if none were marked as on trial: one that has the name of another takes its place.
fn as_if_live<'a>(read: &[(&'a WrittenRule, Arc<Rule>)]) -> Vec<(&'a WrittenRule, Arc<Rule>)> {
    let namesake =
        |of: &WrittenRule| read.iter().find(|(other, _)| other.name == of.name && other.shadow != of.shadow);
    let in_force = |entry: &(&'a WrittenRule, Arc<Rule>)| match (namesake(entry.0), entry.0.shadow) {
        (None, _) => Some(entry.clone()),
        (Some(trial), false) => Some(trial.clone()),
        (Some(_), true) => None,
    };
    read.iter().filter_map(in_force).collect()
}

fn too_many(written: &[WrittenRule]) -> Option<RuleFault> {
    let problem = RuleProblem::TooMany { max: RULES_MAX };
    (written.len() > RULES_MAX).then_some(RuleFault { rule: RULES_MAX, key: "", item: None, problem })
}

/// A name may stand once among the rules in force, and once among those on trial.
fn names_taken(written: &[WrittenRule]) -> impl Iterator<Item = RuleFault> {
    let mut seen = std::collections::HashMap::new();
    written.iter().enumerate().filter_map(move |(index, rule)| {
        let earlier = *seen.entry((&rule.name, rule.shadow)).or_insert(index);
        let problem = RuleProblem::NameTaken { earlier };
        (earlier != index && !rule.name.is_empty()).then_some(RuleFault {
            rule: index,
            key: "name",
            item: None,
            problem,
        })
    })
}

/// Each name of a scanner in the rules by which none of `scanners` goes: a rule about it would never hold.
#[must_use]
pub fn unknown_scanners(written: &[WrittenRule], scanners: &[&str]) -> Vec<RuleFault> {
    let mut faults = Vec::new();
    for (rule, written) in written.iter().enumerate() {
        let of_findings = written.finding.iter().map(|finding| ("finding.scanner", &finding.scanner));
        let of_coverage = written.coverage.iter().map(|coverage| ("coverage.scanner", &coverage.scanner));
        for (key, names) in of_findings.chain(of_coverage) {
            let unknown = names.iter().enumerate().filter(|(_, name)| !scanners.contains(&name.as_str()));
            faults.extend(unknown.map(|(item, _)| RuleFault {
                rule,
                key,
                item: Some(item),
                problem: RuleProblem::UnknownScanner,
            }));
        }
    }
    faults
}
