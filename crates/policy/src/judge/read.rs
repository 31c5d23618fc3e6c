//! From what was written to rules: every word is read, and every one that cannot be is told.

use sensor_mail::envelope::Provenance;
use sensor_mail::{RuleId, Severity};
use serde::de::value::Error as WordError;
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::address::Address;
use super::condition::{
    Conditions, Correspondents, CoverageCondition, FindingCondition, PartCondition, RecipientCondition,
    SenderCondition,
};
use super::effect::Effect;
use super::expression::Expression;
use super::fault::{RuleFault, RuleProblem};
use super::pattern::Patterns;
use super::written::{
    WrittenCoverage, WrittenFinding, WrittenPart, WrittenRecipient, WrittenRule, WrittenSender,
};
use crate::clients::ClientRules;
use crate::domains::DomainRules;
use crate::fault::EntryFault;
use crate::size::Octets;

/// The longest name of a rule.
const NAME_CHARACTERS_MAX: usize = 64;
/// The longest tag, name of a scanner or of somebody who is told.
const TEXT_CHARACTERS_MAX: usize = 128;

/// A rule that can be asked.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: RuleId,
    pub(super) conditions: Conditions,
    pub(super) effect: Effect,
    pub(super) stop: bool,
}

/// Reads the rule that stands at `index`; what is faulty is added to `faults` and left out of the rule.
pub(super) fn rule(index: usize, written: &WrittenRule, faults: &mut Vec<RuleFault>) -> Rule {
    let mut reader = Reader { rule: index, faults };
    reader.name(&written.name);
    let conditions = reader.conditions(written);
    let effect = Effect {
        verdict: reader.word("verdict", written.verdict.as_deref()),
        severity: reader.word("severity", written.severity.as_deref()),
        tags: reader.texts("tags", &written.tags),
        disposition: reader.word("disposition", written.disposition.as_deref()),
        notices: reader.texts("notices", &written.notices),
    };
    // A rule that is switched off need not do anything.
    let says_nothing = effect == Effect::default() && !written.stop && written.enabled;
    if says_nothing && !reader.has_fault_of_effect() {
        reader.fault("", None, RuleProblem::NoEffect);
    }
    Rule { id: id_of(&written.name), conditions, effect, stop: written.stop }
}

pub(super) fn id_of(name: &str) -> RuleId {
    RuleId::named(&format!("rule.{name}"))
}

struct Reader<'a> {
    rule: usize,
    faults: &'a mut Vec<RuleFault>,
}

