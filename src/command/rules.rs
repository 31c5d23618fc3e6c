//! `mailsensor rules explain`: what a client would be answered, and why.

use std::io::{self, Write};
use std::process::ExitCode;

use sensor_control::{Explained, Outcome, Question, Step};

use super::{configured, print};
use crate::cli::{Explain, Place, RulesCommand};
use crate::sensor::explain;

pub(crate) fn rules(place: &Place, command: &RulesCommand) -> anyhow::Result<ExitCode> {
    let RulesCommand::Explain(Explain { client, rcpt, size, local }) = command;
    let question = Question { client: *client, local: *local, size: size.clone(), recipients: rcpt.clone() };
    match configured(place)? {
        Ok(loaded) => match explain(&loaded.config.smtp.rules, &question, None) {
            Ok(explained) => print(|out| tell(&question, &explained, out)),
            Err(faults) => {
                let faults: Vec<_> =
                    faults.iter().map(|fault| format!("--{}: {}", fault.key, fault.message)).collect();
                anyhow::bail!("{}", faults.join("; "))
            }
        },
        Err(status) => Ok(status),
    }
}

fn tell(question: &Question, explained: &Explained, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "connection of {} to {}", question.client, explained.local)?;
    for Step { question, outcome, rule, reason, default, reply, .. } in &explained.steps {
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
        writeln!(out, "  reply: {reply}")?;
    }
    Ok(())
}
