//! What scanners say of a message, and how much of it they looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::part::PartId;

/// Something that a scanner found. Scanners say what is there; what follows from it is judged elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The scanner's name in the configuration.
    pub scanner: Box<str>,
    /// What the scanner calls it: the name of a rule or a signature.
    pub rule: Box<str>,
    /// The part that it was found in; the message itself where the scanner does not say.
    pub part: PartId,
    /// How grave it is, as the scanner or its rule says.
    pub severity: Severity,
    /// Words to judge by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Box<str>>,
    /// More of what the scanner said, by name. Never text of the message.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<Box<str>, Box<str>>,
}

/// How grave something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, nothing more.
    #[default]
    Info,
    /// Unusual.
    Low,
    /// Somebody should look at it.
    Medium,
    /// Probably an attack.
    High,
    /// Certainly an attack.
    Critical,
}

/// What one scanner made of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The scanner's name in the configuration.
    pub scanner: Box<str>,
    /// Whether the message counts as unscanned without it.
    pub required: bool,
    /// Whether it found anything, in what it looked at.
    pub hit: bool,
    /// What it did not look at; with none of these it looked at everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// The version of its rules or signatures, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruleset: Option<Box<str>>,
    /// How long it took, in microseconds.
    pub micros: u64,
}

/// What a scanner did not look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The part; none for the whole message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartId>,
    /// Why.
    #[serde(flatten)]
    pub why: Missed,
}

/// Why a scanner did not look at something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "missed", content = "why", rename_all = "snake_case")]
pub enum Missed {
    /// It never does: too large for it, a type that it does not know. Another try changes nothing.
    Skipped(Box<str>),
    /// It ran out of time.
    TimedOut,
    /// It failed, or was not there.
    Failed(Box<str>),
}

impl Missed {
    /// Whether another try may cover it.
    #[must_use]
    pub fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Skipped(_) => false,
            Self::TimedOut | Self::Failed(_) => true,
        }
    }
}

/// The whole of a scanner's coverage in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It looked at everything and found nothing.
    Clean,
    /// It found something, whatever it did not look at.
    Hit,
    /// It did not look at something, by its own limits.
    Skipped,
    /// It ran out of time.
    TimedOut,
    /// It failed, or was not there.
    Failed,
}

impl Coverage {
    /// A hit with gaps is a hit; of gaps the one that a retry may mend counts.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.hit {
            return Outcome::Hit;
        }
        let gaps = self.gaps.iter().map(|gap| match gap.why {
            Missed::Skipped(_) => Outcome::Skipped,
            Missed::TimedOut => Outcome::TimedOut,
            Missed::Failed(_) => Outcome::Failed,
        });
        gaps.max().unwrap_or(Outcome::Clean)
    }

    /// Whether the message has to be looked at again on this scanner's account.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.required && self.gaps.iter().any(|gap| gap.why.is_worth_a_retry())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(hit: bool, gaps: &[Missed]) -> Coverage {
        let gaps = gaps.iter().map(|why| Gap { part: None, why: why.clone() }).collect();
        Coverage { scanner: "av".into(), required: true, hit, gaps, ruleset: None, micros: 1 }
    }

    #[test]
    fn a_retry_is_owed_for_what_it_may_mend() {
        let (skipped, failed) = (Missed::Skipped("too large".into()), Missed::Failed("reset".into()));
        for (hit, gaps, outcome, owed) in [
            (false, vec![], Outcome::Clean, false),
            (true, vec![], Outcome::Hit, false),
            (true, vec![skipped.clone()], Outcome::Hit, false),
            (true, vec![failed.clone()], Outcome::Hit, true),
            (false, vec![skipped.clone()], Outcome::Skipped, false),
            (false, vec![skipped.clone(), Missed::TimedOut], Outcome::TimedOut, true),
            (false, vec![failed, Missed::TimedOut, skipped], Outcome::Failed, true),
        ] {
            let coverage = coverage(hit, &gaps);
            assert_eq!((coverage.outcome(), coverage.is_owed()), (outcome, owed), "{coverage:?}");
            let text = serde_json::to_string(&coverage).unwrap();
            assert_eq!(serde_json::from_str::<Coverage>(&text).unwrap(), coverage, "{text}");
        }
    }
}