impl Reader<'_> {
    fn fault(&mut self, key: &'static str, item: Option<usize>, problem: impl Into<RuleProblem>) {
        self.faults.push(RuleFault { rule: self.rule, key, item, problem: problem.into() });
    }

    /// Whether what the rule does was written, only badly.
    fn has_fault_of_effect(&self) -> bool {
        let effects = ["verdict", "severity", "tags", "disposition", "notices"];
        self.faults.iter().any(|fault| fault.rule == self.rule && effects.contains(&fault.key))
    }

    fn name(&mut self, name: &str) {
        let is_good = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_';
        if name.is_empty() || name.len() > NAME_CHARACTERS_MAX || !name.bytes().all(is_good) {
            self.fault("name", None, RuleProblem::Name { max: NAME_CHARACTERS_MAX });
        }
    }

    fn conditions(&mut self, written: &WrittenRule) -> Conditions {
        let WrittenRule { finding, part, coverage, sender, recipient, client, when, .. } = written;
        Conditions {
            finding: finding.as_ref().map(|finding| self.finding(finding)),
            part: part.as_ref().map(|part| self.part(part)),
            coverage: coverage.as_ref().map(|coverage| self.coverage(coverage)),
            sender: sender.as_ref().map(|sender| self.sender(sender)),
            recipient: recipient.as_ref().map(|recipient| self.recipient(recipient)),
            client: self.entries("client", client, ClientRules::parse),
            when: when.as_ref().and_then(|when| self.expression(when)),
        }
    }

    fn finding(&mut self, written: &WrittenFinding) -> FindingCondition {
        self.refuse_empty("finding", written);
        FindingCondition {
            scanner: self.texts("finding.scanner", &written.scanner),
            rule: self.patterns("finding.rule", &written.rule),
            tag: self.texts("finding.tag", &written.tag),
            severity_min: self
                .word("finding.severity_min", written.severity_min.as_deref())
                .unwrap_or(Severity::Info),
        }
    }

    fn part(&mut self, written: &WrittenPart) -> PartCondition {
        self.refuse_empty("part", written);
        PartCondition {
            declared: self.patterns("part.declared", &written.declared),
            detected: self.patterns("part.detected", &written.detected),
            name: self.patterns("part.name", &written.name),
            extension: self.extensions(&written.extension),
            flag: self.words("part.flag", &written.flag),
            role: self.words("part.role", &written.role),
            unopened: self.words("part.unopened", &written.unopened),
            size_min: self.size("part.size_min", written.size_min.as_deref()),
        }
    }

    fn coverage(&mut self, written: &WrittenCoverage) -> CoverageCondition {
        self.refuse_empty("coverage", written);
        CoverageCondition {
            scanner: self.texts("coverage.scanner", &written.scanner),
            outcome: self.words("coverage.outcome", &written.outcome),
            required: written.required,
            missed: written.missed,
        }
    }

    fn sender(&mut self, written: &WrittenSender) -> SenderCondition {
        self.refuse_empty("sender", written);
        let (address, empty) = self.addresses("sender.address", &written.address, "<>");
        let domain = self.entries("sender.domain", &written.domain, DomainRules::parse);
        SenderCondition { among: Correspondents { domain, address }, empty }
    }

    fn recipient(&mut self, written: &WrittenRecipient) -> RecipientCondition {
        self.refuse_empty("recipient", written);
        let (address, postmaster) = self.addresses("recipient.address", &written.address, "postmaster");
        let domain = self.entries("recipient.domain", &written.domain, DomainRules::parse);
        let mut provenance = self.words("recipient.provenance", &written.provenance);
        if written.provenance.is_empty() {
            // What a message says of itself is anybody's word: who relies on it has to say so.
            provenance.push(Provenance::Envelope);
        }
        RecipientCondition { among: Correspondents { domain, address }, postmaster, provenance }
    }

    fn refuse_empty<W: Default + PartialEq>(&mut self, key: &'static str, written: &W) {
        if *written == W::default() {
            self.fault(key, None, RuleProblem::EmptyCondition);
        }
    }

    fn word<T: DeserializeOwned>(&mut self, key: &'static str, typed: Option<&str>) -> Option<T> {
        match as_word(typed?) {
            Ok(word) => Some(word),
            Err(problem) => {
                self.fault(key, None, problem);
                None
            }
        }
    }

    fn words<T: DeserializeOwned>(&mut self, key: &'static str, typed: &[String]) -> Vec<T> {
        self.each(key, typed, |typed| as_word(typed))
    }

    fn texts(&mut self, key: &'static str, typed: &[String]) -> Vec<Box<str>> {
        self.each(key, typed, |typed| {
            let is_good = !typed.is_empty()
                && typed.trim() == typed
                && typed.chars().count() <= TEXT_CHARACTERS_MAX
                && !typed.chars().any(char::is_control);
            is_good.then(|| typed.into()).ok_or(RuleProblem::Text { max: TEXT_CHARACTERS_MAX })
        })
    }

    fn extensions(&mut self, typed: &[String]) -> Vec<Box<str>> {
        self.each("part.extension", typed, |typed| match typed.strip_prefix(['.', '*']) {
            Some(rest) => {
                Err(RuleProblem::LeadingDot { meant: rest.trim_start_matches(['.', '*']).to_owned() })
            }
            None if typed.is_empty() || typed.trim() != typed => {
                Err(RuleProblem::Text { max: TEXT_CHARACTERS_MAX })
            }
            None => Ok(format!(".{}", typed.to_lowercase()).into()),
        })
    }

    /// The addresses, and whether the one that is no mailbox is among them.
    fn addresses(&mut self, key: &'static str, typed: &[String], bare: &str) -> (Vec<Address>, bool) {
        let read = self.each(key, typed, |typed| {
            if typed.eq_ignore_ascii_case(bare) { Ok(None) } else { Ok(Some(Address::parse(typed)?)) }
        });
        let has_bare = read.iter().any(Option::is_none);
        (read.into_iter().flatten().collect(), has_bare)
    }

    fn each<T>(
        &mut self,
        key: &'static str,
        typed: &[String],
        read: impl Fn(&str) -> Result<T, RuleProblem>,
    ) -> Vec<T> {
        let mut taken = Vec::with_capacity(typed.len());
        for (item, typed) in typed.iter().enumerate() {
            match read(typed) {
                Ok(value) => taken.push(value),
                Err(problem) => self.fault(key, Some(item), problem),
            }
        }
        taken
    }

    fn patterns(&mut self, key: &'static str, typed: &[String]) -> Option<Patterns> {
        if typed.is_empty() {
            return None;
        }
        let faults = match Patterns::read(typed) {
            Ok(patterns) => return Some(patterns),
            Err(faults) => faults,
        };
        faults.into_iter().for_each(|(item, problem)| self.fault(key, Some(item), problem));
        None
    }

    /// One of the lists of the door, which mean here what they mean there.
    fn entries<T>(
        &mut self,
        key: &'static str,
        typed: &[String],
        parse: impl Fn(&[String]) -> Result<T, Vec<EntryFault>>,
    ) -> Option<T> {
        if typed.is_empty() {
            return None;
        }
        let faults = match parse(typed) {
            Ok(list) => return Some(list),
            Err(faults) => faults,
        };
        faults.into_iter().for_each(|fault| self.fault(key, Some(fault.index), fault.problem));
        None
    }

    fn size(&mut self, key: &'static str, typed: Option<&str>) -> u64 {
        let parsed = typed.map(Octets::parse).transpose();
        match parsed {
            Ok(size) => size.map_or(0, |size| size.count()),
            Err(fault) => {
                self.fault(key, None, fault);
                0
            }
        }
    }

    fn expression(&mut self, typed: &str) -> Option<Expression> {
        match Expression::read(typed) {
            Ok(expression) => Some(expression),
            Err(problem) => {
                self.fault("when", None, problem);
                None
            }
        }
    }
}

/// A word as it stands in records: what an administrator reads there is what is typed here.
fn as_word<T: DeserializeOwned>(typed: &str) -> Result<T, RuleProblem> {
    T::deserialize(typed.into_deserializer()).map_err(|error: WordError| RuleProblem::Word(error.to_string()))
}
