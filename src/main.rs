//! The program: reads the command line, does one thing, says how it went.

mod assemble;
mod cli;
mod command;
mod config;
mod host;
mod log;
mod look;
mod sensor;
mod shutdown;
mod systemd;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// A message is some twenty allocations that live as long as it does, and are freed by whichever thread is
/// done with it last.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    log::tell_panics();
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run => command::run::run(&cli.place),
        Command::Check => command::check::check(&cli.place),
        Command::Config(config) => command::config::config(&cli.place, &config),
        Command::Rules(rules) => command::rules::rules(&cli.place, &rules),
        Command::Operate(order) => command::operate::operate(&cli.place, &order),
        Command::Spool(spool) => command::spool::spool(&cli.place, &spool),
        Command::Message(message) => command::message::message(&cli.place, &message),
        Command::Unscanned(command) => command::unscanned::unscanned(&cli.place, &command),
        Command::Scanners(command) => command::scanners::scanners(&cli.place, &command),
        Command::Scan(asked) => command::scan::scan(&cli.place, &asked),
        Command::Worker => command::worker::worker(),
        Command::Send(test) => command::send::send(&cli.place, &test),
        Command::Completions { shell } => command::pages::completions(shell),
        Command::Man { directory } => command::pages::man(directory.as_deref()),
        Command::Version => command::version(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("mailsensor: {}", whole(&error));
        ExitCode::FAILURE
    })
}

/// An error with its causes; one that its effect has already told is not told again.
pub(crate) fn whole(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !told.contains(&cause) {
            told += if told.is_empty() { "" } else { ": " };
            told += &cause;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("no space").context("file: no space; make some").context("cannot keep");
        assert_eq!(whole(&error), "cannot keep: file: no space; make some");
    }
}
