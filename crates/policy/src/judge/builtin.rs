//! The rules that hold where nobody wrote others. They stand behind those that were written; one that is
//! written under the name of one of them takes its place.

use super::written::{WrittenFinding, WrittenPart, WrittenRule};

/// What scanners find speaks against a message, and what they are sure of is an attack. What could not be
/// opened leaves it open. Nothing is ever taken away by them.
pub(super) fn rules() -> [WrittenRule; 3] {
    [
        WrittenRule {
            finding: Some(finding_of("high")),
            verdict: Some("hostile".to_owned()),
            ..named("builtin_hostile")
        },
        WrittenRule {
            finding: Some(finding_of("info")),
            verdict: Some("suspect".to_owned()),
            ..named("builtin_suspect")
        },
        WrittenRule {
            part: Some(WrittenPart {
                unopened: UNOPENED.map(str::to_owned).into(),
                ..WrittenPart::default()
            }),
            verdict: Some("undetermined".to_owned()),
            ..named("builtin_unopened")
        },
    ]
}

/// Every reason that there is.
const UNOPENED: [&str; 9] = [
    "encrypted",
    "unsupported",
    "damaged",
    "octets_max",
    "parts_max",
    "depth_max",
    "ratio_max",
    "time_max",
    "failed",
];

fn named(name: &str) -> WrittenRule {
    WrittenRule { name: name.to_owned(), ..WrittenRule::default() }
}

fn finding_of(severity: &str) -> WrittenFinding {
    WrittenFinding { severity_min: Some(severity.to_owned()), ..WrittenFinding::default() }
}
