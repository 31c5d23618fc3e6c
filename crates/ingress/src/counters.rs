//! How often each rule refused.
//!
//! There is one count for each rule that the program knows, and not one for each entry of a list: the number
//! of counts is fixed, whatever a list holds and whoever asks.

use std::sync::atomic::{AtomicU64, Ordering};

use sensor_mail::{Admission, Refusal, RuleId};
use sensor_policy::Decision;
use sensor_smtp::CloseReason;

/// All that is counted, by the names that replies and explanations use; entries by that of their list.
const RULES: [&str; 24] = [
    "clients",
    "clients.default",
    "clients.subnet",
    "destination_domains",
    "destination_domains.default",
    "destination_domains.literal",
    "message_size_limit",
    "bare_newline",
    "enabled",
    "drain",
    "limits.recipients",
    "limits.connections",
    "limits.connections_per_client",
    "limits.command_time",
    "limits.body_time",
    "limits.commands",
    "limits.messages",
    "limits.errors",
    "early_talker",
    "tls.security",
    "spool.reserve",
    "spool.memory",
    "spool.storage",
    "spool.commit_deadline",
];

/// Counts refusals, without a lock.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    rules: [Count; RULES.len()],
}

#[derive(Debug, Default)]
struct Count {
    refused: AtomicU64,
    softened: AtomicU64,
}

/// How often one rule refused since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The rule's id, without the place of an entry in its list.
    pub rule: &'static str,
    /// What it refused: for good, or for now.
    pub refused: u64,
    /// How much of that was refused for now because former rules would have taken it.
    pub softened: u64,
}

impl Counters {
    /// Counts a decision that refuses.
    pub(crate) fn count(&self, decision: &Decision) {
        if let Admission::Refuse(refusal) | Admission::TryLater(refusal) = &decision.admission {
            self.add(rule(refusal), decision.softened);
        }
    }

    /// Counts a session that a limit ended.
    pub(crate) fn count_end(&self, reason: CloseReason) {
        if let Some(rule) = rule_of_end(reason) {
            self.add(rule, false);
        }
    }

    fn add(&self, rule: &str, softened: bool) {
        let Some(index) = RULES.iter().position(|known| *known == rule) else {
            debug_assert!(false, "no count for {rule}");
            return;
        };
        if let Some(count) = self.rules.get(index) {
            count.refused.fetch_add(1, Ordering::Relaxed);
            count.softened.fetch_add(u64::from(softened), Ordering::Relaxed);
        }
    }

    /// All counts, those of 0 too, in a fixed order.
    pub(crate) fn snapshot(&self) -> Vec<RuleCount> {
        let counted = |(rule, count): (&&'static str, &Count)| RuleCount {
            rule,
            refused: count.refused.load(Ordering::Relaxed),
            softened: count.softened.load(Ordering::Relaxed),
        };
        RULES.iter().zip(&self.rules).map(counted).collect()
    }
}

fn rule(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Client(rule) | Refusal::RecipientDomain(rule) => without_place(rule),
        Refusal::MessageSize { .. } => "message_size_limit",
        Refusal::Recipients { .. } => "limits.recipients",
        Refusal::Connections { .. } => "limits.connections",
        Refusal::ConnectionsOfClient { .. } => "limits.connections_per_client",
        Refusal::TlsRequired => "tls.security",
        Refusal::StorageLow => "spool.reserve",
        Refusal::MemoryLow => "spool.memory",
        Refusal::Disabled => "enabled",
        Refusal::Draining => "drain",
        Refusal::StorageFailed => "spool.storage",
        Refusal::StorageSlow => "spool.commit_deadline",
        Refusal::BareNewline => "bare_newline",
    }
}

