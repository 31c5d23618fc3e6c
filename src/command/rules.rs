//! `mailsensor rules explain`: what a client would be answered, and why.

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::Context;
use sensor_ingress::read_interfaces;
use sensor_mail::ForwardPath;
use sensor_policy::{Explanation, Interface, Octets, Rules};
use sensor_smtp::Reply;

use super::{configured, print};
use crate::cli::{Explain, Place, RulesCommand};

pub(crate) fn rules(place: &Place, command: &RulesCommand) -> anyhow::Result<ExitCode> {
    let RulesCommand::Explain(question) = command;
    let size = question.size.as_deref().map(Octets::parse).transpose().context("--size")?;
    match configured(place)? {
        Ok(loaded) => {
            let octets = size.map(|size| size.count());
            print(|out| explain(&loaded.config.smtp.rules, question, octets, out))
        }
        Err(status) => Ok(status),
    }
}

fn explain(rules: &Rules, question: &Explain, octets: Option<u64>, out: &mut dyn Write) -> io::Result<()> {
    let interfaces = read_interfaces()?;
    let local = question.local.unwrap_or_else(|| likely_local(question.client, &interfaces));
    let connect = rules.explain_connect(question.client, local, &interfaces);
    writeln!(out, "connection of {} to {local}", question.client)?;
    tell(out, &connect, Reply::to_client(&connect.decision.admission), "220")?;
    if !connect.decision.is_admitted() {
        return Ok(());
    }
    let message = rules.explain_mail(octets);
    tell(out, &message, Reply::to_admission(&message.decision.admission), "250 2.1.0")?;
    for typed in &question.rcpt {
        match ForwardPath::parse(typed) {
            Ok(path) => {
                let recipient = rules.explain_rcpt(&path);
                tell(out, &recipient, Reply::to_admission(&recipient.decision.admission), "250 2.1.5")?;
            }
            Err(error) => writeln!(out, "\nrecipient {typed:?}: {error}\n  reply: 501 5.1.3")?,
        }
    }
    Ok(())
}

fn tell(
    out: &mut dyn Write,
    explanation: &Explanation<'_>,
    refusal: Option<Reply>,
    admitted: &str,
) -> io::Result<()> {
    writeln!(out, "\n{}", explanation.to_string().replace('\n', "\n  "))?;
    match refusal {
        Some(reply) => writeln!(out, "  reply: {reply}"),
        None => writeln!(out, "  reply: {admitted}"),
    }
}

/// The address of this host that a client would reach: one of its own subnet, else any that is not loopback.
fn likely_local(client: IpAddr, interfaces: &[Interface]) -> IpAddr {
    let client = client.to_canonical();
    let near = interfaces.iter().find(|interface| interface.network().contains(&client));
    let outer = || interfaces.iter().find(|interface| !interface.address.is_loopback());
    near.or_else(outer).map_or(client, |interface| interface.address)
}
