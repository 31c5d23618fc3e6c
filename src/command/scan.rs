//! `mailsensor scan`: looks into files as a running sensor looks into kept mail, and says what it sees.

mod report;
mod subject;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sensor_content::Limits;
use sensor_mail::Verdict;
use sensor_pipeline::worker::{Pool, PoolOptions, Program};
use sensor_pipeline::{Taken, Taker, Task};
use sensor_policy::judge::{Evidence, RuleSets};

use super::print;
use crate::cli::Scan;
use crate::look;
use report::Seen;
use subject::Subject;

/// How long taking one file apart may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// A worker process is replaced after so many files.
const MESSAGES_MAX: u32 = 1_000;

pub(crate) fn scan(asked: &Scan) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pool = pool()?;
    let bar = progress(asked.sources().len());
    let mut gravest = Some(Verdict::Clean);
    for source in asked.sources() {
        let seen = look_at(&source, &runtime, &pool);
        bar.inc(1);
        match &seen {
            Ok(seen) => bar.suspend(|| tell(asked, &source, seen))?,
            Err(error) => bar.suspend(|| eprintln!("{}: {error:#}", source.display())),
        }
        gravest = gravest.zip(seen.ok()).map(|(gravest, seen)| gravest.max(seen.judgement.verdict));
    }
    bar.finish_and_clear();
    Ok(gravest.map_or(ExitCode::FAILURE, status))
}

/// Of several files the gravest verdict; a file that could not be looked at is 1, whatever the others are.
fn status(gravest: Verdict) -> ExitCode {
    match gravest {
        Verdict::Clean => ExitCode::SUCCESS,
        Verdict::Undetermined => ExitCode::from(10),
        Verdict::Suspect => ExitCode::from(11),
        Verdict::Hostile => ExitCode::from(12),
    }
}

fn pool() -> anyhow::Result<Pool> {
    let options =
        PoolOptions { program: Program::itself(["worker"]), workers: 1, messages_max: MESSAGES_MAX };
    Ok(Pool::new(options, look::setup(&Limits::default(), Vec::new()))?)
}

fn look_at(source: &PathBuf, runtime: &tokio::runtime::Runtime, pool: &Pool) -> anyhow::Result<Seen> {
    let Subject { record, octets } = Subject::read(source)?;
    let record = Arc::new(record);
    let task = Task { record: Arc::clone(&record), octets, patience: PATIENCE, inspectors: Vec::new() };
    let Taken { pieces, recipients, reports: _, death } = runtime.block_on(pool.take(task))?;
    let parts: Vec<_> = pieces.into_iter().map(|piece| piece.part).collect();
    let evidence = Evidence {
        envelope: &record.envelope,
        description: &record.description,
        parts: &parts,
        recipients: &recipients,
        findings: &[],
        coverage: &[],
    };
    let judgement = RuleSets::default().judge(&evidence).judgement;
    Ok(Seen { judgement, parts, recipients, death: death.map(|death| death.to_string()) })
}

fn tell(asked: &Scan, source: &PathBuf, seen: &Seen) -> anyhow::Result<()> {
    let name = source.display().to_string();
    print(|out| if asked.json { seen.write_json(&name, out) } else { seen.write(&name, out) }).map(drop)
}

/// A bar where a person waits for many.
fn progress(files: usize) -> ProgressBar {
    let is_shown = files > 1 && std::io::stderr().is_terminal();
    if !is_shown {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta}").expect("a sound template");
    ProgressBar::new(files as u64).with_style(style)
}
