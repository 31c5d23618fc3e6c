use std::net::IpAddr;

use proptest::prelude::*;
use sensor_mail::{ForwardPath, Refusal, RuleId};

use super::*;
use crate::clients::ClientRules;
use crate::decision::Treatment;
use crate::domains::DomainRules;
use crate::rules::{Rules, Uncovered};
use crate::size::SizeLimit;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[expect(clippy::disallowed_methods, reason = "any moment will do")]
fn some_moment() -> Instant {
    Instant::now()
}

fn rules(clients: &[&str], domains: &[&str], size: &str) -> Rules {
    Rules {
        clients: ClientRules::parse(clients).unwrap(),
        domains: DomainRules::parse(domains).unwrap(),
        size: SizeLimit::parse(size).unwrap(),
        ..Rules::default()
    }
}

fn is_softened(decision: &Decision) -> bool {
    assert!(!decision.softened || matches!(decision.admission, Admission::TryLater(_)), "{decision:?}");
    decision.softened
}

fn at_rcpt(succession: &Succession<Rules>, recipient: &str, now: Instant) -> Decision {
    let path = ForwardPath::parse(recipient).unwrap();
    let ask = |rules: &Rules| rules.at_rcpt(&path);
    succession.soften(ask(succession.current()), now, ask)
}

#[test]
fn what_is_refused_by_the_slip_of_an_administrator_is_asked_for_later() {
    let start = some_moment();
    let wide = rules(&["10.0.0.0/8"], &["example.com", "example.org"], "unlimited");
    let narrow = rules(&["10.1.0.0/16"], &["example.com", "!lab.example.com"], "1 MiB");
    let succession = Succession::new(wide, DAY).followed_by(narrow, DAY, start);
    let client = |client: &str, now| {
        let (client, local): (IpAddr, IpAddr) = (client.parse().unwrap(), "10.1.0.1".parse().unwrap());
        let ask = |rules: &Rules| rules.at_connect(client, local, &[]);
        succession.soften(ask(succession.current()), now, ask).admission
    };
    let of_size = |octets, now| {
        let ask = |rules: &Rules| rules.at_mail(Some(octets));
        succession.soften(ask(succession.current()), now, ask).admission
    };
    let rcpt = |path: &str, now| at_rcpt(&succession, path, now).admission;
    let by = RuleId::named;
    let (soon, late) = (start + DAY - Duration::from_nanos(1), start + DAY);
    for (case, decided, expected) in [
        ("allowed", client("10.1.2.3", soon), Admission::Admit),
        (
            "was allowed",
            client("10.2.2.3", soon),
            Admission::TryLater(Refusal::Client(by("clients.default"))),
        ),
        (
            "never allowed",
            client("192.0.2.7", soon),
            Admission::Refuse(Refusal::Client(by("clients.default"))),
        ),
        ("grace over", client("10.2.2.3", late), Admission::Refuse(Refusal::Client(by("clients.default")))),
        ("covered", rcpt("a@example.com", soon), Admission::Admit),
        (
            "was covered by an entry",
            rcpt("a@example.org", soon),
            Admission::TryLater(Refusal::RecipientDomain(by("destination_domains.default"))),
        ),
        (
            "was covered by a larger domain",
            rcpt("a@x.lab.example.com", soon),
            Admission::TryLater(Refusal::RecipientDomain(by("destination_domains[2]"))),
        ),
        (
            "never covered",
            rcpt("a@example.net", soon),
            Admission::Refuse(Refusal::RecipientDomain(by("destination_domains.default"))),
        ),
        (
            "grace over",
            rcpt("a@example.org", late),
            Admission::Refuse(Refusal::RecipientDomain(by("destination_domains.default"))),
        ),
        ("was not too large", of_size(1 << 21, soon), too_large(Admission::TryLater)),
        ("grace over", of_size(1 << 21, late), too_large(Admission::Refuse)),
        ("still small enough", of_size(1 << 20, late), Admission::Admit),
    ] {
        assert_eq!(decided, expected, "{case}");
    }
}

fn too_large(admission: fn(Refusal) -> Admission) -> Admission {
    admission(Refusal::MessageSize { limit: 1 << 20 })
}