/// The limit that ended a session, if it was one. What ends with a refusal is counted as that already.
fn rule_of_end(reason: CloseReason) -> Option<&'static str> {
    match reason {
        // Those of all its commands together too: limits.commands_time.
        CloseReason::Idle => Some("limits.command_time"),
        // A pause within it, or all of it: limits.body_rate_min.
        CloseReason::TooSlow => Some("limits.body_time"),
        CloseReason::EarlyTalker => Some("early_talker"),
        CloseReason::TooManyErrors => Some("limits.errors"),
        CloseReason::TooManyCommands => Some("limits.commands"),
        CloseReason::TooManyMessages => Some("limits.messages"),
        CloseReason::Quit
        | CloseReason::PeerGone
        | CloseReason::Unavailable
        | CloseReason::ShutDown
        | CloseReason::TimedOut
        | CloseReason::TurnedAway
        | CloseReason::PlaintextBehindStartTls
        | CloseReason::OutOfStep
        | CloseReason::DrainLimit => None,
    }
}

/// `clients` for `clients[2]`.
fn without_place(rule: &RuleId) -> &str {
    let rule = rule.as_str();
    rule.split_once('[').map_or(rule, |(list, _)| list)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use sensor_mail::ForwardPath;
    use sensor_policy::{ClientRules, DomainRules, Rules, SizeLimit};

    use super::*;

    #[test]
    fn each_limit_that_ends_a_session_has_its_count() {
        use CloseReason::{EarlyTalker, Idle, TooManyCommands, TooManyErrors, TooManyMessages, TooSlow};
        let reasons = [Idle, TooSlow, EarlyTalker, TooManyErrors, TooManyCommands, TooManyMessages];
        let counters = Counters::default();
        for (ended, reason) in reasons.into_iter().enumerate() {
            counters.count_end(reason);
            let counted = counters.snapshot().into_iter().filter(|count| count.refused == 1).count();
            assert_eq!(counted, ended + 1, "{reason:?}");
        }
    }

    /// Asks real rules, so that an id that is not known here is found here.
    #[test]
    fn each_rule_that_refuses_has_its_count() {
        let clients =
            |list: &[&str]| Rules { clients: ClientRules::parse(list).unwrap(), ..Rules::default() };
        let domains =
            |list: &[&str]| Rules { domains: DomainRules::parse(list).unwrap(), ..Rules::default() };
        let connect = |rules: Rules| {
            rules.at_connect(IpAddr::from([192, 0, 2, 7]), IpAddr::from([198, 51, 100, 1]), &[])
        };
        let rcpt = |rules: Rules, path: &str| rules.at_rcpt(&ForwardPath::parse(path).unwrap());
        let size = Rules { size: SizeLimit::parse("1 KiB").unwrap(), ..Rules::default() };
        let later = Decision::try_later;
        for (decision, name) in [
            (connect(clients(&["!192.0.2.0/24"])), "clients"),
            (connect(clients(&["10.0.0.0/8"])), "clients.default"),
            (connect(Rules::default()), "clients.subnet"),
            (connect(Rules { enabled: false, ..Rules::default() }), "enabled"),
            (rcpt(domains(&["example.com", "!a.example.com"]), "b@a.example.com"), "destination_domains"),
            (rcpt(domains(&["example.com"]), "b@example.org"), "destination_domains.default"),
            (rcpt(domains(&["example.com"]), "b@[192.0.2.7]"), "destination_domains.literal"),
            (size.at_mail(Some(2000)), "message_size_limit"),
            (Decision::refuse(Refusal::BareNewline), "bare_newline"),
            (later(Refusal::Draining), "drain"),
            (later(Refusal::Recipients { limit: 1 }), "limits.recipients"),
            (later(Refusal::Connections { limit: 1 }), "limits.connections"),
            (later(Refusal::ConnectionsOfClient { limit: 1 }), "limits.connections_per_client"),
            (later(Refusal::TlsRequired), "tls.security"),
            (later(Refusal::StorageLow), "spool.reserve"),
            (later(Refusal::MemoryLow), "spool.memory"),
            (later(Refusal::StorageFailed), "spool.storage"),
            (later(Refusal::StorageSlow), "spool.commit_deadline"),
        ] {
            let counters = Counters::default();
            counters.count(&decision);
            counters.count(&Decision { softened: true, ..decision });
            counters.count(&Decision::ADMIT);
            let counted: Vec<_> = counters.snapshot().into_iter().filter(|count| count.refused > 0).collect();
            assert_eq!(counted, [RuleCount { rule: name, refused: 2, softened: 1 }]);
        }
    }
}
