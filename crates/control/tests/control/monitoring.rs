//! Figures and probes.

use std::collections::BTreeMap;

use sensor_control::{Conservation, METRICS_TYPE, Metrics, Refusals, RuleLabel};

use crate::raw::Running;

/// The samples of an exposition: each name with its labels, once.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut lines = text.lines().peekable();
    let mut is_ended = false;
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            is_ended = line == "# EOF";
            assert_eq!(is_ended, lines.peek().is_none(), "# EOF is the last line");
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(samples.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{name} twice");
    }
    assert!(is_ended, "no # EOF");
    samples
}

#[tokio::test]
async fn the_figures_balance_and_hold_no_address() {
    let running = Running::start();
    let answer = running.send("GET", "/metrics", "", "").await;
    assert_eq!(answer.header("content-type"), Some(METRICS_TYPE));
    let samples = samples(&answer.body);
    let of = |name: &str| {
        *samples.get(&format!("mailsensor_{name}")).unwrap_or_else(|| panic!("{name}: {samples:?}"))
    };
    let parts = ["in_spool", "kept_total", "set_aside", "withdrawn_total", "lost_total"];
    let found: f64 = parts.iter().map(|part| of(&format!("messages_{part}"))).sum();
    assert_eq!((of("messages_accepted_total"), found), (100.0, 100.0));
    assert_eq!(of("messages_unaccounted"), 0.0);
    let expected = [
        ("connections_open", 3.0),
        ("connections_total", 40.0),
        ("refusals_softened_total", 5.0),
        // Two entries of one list are one series, and what looks like an address is none.
        ("refusals_total{rule=\"clients\"}", 4.0),
        ("refusals_total{rule=\"other\"}", 2.0),
        ("refusals_total{rule=\"message_size_limit\"}", 2.0),
        ("certificate_expires_in_seconds{certificate=\"relay\"}", -60.0),
        ("spool_size_bytes", 67_108_864.0),
        ("spool_free_bytes", 1_073_741_824.0),
        ("enabled", 1.0),
        ("archive_failing", 1.0),
        ("pipeline_paused", 0.0),
        ("reload_refused", 1.0),
        ("look_jobs", 7.0),
        ("unscanned", 2.0),
        ("looks_total{verdict=\"hostile\"}", 4.0),
        ("shadow_differences_total", 2.0),
        ("scans_total{scanner=\"av\",outcome=\"timed_out\"}", 6.0),
        ("scanner_unscanned{scanner=\"av\"}", 2.0),
        ("scanner_oldest_unscanned_seconds{scanner=\"av\"}", 90.0),
        ("scanner_failing{scanner=\"av\"}", 1.0),
        ("worker_deaths_total{cause=\"aborted\"}", 3.0),
        ("workers_unconfined", 1.0),
        ("events_waiting{sink=\"siem\"}", 8.0),
        ("events_oldest_seconds{sink=\"siem\"}", 30.0),
        ("events_dropped_total{sink=\"siem\",reason=\"full\"}", 9.0),
    ];
    for (name, value) in expected {
        assert_eq!(of(name), value, "{name}");
    }
    assert!(!answer.body.contains("192.0.2"));
}

#[tokio::test]
async fn a_thousand_rules_are_no_thousand_series() {
    let running = Running::start();
    let refusals: Vec<Refusals> = (0..1_000_u32)
        .map(|n| {
            let name: String =
                format!("{n:04}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            Refusals { rule: RuleLabel::of(&name), count: 1 }
        })
        .collect();
    *running.node.metrics.lock().unwrap() = Metrics { refusals, ..Metrics::default() };
    let answer = running.send("GET", "/metrics", "", "").await;
    let samples = samples(&answer.body);
    let of_rules: Vec<f64> =
        samples.iter().filter(|(name, _)| name.contains("rule=")).map(|(_, value)| *value).collect();
    assert_eq!(of_rules.len(), 65);
    assert_eq!(of_rules.iter().sum::<f64>(), 1_000.0);
}

#[test]
fn a_label_is_made_of_the_name_of_a_rule_only() {
    for (rule, label) in [
        ("clients[2]", "clients"),
        ("clients.default", "clients.default"),
        ("destination_domains.postmaster", "destination_domains.postmaster"),
        ("storage_low", "storage_low"),
        ("192.0.2.7", "other"),
        ("ada@example.com", "other"),
        ("", "other"),
        ("[2]", "other"),
        (&"x".repeat(65), "other"),
    ] {
        assert_eq!(RuleLabel::of(rule).as_str(), label, "{rule}");
    }
}

#[test]
fn what_is_nowhere_is_counted() {
    let whole = Conservation { accepted: 9, in_spool: 1, kept: 2, set_aside: 3, withdrawn: 2, lost: 1 };
    assert_eq!(whole.unaccounted(), 0);
    assert_eq!(Conservation { kept: 1, ..whole }.unaccounted(), 1);
    assert_eq!(Conservation { kept: 3, ..whole }.unaccounted(), -1);
    assert_eq!(Conservation { kept: u64::MAX, lost: u64::MAX, ..whole }.unaccounted(), i64::MIN);
}

#[tokio::test]
async fn probes_say_one_word() {
    let running = Running::start();
    let probe = async |path: &str| {
        let answer = running.send("GET", path, "", "").await;
        (answer.status, answer.body)
    };
    assert_eq!(probe("/livez").await, (200, "live\n".to_owned()));
    assert_eq!(probe("/readyz").await, (200, "ready\n".to_owned()));
    // Switched off it is ready: it does what it was told.
    assert_eq!(running.send("POST", "/v1/sensors/self/smtp/disable", "", "").await.status, 200);
    assert_eq!(probe("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(running.send("POST", "/v1/drain", "", "").await.status, 202);
    assert_eq!(probe("/readyz").await, (503, "unready\n".to_owned()));
    assert_eq!(probe("/livez").await, (200, "live\n".to_owned()));
}