/// Off is no rule that refuses for good, and it is not made to look like one.
#[test]
fn a_refusal_for_now_is_not_counted_as_softened() {
    let start = some_moment();
    let off = Rules { enabled: false, ..Rules::default() };
    let succession = Succession::new(Rules::default(), DAY).followed_by(off, DAY, start);
    let ask = |rules: &Rules| rules.at_mail(None);
    let decided = succession.soften(ask(succession.current()), start, ask);
    assert_eq!((decided.admission.clone(), is_softened(&decided)), {
        (Admission::TryLater(Refusal::Disabled), false)
    });
}

#[test]
fn taking_a_recipient_unscanned_was_taking_it() {
    let start = some_moment();
    let refusing = rules(&[], &["example.com"], "unlimited");
    let taking = Rules { uncovered: Uncovered::Accept, ..refusing.clone() };
    let succession = Succession::new(taking, DAY).followed_by(refusing, DAY, start);
    assert!(is_softened(&at_rcpt(&succession, "a@example.net", start)));
    assert_eq!(at_rcpt(&succession, "a@example.net", start).treatment, Treatment::Scan);
}

#[test]
fn setting_the_same_rules_again_is_no_change() {
    let start = some_moment();
    let narrow = || rules(&[], &["example.com"], "unlimited");
    let mut succession = Succession::new(Rules::default(), DAY).followed_by(narrow(), DAY, start);
    for reload in 1..=100 {
        succession = succession.followed_by(narrow(), DAY, start + HOUR / 60 * reload);
    }
    assert!(is_softened(&at_rcpt(&succession, "a@example.net", start + DAY - HOUR)));
    // The grace counts from the change and not from the last reload.
    assert!(!is_softened(&at_rcpt(&succession, "a@example.net", start + DAY)));
}

#[test]
fn widening_removes_nothing_and_the_end_of_the_grace_removes_all() {
    let start = some_moment();
    let [all, few, one] = [&[][..], &["example.com", "example.org"], &["example.com"]];
    let of = |domains| rules(&[], domains, "unlimited");
    let succession = Succession::new(of(all), DAY)
        .followed_by(of(one), DAY, start)
        .followed_by(of(few), DAY, start + HOUR)
        .followed_by(of(one), DAY, start + 2 * HOUR);
    assert!(is_softened(&at_rcpt(&succession, "a@example.net", start + 3 * HOUR)));
    // By `few`, whose grace began later.
    assert!(is_softened(&at_rcpt(&succession, "a@example.org", start + DAY + HOUR)));
    assert!(!is_softened(&at_rcpt(&succession, "a@example.net", start + DAY + HOUR)));
    assert_eq!(succession.grace_left(start + DAY), Some(2 * HOUR));
    let ended = succession.without_former();
    assert!(!is_softened(&at_rcpt(&ended, "a@example.org", start + 3 * HOUR)));
    assert_eq!((ended.grace_left(start), ended.next_end()), (None, None));
}

#[test]
fn a_grace_of_nothing_softens_nothing() {
    let start = some_moment();
    let [all, one] = [&[][..], &["example.com"]].map(|domains| rules(&[], domains, "unlimited"));
    let succession = Succession::new(all, DAY).followed_by(one.clone(), DAY, start);
    // Shortened while it runs, with the rules as they are.
    let succession = succession.followed_by(one, Duration::ZERO, start + HOUR);
    assert!(!is_softened(&at_rcpt(&succession, "a@example.net", start + HOUR)));
}

/// What the model does to rules, which are sets of the numbers that they take.
#[derive(Clone, Debug)]
enum Act {
    Change(u8),
    Pass(u64),
    EndGrace,
    Prune,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => any::<u8>().prop_map(Act::Change),
        4 => (0_u64..30).prop_map(Act::Pass),
        1 => Just(Act::EndGrace),
        1 => Just(Act::Prune),
    ]
}

fn takes(rules: u8, number: u8) -> Decision {
    match rules >> number & 1 {
        1 => Decision::ADMIT,
        _ => Decision::refuse(Refusal::Client(RuleId::named("clients.default"))),
    }
}

