//! `mailsensor check`: every fault of the configuration at once, and what an administrator should know.

use std::process::ExitCode;

use sensor_ingress::read_interfaces;
use sensor_policy::ClientDefault;

use super::{CONFIG_FAULTS, configured};
use crate::assemble::is_in_memory;
use crate::cli::Place;
use crate::config::{Config, strange_variables};
use crate::host::{Finding, certificate_faults, places};
use crate::look::Scanners;

pub(crate) fn check(place: &Place) -> anyhow::Result<ExitCode> {
    let loaded = match configured(place)? {
        Ok(loaded) => loaded,
        Err(status) => return Ok(status),
    };
    let (mut faults, mut of_this_user) = (certificate_faults(&loaded.config), Vec::new());
    for finding in places(&loaded.config) {
        match finding {
            Finding::Fault(fault) => faults.push(fault),
            Finding::OfThisUser(note) => of_this_user.push(note),
        }
    }
    if let Err(found) = Scanners::install(&loaded.config, &loaded.shown) {
        faults.extend(found.iter().map(ToString::to_string));
    }
    for note in of_this_user.into_iter().chain(strange_variables()) {
        println!("note: {note}");
    }
    if !faults.is_empty() {
        eprintln!("{}", faults.join("\n"));
        return Ok(ExitCode::from(CONFIG_FAULTS));
    }
    notes(&loaded.config);
    for record in loaded.shown.iter().filter(|record| record.origin.is_run_time()) {
        println!("note: {} is set at run time, in {}", record.path, record.origin);
    }
    for file in loaded.layers.files() {
        println!("{file}: no faults");
    }
    if loaded.file.is_none() {
        println!("no file is read; the built-in defaults have no faults");
    }
    Ok(ExitCode::SUCCESS)
}

fn notes(config: &Config) {
    let rules = &config.smtp.rules;
    println!("{}\n{}", rules.default_of_domains(), rules.default_of_clients());
    let remote = config.smtp.listeners.iter().any(|listener| !listener.address.ip().is_loopback());
    if rules.client_default() == ClientDefault::OwnSubnets && remote {
        for interface in read_interfaces().unwrap_or_default() {
            println!("  {}: clients in {}", interface.name, interface.network());
        }
        println!(
            "note: behind a proxy, NAT or load balancer every client seems to be the gateway: \
             then list the clients in smtp.clients"
        );
    }
    for listener in config.smtp.listeners.iter().filter(|listener| !listener.proxies.is_empty()) {
        if rules.client_default() == ClientDefault::OwnSubnets {
            println!(
                "note: listener {} is behind a proxy, where only clients of this host's own subnets are taken \
                 while smtp.clients and smtp.destination_domains are empty: list the clients in smtp.clients",
                listener.name
            );
        }
    }
    for (feature, what) in features_left_out() {
        println!("note: this program was built without the feature {feature}: no {what}");
    }
    if config.scan.enabled && config.scanners.is_empty() {
        println!("note: no [[scanner]] is configured: mail is taken apart, and no scanner looks into it");
    }
    if !rules.enabled {
        println!("note: smtp.enabled is false: nothing listens");
    }
    if config.pipeline.paused {
        println!("note: pipeline.paused is true: mail stays in the spool");
    }
    if is_in_memory(&config.state_dir) {
        println!("note: state_dir is in memory (tmpfs): mail does not outlive the power");
    }
}

/// Cargo features that this program lacks, with what they bring.
fn features_left_out() -> impl Iterator<Item = (&'static str, &'static str)> {
    let cel = (!cfg!(feature = "cel")).then_some(("cel", "expressions in rules (`when`)"));
    let kinds = sensor_scan::KINDS.iter().filter(|kind| kind.absent.is_some());
    cel.into_iter().chain(kinds.map(|kind| (kind.word, kind.doc)))
}
