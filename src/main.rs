//! The program: reads the command line, does one thing, says how it went.

mod assemble;
mod cli;
mod command;
mod config;
mod log;
mod shutdown;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run => command::run::run(&cli.place),
        Command::Check => command::check::check(&cli.place),
        Command::Config(config) => command::config::config(&cli.place, &config),
        Command::Rules(rules) => command::rules::rules(&cli.place, &rules),
        Command::Spool(spool) => command::spool::spool(&cli.place, &spool),
        Command::Message(message) => command::message::message(&cli.place, &message),
        Command::Version => command::version(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("mailsensor: {error:#}");
        ExitCode::FAILURE
    })
}
