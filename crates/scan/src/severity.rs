//! How grave the findings of a scanner are that has no opinion of its own.

use sensor_mail::Severity;

use crate::keys::{Key, Shape, Unset};

pub(crate) const SEVERITY: Key = Key::new(
    "severity",
    Shape::Words(&["info", "low", "medium", "high", "critical"]),
    "How grave its findings are.",
)
.or(Unset::Text("high"));

/// The words for severities.
pub(crate) fn severities() -> &'static [(&'static str, Severity)] {
    &[
        ("info", Severity::Info),
        ("low", Severity::Low),
        ("medium", Severity::Medium),
        ("high", Severity::High),
        ("critical", Severity::Critical),
    ]
}
