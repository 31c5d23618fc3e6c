//! The figures in OpenMetrics text.
//!
//! A registry is filled for each scrape from one snapshot, so that figures that belong together are of one
//! moment and nobody else can add to them.

mod looks;

use std::collections::BTreeMap;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use crate::status::{Conservation, Metrics, Space};

/// The media type of OpenMetrics text.
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The most rules that are told apart; the others share [`RuleLabel::OTHER`].
const RULES_MAX: usize = 64;

/// The most characters of a label.
const LABEL_CHARACTERS_MAX: usize = 64;

/// The rule of a refusal as a label: a list without the number of its entry, so that neither an address nor
/// a series for each of a hundred thousand entries comes into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleLabel(String);

impl RuleLabel {
    /// What stands for a rule that cannot be a label.
    pub const OTHER: &str = "other";

    /// The label of a rule such as `clients[2]`, `clients.default` or `storage_low`: letters, `_` and `.`.
    #[must_use]
    pub fn of(rule: &str) -> Self {
        let name = rule.split_once('[').map_or(rule, |(list, _)| list);
        let fits = |octet: u8| octet.is_ascii_lowercase() || octet == b'_' || octet == b'.';
        let is_label = !name.is_empty() && name.len() <= LABEL_CHARACTERS_MAX && name.bytes().all(fits);
        Self(if is_label { name.to_owned() } else { Self::OTHER.to_owned() })
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One label: its name and its value.
type Labels = [(&'static str, String); 1];

pub(crate) fn exposition(metrics: &Metrics) -> String {
    let mut registry = Registry::with_prefix("mailsensor");
    conservation(&mut registry, &metrics.conservation);
    space(&mut registry, metrics.space);
    gauge(&mut registry, "connections_open", "SMTP connections that are open", metrics.connections);
    counter(&mut registry, "connections", "SMTP connections ever accepted", metrics.connections_accepted);
    let help = "Refusals that were answered 4yz because a narrowing of the rules is gentle";
    counter(&mut registry, "refusals_softened", help, metrics.softened);
    gauge(&mut registry, "enabled", "Whether mail is taken", u64::from(metrics.enabled));
    troubles(&mut registry, metrics);
    refusals(&mut registry, metrics);
    certificates(&mut registry, &metrics.certificates);
    if let Some(looks) = &metrics.looks {
        looks::looks(&mut registry, looks);
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("a String takes whatever is written");
    text
}

/// What needs a person, 1 where it does.
fn troubles(registry: &mut Registry, metrics: &Metrics) {
    let mut trouble = |name, help, is_so| gauge(registry, name, help, u64::from(is_so));
    trouble("archive_failing", "Whether the archive cannot be written", metrics.archive_failing);
    trouble("pipeline_paused", "Whether pipeline.paused leaves mail in the spool", metrics.pipeline_paused);
    trouble("reload_refused", "Whether the last reload was refused", metrics.reload_refused);
}

fn conservation(registry: &mut Registry, figures: &Conservation) {
    let Conservation { accepted, in_spool, kept, set_aside, withdrawn, lost } = *figures;
    counter(
        registry,
        "messages_accepted",
        "Messages made durable: answered 250, but for the withdrawn",
        accepted,
    );
    gauge(registry, "messages_in_spool", "Accepted messages that wait to be kept", in_spool);
    counter(registry, "messages_kept", "Accepted messages that were kept in the archive", kept);
    gauge(registry, "messages_set_aside", "Accepted messages that wait for a person", set_aside);
    counter(
        registry,
        "messages_withdrawn",
        "Accepted messages whose sender was told to come back",
        withdrawn,
    );
    counter(registry, "messages_lost", "Accepted messages that damage to the storage destroyed", lost);
    let help = "Messages that are accepted and nowhere; anything but 0 is a defect";
    registry.register("messages_unaccounted", help, ConstGauge::new(figures.unaccounted()));
}

fn space(registry: &mut Registry, space: Space) {
    let mut octets = |name: &str, help: &str, value: u64| {
        registry.register_with_unit(name, help, Unit::Bytes, ConstGauge::new(signed(value)));
    };
    octets("spool_size", "All files of the spool", space.octets);
    octets("spool_live", "What of them is needed", space.live_octets);
    octets("spool_free", "Free space of the spool's file system", space.free_octets);
    gauge(registry, "spool_free_inodes", "Free inodes of the spool's file system", space.free_inodes);
}

fn refusals(registry: &mut Registry, metrics: &Metrics) {
    let mut by_rule: BTreeMap<&str, u64> = BTreeMap::new();
    for refusals in &metrics.refusals {
        let rule = refusals.rule.as_str();
        let has_room = by_rule.len() < RULES_MAX || by_rule.contains_key(rule);
        let count = by_rule.entry(if has_room { rule } else { RuleLabel::OTHER }).or_default();
        *count = count.saturating_add(refusals.count);
    }
    let family = Family::<Labels, Counter>::default();
    for (rule, count) in by_rule {
        family.get_or_create(&[("rule", rule.to_owned())]).inc_by(count);
    }
    registry.register("refusals", "Refusals since the start, by the rule that decided", family);
}

fn certificates(registry: &mut Registry, certificates: &[(String, i64)]) {
    let family = Family::<Labels, Gauge>::default();
    for (name, seconds) in certificates {
        family.get_or_create(&[("certificate", name.clone())]).set(*seconds);
    }
    let help = "Time until the certificate expires; below 0 it has";
    registry.register_with_unit("certificate_expires_in", help, Unit::Seconds, family);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register(name, help, ConstCounter::new(value));
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register(name, help, ConstGauge::new(signed(value)));
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
