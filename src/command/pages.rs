//! `mailsensor completions` and `mailsensor man`: what shells and manuals need, from the same description
//! as `--help`, so that neither can be older than the program.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::print;
use crate::cli::Cli;

pub(crate) fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mailsensor", &mut script);
    print(|out| out.write_all(&script))
}

/// Prints the page of the program, or writes those of all commands, `mailsensor-spool-ls.1` and so on.
pub(crate) fn man(directory: Option<&Path>) -> anyhow::Result<ExitCode> {
    match directory {
        None => print(|out| Man::new(described()).render(&mut &mut *out)),
        Some(directory) => {
            clap_mangen::generate_to(described(), directory)
                .with_context(|| format!("cannot write manual pages to {}", directory.display()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `help` has no page: it prints what the others say.
fn described() -> clap::Command {
    Cli::command().disable_help_subcommand(true)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// `mailsensor`, `mailsensor-config`, `mailsensor-config-init` ...
    fn names(command: &clap::Command, above: &str) -> Vec<String> {
        let name = format!("{above}{}", command.get_name());
        let below = format!("{name}-");
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        let names = shown.flat_map(|command| names(command, &below));
        names.chain([name.clone()]).collect()
    }

    #[test]
    fn every_command_has_a_page_that_says_what_it_does() {
        let folder = tempfile::tempdir().unwrap();
        man(Some(folder.path())).unwrap();
        let names = names(&Cli::command(), "");
        assert!(names.len() > 15 && names.contains(&"mailsensor-spool-ls".to_owned()), "{names:?}");
        for name in &names {
            let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).expect(name);
            for part in [".SH NAME", ".SH SYNOPSIS"] {
                assert!(page.contains(part), "{name} has no {part}");
            }
            // "NAME \\- what it does": mandb finds a page by this line.
            let about = page.lines().skip_while(|line| *line != ".SH NAME").nth(1).unwrap();
            assert!(about.split_once(" \\- ").is_some_and(|(_, about)| about.len() > 10), "{about}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), names.len());
    }

    #[test]
    fn pages_are_not_written_to_where_there_is_no_directory() {
        let folder = tempfile::tempdir().unwrap();
        let error = man(Some(&folder.path().join("missing"))).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
