//! `sensor-bench`: one subcommand for each instrument; results go to standard output as JSON.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
#[cfg(feature = "scan")]
use sensor_bench::scan;
use sensor_bench::{backlog, bare, corpus, hold, idle, load, phys, tls};

/// Measuring instruments for mail servers on this machine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    instrument: Instrument,
}

#[derive(Subcommand)]
enum Instrument {
    /// Sends generated mail to a loopback address and prints rates and latencies.
    Load(load::Options),
    /// Serves SMTP with the least work that keeps, or discards, each message.
    Bare(bare::Options),
    /// Opens connections, holds them and prints what memory they cost the server.
    Idle(idle::Options),
    /// Makes the certificate that all servers are measured with.
    Certificate(tls::Options),
    /// Writes generated messages into a directory.
    Corpus(corpus::Options),
    /// Measures group commit and loopback without any mail.
    Phys(phys::Options),
    /// Fills the spool of a sensor that does not run.
    Backlog(backlog::Options),
    /// Holds idle connections until standard input ends.
    Hold(hold::Options),
    /// Looks into mail, by one of those who can.
    #[cfg(feature = "scan")]
    Scan(scan::Options),
    /// Writes generated rules for YARA and signatures for ClamAV.
    #[cfg(feature = "scan")]
    Rules(scan::RulesOptions),
    /// Takes mail apart for the process that started it.
    #[cfg(feature = "scan")]
    #[command(hide = true)]
    Worker,
}

fn main() -> ExitCode {
    match run(Arguments::parse().instrument) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("sensor-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(instrument: Instrument) -> Result<ExitCode, Box<dyn Error>> {
    raise_descriptor_limit();
    match instrument {
        Instrument::Load(options) => print_line(&load::run(&options)?)?,
        Instrument::Bare(options) => bare::run(&options, |address| println!("listening on {address}"))?,
        Instrument::Idle(options) => print_line(&idle::run(&options)?)?,
        Instrument::Certificate(options) => tls::run(&options)?,
        Instrument::Corpus(options) => corpus::run(&options)?,
        Instrument::Phys(options) => {
            for result in phys::run(&options)? {
                print_line(&result)?;
            }
        }
        Instrument::Backlog(options) => print_line(&backlog::run(&options)?)?,
        Instrument::Hold(options) => hold(&options)?,
        #[cfg(feature = "scan")]
        Instrument::Scan(options) => print_line(&scan::run(&options)?)?,
        #[cfg(feature = "scan")]
        Instrument::Rules(options) => scan::write_rules(&options)?,
        #[cfg(feature = "scan")]
        Instrument::Worker => return Ok(scan::worker()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what is held, and after the end of standard input how many of those had ended by then.
fn hold(options: &hold::Options) -> Result<(), Box<dyn Error>> {
    let (holding, opened) = hold::Holding::open(options)?;
    print_line(&opened)?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    print_line(&serde_json::json!({ "ended": holding.ended() }))?;
    Ok(())
}

fn print_line(result: &impl serde::Serialize) -> serde_json::Result<()> {
    println!("{}", serde_json::to_string(result)?);
    Ok(())
}

/// Where the hard limit is too low for the connections asked for, connecting fails and is counted.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