/// Every rules that were replaced, and when; what counts is found by looking at all of them.
#[derive(Default)]
struct Model {
    replaced: Vec<(u8, u64)>,
}

impl Model {
    fn counting(&self, now: u64, grace: u64) -> Vec<u8> {
        let mut counting = Vec::new();
        for (rules, at) in self.replaced.iter().rev() {
            if now - at < grace && counting.len() < FORMER_MAX && !counting.contains(rules) {
                counting.push(*rules);
            }
        }
        counting.reverse();
        counting
    }
}

proptest! {
    #[test]
    fn former_rules_count_as_in_a_list_of_all_changes(
        first in any::<u8>(), grace in 0_u64..120, acts in prop::collection::vec(act(), 0..60)
    ) {
        let start = some_moment();
        let seconds = Duration::from_secs;
        let mut succession = Succession::new(first, seconds(grace));
        let (mut model, mut current, mut now) = (Model::default(), first, 0);
        for act in acts {
            match act {
                Act::Change(next) => {
                    succession = succession.followed_by(next, seconds(grace), start + seconds(now));
                    if next != current {
                        model.replaced.push((current, now));
                    }
                    current = next;
                }
                Act::Pass(time) => now += time,
                Act::EndGrace => {
                    succession = succession.without_former();
                    model.replaced.clear();
                }
                Act::Prune => succession = succession.without_expired(start + seconds(now)),
            }
            let counting = model.counting(now, grace);
            let at = start + seconds(now);
            prop_assert_eq!(succession.former(at).copied().collect::<Vec<_>>(), &*counting);
            prop_assert_eq!(succession.grace_left(at).is_some(), !counting.is_empty());
            for number in 0..8 {
                let ask = |rules: &u8| takes(*rules, number);
                let decided = succession.soften(ask(&current), at, ask);
                let was_taken = counting.iter().any(|former| takes(*former, number) == Decision::ADMIT);
                let expected = takes(current, number) != Decision::ADMIT && was_taken;
                prop_assert_eq!(decided.softened, expected);
                prop_assert_eq!(decided == Decision::ADMIT, takes(current, number) == Decision::ADMIT);
            }
        }
    }
}

#[test]
fn what_went_before_a_restart_counts_as_long_as_it_would_have_without() {
    let now = some_moment() + DAY;
    let [a, b, c] = ["a.example", "b.example", "c.example"].map(|domain| rules(&[], &[domain], "unlimited"));
    let asleep = Succession::new(a.clone(), DAY).followed_by(b.clone(), DAY, now - 9 * HOUR).followed_by(
        c.clone(),
        DAY,
        now - HOUR,
    );
    let ages = |succession: &Succession<Rules>| -> Vec<(Rules, Duration)> {
        succession.former_with_age(now).map(|(rules, age)| (Rules::clone(rules), age)).collect()
    };
    let awake = Succession::new(c.clone(), DAY).preceded_by(ages(&asleep), now);
    assert_eq!(ages(&awake), [(a.clone(), 9 * HOUR), (b.clone(), HOUR)]);
    assert_eq!((awake.grace_left(now), awake.next_end()), (asleep.grace_left(now), asleep.next_end()));
    // What holds is not its own predecessor; what is named twice counts from its last end; the oldest go first.
    let many = (0..20).map(|hours| (rules(&[], &[], &format!("{} MiB", hours + 1)), HOUR * hours));
    let doubled = [(a.clone(), 9 * HOUR), (a.clone(), 2 * HOUR), (c.clone(), HOUR)];
    assert_eq!(ages(&Succession::new(c.clone(), DAY).preceded_by(doubled, now)), [(a, 2 * HOUR)]);
    let last = Succession::new(b, DAY).preceded_by(many, now);
    assert_eq!(ages(&last).first().map(|(_, age)| *age), Some(7 * HOUR));
    assert_eq!(ages(&last).len(), FORMER_MAX);
    assert_eq!(ages(&Succession::new(c.clone(), HOUR).preceded_by([(c, Duration::ZERO)], now)), []);
}
