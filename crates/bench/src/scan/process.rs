//! YARA over every part: in this thread, and where a sensor has it done, in a confined process.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;
use jiff::Timestamp;
use sensor_content::{Alone, Exploded, Limits, explode};
use sensor_mail::description::HEADER_OCTETS_MAX;
use sensor_mail::finding::Missed;
use sensor_mail::{Description, MailId, MailIds, NodeId, Sha256, fixture};
use sensor_pipeline::worker::{self, Pool, PoolOptions, Program, Setup, Tools, serve};
use sensor_pipeline::{
    Assignment, Budget, Dissection, Dissector, Inline, NoWorker, Octets, Record, Report, Taken, Taker, Task,
};
use sensor_scan::{Given, Installed, Kind, Sample, Surroundings, Value, inspectors, supplies};
use tokio::runtime::{Builder, Runtime};

use super::lap::{self, Clock, Looked, Seen};
use super::mail::Corpus;
use super::{Options, PATIENCE, ScanError, plain};

/// The name of the scanner.
const NAME: &str = "yara";
/// As in a sensor: a worker is replaced after so many.
const MESSAGES_MAX: u32 = 1_000;
/// Address space of a worker: three times the octets of all parts, and room for code and rules.
const MEMORY_OCTETS: u64 = 4 << 30;
/// Octets of what a worker hands back: parts and their manifest.
const PARTS_OCTETS: u64 = 640 << 20;

/// `sensor-bench worker`: takes apart what the parent sends. It is nobody's to type.
#[must_use]
pub fn worker() -> ExitCode {
    serve(|setup| tools(&setup.supplies))
}

pub(super) fn inline(options: &Options, mail: &Corpus, clock: &Clock) -> Result<Looked, ScanError> {
    let tools = tools(&rules(options)?).map_err(ScanError::Scanner)?;
    measure(&Inline::new(tools), mail, clock)
}

pub(super) fn pool(options: &Options, mail: &Corpus, clock: &Clock) -> Result<Looked, ScanError> {
    let limits = worker::Limits {
        memory_octets: MEMORY_OCTETS,
        parts_octets: PARTS_OCTETS,
        ..worker::Limits::default()
    };
    let setup = Setup { limits, supplies: rules(options)?, ..Setup::default() };
    let program = Program::itself(["worker"]);
    let options = PoolOptions { program, workers: 1, messages_max: MESSAGES_MAX };
    measure(&Pool::new(options, setup).map_err(ScanError::System)?, mail, clock)
}

fn tools(rules: &[u8]) -> Result<Tools, String> {
    Ok(Tools { dissector: Box::new(Contents), inspectors: inspectors(rules)? })
}

/// As the sensor has it, without a program for foreign archives: generated mail has none.
struct Contents;

impl Dissector for Contents {
    fn dissect(&self, message: Bytes, _: &Budget) -> Dissection {
        let Exploded { parts, recipients } = explode(message, &Limits::default(), &Alone);
        Dissection { parts, recipients }
    }
}

/// The rules, compiled.
fn rules(options: &Options) -> Result<Bytes, ScanError> {
    let path = options.rules.as_deref().unwrap_or(Path::new("."));
    let given = [("rules", Value::List(vec![path.display().to_string()]))];
    Ok(supplies(&[installed(NAME, given)?]))
}

/// A scanner of a kind by its keys, named as its kind.
pub(super) fn installed<const N: usize>(
    kind: &str,
    given: [(&str, Value); N],
) -> Result<Arc<dyn Installed>, ScanError> {
    let given: Given = given.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let surroundings = Surroundings { clock: Arc::new(|| Timestamp::UNIX_EPOCH) };
    let faults = match Kind::named(kind).map(|it| it.build(kind, &given, &surroundings)) {
        Some(Ok(scanner)) => return Ok(scanner),
        Some(Err(faults)) => faults,
        None => Vec::new(),
    };
    let faults: Vec<_> = faults.iter().map(|fault| format!("{}: {}", fault.key, fault.expected)).collect();
    Err(ScanError::Scanner(format!("{kind}: {}", faults.join("; "))))
}

fn measure(taker: &dyn Taker, mail: &Corpus, clock: &Clock) -> Result<Looked, ScanError> {
    let runtime = runtime()?;
    let sample = Sample::eicar().mail(id(), Timestamp::UNIX_EPOCH);
    let tried = runtime.block_on(taker.take(task(sample.record, sample.parts[0].octets.clone())));
    let tried = tried.map_err(|NoWorker(why)| ScanError::Scanner(why))?;
    if tried.reports.iter().all(|(report, _)| report.findings().is_empty()) {
        return Err(ScanError::Blind(NAME.into()));
    }
    let tasks: Vec<Task> = mail.messages.iter().map(known).collect();
    lap::measure(mail, clock, |number| {
        let taken = runtime.block_on(taker.take(tasks[number].clone()));
        taken.map_or_else(|error| broken(error.to_string()), |taken| seen(&taken, mail.is_sound))
    })
}

pub(super) fn runtime() -> Result<Runtime, ScanError> {
    Builder::new_current_thread().enable_all().build().map_err(ScanError::System)
}

fn known(message: &Bytes) -> Task {
    task(Arc::new(record(message)), Octets::Held(message.clone()))
}

fn task(record: Arc<Record>, octets: Octets) -> Task {
    let inspectors = vec![Assignment { name: NAME.into(), deadline: PATIENCE }];
    Task { record, octets, patience: PATIENCE, inspectors }
}

/// What a sensor would know of the message.
pub(super) fn record(message: &Bytes) -> Record {
    let digest = digest::digest(&digest::SHA256, message);
    let sha256 = Sha256(digest.as_ref().try_into().expect("a SHA-256 digest has 32 octets"));
    let envelope = fixture::envelope(id(), message.len() as u64, sha256);
    let head = &message[..message.len().min(HEADER_OCTETS_MAX)];
    let description = Description::of(head, head.len() == message.len());
    Record { sequence: None, envelope, description }
}

pub(super) fn id() -> MailId {
    MailIds::new(NodeId::default(), 1).next(0)
}

fn broken(error: String) -> Seen {
    Seen { errors: vec![error], ..Seen::default() }
}

fn seen(taken: &Taken, is_sound: bool) -> Seen {
    let mut seen = plain::seen(taken.pieces.iter().map(|piece| &piece.part), is_sound);
    taken.reports.iter().for_each(|(report, _)| reported(report, &mut seen));
    seen.errors.extend(taken.death.as_ref().map(|death| format!("the worker died: {}", death.kind())));
    seen
}

/// What a scanner says. Whatever it did not look at is an error.
pub(super) fn reported(report: &Report, seen: &mut Seen) {
    seen.findings += report.findings().len();
    seen.errors.extend(report.gaps().iter().map(|gap| match &gap.why {
        Missed::Skipped(why) => format!("skipped: {why}"),
        Missed::TimedOut => "out of time".to_owned(),
        Missed::Failed(why) => format!("failed: {why}"),
    }));
}
