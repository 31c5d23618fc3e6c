//! The words and numbers by which receivers know what was judged. They are part of the formats: a receiver's
//! filters are written against them.

use sensor_mail::finding::Outcome;
use sensor_mail::{Disposition, Severity, Verdict};

pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "clean",
        Verdict::Undetermined => "undetermined",
        Verdict::Suspect => "suspect",
        Verdict::Hostile => "hostile",
    }
}

pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// The scale of CEF, which ECS leaves to its source: 0 to 3 low, to 6 medium, to 8 high, above very high.
pub(crate) fn severity_number(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Low => 3,
        Severity::Medium => 6,
        Severity::High => 8,
        Severity::Critical => 10,
    }
}

pub(crate) fn disposition(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Keep => "keep",
        Disposition::Quarantine => "quarantine",
        Disposition::MetadataOnly => "metadata_only",
    }
}

pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Clean => "clean",
        Outcome::Hit => "hit",
        Outcome::Skipped => "skipped",
        Outcome::TimedOut => "timed_out",
        Outcome::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    fn check<T: Serialize + Copy>(word: fn(T) -> &'static str, values: &[T]) {
        for value in values {
            assert_eq!(serde_json::to_value(value).unwrap(), word(*value));
        }
    }

    #[test]
    fn an_event_uses_the_words_of_the_record() {
        check(verdict, &[Verdict::Clean, Verdict::Undetermined, Verdict::Suspect, Verdict::Hostile]);
        check(
            severity,
            &[Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical],
        );
        check(disposition, &[Disposition::Keep, Disposition::Quarantine, Disposition::MetadataOnly]);
        check(outcome, &[Outcome::Clean, Outcome::Hit, Outcome::Skipped, Outcome::TimedOut, Outcome::Failed]);
    }
}
