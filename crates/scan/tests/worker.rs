//! YARA where it works: in a worker process that is confined, by rules that came from the sensor.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sensor_mail::finding::Missed;
use sensor_mail::{MailIds, NodeId, PartId};
use sensor_pipeline::worker::{Limits, Pool, PoolOptions, Program, Setup};
use sensor_pipeline::{Assignment, NoWorker, Report, Taken, Taker, Task};
use sensor_scan::{Given, Installed, Kind, Reloaded, Sample, Surroundings, Value, supplies};

const LONG: Duration = Duration::from_secs(60);

fn yara(rules: &Path) -> Arc<dyn Installed> {
    let given = Given::from([("rules".to_owned(), Value::List(vec![rules.display().to_string()]))]);
    let surroundings = Surroundings { clock: Arc::new(|| Timestamp::UNIX_EPOCH) };
    Kind::named("yara").unwrap().build("rules", &given, &surroundings).unwrap()
}

fn setup(scanner: &Arc<dyn Installed>, padding: usize) -> Setup {
    let limits = Limits { memory_octets: 1 << 30, ..Limits::default() };
    let supplies = supplies(std::slice::from_ref(scanner));
    Setup { limits, settings: padding.to_string().into(), supplies, ..Setup::default() }
}

fn pool(setup: Setup) -> Pool {
    let program = Program { path: PathBuf::from(env!("CARGO_BIN_EXE_planted-scanner")), arguments: vec![] };
    Pool::new(PoolOptions { program, workers: 1, messages_max: 100 }, setup).unwrap()
}

/// A look at the sample with so much padding.
async fn take(pool: &Pool, padding: usize, deadline: Duration) -> Taken {
    let mut sample = Sample::eicar();
    sample.line.push_str(&"x".repeat(padding));
    let mail = sample.mail(MailIds::new(NodeId::default(), 7).next(0), Timestamp::UNIX_EPOCH);
    let inspectors = vec![Assignment { name: "rules".into(), deadline }];
    let octets = mail.parts[0].octets.clone();
    pool.take(Task { record: mail.record, octets, patience: LONG, inspectors }).await.unwrap()
}

fn report(taken: &Taken) -> &Report {
    assert_eq!(taken.death, None);
    &taken.reports[0].0
}

fn rules(report: &Report) -> Vec<(&str, PartId)> {
    report.findings().iter().map(|finding| (&*finding.rule, finding.part)).collect()
}

fn write(directory: &Path, file: &str, rules: &str) {
    std::fs::write(directory.join(file), rules).unwrap();
}

/// Every module parses what it is given there: some of them may need what a confined process has not.
const MODULES: &str = r#"
import "hash" import "math" import "string" import "time" import "zip" import "pe" import "elf" import "lnk"
rule modules {
    condition:
        hash.sha256(0, filesize) != "" and math.entropy(0, filesize) > 0 and string.length("x") == 1
        and time.now() > 0 and not zip.is_zip and not pe.is_pe and not defined elf.type
        and not lnk.is_lnk
}
"#;

#[tokio::test]
async fn rules_look_in_a_confined_process_and_are_renewed() {
    let directory = tempfile::tempdir().unwrap();
    let scanner = yara(directory.path());
    let pool = pool(setup(&scanner, 0));
    let taken = take(&pool, 0, LONG).await;
    println!("confined: {:?}", pool.status().sandbox);
    let eicar = [("eicar_test_file", PartId(0)), ("eicar_test_file", PartId(2))];
    assert_eq!((rules(report(&taken)), report(&taken).gaps()), (eicar.to_vec(), &[][..]));

    write(directory.path(), "modules.yar", MODULES);
    assert_eq!(scanner.reload(), Ok(Reloaded::Changed));
    let hello = pool.renew(setup(&scanner, 0)).unwrap();
    assert_eq!(hello.inspectors, [("rules".into(), scanner.ruleset())]);
    let taken = take(&pool, 0, LONG).await;
    for part in 0..3 {
        assert!(rules(report(&taken)).contains(&("modules", PartId(part))), "{:?}", report(&taken));
    }

    // A bad set changes nothing, neither here nor there.
    write(directory.path(), "bad.yar", "rule");
    assert!(scanner.reload().is_err());
    let mut bad = setup(&scanner, 0);
    bad.supplies.truncate(bad.supplies.len() / 2);
    let NoWorker(why) = pool.renew(bad).unwrap_err();
    assert!(why.contains("the supplies of scanners end early"), "{why}");
    let started = pool.status().started;
    assert_eq!(report(&take(&pool, 0, LONG).await).gaps(), []);
    assert_eq!(pool.status().started, started);
}

/// A rule that takes for ever on a file of a megabyte.
const SLOW: &str = "rule slow { condition: for all i in (0 .. filesize - 1) : ( \
                    for all j in (0 .. filesize - 1) : ( uint8(i) + uint8(j) < 1000 ) ) }";

#[tokio::test]
async fn a_rule_that_does_not_end_costs_its_coverage_and_no_worker() {
    const PADDING: usize = 1 << 20;
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "slow.yar", SLOW);
    let pool = pool(setup(&yara(directory.path()), PADDING));
    let taken = take(&pool, PADDING, Duration::from_millis(1_100)).await;
    let whys: Vec<_> = report(&taken).gaps().iter().map(|gap| gap.why.clone()).collect();
    assert_eq!(whys, [Missed::TimedOut]);
    assert!(pool.status().deaths.is_empty(), "{:?}", pool.status());
}

/// As many as public collections have: they fit into the memory that a worker has, and start quickly.
#[tokio::test]
async fn thousands_of_rules_fit_into_a_worker() {
    let directory = tempfile::tempdir().unwrap();
    let mut many = String::new();
    for number in 0..2_000 {
        writeln!(
            many,
            "rule r{number} {{ strings: $a = \"needle {number} in a haystack\" nocase $b = /hay[a-f]{{3,5}}{number}/ \
             $c = {{ 4d 5a ?? {:02x} {:02x} [2-4] 90 }} condition: any of them }}",
            number % 256,
            number / 256
        )
        .unwrap();
    }
    write(directory.path(), "many.yar", &many);
    let scanner = yara(directory.path());
    let setup = setup(&scanner, 0);
    println!("{} octets of supplies", setup.supplies.len());
    let taken = take(&pool(setup), 0, LONG).await;
    println!("a look took {:?}", taken.reports[0].1);
    assert_eq!(rules(report(&taken)).len(), 2);
    assert!(report(&taken).gaps().is_empty());
}
