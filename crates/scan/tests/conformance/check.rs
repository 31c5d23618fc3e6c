//! What every scanner has to do, whatever its kind.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sensor_mail::finding::{Coverage, Finding, Missed};
use sensor_mail::{MailId, NodeId, PartId, Severity};
use sensor_pipeline::{Budget, Dissected, Report};
use sensor_scan::{Built, Given, Installed, Kind, Outcome, Sample, Surroundings, Value, try_out};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fake::{Fake, MISBEHAVIOURS, Misbehaviour};

/// Longer than anything takes that ends at all.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// What a scanner gets whose peer does not answer.
const SHORT: Duration = Duration::from_millis(400);

pub(crate) fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

pub(crate) fn id() -> MailId {
    sensor_mail::MailIds::new(NodeId::default(), 7).next(1_795_341_600_000)
}

pub(crate) fn budget(time: Duration) -> Budget {
    Budget::new(Instant::now() + time, CancellationToken::new())
}

pub(crate) fn text(value: impl ToString) -> Value {
    Value::Text(value.to_string())
}

pub(crate) fn list(values: &[&str]) -> Value {
    Value::List(values.iter().map(|value| (*value).to_owned()).collect())
}

/// Makes a scanner named `it` of some keys.
pub(crate) fn build(kind: &str, given: impl IntoIterator<Item = (&'static str, Value)>) -> Built {
    let given: Given = given.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Kind::named(kind).unwrap().build("it", &given, &Surroundings { clock: Arc::new(now) })
}

pub(crate) async fn scan(
    scanner: &dyn Installed,
    mail: &Dissected,
    budget: &Budget,
) -> (Vec<Finding>, Coverage) {
    let mut report = Report::of(scanner.name());
    let scanned = tokio::time::timeout(LONG, scanner.scan(mail, budget, &mut report)).await;
    assert!(scanned.is_ok(), "the scanner does not end: {report:?}");
    report.conclude(true, Duration::ZERO)
}

/// What it finds where it looks at everything: rules, parts, and how grave they are.
pub(crate) async fn found(scanner: &dyn Installed, sample: &Sample) -> Vec<(String, PartId, Severity)> {
    let (findings, coverage) = scan(scanner, &sample.mail(id(), now()), &budget(LONG)).await;
    assert_eq!(coverage.gaps, vec![]);
    let told = findings.iter().map(|finding| (finding.rule.to_string(), finding.part, finding.severity));
    told.collect()
}

/// It finds its sample, and at the part where it lies or in the message.
pub(crate) async fn finds_its_sample(scanner: &dyn Installed) {
    let trial = try_out(scanner, id(), now(), &budget(LONG)).await;
    let Outcome::Found(findings) = trial.outcome else { panic!("found nothing: {trial:?}") };
    assert!(findings.iter().all(|finding| &*finding.scanner == "it" && !finding.rule.is_empty()));
    let good = [PartId::MESSAGE, PartId(2)];
    assert!(findings.iter().all(|finding| good.contains(&finding.part)), "{findings:?}");
    assert!(trial.ruleset.is_some_and(|version| !version.is_empty()), "no version of its rules");
}

/// It finds nothing in harmless mail, and has looked at everything.
pub(crate) async fn finds_nothing_in_harmless_mail(scanner: &dyn Installed) {
    let (findings, coverage) = scan(scanner, &Sample::harmless().mail(id(), now()), &budget(LONG)).await;
    assert_eq!((findings, coverage.gaps), (vec![], vec![]));
}

/// A budget that is over before it begins.
pub(crate) async fn obeys_its_budget(scanner: &dyn Installed) {
    let mail = scanner.sample().mail(id(), now());
    let (_, coverage) = scan(scanner, &mail, &budget(Duration::ZERO)).await;
    assert_eq!(whys(&coverage), [Missed::TimedOut]);
    let token = CancellationToken::new();
    token.cancel();
    let (_, coverage) = scan(scanner, &mail, &Budget::new(Instant::now() + LONG, token)).await;
    assert_eq!(whys(&coverage), [Missed::Failed("cancelled".into())]);
}

/// It says that its peer is not there, and where.
pub(crate) async fn reports_an_absent_peer(scanner: &dyn Installed, place: &str) {
    let (findings, coverage) = scan(scanner, &scanner.sample().mail(id(), now()), &budget(LONG)).await;
    assert_eq!(findings, []);
    assert!(coverage.is_owed());
    for why in whys(&coverage) {
        let Missed::Failed(why) = why else { panic!("{why:?}") };
        assert!(why.contains(place), "{why:?} does not name {place}");
    }
}

/// It skips what is larger than `size_max`, and says so; it has looked at the rest.
pub(crate) async fn skips_what_is_too_large(scanner: &dyn Installed, skipped: &[PartId]) {
    let (_, coverage) = scan(scanner, &Sample::harmless().mail(id(), now()), &budget(LONG)).await;
    let parts: Vec<PartId> = coverage.gaps.iter().filter_map(|gap| gap.part).collect();
    assert_eq!(parts, skipped, "{:?}", coverage.gaps);
    for why in whys(&coverage) {
        let Missed::Skipped(why) = why else { panic!("{why:?}") };
        assert!(why.contains("size_max"), "{why:?}");
    }
    assert!(!coverage.is_owed());
}

/// Whatever a peer does behind each of some first words: the look ends in time, what was missed is told, and
/// nothing was found.
pub(crate) async fn survives_peers(
    words: &[&'static [u8]],
    scanner_at: impl Fn(&Fake) -> Arc<dyn Installed>,
) {
    for words in words {
        for misbehaviour in MISBEHAVIOURS {
            survives_peer(words, misbehaviour, &scanner_at).await;
        }
    }
    is_cancelled(scanner_at).await;
}

async fn survives_peer(
    words: &'static [u8],
    misbehaviour: Misbehaviour,
    scanner_at: impl Fn(&Fake) -> Arc<dyn Installed>,
) {
    let fake = Fake::misbehaving(words, misbehaviour).await;
    let scanner = scanner_at(&fake);
    let mail = scanner.sample().mail(id(), now());
    let (findings, coverage) = scan(&*scanner, &mail, &budget(SHORT)).await;
    let case = format!("{misbehaviour:?} behind {:?}: {coverage:?}", String::from_utf8_lossy(words));
    assert_eq!(findings, [], "{case}");
    assert!(coverage.is_owed(), "{case}");
    for why in whys(&coverage) {
        match (misbehaviour, why) {
            (Misbehaviour::Hang | Misbehaviour::Drip, Missed::TimedOut) => {}
            // It is ended by an error, or is tried again until the end.
            (Misbehaviour::Drip | Misbehaviour::Reset | Misbehaviour::Die | Misbehaviour::Flood, why) => {
                assert!(matches!(why, Missed::Failed(_) | Missed::TimedOut), "{case}");
                assert_ne!(why, Missed::Failed("".into()), "{case}");
            }
            (Misbehaviour::Hang, _) => panic!("{case}"),
        }
    }
}

/// A look that waits for its peer ends when it is cancelled.
async fn is_cancelled(scanner_at: impl Fn(&Fake) -> Arc<dyn Installed>) {
    let fake = Fake::misbehaving(b"", Misbehaviour::Hang).await;
    let scanner = scanner_at(&fake);
    let token = CancellationToken::new();
    let budget = Budget::new(Instant::now() + LONG, token.clone());
    let mail = scanner.sample().mail(id(), now());
    let asked = Arc::clone(&fake.asked);
    let cancel = async {
        asked.notified().await;
        token.cancel();
    };
    let ((_, coverage), ()) = tokio::join!(scan(&*scanner, &mail, &budget), cancel);
    assert_eq!(whys(&coverage), [Missed::Failed("cancelled".into())]);
}

pub(crate) fn whys(coverage: &Coverage) -> Vec<Missed> {
    coverage.gaps.iter().map(|gap| gap.why.clone()).collect()
}
