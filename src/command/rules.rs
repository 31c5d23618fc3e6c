//! `mailsensor rules explain`: what a client would be answered, and why: by the configuration as it is written,
//! or by the sensor that runs.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use sensor_control::{Client, Explained, Fault, Outcome, Question, Step};

use super::{configured, print};
use crate::cli::{Explain, Place, RulesCommand};
use crate::sensor::explain;

pub(crate) fn rules(place: &Place, command: &RulesCommand) -> anyhow::Result<ExitCode> {
    let RulesCommand::Explain(Explain { client, rcpt, size, local, running }) = command;
    let question = Question { client: *client, local: *local, size: size.clone(), recipients: rcpt.clone() };
    let config = match configured(place)? {
        Ok(loaded) => loaded.config,
        Err(status) => return Ok(status),
    };
    let explained = match running {
        true => ask(&config.control_socket(), &question)?,
        false => explain(&config.smtp.rules, &question, None).map_err(|faults| not_understood(&faults))?,
    };
    print(|out| tell(&question, &explained, out))
}

/// What the sensor says that listens at `socket`.
fn ask(socket: &Path, question: &Question) -> anyhow::Result<Explained> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async { Client::connect(socket).await?.explain(question).await })?)
}

fn not_understood(faults: &[Fault]) -> anyhow::Error {
    let faults: Vec<_> = faults.iter().map(|fault| format!("--{}: {}", fault.key, fault.message)).collect();
    anyhow::anyhow!("{}", faults.join("; "))
}

fn tell(question: &Question, explained: &Explained, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "connection of {} to {}", question.client, explained.local)?;
    for Step { question, outcome, rule, reason, default, reply, softened } in &explained.steps {
        let outcome = match outcome {
            Outcome::Admitted => "admitted",
            Outcome::Unscanned => "taken unscanned (uncovered = \"accept\"), not covered",
            Outcome::Refused => "refused",
            Outcome::TryLater => "refused for now",
        };
        let by = rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
        writeln!(out, "\n{question}: {outcome}{by}: {reason}")?;
        if let Some(default) = default {
            writeln!(out, "  {default}")?;
        }
        if *softened {
            writeln!(
                out,
                "  former rules would have taken it: until the grace ends it is not refused for good"
            )?;
        }
        writeln!(out, "  reply: {reply}")?;
    }
    Ok(())
}
