//! `mailsensor scan`: looks into files as a running sensor looks into kept mail, and says what it sees.

mod report;
mod subject;

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use sensor_mail::{Look, Verdict};
use sensor_pipeline::Examiner;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{CONFIG_FAULTS, configured, print};
use crate::cli::{Place, Scan};
use crate::config::Loaded;
use crate::look::{Scanners, examiner};
use report::Report;
use subject::Subject;

pub(crate) fn scan(place: &Place, asked: &Scan) -> anyhow::Result<ExitCode> {
    let Loaded { config, shown, .. } = match configured(place)? {
        Ok(loaded) => loaded,
        Err(status) => return Ok(status),
    };
    let scanners = match Scanners::install(&config, &shown) {
        Ok(scanners) => scanners,
        Err(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            return Ok(ExitCode::from(CONFIG_FAULTS));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let examiner = Arc::new(examiner(&config, &scanners)?);
    let status = runtime.block_on(look_at_all(asked, &examiner, config.scan.workers))?;
    runtime.shutdown_background();
    Ok(status)
}

/// A file that is being looked at.
struct Pending {
    source: PathBuf,
    look: JoinHandle<anyhow::Result<Look>>,
}

/// In the order of the command line, several at a time.
async fn look_at_all(asked: &Scan, examiner: &Arc<Examiner>, at_a_time: usize) -> anyhow::Result<ExitCode> {
    let sources = asked.sources();
    let bar = progress(sources.len());
    let mut gravest = Some(Verdict::Clean);
    let mut sources = sources.into_iter();
    let mut pending: VecDeque<Pending> = VecDeque::new();
    loop {
        while pending.len() < at_a_time
            && let Some(source) = sources.next()
        {
            let look = tokio::spawn(look_at(source.clone(), Arc::clone(examiner)));
            pending.push_back(Pending { source, look });
        }
        let Some(Pending { source, look }) = pending.pop_front() else { break };
        let look = look.await?;
        bar.inc(1);
        match &look {
            Ok(look) => bar.suspend(|| tell(asked, &source, look))?,
            Err(error) => bar.suspend(|| eprintln!("{}: {error:#}", source.display())),
        }
        gravest = gravest.zip(look.ok()).map(|(gravest, look)| gravest.max(look.judgement.verdict));
    }
    bar.finish_and_clear();
    Ok(gravest.map_or(ExitCode::FAILURE, status))
}

/// Of several files the gravest verdict; where a file could not be looked at it is 1, whatever the others are.
fn status(gravest: Verdict) -> ExitCode {
    match gravest {
        Verdict::Clean => ExitCode::SUCCESS,
        Verdict::Undetermined => ExitCode::from(10),
        Verdict::Suspect => ExitCode::from(11),
        Verdict::Hostile => ExitCode::from(12),
    }
}

async fn look_at(source: PathBuf, examiner: Arc<Examiner>) -> anyhow::Result<Look> {
    let Subject { record, octets } = Subject::read(&source)?;
    Ok(examiner.examine(Arc::new(record), octets, &CancellationToken::new()).await?)
}

fn tell(asked: &Scan, source: &Path, look: &Look) -> anyhow::Result<()> {
    let name = source.display().to_string();
    let report = Report { file: &name, look };
    print(|out| if asked.json { report.write_json(out) } else { report.write(out) }).map(drop)
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
