//! `mailsensor scanners`: who looks, and whether each finds what it should.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use jiff::Timestamp;
use sensor_mail::finding::{Gap, Missed};
use sensor_mail::{MailIds, NodeId};
use sensor_pipeline::Budget;
use sensor_scan::{Installed, KINDS, Outcome, Trial, try_out};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{CONFIG_FAULTS, configured, one_line, print};
use crate::cli::{Place, ScannersCommand};
use crate::config::{Loaded, ScannerConfig};
use crate::look::Scanners;

/// The longest that is shown of what a scanner said.
const SAID_CHARACTERS_MAX: usize = 160;

pub(crate) fn scanners(place: &Place, command: &ScannersCommand) -> anyhow::Result<ExitCode> {
    let Loaded { config, shown, .. } = match configured(place)? {
        Ok(loaded) => loaded,
        Err(status) => return Ok(status),
    };
    match command {
        ScannersCommand::Ls => list(&config.scanners),
        ScannersCommand::Test { names } => match Scanners::install(&config, &shown) {
            Ok(scanners) => test(&scanners, names),
            Err(faults) => {
                faults.iter().for_each(|fault| eprintln!("{fault}"));
                Ok(ExitCode::from(CONFIG_FAULTS))
            }
        },
    }
}

fn list(scanners: &[ScannerConfig]) -> anyhow::Result<ExitCode> {
    print(|out| {
        for ScannerConfig { name, kind, required, deadline, .. } in scanners {
            let required = if *required { "required" } else { "not required" };
            writeln!(out, "{name}: {}, {required}, deadline {deadline:?}", kind.word)?;
        }
        if scanners.is_empty() {
            writeln!(out, "no [[scanner]] is configured; mail is taken apart and nobody looks into it")?;
        }
        writeln!(out, "kinds of this program:")?;
        KINDS.iter().try_for_each(|kind| match kind.absent {
            None => writeln!(out, "  {:<11} {}", kind.word, kind.doc),
            Some(why) => writeln!(out, "  {:<11} left out: {why}", kind.word),
        })
    })
}

fn test(scanners: &Scanners, names: &[String]) -> anyhow::Result<ExitCode> {
    let unknown: Vec<_> =
        names.iter().filter(|name| scanners.iter().all(|(config, _)| *config.name != ***name)).collect();
    if !unknown.is_empty() {
        bail!("no such scanner: {unknown:?}; mailsensor scanners ls lists them");
    }
    let wanted = |config: &ScannerConfig| names.is_empty() || names.iter().any(|name| **name == *config.name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut tried, mut failed) = (0, 0);
    for (config, installed) in scanners.iter().filter(|(config, _)| wanted(config)) {
        let works = runtime.block_on(try_one(config, installed))?;
        tried += 1;
        failed += u32::from(!works);
    }
    runtime.shutdown_background();
    if tried == 0 {
        println!("no [[scanner]] is configured: there is nothing to try");
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether it found what it should.
async fn try_one(config: &ScannerConfig, installed: &Arc<dyn Installed>) -> anyhow::Result<bool> {
    #[expect(clippy::disallowed_methods, reason = "a trial has no other time than that of its being asked")]
    let at = Timestamp::now();
    let id = MailIds::new(NodeId::default(), 0).next(u64::try_from(at.as_millisecond())?);
    let begun = Instant::now();
    let budget = Budget::new(begun + config.deadline, CancellationToken::new());
    let Trial { outcome, ruleset } = try_out(&**installed, id, at, &budget).await;
    let took = begun.elapsed();
    let ruleset = ruleset.map_or(String::new(), |ruleset| format!(", rules {ruleset}"));
    let (works, said) = match &outcome {
        Outcome::Found(findings) => {
            let found: Vec<_> = findings.iter().map(|finding| &*finding.rule).collect();
            (true, format!("works: found {} in {took:.1?}{ruleset}", found.join(", ")))
        }
        Outcome::Silent => (false, format!("answers, but found nothing in its test string{ruleset}")),
        Outcome::Missed(gaps) => {
            let mut reasons: Vec<_> = gaps.iter().map(why).collect();
            reasons.dedup();
            (false, format!("did not look: {}", reasons.join("; ")))
        }
    };
    println!("{}", one_line(&format!("{} ({}): {said}", config.name, config.kind.word), SAID_CHARACTERS_MAX));
    if !works {
        println!("  {}", installed.advice());
    }
    Ok(works)
}

fn why(gap: &Gap) -> String {
    match &gap.why {
        Missed::Skipped(why) => format!("skipped: {why}"),
        Missed::TimedOut => "out of time".to_owned(),
        Missed::Failed(why) => why.to_string(),
    }
}
